import { type Counter, currentCounter, takeFromCounter } from './limit-arithmetic.ts'
import type { Limit } from './records.ts'

/** A key and its counter, as they are written where they survive a restart. */
export type CounterEntry = readonly [key: string, counter: Counter]

/** The key of a counter. Whoever keeps it to ask again keeps the row where it was found last: a hint, never believed. */
export interface CounterKey {
  readonly key: string
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
  readonly #keys: string[] = []
  /** By row; null: restored, and not asked for since. */
  readonly #limits: (Limit | null)[] = []
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
    return this.find({ key })
  }

  set(key: string, limit: Limit, counter: Counter, nowMs: number): void {
    this.keep({ key }, limit, counter, nowMs)
  }

  /** The same as get, by a key that is kept. */
  find(wanted: CounterKey): Counter | undefined {
    const row = this.#rowOf(wanted)
    // A quota that was evicted before it could be written is still known by its mark.
    return row === NO_ROW ? this.#dirtyQuotas.get(wanted.key) : this.#counterAt(row)
  }

  /** The same as set, by a key that is kept. */
  keep(wanted: CounterKey, limit: Limit, counter: Counter, nowMs: number): void {
    const row = this.#rowOf(wanted)
    this.#write(row === NO_ROW ? this.#addRow(wanted.key, nowMs) : row, limit, counter)
    if (limit.type === 'quota') this.#mark(wanted.key, counter)
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
      if (row === undefined) this.#write(this.#addRow(key, counter.b), null, counter)
      else this.#write(row, this.#limits[row]!, counter)
    }
  }

  #write(row: number, limit: Limit | null, { a, b }: Counter): void {
    this.#numbers[2 * row] = a
    this.#numbers[2 * row + 1] = b
    this.#limits[row] = limit
  }

  #rowOf(wanted: CounterKey): number {
    const { key, row } = wanted
    if (row !== undefined && this.#keys[row] === key) return row
    const found = this.#rows.get(key) ?? NO_ROW
    wanted.row = found
    return found
  }

  #addRow(key: string, nowMs: number): number {
    const freed = this.#rows.size >= this.#maxCounters ? this.#evict(nowMs) : null
    const row = freed ?? this.#rows.size
    this.#rows.set(key, row)
    this.#keys[row] = key
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
      const use = useOf(this.#counterAt(row), this.#limits[row]!, nowMs)
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
