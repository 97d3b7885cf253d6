import { findHeader, type RawHeaders } from './headers.ts'
import type { DenialCode } from './verdict.ts'

/** What was presented, before anybody knows what kind of credential it is. */
export interface Presented {
  /**
   * `key`: a bare value (X-API-Key, a configured header, a query parameter, or given in a call). `certificate`: the
   * client certificate, where nothing else is presented; its value is the thumbprint.
   */
  readonly scheme: 'bearer' | 'basic' | 'dpop' | 'key' | 'certificate'
  readonly value: string
}

export type Extraction = { readonly type: 'presented'; readonly presented: Presented } | Unextracted

export interface Unextracted {
  readonly type: 'refused'
  readonly code: DenialCode
  readonly detail: string
}

/** Where else an API accepts a credential. */
export interface ExtractRules {
  /** One more header, name in lower case. */
  readonly credentialHeader: string | null
  /** A query parameter. Unsafe: query strings end in logs, histories and Referer headers. */
  readonly queryParameter: string | null
}

/** Longer strings are refused unread: a JWT with many claims stays well below. Characters. */
export const MAX_CREDENTIAL_LENGTH = 8192

/** token68 of RFC 9110 section 11.2, which is also b64token of RFC 6750 section 2.1. */
const TOKEN68 = /^[A-Za-z0-9\-._~+/]+=*$/
/** A bare key: visible ASCII without comma, which would be two header lines joined. */
const BARE_KEY = /^[!-+\--~]+$/
const SCHEMES = ['bearer', 'basic', 'dpop'] as const

/**
 * Finds the one credential of a request. Two different ones are AMBIGUOUS; a repeated or unreadable one is
 * MALFORMED, since whoever stands before us may have read it in another way.
 * @param query the query string with or without its `?`
 */
export function extract(headers: RawHeaders, query: string, rules: ExtractRules): Extraction {
  let found: Presented | null = null
  for (const place of placesOf(rules)) {
    const at = findHeader(headers, place.name, 0)
    if (at === -1) continue
    const isRepeated = findHeader(headers, place.name, at + 1) !== -1
    const presented = add(found, place, headers[at]!, isRepeated)
    if ('code' in presented) return presented
    found = presented
  }
  if (rules.queryParameter !== null && query.length > 1) {
    const [value, ...others] = new URLSearchParams(query).getAll(rules.queryParameter)
    const where = `query parameter ${rules.queryParameter}`
    if (value !== undefined) {
      const presented = add(found, { where, read: readBareKey }, value, others.length > 0)
      if ('code' in presented) return presented
      found = presented
    }
  }
  return found === null
    ? refused('MISSING', missingDetail(query, rules))
    : { type: 'presented', presented: found }
}

/**
 * What a request presents that presents nothing but one `Authorization: Bearer`, as nearly all do; null: it is not one of
 * those. Whether it has the form of a credential is not looked at, which for a JWT takes as long as all else that is done
 * about it: what was proven before has it.
 */
export function soleBearer(headers: RawHeaders, query: string, rules: ExtractRules): Presented | null {
  if (rules.queryParameter !== null && query.length > 1) return null
  let at = -1
  for (const { name } of placesOf(rules)) {
    const found = findHeader(headers, name, 0)
    if (name === AUTHORIZATION) at = found
    else if (found !== -1) return null
  }
  if (at === -1 || findHeader(headers, AUTHORIZATION, at + 1) !== -1) return null
  const value = headers[at]!
  if (value.length > MAX_CREDENTIAL_LENGTH || !value.startsWith(BEARER)) return null
  return { scheme: 'bearer', value: value.slice(BEARER.length) }
}

/** Where a credential may stand, and how it is read there. */
interface Place {
  readonly where: string
  readonly read: (value: string) => Presented | null
}

interface HeaderPlace extends Place {
  /** In lower case. */
  readonly name: string
}

const AUTHORIZATION = 'authorization'
/** As nearly everybody writes it. */
const BEARER = 'Bearer '
const EVERYWHERE: readonly HeaderPlace[] = [
  { where: 'Authorization', name: AUTHORIZATION, read: readAuthorization },
  { where: 'X-API-Key', name: 'x-api-key', read: readBareKey },
]

function placesOf({ credentialHeader: name }: ExtractRules): readonly HeaderPlace[] {
  if (name === null || EVERYWHERE.some((place) => place.name === name)) return EVERYWHERE
  return [...EVERYWHERE, { where: name, name, read: readBareKey }]
}

/** What one more place holds beside what was found before. */
function add(
  found: Presented | null,
  { where, read }: Place,
  value: string,
  isRepeated: boolean,
): Presented | Unextracted {
  if (isRepeated) return refused('MALFORMED', `${where} stands more than once`)
  const presented = read(value)
  if (presented === null) return refused('MALFORMED', `${where} does not hold a credential`)
  if (found !== null && found.value !== presented.value) {
    return refused('AMBIGUOUS', `${where} holds another credential than an earlier place`)
  }
  return found ?? presented
}

/** `Scheme SP credentials` (RFC 9110 section 11.4); the scheme's case does not count. */
export function readAuthorization(value: string): Presented | null {
  if (value.length > MAX_CREDENTIAL_LENGTH) return null
  const scheme = schemeOf(value)
  if (scheme === null) return null
  const token = value.slice(scheme.length + 1)
  return TOKEN68.test(token) ? { scheme, value: token } : null
}

function schemeOf(value: string): (typeof SCHEMES)[number] | null {
  if (value.startsWith(BEARER)) return 'bearer'
  const space = value.indexOf(' ')
  const written = value.slice(0, Math.max(0, space)).toLowerCase()
  return SCHEMES.find((scheme) => scheme === written) ?? null
}

export function readBareKey(value: string): Presented | null {
  return value.length <= MAX_CREDENTIAL_LENGTH && BARE_KEY.test(value) ? { scheme: 'key', value } : null
}

/** The header that what was presented came in, in lower case; null: it came in none. */
export function headerOf({ value }: Presented, headers: RawHeaders, rules: ExtractRules): string | null {
  for (const { name, read } of placesOf(rules)) {
    const at = findHeader(headers, name, 0)
    if (at !== -1 && read(headers[at]!)?.value === value) return name
  }
  return null
}

const KEY_LIKE_PARAMETERS = ['access_token', 'api_key', 'apikey', 'key', 'token']

function missingDetail(query: string, rules: ExtractRules): string {
  if (rules.queryParameter === null && query.length > 1) {
    const parameters = new URLSearchParams(query)
    const name = KEY_LIKE_PARAMETERS.find((parameter) => parameters.has(parameter))
    if (name !== undefined) {
      return `nothing in a header; the query parameter ${name} is not read, since query strings end in logs`
    }
  }
  return 'neither Authorization nor X-API-Key is there'
}

function refused(code: DenialCode, detail: string): Unextracted {
  return { type: 'refused', code, detail }
}
