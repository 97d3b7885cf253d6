import {
  type ApiRecord,
  clientIn,
  comesByBasic,
  type Decision,
  headerValues,
  type OwnTokens,
  parseKey,
  type RawHeaders,
  singleHeader,
} from '@credence/core'
import type { Context } from '../context.ts'
import { upstreamIdentity } from '../doors/identity-headers.ts'
import type { Peer } from '../doors/peer.ts'
import { readName } from './header-role.ts'
import { holdsProvenKey, withoutProvenKey } from './proven-key.ts'
import { connectionOptions } from './request-framing.ts'

/** What is known of tokens of ours, and who makes those that say who is calling. */
export type Telling = Pick<Context, 'identityTokens' | 'verifier'>

export interface ForwardedRequest {
  readonly rawHeaders: RawHeaders
  readonly httpVersion: string
  /** The Host header, or null. */
  readonly host: string | null
  /** As stated by the caller; null: chunked or none. */
  readonly contentLength: number | null
}

/**
 * The headers that the upstream gets: name, value, name, value …. Host is the upstream's own and set by whoever
 * connects; the one the caller used is in X-Forwarded-Host.
 */
export function upstreamHeaders(
  request: ForwardedRequest,
  peer: Peer,
  api: ApiRecord,
  decision: Decision,
  requestId: string,
  { identityTokens, verifier: { ownTokens } }: Telling,
): string[] {
  const { rawHeaders } = request
  // Names of ours are in lower case: of any other, undici makes a copy for each request.
  const headers = upstreamIdentity(decision, requestId, identityTokens)
  const ofThisHop = connectionOptions(rawHeaders)
  const ownHeader = api.credentialHeader?.replace(/[^a-z0-9]/g, '-') ?? null
  let via = ''
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!
    const value = rawHeaders[i + 1]!
    const { role, folded } = readName(name)
    if (role === 'dropped' || (role === 'proof' && !decision.public)) continue
    if (role === 'via') {
      via += `${value}, `
      continue
    }
    if (ofThisHop?.has(name.toLowerCase())) continue
    if ((role === 'credential' || folded === ownHeader) && !isForUpstream(value, api, decision, ownTokens))
      continue
    const kept = withoutProvenKey(folded, value, decision)
    if (kept !== null) headers.push(name, kept)
  }
  if (request.contentLength !== null) headers.push('Content-Length', String(request.contentLength))
  // A gateway must say that it was there (RFC 9110 section 7.6.3).
  headers.push('Via', `${via}${request.httpVersion} credence`)
  pushForwarded(headers, request, peer)
  return headers
}

/**
 * The credential that was verified ends here. Where the route is public nobody looked at what stands in these
 * places, and it may be the upstream's own; only what can be one of our keys or tokens is kept from it. So is HTTP Basic
 * where any route takes it: a browser that knows a password sends it along to every path (RFC 7617 section 2.2).
 */
function isForUpstream(value: string, api: ApiRecord, decision: Decision, ownTokens: OwnTokens): boolean {
  if (!decision.public || holdsKey(value, ownTokens)) return false
  return !(/^basic\b/i.test(value) && takesBasic(api))
}

function takesBasic({ accepts, routes }: ApiRecord): boolean {
  return accepts.some(comesByBasic) || routes.some((route) => route.accepts?.some(comesByBasic))
}

function holdsKey(value: string, ownTokens: OwnTokens): boolean {
  return value
    .split(/[\s,]+/)
    .some((part) => parseKey(part) !== 'foreign' || basicHoldsKey(part) || isOurs(part, ownTokens))
}

/** A token that we signed, or an assertion that a client of ours did, which is still good for one request here. */
function isOurs(text: string, ownTokens: OwnTokens): boolean {
  return ownTokens.issuerIn(text) !== null || clientIn(text) !== null
}

/** User or password of HTTP Basic (RFC 7617), where some clients put a key. */
function basicHoldsKey(text: string): boolean {
  const decoded = Buffer.from(text, 'base64').toString('latin1')
  const colon = decoded.indexOf(':')
  return (
    colon !== -1 &&
    (parseKey(decoded.slice(0, colon)) !== 'foreign' || parseKey(decoded.slice(colon + 1)) !== 'foreign')
  )
}

/** What a trusted proxy says of its caller is passed on and extended; what anybody else says was dropped. */
function pushForwarded(headers: string[], { rawHeaders, host }: ForwardedRequest, peer: Peer): void {
  const ip = peer.ip ?? 'unknown'
  let forwardedFor = ip
  let proto: string | null = null
  let forwardedHost: string | null = null
  if (peer.trusted) {
    forwardedFor = [...headerValues(rawHeaders, 'x-forwarded-for'), ip].join(', ')
    proto = singleHeader(rawHeaders, 'x-forwarded-proto')
    forwardedHost = singleHeader(rawHeaders, 'x-forwarded-host')
  }
  if (proto !== 'http' && proto !== 'https') proto = peer.secure ? 'https' : 'http'
  headers.push('x-forwarded-for', forwardedFor, 'x-forwarded-proto', proto)
  forwardedHost ??= host
  if (forwardedHost !== null) headers.push('x-forwarded-host', forwardedHost)
}

/**
 * The query without the parameter that a credential may stand in, and without any other that holds the verified key;
 * else untouched, byte for byte.
 */
export function upstreamQuery(
  query: string,
  api: ApiRecord,
  decision: Decision,
  { verifier: { ownTokens } }: Telling,
): string {
  const name = api.queryParameter
  if (query.length < 2 || (name === null && !holdsProvenKey(query, decision))) return query
  const parts = query.slice(1).split('&')
  const kept = parts.filter((part) => {
    if (holdsProvenKey(part, decision)) return false
    const [parameter] = new URLSearchParams(part)
    return (
      parameter === undefined ||
      parameter[0] !== name ||
      isForUpstream(parameter[1], api, decision, ownTokens)
    )
  })
  if (kept.length === parts.length) return query
  return kept.length === 0 ? '' : `?${kept.join('&')}`
}
