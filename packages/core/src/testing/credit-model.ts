import { type Counter, currentCounter, giveBack, takeFromCounter } from '../limit-arithmetic.ts'
import type { Credits } from '../records.ts'

/** What a ledger should answer, and keep: the arithmetic of limits, with a negative cost giving back. */
export function spendFromModel(limit: Credits, counter: Counter | undefined, cost: number, nowMs: number) {
  if (cost >= 0) {
    const { allowed, remaining, retryAfterMs, next } = takeFromCounter(limit, counter, cost, nowMs)
    return { result: { allowed, remaining, retryAfterMs }, next }
  }
  const current = currentCounter(limit, counter, nowMs)
  const next = giveBack(limit, current, current, -cost)
  return { result: { allowed: true, remaining: limit.limit - next.a, retryAfterMs: null }, next }
}
