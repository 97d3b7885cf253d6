import { type CounterEntry, CounterTable } from './counter-table.ts'
import type { AppliedLimit, Limiter, LimitResult } from './limit.ts'
import { type Counter, currentCounter, giveBack, takeFromCounter } from './limit-arithmetic.ts'
import { allowedResult, type LimitOutcome, refusedResult } from './limit-outcome.ts'
import type { Credits } from './records.ts'

/** Where credits are kept durably and exactly: nodes and restarts must not give them out twice. */
export interface CreditLedger {
  /**
   * Takes `cost` or nothing; a negative cost gives back. A key seen for the first time starts full.
   * @throws when it cannot be reached: then the request is not allowed, and nothing is taken
   */
  spend(key: string, limit: Credits, cost: number, nowMs: number): Promise<SpentCredits>
}

export interface SpentCredits {
  readonly allowed: boolean
  readonly remaining: number
  /** When refused: null, waiting does not help. */
  readonly retryAfterMs: number | null
}

export interface MemoryLimiterOptions {
  /** Most counters kept, 1 or more; beyond it those that are full again are forgotten first. */
  readonly maxCounters: number
  /** Without one, credits are counted in memory, and forgotten with it. */
  readonly ledger?: CreditLedger
}

interface MemoryOutcome extends LimitOutcome {
  /** The counter to keep if all allow it. */
  readonly next: Counter
}
interface AppliedCredits extends AppliedLimit {
  readonly limit: Credits
}

const NOTHING_APPLIES: LimitResult = { allowed: true, states: [] }

/**
 * The limits of one node, in memory. Takes from all limits or from none: everything is worked out first, and
 * written only when all allow it, in one go of the event loop. Credits of a ledger come last; when they refuse,
 * what was taken before is given back, so that in between others are refused rather than let through twice.
 */
export class MemoryLimiter implements Limiter {
  readonly #ledger: CreditLedger | null
  readonly #counters: CounterTable

  constructor(options: MemoryLimiterOptions) {
    this.#counters = new CounterTable(options.maxCounters)
    this.#ledger = options.ledger ?? null
  }

  /** Counters kept now. */
  get size(): number {
    return this.#counters.size
  }

  /** How many counters were forgotten that were still in use: more than a few mean maxCounters is too low. */
  get evictedInUse(): number {
    return this.#counters.evictedInUse
  }

  /** See Limiter. A refusal by memory does not ask the ledger, so its credits are not among the states then. */
  take(applied: readonly AppliedLimit[], cost: number, nowMs: number): LimitResult | Promise<LimitResult> {
    if (applied.length === 0) return NOTHING_APPLIES
    const here: MemoryOutcome[] = []
    const inLedger: AppliedCredits[] = []
    let isAllowed = true
    for (const one of applied) {
      if (this.#ledger !== null && isCredits(one)) {
        inLedger.push(one)
        continue
      }
      const outcome = this.#workOut(one, cost, nowMs)
      here.push(outcome)
      isAllowed &&= outcome.allowed
    }
    if (!isAllowed) {
      this.#noteClock(here, nowMs)
      return refusedResult(this.#untaken(here, nowMs), nowMs)
    }
    for (const { applied, next } of here) this.#counters.set(applied.key, applied.limit, next, nowMs)
    if (this.#ledger === null || inLedger.length === 0) return allowedResult(here, nowMs)
    return this.#takeFromLedger(this.#ledger, here, inLedger, cost, nowMs)
  }

  /** The quota counters that changed since the last call, to be written where they survive a restart. */
  dirtyQuotas(): Iterable<CounterEntry> {
    return this.#counters.takeDirtyQuotas()
  }

  /** Hands back what dirtyQuotas gave and could not be written, for the next call. */
  markDirty(entries: Iterable<CounterEntry>): void {
    this.#counters.markDirty(entries)
  }

  /** Takes over counters that an earlier process wrote. One that is further along here already stays. */
  restore(entries: Iterable<CounterEntry>): void {
    this.#counters.restore(entries)
  }

  async #takeFromLedger(
    ledger: CreditLedger,
    here: readonly MemoryOutcome[],
    inLedger: readonly AppliedCredits[],
    cost: number,
    nowMs: number,
  ): Promise<LimitResult> {
    const spent: AppliedCredits[] = []
    const outcomes: LimitOutcome[] = []
    let isAllowed = true
    try {
      for (const applied of inLedger) {
        const outcome = await spend(ledger, applied, cost, nowMs)
        outcomes.push(outcome)
        isAllowed = outcome.allowed
        if (!isAllowed) break
        spent.push(applied)
      }
    } catch (fault) {
      this.#giveBack(here, cost, nowMs)
      // The ledger has just failed: what it still takes back is good, and the fault that counts is the first.
      await Promise.allSettled(spent.map((one) => spend(ledger, one, -cost, nowMs)))
      throw fault
    }
    if (isAllowed) return allowedResult([...here, ...outcomes], nowMs)
    this.#giveBack(here, cost, nowMs)
    const returned = await Promise.all(spent.map((one) => spend(ledger, one, -cost, nowMs)))
    return refusedResult([...this.#untaken(here, nowMs), ...returned, outcomes.at(-1)!], nowMs)
  }

  #workOut(applied: AppliedLimit, cost: number, nowMs: number): MemoryOutcome {
    const take = takeFromCounter(applied.limit, this.#counters.get(applied.key), cost, nowMs)
    return {
      applied,
      allowed: take.allowed,
      next: take.next,
      remaining: take.remaining,
      retryAfterMs: take.retryAfterMs,
      resetMs: take.resetMs,
    }
  }

  /** How the limits of a refused request stand: as if nobody had asked. */
  #untaken(outcomes: readonly MemoryOutcome[], nowMs: number): LimitOutcome[] {
    return outcomes.map((one) => (one.allowed ? this.#workOut(one.applied, 0, nowMs) : one))
  }

  /** Nothing is spent, but a clock that went back must be kept: waiting would not count otherwise. */
  #noteClock(outcomes: readonly MemoryOutcome[], nowMs: number): void {
    for (const { applied } of outcomes) {
      const counter = this.#counters.get(applied.key)
      if (counter === undefined || counter.b <= nowMs) continue
      const current = currentCounter(applied.limit, counter, nowMs)
      if (current.b < counter.b) this.#counters.set(applied.key, applied.limit, current, nowMs)
    }
  }

  #giveBack(outcomes: readonly MemoryOutcome[], cost: number, nowMs: number): void {
    for (const { applied, next } of outcomes) {
      const counter = this.#counters.get(applied.key)
      if (counter === undefined) continue
      this.#counters.set(applied.key, applied.limit, giveBack(applied.limit, counter, next, cost), nowMs)
    }
  }
}

function isCredits(applied: AppliedLimit): applied is AppliedCredits {
  return applied.limit.type === 'credits'
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
