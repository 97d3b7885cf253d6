import { type CounterEntry, CounterTable } from './counter-table.ts'
import { type AppliedCredits, type CreditLedger, isCredits, spendAll } from './credit-ledger.ts'
import type { AppliedLimit, Limiter, LimitResult } from './limit.ts'
import { type Counter, giveBack, takeFromCounter } from './limit-arithmetic.ts'
import { allowedResult, type LimitOutcome, refusedResult, stateOf } from './limit-outcome.ts'

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
      for (const { applied } of here) this.#counters.noteClock(applied.key, applied.limit, nowMs)
      return refusedResult(this.#untaken(here, nowMs), nowMs)
    }
    for (const { applied, next } of here) this.#counters.keep(applied, next, nowMs)
    if (this.#ledger === null || inLedger.length === 0) return allowedResult(here, nowMs)
    return this.#takeFromLedger(this.#ledger, here, inLedger, cost, nowMs)
  }

  takeOne(applied: AppliedLimit, cost: number, nowMs: number): LimitResult | Promise<LimitResult> {
    if (this.#ledger === null || !isCredits(applied)) {
      const outcome = this.#workOut(applied, cost, nowMs)
      if (outcome.allowed) {
        this.#counters.keep(applied, outcome.next, nowMs)
        return { allowed: true, states: [stateOf(outcome, nowMs)] }
      }
    }
    return this.take([applied], cost, nowMs)
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
    try {
      const { allowed, outcomes } = await spendAll(ledger, inLedger, cost, nowMs)
      if (allowed) return allowedResult([...here, ...outcomes], nowMs)
      this.#giveBack(here, cost, nowMs)
      return refusedResult([...this.#untaken(here, nowMs), ...outcomes], nowMs)
    } catch (fault) {
      this.#giveBack(here, cost, nowMs)
      throw fault
    }
  }

  #workOut(applied: AppliedLimit, cost: number, nowMs: number): MemoryOutcome {
    const take = takeFromCounter(applied.limit, this.#counters.find(applied), cost, nowMs)
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

  #giveBack(outcomes: readonly MemoryOutcome[], cost: number, nowMs: number): void {
    for (const { applied, next } of outcomes) {
      const counter = this.#counters.get(applied.key)
      if (counter === undefined) continue
      this.#counters.set(applied.key, applied.limit, giveBack(applied.limit, counter, next, cost), nowMs)
    }
  }
}
