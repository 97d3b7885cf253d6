import { type Decision, limitLines } from '@credence/core'
import { dpopNonceOf } from '../doors/problem.ts'
import { remembered } from '../remembered.ts'
import { HOP_BY_HOP } from './hop-by-hop.ts'

/** For this connection only, or said by us. In lower case. */
const DROPPED: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'proxy-authentication-info',
  'credence-request-id',
])
const OF_LIMITS: ReadonlySet<string> = new Set(['ratelimit', 'ratelimit-policy'])

const MAX_REMEMBERED = 500
const roleOf = remembered((name) => {
  const lower = name.toLowerCase()
  return DROPPED.has(lower) ? 'dropped' : OF_LIMITS.has(lower) ? 'limit' : 'end-to-end'
}, MAX_REMEMBERED)

/**
 * The header lines that are not for the connection to the upstream: name, value, name, value ….
 * @param hasLimits whether limits of ours applied: the upstream's would contradict them
 */
export function endToEnd(raw: readonly Buffer[], hasLimits = false): string[] {
  const headers: string[] = []
  const lines = textsOf(raw)
  const ofThisHop = connectionOptionsOf(lines)
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const name = lines[i]!
    const role = roleOf(name)
    if (role === 'dropped' || (role === 'limit' && hasLimits)) continue
    if (!ofThisHop?.has(name.toLowerCase())) headers.push(name, lines[i + 1]!)
  }
  return headers
}

/** Nearly always all are pieces of one chunk that was read from the connection: then that is made a text once. */
function textsOf(raw: readonly Buffer[]): string[] {
  const [first, last] = [raw[0], raw.at(-1)]
  if (first === undefined || last === undefined) return []
  const { buffer, byteOffset: start } = first
  const end = last.byteOffset + last.length
  const areOfOne = raw.every(
    (part) => part.buffer === buffer && part.byteOffset >= start && part.byteOffset + part.length <= end,
  )
  if (!areOfOne) return raw.map((part) => part.toString('latin1'))
  const chunk = Buffer.from(buffer, start, end - start).toString('latin1')
  return raw.map((part) => chunk.slice(part.byteOffset - start, part.byteOffset - start + part.length))
}

/**
 * The headers that the caller gets. Repeated ones stay repeated (Set-Cookie must).
 * Where limits of ours applied, the RateLimit headers are ours.
 */
export function responseHeaders(raw: readonly Buffer[], decision: Decision, requestId: string): string[] {
  const { limits, retryAfterSeconds } = decision
  const headers = endToEnd(raw, limits.length > 0)
  if (limits.length > 0) {
    for (const part of limitLines(limits, retryAfterSeconds)) headers.push(part)
  }
  const nonce = dpopNonceOf(decision)
  if (nonce !== null) headers.push('DPoP-Nonce', nonce)
  headers.push('Credence-Request-Id', requestId)
  return headers
}

function connectionOptionsOf(lines: readonly string[]): ReadonlySet<string> | null {
  let options: Set<string> | null = null
  for (let i = 0; i + 1 < lines.length; i += 2) {
    if (lines[i]!.length !== 10 || lines[i]!.toLowerCase() !== 'connection') continue
    const value = lines[i + 1]!.toLowerCase()
    if (value === 'keep-alive' || value === 'close') continue
    options ??= new Set()
    for (const option of value.split(',')) options.add(option.trim())
  }
  return options
}
