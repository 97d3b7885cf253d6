import { parseIp, parseStrictJson } from '@credence/core'
import { Agent, buildConnector } from 'undici'
import {
  addressProblem,
  guardedLookup,
  type Resolve,
  UpstreamRefused,
  type UpstreamRules,
} from '../upstream-guard.ts'

/** A document of an issuer. */
export interface FetchedJson {
  readonly value: unknown
  /** What `Cache-Control: max-age` says of it; null: nothing. */
  readonly maxAgeSeconds: number | null
}

/** Reads a JSON document by its URL. Rejects, within a bounded time, when it cannot be had. */
export type FetchJson = (uri: string) => Promise<FetchedJson>

/** The documents of issuers hold a few keys; a hundred of them fit. Bytes. */
const MAX_BYTES = 256 * 1024
/** For all of it: connecting, the answer's head and its body. Milliseconds. */
const TIMEOUT_MS = 5_000

export interface GuardedJsonOptions {
  readonly rules: UpstreamRules
  readonly resolve: Resolve
  readonly timeoutMs?: number
}

/** Why keys must not be fetched from a URL, as far as its text tells, or null. */
export function keyUriProblem(uri: string, rules: UpstreamRules): string | null {
  if (!URL.canParse(uri)) return 'is not a URL'
  const { protocol, username, password, hash, hostname, port } = new URL(uri)
  if (protocol !== 'https:' && protocol !== 'http:') return 'must begin with https://'
  if (username !== '' || password !== '' || hash !== '')
    return 'must not hold a user, a password or a fragment'
  const literal = parseIp(bare(hostname))
  // Whoever could answer in between would sign for everybody: without TLS nothing leaves this machine.
  if (protocol === 'http:' && !isLoopback(bare(hostname))) {
    return 'must begin with https:// (http:// is for an issuer on this machine, by its address)'
  }
  return literal === null ? null : addressProblem(literal, portOf(protocol, port), rules)
}

function bare(hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
}

function portOf(protocol: string, port: string): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
}

function isLoopback(hostname: string): boolean {
  return hostname === '::1' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}

/**
 * Fetches with every address checked and pinned as the connection is made, no redirect followed, no compression, and
 * bounds on time and size. Whatever else an issuer answers, nothing of it is used.
 */
export function guardedJson({ rules, resolve, timeoutMs = TIMEOUT_MS }: GuardedJsonOptions): FetchJson {
  return async (uri) => {
    const problem = keyUriProblem(uri, rules)
    if (problem !== null) throw new UpstreamRefused(`${uri} ${problem}`)
    const { protocol, port: given, hostname, origin, pathname, search } = new URL(uri)
    const port = portOf(protocol, given)
    const connect = buildConnector({ timeout: timeoutMs, lookup: guardedLookup(port, resolve, rules) })
    const agent = new Agent({
      connect(options, callback) {
        // An address needs no look-up, so the guard has to see it here.
        const literal = parseIp(bare(hostname))
        const refusal = literal === null ? null : addressProblem(literal, port, rules)
        if (refusal === null) connect(options, callback)
        else callback(new UpstreamRefused(`the issuer ${refusal}`), null)
      },
    })
    try {
      const response = await agent.request({
        origin,
        path: `${pathname}${search}`,
        method: 'GET',
        headers: { accept: 'application/json', 'accept-encoding': 'identity' },
        signal: AbortSignal.timeout(timeoutMs),
      })
      if (response.statusCode !== 200) throw new Error(`${uri} answered ${response.statusCode}`)
      const encoding = response.headers['content-encoding'] ?? 'identity'
      if (encoding !== 'identity') throw new Error(`${uri} answered in the encoding ${String(encoding)}`)
      const json = parseStrictJson(await bounded(response.body, uri))
      if (!json.ok) throw new Error(`${uri} answered with what is no strict JSON: ${json.problem}`)
      return { value: json.value, maxAgeSeconds: maxAgeOf(response.headers['cache-control']) }
    } finally {
      await agent.destroy()
    }
  }
}

async function bounded(body: AsyncIterable<Uint8Array>, uri: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > MAX_BYTES) throw new Error(`${uri} answered with more than ${MAX_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** RFC 9111 section 5.2.2; what must not be stored is kept for the shortest time there is. */
function maxAgeOf(header: string | readonly string[] | undefined): number | null {
  const directives = String(header ?? '')
    .toLowerCase()
    .split(',')
    .map((directive) => directive.trim())
  if (directives.includes('no-store') || directives.includes('no-cache')) return 0
  const maxAge = directives
    .map((one) => /^max-age="?(\d{1,10})"?$/.exec(one)?.[1])
    .find((age) => age !== undefined)
  return maxAge === undefined ? null : Number(maxAge)
}
