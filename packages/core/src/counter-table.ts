import { type Counter, currentCounter, takeFromCounter } from './limit-arithmetic.ts'
import type { Limit } from './records.ts'

/** A key and its counter, as they are written where they survive a restart. */
export type CounterEntry = readonly [key: string, counter: Counter]

/** What is counted. Whoever keeps it to ask again keeps the row where it was found last: a hint, never believed. */
export interface Counted {
  /** Of the counter. */
  readonly key: string
  readonly limit: Limit
  row?: number
}

/** The row of what is not in the table. */
const NO_ROW = -1

/** How many counters an eviction looks at: enough to find one that is worth little, and constant. */
const EVICTION_SAMPLE = 16
/** The longest period there is: a counter older than this is full again, whatever its limit. */
const LONGEST_WINDOW_MS = 31 * 86_400_000
const FIRST_ROWS = 64

/**
 * The counters of one node: never more than `maxCounters`, with a mark on each quota that was not written yet.
 * Their numbers stand in rows of one array, since every request needs some, and objects of which there are many lie
 * scattered in memory.
 */
export class CounterTable {
  readonly #maxCounters: number
  readonly #rows = new Map<string, number>()
  /** Where the next eviction begins to look. */
  #hand = this.#rows.entries()
  /** `a` and `b` of each row, one row after the other. */
  #numbers = new Float64Array(2 * FIRST_ROWS)
  /** By row, who asked for it last; null: nobody has since it was restored. */
  readonly #holders: (Counted | null)[] = []
  #dirtyQuotas = new Map<string, Counter>()
  #evictedInUse = 0

  /** @param maxCounters 1 or more */
  constructor(maxCounters: number) {
    this.#maxCounters = maxCounters
  }

  get size(): number {
    return this.#rows.size
  }

  /** How many counters were forgotten that were still in use. */
  get evictedInUse(): number {
    return this.#evictedInUse
  }

  get(key: string): Counter | undefined {
    return this.#counterOf(key, this.#rows.get(key) ?? NO_ROW)
  }

  set(key: string, limit: Limit, counter: Counter, nowMs: number): void {
    this.keep({ key, limit, row: NO_ROW }, counter, nowMs)
  }

  /** The same as get, of what is kept to ask again. */
  find(counted: Counted): Counter | undefined {
    return this.#counterOf(counted.key, this.#rowOf(counted))
  }

  /** The same as set, of what is kept to ask again. */
  keep(counted: Counted, counter: Counter, nowMs: number): void {
    const known = this.#rowOf(counted)
    const row = known === NO_ROW ? this.#addRow(counted.key, counted, nowMs) : known
    this.#write(row, counter)
    counted.row = row
    if (counted.limit.type === 'quota') this.#mark(counted.key, counter)
  }

  /** Where nothing is spent, a clock that went back must be kept all the same: waiting would not count otherwise. */
  noteClock(key: string, limit: Limit, nowMs: number): void {
    const counter = this.get(key)
    if (counter === undefined || counter.b <= nowMs) return
    const current = currentCounter(limit, counter, nowMs)
    if (current.b < counter.b) this.set(key, limit, current, nowMs)
  }

  /** The quotas that changed since the last call; their marks are cleared. */
  takeDirtyQuotas(): Iterable<CounterEntry> {
    const dirty = this.#dirtyQuotas
    this.#dirtyQuotas = new Map()
    return dirty
  }

  /** Marks quotas again that could not be written; a newer mark stays. */
  markDirty(entries: Iterable<CounterEntry>): void {
    for (const [key, counter] of entries) {
      if (!this.#dirtyQuotas.has(key)) this.#mark(key, counter)
    }
  }

  /** Takes over counters that were written earlier. One that is further along here already stays. */
  restore(entries: Iterable<CounterEntry>): void {
    for (const [key, counter] of entries) {
      const known = this.get(key)
      const isFurther =
        known !== undefined && (known.b > counter.b || (known.b === counter.b && known.a > counter.a))
      if (isFurther) continue
      const row = this.#rows.get(key)
      this.#write(row ?? this.#addRow(key, null, counter.b), counter)
    }
  }

  #write(row: number, { a, b }: Counter): void {
    this.#numbers[2 * row] = a
    this.#numbers[2 * row + 1] = b
  }

  #counterOf(key: string, row: number): Counter | undefined {
    // A quota that was evicted before it could be written is still known by its mark.
    return row === NO_ROW ? this.#dirtyQuotas.get(key) : this.#counterAt(row)
  }

  /** A row is known by who asked for it last, since its key, a string, lies elsewhere in memory. */
  #rowOf(counted: Counted): number {
    const { row = NO_ROW } = counted
    if (row !== NO_ROW && this.#holders[row] === counted) return row
    const found = this.#rows.get(counted.key) ?? NO_ROW
    if (found !== NO_ROW) this.#holders[found] = counted
    counted.row = found
    return found
  }

  #addRow(key: string, holder: Counted | null, nowMs: number): number {
    const freed = this.#rows.size >= this.#maxCounters ? this.#evict(nowMs) : null
    const row = freed ?? this.#rows.size
    this.#rows.set(key, row)
    this.#holders[row] = holder
    if (2 * row >= this.#numbers.length) {
      const grown = new Float64Array(2 * this.#numbers.length)
      grown.set(this.#numbers)
      this.#numbers = grown
    }
    return row
  }

  #counterAt(row: number): Counter {
    return { a: this.#numbers[2 * row]!, b: this.#numbers[2 * row + 1]! }
  }

  #mark(key: string, counter: Counter): void {
    this.#dirtyQuotas.set(key, counter)
    if (this.#dirtyQuotas.size <= this.#maxCounters) return
    const [oldest] = this.#dirtyQuotas.keys().take(1)
    this.#dirtyQuotas.delete(oldest!)
  }

  /**
   * Forgets a counter that is full again, which loses nothing, or else, of those looked at, the one of which least is in
   * use. The next eviction looks at others.
   * @returns its row; null: there is none
   */
  #evict(nowMs: number): number | null {
    let least: string | null = null
    let leastUse = Number.POSITIVE_INFINITY
    const looks = Math.min(EVICTION_SAMPLE, this.#rows.size)
    for (let look = 0; look < looks && leastUse > 0; look++) {
      const [key, row] = this.#nextRow()
      const use = useOf(this.#counterAt(row), this.#holders[row]?.limit ?? null, nowMs)
      if (use >= leastUse) continue
      least = key
      leastUse = use
    }
    if (least === null) return null
    const row = this.#rows.get(least)!
    this.#rows.delete(least)
    if (leastUse > 0) this.#evictedInUse += 1
    return row
  }

  /** Round and round: an iterator that begins anew has to pass by all that was deleted at the beginning. */
  #nextRow(): readonly [string, number] {
    const next = this.#hand.next()
    if (!next.done) return next.value
    this.#hand = this.#rows.entries()
    return this.#hand.next().value!
  }
}

/** How much of a limit is in use, 0 (full again) … 1. */
function useOf(counter: Counter, limit: Limit | null, nowMs: number): number {
  if (limit === null) return nowMs - counter.b > LONGEST_WINDOW_MS ? 0 : 1
  const { remaining, resetMs } = takeFromCounter(limit, counter, 0, nowMs)
  // `remaining` is in whole units, so it alone does not tell "full" from "all but a part of one unit".
  return resetMs === 0 ? 0 : 1 - Math.min(remaining, limit.limit - 1) / limit.limit
}
