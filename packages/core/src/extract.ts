import { headerValues, type RawHeaders } from './headers.ts'
import type { DenialCode } from './verdict.ts'

/** What was presented, before anybody knows what kind of credential it is. */
export interface Presented {
  /** `key`: a bare value (X-API-Key, a configured header, a query parameter, or given in a call). */
  readonly scheme: 'bearer' | 'basic' | 'dpop' | 'key'
  readonly value: string
}

export type Extraction =
  | { readonly type: 'presented'; readonly presented: Presented }
  | { readonly type: 'refused'; readonly code: DenialCode; readonly detail: string }

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
const SCHEMES = { bearer: 'bearer', basic: 'basic', dpop: 'dpop' } as const

/**
 * Finds the one credential of a request. Two different ones are AMBIGUOUS; a repeated or unreadable one is
 * MALFORMED, since whoever stands before us may have read it in another way.
 * @param query the query string with or without its `?`
 */
export function extract(headers: RawHeaders, query: string, rules: ExtractRules): Extraction {
  let found: Presented | null = null
  for (const source of sourcesOf(headers, query, rules)) {
    if (source.values.length === 0) continue
    if (source.values.length > 1) return refused('MALFORMED', `${source.where} stands more than once`)
    const presented = source.read(source.values[0]!)
    if (presented === null) return refused('MALFORMED', `${source.where} does not hold a credential`)
    if (found !== null && found.value !== presented.value) {
      return refused('AMBIGUOUS', `${source.where} holds another credential than an earlier place`)
    }
    found ??= presented
  }
  return found === null
    ? refused('MISSING', missingDetail(query, rules))
    : { type: 'presented', presented: found }
}

interface Source {
  readonly where: string
  readonly values: readonly string[]
  readonly read: (value: string) => Presented | null
}

function sourcesOf(headers: RawHeaders, query: string, rules: ExtractRules): Source[] {
  const sources: Source[] = [
    { where: 'Authorization', values: headerValues(headers, 'authorization'), read: readAuthorization },
    { where: 'X-API-Key', values: headerValues(headers, 'x-api-key'), read: readBareKey },
  ]
  if (rules.credentialHeader !== null && rules.credentialHeader !== 'x-api-key') {
    const name = rules.credentialHeader
    const read = name === 'authorization' ? readAuthorization : readBareKey
    if (name !== 'authorization') sources.push({ where: name, values: headerValues(headers, name), read })
  }
  if (rules.queryParameter !== null && query.length > 1) {
    const values = new URLSearchParams(query).getAll(rules.queryParameter)
    sources.push({ where: `query parameter ${rules.queryParameter}`, values, read: readBareKey })
  }
  return sources
}

/** `Scheme SP credentials` (RFC 9110 section 11.4); the scheme's case does not count. */
export function readAuthorization(value: string): Presented | null {
  if (value.length > MAX_CREDENTIAL_LENGTH) return null
  const space = value.indexOf(' ')
  const scheme = SCHEMES[value.slice(0, space).toLowerCase() as keyof typeof SCHEMES]
  const token = value.slice(space + 1)
  if (space < 1 || scheme === undefined || !TOKEN68.test(token)) return null
  return { scheme, value: token }
}

export function readBareKey(value: string): Presented | null {
  return value.length <= MAX_CREDENTIAL_LENGTH && BARE_KEY.test(value) ? { scheme: 'key', value } : null
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

function refused(code: DenialCode, detail: string): Extraction {
  return { type: 'refused', code, detail }
}
