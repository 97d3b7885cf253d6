import {
  clientIp,
  headerValues,
  type IpRange,
  ipInRanges,
  parseIp,
  type RawHeaders,
  singleHeader,
} from '@credence/core/portable'

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
}

/** What the adapters need of a request of node:http; Express and Fastify have it too. */
export interface NodeRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  /** Not `headers`, which keeps the first of two Authorization lines and says nothing. */
  readonly rawHeaders: readonly string[]
  readonly socket: { readonly remoteAddress?: string | undefined; readonly encrypted?: boolean }
}

/**
 * A request of node:http. What proxies say about their own caller counts only from those that are trusted: none, unless
 * the guard was told so.
 */
export function requestFromNode(
  { method = '', rawHeaders, socket }: NodeRequest,
  target: string,
  trustedProxies: readonly IpRange[],
): GuardedRequest {
  const peer = socket.remoteAddress
  const asked = { method, target, headers: rawHeaders, secure: socket.encrypted === true }
  if (peer === undefined) return { ...asked, ip: null }
  const address = parseIp(clientIp(peer, [], []) ?? '')
  if (address === null || !ipInRanges(address, trustedProxies)) {
    return { ...asked, ip: clientIp(peer, [], []) }
  }
  const proto = headerValues(rawHeaders, 'x-forwarded-proto')
  return {
    ...asked,
    ip: clientIp(peer, headerValues(rawHeaders, 'x-forwarded-for'), trustedProxies),
    // Two values say nothing: which of them is the proxy's own cannot be known.
    secure: proto.length === 0 ? asked.secure : proto.length === 1 && proto[0] === 'https',
  }
}

/** Who sent a Request, where the platform or a proxy of one's own says so beyond doubt. */
export interface Sender {
  readonly ip: string | null
  /** The scheme of the request's URL when left out. */
  readonly secure?: boolean
}

/**
 * A Request of the Fetch standard. It has no address of its client, and repeated header lines are joined by a comma,
 * which no credential holds: two Authorization lines are refused here too.
 */
export function requestFromFetch({ method, url, headers }: Request, sender: Sender | null): GuardedRequest {
  const ip = sender === null || sender.ip === null ? null : clientIp(sender.ip, [], [])
  const secure = sender?.secure ?? url.startsWith('https:')
  return { method, target: targetOf(url), headers: [...headers].flat(), ip, secure }
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
