import { type Decision, limitHeaders } from '@credence/core'
import { dpopNonceOf } from '../http/problem.ts'
import { HOP_BY_HOP } from './hop-by-hop.ts'

/** For this connection only, or said by us. In lower case. */
const DROPPED: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'proxy-authentication-info',
  'credence-request-id',
])
/** Where limits of ours applied: the upstream's would contradict them. */
const DROPPED_FOR_OURS: ReadonlySet<string> = new Set([...DROPPED, 'ratelimit', 'ratelimit-policy'])

/** The header lines that are not for the connection to the upstream: name, value, name, value …. */
export function endToEnd(raw: readonly Buffer[], dropped = DROPPED): string[] {
  const headers: string[] = []
  const ofThisHop = connectionOptionsOf(raw)
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]!.toString('latin1')
    const lower = name.toLowerCase()
    if (!dropped.has(lower) && !ofThisHop?.has(lower)) headers.push(name, raw[i + 1]!.toString('latin1'))
  }
  return headers
}

/**
 * The headers that the caller gets. Repeated ones stay repeated (Set-Cookie must).
 * Where limits of ours applied, the RateLimit headers are ours.
 */
export function responseHeaders(raw: readonly Buffer[], decision: Decision, requestId: string): string[] {
  const { limits, retryAfterSeconds } = decision
  const headers = endToEnd(raw, limits.length === 0 ? DROPPED : DROPPED_FOR_OURS)
  if (limits.length > 0) {
    const ours = limitHeaders(limits, retryAfterSeconds)
    for (const name in ours) headers.push(name, ours[name]!)
  }
  const nonce = dpopNonceOf(decision)
  if (nonce !== null) headers.push('DPoP-Nonce', nonce)
  headers.push('Credence-Request-Id', requestId)
  return headers
}

function connectionOptionsOf(raw: readonly Buffer[]): ReadonlySet<string> | null {
  let options: Set<string> | null = null
  for (let i = 0; i + 1 < raw.length; i += 2) {
    if (raw[i]!.length !== 10 || raw[i]!.toString('latin1').toLowerCase() !== 'connection') continue
    const value = raw[i + 1]!.toString('latin1').toLowerCase()
    if (value === 'keep-alive' || value === 'close') continue
    options ??= new Set()
    for (const option of value.split(',')) options.add(option.trim())
  }
  return options
}
