import type { AppliedLimit } from './limit.ts'
import type { LimitOutcome } from './limit-outcome.ts'
import type { Credits } from './records.ts'

/** Where credits are kept durably and exactly: nodes and restarts must not give them out twice. */
export interface CreditLedger {
  /**
   * Takes `cost` or nothing; a negative cost gives back. A key seen for the first time starts full.
   * @throws LimitUnavailable when it cannot be reached: then the request is not allowed, and nothing is taken
   */
  spend(key: string, limit: Credits, cost: number, nowMs: number): Promise<SpentCredits>
}

export interface SpentCredits {
  readonly allowed: boolean
  readonly remaining: number
  /** When refused: null, waiting does not help. */
  readonly retryAfterMs: number | null
}

export interface AppliedCredits extends AppliedLimit {
  readonly limit: Credits
}

export function isCredits(applied: AppliedLimit): applied is AppliedCredits {
  return applied.limit.type === 'credits'
}

/**
 * Takes `cost` from all of the credits or from none. When one refuses, those asked before it have it back, and
 * those after it are not asked.
 * @throws what the ledger throws; what it still takes back was given back
 */
export async function spendAll(
  ledger: CreditLedger,
  credits: readonly AppliedCredits[],
  cost: number,
  nowMs: number,
): Promise<{ readonly allowed: boolean; readonly outcomes: readonly LimitOutcome[] }> {
  const spent: AppliedCredits[] = []
  const outcomes: LimitOutcome[] = []
  try {
    for (const applied of credits) {
      const outcome = await spend(ledger, applied, cost, nowMs)
      outcomes.push(outcome)
      if (!outcome.allowed) break
      spent.push(applied)
    }
  } catch (fault) {
    // The ledger has just failed: what it still takes back is good, and the fault that counts is the first.
    await Promise.allSettled(spent.map((one) => spend(ledger, one, -cost, nowMs)))
    throw fault
  }
  if (spent.length === credits.length) return { allowed: true, outcomes }
  const returned = await Promise.all(spent.map((one) => spend(ledger, one, -cost, nowMs)))
  return { allowed: false, outcomes: [...returned, outcomes.at(-1)!] }
}

async function spend(
  ledger: CreditLedger,
  applied: AppliedCredits,
  cost: number,
  nowMs: number,
): Promise<LimitOutcome> {
  const { limit, key } = applied
  const { allowed, remaining, retryAfterMs } = await ledger.spend(key, limit, cost, nowMs)
  return {
    applied,
    allowed,
    remaining,
    retryAfterMs,
    resetMs: longestResetMs(limit, limit.limit - remaining),
  }
}

/** The ledger keeps to itself when it refilled last, so this is the longest it can take. */
function longestResetMs({ refill }: Credits, used: number): number | null {
  if (used === 0) return 0
  return refill === null ? null : Math.ceil(used / refill.amount) * refill.everySeconds * 1000
}
