import type { AppliedLimit } from './limit.ts'
import { REORDER_MS } from './limit-arithmetic.ts'
import type { Leased, SharedLimit, Unused } from './limit-authority.ts'
import type { LimitOutcome } from './limit-outcome.ts'

/** A node holds at most one in so many of a limit's units. */
const BATCH_SHARE = 50
/** How long leased units can be spent, counted from when the authority was last asked. */
export const LEASE_MS = 2_000
/** What "lately" means where a node leases no more than it used lately. */
const LATELY_MS = 1_000
/** How long at most a refusal is repeated without asking again. */
const REFUSAL_MS = 1_000

/**
 * Most units of a limit that one node holds in advance, so that over n nodes at most the limit and n times this
 * can pass: a fiftieth of the limit, and none of limits under 100.
 */
export function maxBatch(limit: SharedLimit): number {
  const units = Math.floor(limit.limit / BATCH_SHARE)
  return units < 2 ? 0 : units
}

/** Why the same cost need not be asked for again yet. */
interface Refusal {
  readonly cost: number
  readonly fromMs: number
  readonly untilMs: number
  /** null: waiting does not help. */
  readonly retryAtMs: number | null
}

/** What one node holds and knows of one limit. */
export class HeldLimit {
  readonly key: string
  #limit: SharedLimit
  #mostUnits: number
  /** Units to spend, and those set aside for requests that are not decided yet. Together never above the most. */
  #units = 0
  #reserved = 0
  /** How many of those set aside are of a period that is over. */
  #outlived = 0
  /** quota: the period that the units belong to. */
  #periodMs = 0
  #endsAtMs = 0
  #isAsking = false
  /** The authority had less than was wanted: until it is asked for a cost again, there is no point in asking. */
  #isShort = false
  #refusal: Refusal | null = null
  /** What the authority said last, and when it was asked. */
  #saidAtMs = Number.NEGATIVE_INFINITY
  #saidRemaining: number
  #saidResetMs = 0
  #latelyFromMs = 0
  #usedLately = 0
  #usedBefore = 0

  constructor(key: string, limit: SharedLimit) {
    this.key = key
    this.#limit = limit
    this.#mostUnits = maxBatch(limit)
    this.#saidRemaining = limit.limit
  }

  get units(): number {
    return this.#units
  }

  /** Whether nothing is held, and nothing set aside that could come back. */
  get isEmpty(): boolean {
    return this.#units === 0 && this.#reserved === 0
  }

  /** quota: start of the period that the units belong to. */
  get periodMs(): number {
    return this.#periodMs
  }

  /** Whether this is what is held of this very limit: it may have been changed since. */
  isOf(limit: SharedLimit): boolean {
    if (limit === this.#limit) return true
    if (!isSameLimit(limit, this.#limit)) return false
    this.#limit = limit
    return true
  }

  /** Whether the cost can be paid from what is held. */
  has(cost: number, nowMs: number): boolean {
    return this.#units >= cost && !this.hasEnded(nowMs)
  }

  spendable(nowMs: number): number {
    return this.hasEnded(nowMs) ? 0 : this.#units
  }

  /** Whether what is held is worth nothing any more; also when the clock went back to before it was leased. */
  hasEnded(nowMs: number): boolean {
    return nowMs >= this.#endsAtMs || nowMs < this.#saidAtMs - REORDER_MS
  }

  /** Sets units aside for a request, which has() said can be; confirm() or release() follows. */
  reserve(cost: number): void {
    this.#units -= cost
    this.#reserved += cost
  }

  /** The request passed. */
  confirm(cost: number, nowMs: number): void {
    this.#unreserve(cost)
    this.noteUse(cost, nowMs)
  }

  /** The request was refused after all: its units can be spent by others. */
  release(cost: number): void {
    this.#units += this.#unreserve(cost)
  }

  /** Counts what requests took, wherever from. */
  noteUse(cost: number, nowMs: number): void {
    this.#rollLately(nowMs)
    this.#usedLately += cost
  }

  /** Units to ask for beyond a cost; 0 while others of this node ask. */
  batch(nowMs: number): number {
    if (this.#isAsking || this.#mostUnits === 0) return 0
    this.#rollLately(nowMs)
    const wanted = Math.min(this.#mostUnits, Math.max(this.#usedLately, this.#usedBefore))
    return Math.max(0, wanted - this.#units - this.#reserved)
  }

  /** Units to ask for before what is held runs out; 0: there is no need yet. */
  refill(nowMs: number): number {
    if (this.#isShort) return 0
    const wanted = this.batch(nowMs)
    return wanted > this.#units ? wanted : 0
  }

  beginAsking(): void {
    this.#isAsking = true
  }

  endAsking(): void {
    this.#isAsking = false
  }

  /** Takes over what the authority answered to a call for `batch` units made at `askedAtMs`. */
  learn(leased: Leased, batch: number, askedAtMs: number): void {
    if (this.#limit.type === 'quota' && leased.periodMs !== this.#periodMs) {
      this.#units = 0
      this.#outlived = this.#reserved
      this.#periodMs = leased.periodMs
      this.#endsAtMs = 0
    }
    this.#units += leased.units
    const lifeMs = Math.min(LEASE_MS, leased.endsInMs ?? LEASE_MS)
    this.#endsAtMs = Math.max(this.#endsAtMs, askedAtMs + lifeMs)
    if (batch > 0) this.#isShort = leased.units < batch
    if (leased.allowed) this.#refusal = null
    // Answers may come out of order; a clock that went back makes the later one look older.
    if (askedAtMs < this.#saidAtMs && askedAtMs >= this.#saidAtMs - REORDER_MS) return
    if (askedAtMs < this.#saidAtMs) this.#endsAtMs = askedAtMs + lifeMs
    this.#saidAtMs = askedAtMs
    this.#saidRemaining = leased.remaining
    this.#saidResetMs = leased.resetMs
  }

  /** Remembers that the authority refused this cost at `askedAtMs`. */
  learnRefusal(cost: number, { retryAfterMs }: Leased, askedAtMs: number): void {
    const retryAtMs = retryAfterMs === null ? null : askedAtMs + retryAfterMs
    const untilMs = Math.min(askedAtMs + REFUSAL_MS, retryAtMs ?? Number.POSITIVE_INFINITY)
    this.#refusal = { cost, fromMs: askedAtMs, untilMs, retryAtMs }
  }

  /** The refusal that still answers for a cost; null: it must be asked for. */
  refusalOf(applied: AppliedLimit, cost: number, nowMs: number): LimitOutcome | null {
    const refusal = this.#refusal
    if (refusal === null || cost < refusal.cost) return null
    if (nowMs >= refusal.untilMs || nowMs < refusal.fromMs - REORDER_MS) return null
    const retryAfterMs = refusal.retryAtMs === null ? null : refusal.retryAtMs - nowMs
    return { ...this.standing(applied, nowMs), allowed: false, retryAfterMs }
  }

  /** How the limit stands, as far as this node can know: what was left when it last asked, and what it holds. */
  standing(applied: AppliedLimit, nowMs: number): LimitOutcome {
    const waitedMs = Math.max(0, nowMs - this.#saidAtMs)
    const resetMs = Math.max(0, this.#saidResetMs - waitedMs)
    const remaining = Math.min(this.#limit.limit, this.#leftAt(resetMs) + this.spendable(nowMs))
    return {
      applied,
      allowed: true,
      remaining,
      retryAfterMs: null,
      resetMs: remaining === this.#limit.limit ? 0 : Math.ceil(resetMs),
    }
  }

  /** All that is held, to be given back; null: nothing is. */
  takeUnused(): Unused | null {
    const units = this.#units
    this.#units = 0
    return units === 0 ? null : { key: this.key, limit: this.#limit, units, periodMs: this.#periodMs }
  }

  /** What is left in the authority's counter when it will be full again after so long. */
  #leftAt(resetMs: number): number {
    const limit = this.#limit
    if (resetMs === 0) return limit.limit
    if (limit.type === 'quota') return this.#saidRemaining
    const debt = (resetMs * limit.limit) / (limit.windowSeconds * 1000)
    // The wait was rounded up, so the debt that follows from it may be a little more than it is.
    return Math.max(this.#saidRemaining, Math.floor(limit.limit - debt))
  }

  /** @returns how many of them are still worth something */
  #unreserve(cost: number): number {
    const outlived = Math.min(cost, this.#outlived)
    this.#outlived -= outlived
    this.#reserved -= cost
    return cost - outlived
  }

  #rollLately(nowMs: number): void {
    const sinceMs = nowMs - this.#latelyFromMs
    if (sinceMs >= 0 && sinceMs < LATELY_MS) return
    this.#usedBefore = sinceMs >= 0 && sinceMs < 2 * LATELY_MS ? this.#usedLately : 0
    this.#usedLately = 0
    this.#latelyFromMs = nowMs
  }
}

function isSameLimit(one: SharedLimit, other: SharedLimit): boolean {
  if (one.limit !== other.limit) return false
  if (one.type === 'rate') return other.type === 'rate' && one.windowSeconds === other.windowSeconds
  return other.type === 'quota' && one.period === other.period
}
