import {
  type Dictionary,
  type InnerList,
  type Item,
  type Parameters,
  serializeDictionary,
  serializeInnerList,
  serializeItem,
  serializeList,
} from 'structured-headers'
import { headerValues, type RawHeaders } from './headers.ts'
import { type HttpScheme, normalAuthority } from './http-uri.ts'
import { readDictionary, readItem, readList } from './structured-field.ts'

/** What of a request can be signed, but for its content, of which the header Content-Digest speaks. */
export interface SignedRequest {
  readonly method: string
  readonly scheme: HttpScheme
  /** As the client knows it: from `Host`, or from configuration where a proxy writes another. */
  readonly authority: string
  /** Path and query as they came (origin-form). */
  readonly target: string
  readonly headers: RawHeaders
}

/** A component's value, or why it has none: then nothing can be verified (RFC 9421 section 2.5). */
export type ComponentValue =
  | { readonly ok: true; readonly value: string }
  | { readonly ok: false; readonly problem: string }

/** RFC 9110 section 5.1, in lower case as RFC 9421 section 2.1 wants it. */
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/
/** A value of a field as it may stand in a signature base: without it, one line could be made to look like two. */
const BASE_CHARACTERS = /^[\t\x20-\x7e]*$/

/** What is parsed once for all components of a base: the sender decides how many there are. */
export interface ParsedParts {
  /** By name of the field. */
  readonly dictionaries: Map<string, Dictionary | null>
  /** By encoded name; null where a name stands twice. */
  query: ReadonlyMap<string, string | null> | null
}

/**
 * The value of one covered component (RFC 9421 section 2).
 * @param parsed the same for all components of one request
 */
export function componentValue(
  request: SignedRequest,
  [name, parameters]: Item,
  parsed: ParsedParts = { dictionaries: new Map(), query: null },
): ComponentValue {
  if (typeof name !== 'string') return problem('a component is no string')
  const value = name.startsWith('@')
    ? derivedValue(request, name, parameters, parsed)
    : fieldValue(request.headers, name, parameters, parsed)
  if (!value.ok || BASE_CHARACTERS.test(value.value)) return value
  return problem(`${quoted(name)} has a character that no signature base may hold`)
}

function derivedValue(
  request: SignedRequest,
  name: string,
  parameters: Parameters,
  parsed: ParsedParts,
): ComponentValue {
  if (!request.target.startsWith('/')) return problem('the target is not in origin-form')
  if (name === '@query-param') return queryParamValue(request, parameters, parsed)
  // `req` is for responses alone; no other parameter of a derived component is defined.
  if (parameters.size > 0) return problem(`${quoted(name)} has parameters`)
  const value = requestValue(request, name)
  return value === null ? problem(`${quoted(name)} is no component of a request`) : { ok: true, value }
}

/** RFC 9421 section 2.2; null for what is not defined, or not of a request. */
function requestValue(request: SignedRequest, name: string): string | null {
  const { method, scheme, target } = request
  const queryStart = target.indexOf('?')
  const authority = normalAuthority(scheme, request.authority)
  switch (name) {
    case '@method':
      return method
    case '@target-uri':
      return authority === null ? null : `${scheme}://${authority}${target}`
    case '@authority':
      return authority
    case '@scheme':
      return scheme
    case '@request-target':
      return target
    case '@path':
      return queryStart === -1 ? target : target.slice(0, queryStart)
    case '@query':
      // An absent query and an empty one are the same here.
      return queryStart === -1 ? '?' : target.slice(queryStart)
    default:
      return null
  }
}

/** RFC 9421 section 2.2.8: a name that stands twice has no one value. */
function queryParamValue(
  { target }: SignedRequest,
  parameters: Parameters,
  parsed: ParsedParts,
): ComponentValue {
  const name = parameters.get('name')
  if (typeof name !== 'string' || parameters.size !== 1) return problem('@query-param has not just a name')
  parsed.query ??= readQuery(target)
  const value = parsed.query.get(name) ?? null
  return value === null
    ? problem('a covered query parameter does not stand exactly once')
    : { ok: true, value }
}

/** Decoded as a form, and encoded again. */
function readQuery(target: string): ReadonlyMap<string, string | null> {
  const query = target.includes('?') ? target.slice(target.indexOf('?') + 1) : ''
  const values = new Map<string, string | null>()
  for (const [key, value] of new URLSearchParams(query)) {
    const name = formEncoded(key)
    values.set(name, values.has(name) ? null : formEncoded(value))
  }
  return values
}

/** The percent-encode set of application/x-www-form-urlencoded (WHATWG URL), with %20 for a space. */
function formEncoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()~]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

/** RFC 9421 section 2.1: all lines of a name, in their order. */
function fieldValue(
  headers: RawHeaders,
  name: string,
  parameters: Parameters,
  parsed: ParsedParts,
): ComponentValue {
  if (!FIELD_NAME.test(name)) return problem('a component is no name of a field in lower case')
  const lines = headerValues(headers, name).map(trimmed)
  if (lines.length === 0) return problem(`${quoted(name)} is covered and not there`)
  const value = formOf(name, lines, parameters, parsed)
  if (value === null) return problem(`${quoted(name)} is not there in the form in which it is covered`)
  return { ok: true, value }
}

/** Null where the parameters are not these, do not go together, or the field is nothing that has this form. */
function formOf(
  name: string,
  lines: readonly string[],
  parameters: Parameters,
  { dictionaries }: ParsedParts,
): string | null {
  const { bs, sf, key, ...others } = Object.fromEntries(parameters)
  if (Object.keys(others).length > 0 || !isFlag(bs) || !isFlag(sf)) return null
  if (bs === true) return sf === undefined && key === undefined ? byteSequences(lines) : null
  if (key !== undefined) {
    if (!dictionaries.has(name)) dictionaries.set(name, readDictionary(lines.join(', ')))
    return typeof key === 'string' ? memberValue(dictionaries.get(name) ?? null, key) : null
  }
  return sf === true ? structuredValue(name, lines.join(', ')) : lines.join(', ')
}

function isFlag(value: unknown): boolean {
  return value === undefined || value === true
}

/** Section 2.1.3: each line by itself, so that no comma can be taken for the end of one. */
function byteSequences(lines: readonly string[]): string {
  return lines.map((line) => `:${Buffer.from(line, 'latin1').toString('base64')}:`).join(', ')
}

/** Section 2.1.2: one member of a dictionary. */
function memberValue(dictionary: Dictionary | null, key: string): string | null {
  const member = dictionary?.get(key)
  if (member === undefined) return null
  return isInnerList(member) ? serializeInnerList(member) : serializeItem(member)
}

function isInnerList(member: Item | InnerList): member is InnerList {
  return Array.isArray(member[0])
}

const DICTIONARIES: readonly string[] = [
  'accept-signature',
  'content-digest',
  'priority',
  'repr-digest',
  'signature',
  'signature-input',
  'want-content-digest',
  'want-repr-digest',
]

/** Section 2.1.1 wants the field's type to be known: these are the ones of requests that have one. */
function structuredValue(name: string, text: string): string | null {
  if (DICTIONARIES.includes(name)) {
    const value = readDictionary(text)
    return value === null ? null : serializeDictionary(value)
  }
  if (name === 'client-cert-chain') {
    const value = readList(text)
    return value === null ? null : serializeList(value)
  }
  const value = name === 'client-cert' ? readItem(text) : null
  return value === null ? null : serializeItem(value)
}

/** White space around a value is not part of it (RFC 9110 section 5.5). */
function trimmed(value: string): string {
  let start = 0
  let end = value.length
  while (start < end && isBlank(value.charCodeAt(start))) start += 1
  while (end > start && isBlank(value.charCodeAt(end - 1))) end -= 1
  return value.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

function problem(text: string): ComponentValue {
  return { ok: false, problem: text }
}

function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 64))
}
