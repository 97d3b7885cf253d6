import { type IncomingMessage, METHODS } from 'node:http'
import { canonicalTarget, headerValues, type RawHeaders, singleHeader } from '@credence/core'

/** The family of headers in which the proxy tells about the request it asks for (CREDENCE_FORWARD_STYLE). */
export type ForwardStyle = 'forwarded' | 'nginx' | 'envoy'

/** What forward-auth is asked about. */
export interface OriginalRequest {
  /** As it stands in the path: `orders`, `acme/orders`, or an API's id; percent-escapes decoded. */
  readonly apiRef: string
  readonly method: string
  /** As it came, in the client's own spelling. */
  readonly target: string
  /** In canonical form. */
  readonly path: string
  readonly query: string
}

export type OriginalResult =
  | { readonly ok: true; readonly original: OriginalRequest }
  | { readonly ok: false; readonly problem: string }

export const AUTHORIZE_PREFIX = '/v1/authorize/'
/** Longer names do not exist: two of 63 characters and a slash, or an id. */
const MAX_REF_LENGTH = 128
/** token of RFC 9110 section 5.6.2. */
const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/
/** One text for each: what is kept of ten thousand decisions would have as many. */
const USUAL_METHODS: ReadonlyMap<string, string> = new Map(METHODS.map((method) => [method, method]))
const HEADERS = {
  forwarded: { method: 'x-forwarded-method', target: 'x-forwarded-uri' },
  nginx: { method: 'x-original-method', target: 'x-original-uri' },
} as const

/**
 * Reads one family of headers and no other: a caller could add one of another family, which its proxy would not
 * overwrite. A header that is missing or stands twice is not guessed at.
 */
export function originalRequest(request: IncomingMessage, style: ForwardStyle): OriginalResult {
  const url = request.url!
  if (style === 'envoy') return fromPath(url, request.method!)
  const names = HEADERS[style]
  const { rawHeaders } = request
  const method = singleHeader(rawHeaders, names.method)
  if (method === null) return refused(notOnce(rawHeaders, names.method, style))
  const target = singleHeader(rawHeaders, names.target)
  if (target === null) return refused(notOnce(rawHeaders, names.target, style))
  const end = url.indexOf('?')
  const ref = end === -1 ? url.slice(AUTHORIZE_PREFIX.length) : url.slice(AUTHORIZE_PREFIX.length, end)
  return read(ref, method, target)
}

function notOnce(headers: RawHeaders, name: string, style: ForwardStyle): string {
  const what = headerValues(headers, name).length === 0 ? 'is missing' : 'stands more than once'
  return `${name} ${what}; CREDENCE_FORWARD_STYLE is ${style}`
}

/** Envoy appends the original target to the path it is given, and keeps the method. */
function fromPath(url: string, method: string): OriginalResult {
  const rest = url.slice(AUTHORIZE_PREFIX.length)
  const end = rest.search(/[/?]/)
  if (end === -1)
    return refused('no original path after the name of the API; CREDENCE_FORWARD_STYLE is envoy')
  const target = rest.slice(end)
  return read(rest.slice(0, end), method, target.startsWith('?') ? `/${target}` : target)
}

function read(ref: string, written: string, target: string): OriginalResult {
  const usual = USUAL_METHODS.get(written)
  if (usual === undefined && !METHOD.test(written)) return refused('the original method is not a method')
  const canonical = canonicalTarget(target)
  if (!canonical.ok) return refused(canonical.problem)
  const { path, query } = canonical
  return {
    ok: true,
    original: { apiRef: decodedRef(ref), method: usual ?? written, target, path, query },
  }
}

/** `acme%2Forders` stands for `acme/orders`. What cannot be decoded names nothing. */
function decodedRef(ref: string): string {
  if (ref.length > MAX_REF_LENGTH) return ''
  return ref.includes('%') ? ref.replace(/%2f/gi, '/') : ref
}

function refused(problem: string): OriginalResult {
  return { ok: false, problem }
}
