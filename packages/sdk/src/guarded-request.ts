import {
  clientIp,
  headerValues,
  type IpRange,
  ipInRanges,
  parseIp,
  type RawHeaders,
  singleHeader,
} from '@credence/core/portable'
import { base64 } from './dpop-proof.ts'

/** A request to decide about, whatever server it came to. */
export interface GuardedRequest {
  readonly method: string
  /** Path and query, as they came. */
  readonly target: string
  /** Header lines as they came: repeated ones are repeated. */
  readonly headers: RawHeaders
  /** Address of the client; null: not known. */
  readonly ip: string | null
  /** Whether it came over TLS. */
  readonly secure: boolean
  /** The client's certificate: DER in base64, or PEM; null: it showed none, as far as is known. */
  readonly certificate: string | null
}

/** What the adapters need of a request of node:http; Express and Fastify have it too. */
export interface NodeRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  /** Not `headers`, which keeps the first of two Authorization lines and says nothing. */
  readonly rawHeaders: readonly string[]
  readonly socket: {
    readonly remoteAddress?: string | undefined
    readonly encrypted?: boolean
    /** Of node:tls. */
    getPeerX509Certificate?(): { readonly raw: Uint8Array } | undefined
  }
}

/** Which peers are believed, and in what. */
export interface Trust {
  readonly trustedProxies: readonly IpRange[]
  /** Whether all of those proxies say in Client-Cert (RFC 9440) which certificate their client showed. */
  readonly proxyClientCert: boolean
}

/**
 * A request of node:http. What proxies say about their own caller counts only from those that are trusted: none, unless
 * the guard was told so.
 */
export function requestFromNode(
  { method = '', rawHeaders, socket }: NodeRequest,
  target: string,
  { trustedProxies, proxyClientCert }: Trust,
): GuardedRequest {
  const peer = socket.remoteAddress
  const raw = socket.getPeerX509Certificate?.()?.raw
  const asked = {
    ...{ method, target, headers: rawHeaders, secure: socket.encrypted === true },
    certificate: raw === undefined ? null : base64(raw),
  }
  if (peer === undefined) return { ...asked, ip: null }
  const address = parseIp(clientIp(peer, [], []) ?? '')
  if (address === null || !ipInRanges(address, trustedProxies)) {
    return { ...asked, ip: clientIp(peer, [], []) }
  }
  const proto = headerValues(rawHeaders, 'x-forwarded-proto')
  return {
    ...asked,
    // The certificate of the connection is the proxy's own.
    certificate: proxyClientCert ? certificateIn(rawHeaders) : null,
    ip: clientIp(peer, headerValues(rawHeaders, 'x-forwarded-for'), trustedProxies),
    // Two values say nothing: which of them is the proxy's own cannot be known.
    secure: proto.length === 0 ? asked.secure : proto.length === 1 && proto[0] === 'https',
  }
}

/** The byte sequence of RFC 9440 section 2.2, without its colons. */
function certificateIn(headers: RawHeaders): string | null {
  return /^:([A-Za-z0-9+/=]+):$/.exec(singleHeader(headers, 'client-cert') ?? '')?.[1] ?? null
}

/** Who sent a Request, where the platform or a proxy of one's own says so beyond doubt. */
export interface Sender {
  readonly ip: string | null
  /** The scheme of the request's URL when left out. */
  readonly secure?: boolean
  /** The certificate that the client showed: PEM, or DER in base64. */
  readonly certificate?: string
}

/**
 * A Request of the Fetch standard. It has no address of its client, and repeated header lines are joined by a comma,
 * which no credential holds: two Authorization lines are refused here too.
 */
export function requestFromFetch({ method, url, headers }: Request, sender: Sender | null): GuardedRequest {
  const ip = sender === null || sender.ip === null ? null : clientIp(sender.ip, [], [])
  const secure = sender?.secure ?? url.startsWith('https:')
  const certificate = sender?.certificate ?? null
  return { method, target: targetOf(url), headers: [...headers].flat(), ip, secure, certificate }
}

/** Path and query of an absolute URL, untouched: what a parser would mend is to be refused. */
function targetOf(url: string): string {
  const start = url.indexOf('/', url.indexOf('://') + 3)
  const fragment = url.indexOf('#')
  return start === -1 ? '/' : url.slice(start, fragment === -1 ? undefined : fragment)
}

/** A true CORS preflight (Fetch standard, section 3.2.2): it carries no credential, by specification. */
export function isPreflight({ method, headers }: Pick<GuardedRequest, 'method' | 'headers'>): boolean {
  return (
    method === 'OPTIONS' &&
    singleHeader(headers, 'origin') !== null &&
    singleHeader(headers, 'access-control-request-method') !== null
  )
}
