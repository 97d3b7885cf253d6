import type { LimitState } from './limit.ts'
import { problemType } from './verdict.ts'

export const PROBLEM_JSON = 'application/problem+json'

/** A response as a value, for every kind of server alike. */
export interface HttpAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** problem+json (RFC 9457), or nothing for an allowed request. */
  readonly body: string
}

/** What is said of limits: RateLimit names them by these members. */
type LimitFacts = Pick<LimitState, 'name' | 'limit' | 'remaining' | 'resetSeconds' | 'windowSeconds'>

/** What a refused caller may know. */
export interface Refusal {
  readonly status: number
  readonly title: string
  /** A public one: nothing that tells whether an id exists. */
  readonly code: string
  /** For WWW-Authenticate, or null. */
  readonly challenge: string | null
  /** The scope expression that was missing, or null. */
  readonly required: string | null
  /** Those that applied, tightest first. */
  readonly limits: readonly LimitFacts[]
  readonly retryAfterSeconds: number | null
  /** For `credence why`; null where Credence was never asked. */
  readonly requestId: string | null
}

/** What a refused caller is told, whichever door refused: status, challenge, limits and a body that gives nothing away. */
export function refusalAnswer(refusal: Refusal): HttpAnswer {
  const { status, title, code, challenge, required, limits, retryAfterSeconds, requestId } = refusal
  const headers: Record<string, string> = { 'content-type': PROBLEM_JSON, 'cache-control': 'no-store' }
  if (requestId !== null) headers['credence-request-id'] = requestId
  Object.assign(headers, limitHeaders(limits, retryAfterSeconds))
  if (challenge !== null) headers['www-authenticate'] = challenge
  const body = {
    type: problemType(code),
    title,
    status,
    code,
    ...(required !== null && { required }),
    ...(requestId !== null && { request_id: requestId }),
  }
  return { status, headers, body: JSON.stringify(body) }
}

/** Retry-After (RFC 9110 section 10.2.3), RateLimit and RateLimit-Policy (IETF httpapi draft). */
export function limitHeaders(
  limits: readonly LimitFacts[],
  retryAfterSeconds: number | null,
): Record<string, string> {
  const headers: Record<string, string> = {}
  const lines = limitLines(limits, retryAfterSeconds)
  for (let at = 0; at < lines.length; at += 2) headers[lines[at]!] = lines[at + 1]!
  return headers
}

/** The same as name, value, name, value …. */
export function limitLines(limits: readonly LimitFacts[], retryAfterSeconds: number | null): string[] {
  const lines = retryAfterSeconds === null ? [] : ['retry-after', String(retryAfterSeconds)]
  if (limits.length > 0) {
    lines.push('ratelimit', listOf(limits, rateLimitItem), 'ratelimit-policy', listOf(limits, policyItem))
  }
  return lines
}

/** Mostly there is one. */
function listOf(limits: readonly LimitFacts[], item: (limit: LimitFacts) => string): string {
  return limits.length === 1 ? item(limits[0]!) : limits.map(item).join(', ')
}

function rateLimitItem({ name, remaining, resetSeconds }: LimitFacts): string {
  return `"${name}";r=${remaining}${resetSeconds === null ? '' : `;t=${resetSeconds}`}`
}

function policyItem({ name, limit, windowSeconds }: LimitFacts): string {
  return `"${name}";q=${limit}${windowSeconds === null ? '' : `;w=${windowSeconds}`}`
}
