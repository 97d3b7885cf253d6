import type { Limit } from '@credence/core'
import type { CreditResult } from './port.ts'

/**
 * What is kept of one limit of type `credits`, with the arithmetic that core has for it (limit-arithmetic.ts). It
 * stands here once more so that the writer thread loads none of core: a thread's memory is its modules. A test
 * beside this file holds the two together.
 */
export interface CreditState {
  readonly spent: number
  /** The moment from which the next refill is counted: when something was first missing, or the last refill. */
  readonly sinceMs: number
}

/** As in core: requests are timed when they begin, so a clock that seems this little behind has not gone back. */
const REORDER_MS = 5_000

type CreditLimit = Extract<Limit, { type: 'credits' }>

/**
 * Takes `cost` credits, after crediting the refills that are due; a negative cost gives back.
 * Never leaves less than 0 or more than the limit. A refusal takes nothing.
 */
export function takeCredits(
  limit: CreditLimit,
  state: CreditState | undefined,
  cost: number,
  nowMs: number,
): { readonly result: CreditResult; readonly next: CreditState } {
  const { spent, sinceMs } = refilled(limit, state, nowMs)
  const missing = spent + cost - limit.limit
  if (missing > 0) {
    const retryAfterMs = cost > limit.limit ? null : untilRefilled(limit, missing, nowMs - sinceMs)
    const result = { allowed: false, remaining: limit.limit - spent, retryAfterMs }
    return { result, next: { spent, sinceMs } }
  }
  const next = Math.max(0, spent + cost)
  const result = { allowed: true, remaining: limit.limit - next, retryAfterMs: null }
  return { result, next: { spent: next, sinceMs } }
}

/** A limit that was lowered meanwhile counts as spent, not as owed. What is full gains nothing by waiting. */
function refilled(limit: CreditLimit, state: CreditState | undefined, nowMs: number): CreditState {
  if (state === undefined || state.spent === 0) return { spent: 0, sinceMs: nowMs }
  const spent = Math.min(state.spent, limit.limit)
  // A clock that went back starts the wait for the next refill again: at most one such wait is lost.
  const sinceMs = state.sinceMs > nowMs + REORDER_MS ? nowMs : state.sinceMs
  if (limit.refill === null) return { spent, sinceMs }
  const everyMs = limit.refill.everySeconds * 1000
  const times = Math.max(0, Math.floor((nowMs - sinceMs) / everyMs))
  const left = Math.max(0, spent - times * limit.refill.amount)
  return { spent: left, sinceMs: left === 0 ? nowMs : sinceMs + times * everyMs }
}

function untilRefilled(limit: CreditLimit, missing: number, waitedMs: number): number | null {
  if (limit.refill === null) return null
  return Math.ceil(missing / limit.refill.amount) * limit.refill.everySeconds * 1000 - waitedMs
}
