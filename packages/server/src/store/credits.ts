import type { Limit } from '@credence/core'
import type { CreditResult } from './port.ts'

/** What is kept of one limit of type `credits`. */
export interface CreditState {
  readonly remaining: number
  /** When the refill was last credited: a whole number of steps after the first use. */
  readonly refilledAtMs: number
}

/**
 * Takes `cost` credits, after crediting the refills that are due; a negative cost gives back.
 * Never leaves less than 0 or more than the limit. A refusal takes nothing: `next` is then only what was refilled.
 */
export function takeCredits(
  limit: Extract<Limit, { type: 'credits' }>,
  state: CreditState | undefined,
  cost: number,
  nowMs: number,
): { readonly result: CreditResult; readonly next: CreditState } {
  const { remaining, refilledAtMs } = refilled(limit, state, nowMs)
  if (cost <= remaining) {
    const left = Math.min(limit.limit, remaining - cost)
    const result = { allowed: true, remaining: left, retryAfterMs: null }
    return { result, next: { remaining: left, refilledAtMs } }
  }
  const retryAfterMs = untilEnough(limit, cost, remaining, refilledAtMs, nowMs)
  return { result: { allowed: false, remaining, retryAfterMs }, next: { remaining, refilledAtMs } }
}

function refilled(
  limit: Extract<Limit, { type: 'credits' }>,
  state: CreditState | undefined,
  nowMs: number,
): CreditState {
  if (state === undefined) return { remaining: limit.limit, refilledAtMs: nowMs }
  const remaining = Math.min(state.remaining, limit.limit)
  if (limit.refill === null) return { remaining, refilledAtMs: state.refilledAtMs }
  // A clock that jumped ahead and came back must not hold the refill up for as long as the jump was.
  if (state.refilledAtMs > nowMs) return { remaining, refilledAtMs: nowMs }
  const stepMs = limit.refill.everySeconds * 1000
  const steps = Math.floor((nowMs - state.refilledAtMs) / stepMs)
  return {
    remaining: Math.min(limit.limit, remaining + steps * limit.refill.amount),
    refilledAtMs: state.refilledAtMs + steps * stepMs,
  }
}

function untilEnough(
  limit: Extract<Limit, { type: 'credits' }>,
  cost: number,
  remaining: number,
  refilledAtMs: number,
  nowMs: number,
): number | null {
  if (limit.refill === null || cost > limit.limit) return null
  const steps = Math.ceil((cost - remaining) / limit.refill.amount)
  return refilledAtMs + steps * limit.refill.everySeconds * 1000 - nowMs
}
