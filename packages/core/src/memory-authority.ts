import { type CounterEntry, CounterTable } from './counter-table.ts'
import { giveBack, periodEnd, type Take, takeFromCounter } from './limit-arithmetic.ts'
import type { Leased, LeaseResult, LimitAuthority, SharedLimit, Unused, Wanted } from './limit-authority.ts'

export interface MemoryAuthorityOptions {
  /** Most counters kept, 1 or more; beyond it those that are full again are forgotten first. */
  readonly maxCounters: number
  /** Wall clock, whole milliseconds since the epoch. */
  readonly clock: () => number
}

/**
 * The counters of all nodes in the memory of one process: the primary of a machine, for its workers. Rates are
 * forgotten with it; quotas survive by dirtyQuotas and restore.
 */
export class MemoryAuthority implements LimitAuthority {
  readonly #clock: () => number
  readonly #counters: CounterTable

  constructor(options: MemoryAuthorityOptions) {
    this.#clock = options.clock
    this.#counters = new CounterTable(options.maxCounters)
  }

  /** Counters kept now. */
  get size(): number {
    return this.#counters.size
  }

  /** How many counters were forgotten that were still in use: more than a few mean maxCounters is too low. */
  get evictedInUse(): number {
    return this.#counters.evictedInUse
  }

  async lease(wanted: readonly Wanted[]): Promise<LeaseResult> {
    return this.leaseNow(wanted, this.#clock())
  }

  async giveBack(unused: readonly Unused[]): Promise<void> {
    this.giveBackNow(unused, this.#clock())
  }

  /** lease, at once and at a given moment. */
  leaseNow(wanted: readonly Wanted[], nowMs: number): LeaseResult {
    const takes = wanted.map(({ key, limit, cost }) =>
      takeFromCounter(limit, this.#counters.get(key), cost, nowMs),
    )
    if (!takes.every((take) => take.allowed)) {
      for (const { key, limit } of wanted) this.#counters.noteClock(key, limit, nowMs)
      return { allowed: false, leased: wanted.map((one, index) => this.#untaken(one, takes[index]!, nowMs)) }
    }
    return { allowed: true, leased: wanted.map((one, index) => this.#taken(one, takes[index]!, nowMs)) }
  }

  /** giveBack, at once and at a given moment. */
  giveBackNow(unused: readonly Unused[], nowMs: number): void {
    for (const { key, limit, units, periodMs } of unused) {
      const counter = this.#counters.get(key)
      if (counter === undefined) continue
      this.#counters.set(key, limit, giveBack(limit, counter, { a: 0, b: periodMs }, units), nowMs)
    }
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

  #taken({ key, limit, cost, batch }: Wanted, paid: Take, nowMs: number): Leased {
    const units = Math.min(batch, paid.remaining)
    const take = units === 0 ? paid : takeFromCounter(limit, paid.next, units, nowMs)
    if (cost + units > 0) this.#counters.set(key, limit, take.next, nowMs)
    else this.#counters.noteClock(key, limit, nowMs)
    return leasedFrom(limit, take, units, nowMs)
  }

  /** How a limit of a refused call stands: as if nobody had asked. */
  #untaken({ key, limit }: Wanted, take: Take, nowMs: number): Leased {
    const standing = take.allowed ? takeFromCounter(limit, this.#counters.get(key), 0, nowMs) : take
    return leasedFrom(limit, standing, 0, nowMs)
  }
}

function leasedFrom(limit: SharedLimit, take: Take, units: number, nowMs: number): Leased {
  const periodMs = take.next.b
  return {
    allowed: take.allowed,
    units,
    remaining: take.remaining,
    retryAfterMs: take.retryAfterMs,
    // Null is for credits only.
    resetMs: take.resetMs ?? 0,
    periodMs,
    endsInMs: limit.type === 'quota' ? periodEnd(limit.period, periodMs) - nowMs : null,
  }
}
