import { HeldLimit } from './held-limit.ts'
import type { SharedLimit, Unused } from './limit-authority.ts'

/** How many are looked at to find one that holds nothing: enough, and constant. */
const EVICTION_SAMPLE = 16

/** What one node holds of limits: never of more than `maxLimits` of them. */
export class HeldLimits {
  readonly #maxLimits: number
  readonly #byKey = new Map<string, HeldLimit>()
  /** Those that units were leased for and not all are known to be spent. */
  readonly #stocked = new Set<HeldLimit>()
  /** Of limits that were forgotten or changed. */
  #unused: Unused[] = []

  /** @param maxLimits 1 or more */
  constructor(maxLimits: number) {
    this.#maxLimits = maxLimits
  }

  get size(): number {
    return this.#byKey.size
  }

  /** What is held of a limit; of one that was changed meanwhile, nothing. */
  of(key: string, limit: SharedLimit): HeldLimit {
    const known = this.#byKey.get(key)
    if (known?.isOf(limit)) return known
    if (known !== undefined) this.#forget(known)
    else if (this.#byKey.size >= this.#maxLimits) this.#evict()
    const held = new HeldLimit(key, limit)
    this.#byKey.set(key, held)
    return held
  }

  /** False of what was forgotten since. */
  owns(held: HeldLimit): boolean {
    return this.#byKey.get(held.key) === held
  }

  /** Units were leased for it: they will have to be spent or given back. */
  noteStock(held: HeldLimit): void {
    this.#stocked.add(held)
  }

  /** Units came that nobody here can spend. */
  discard(unused: Unused): void {
    if (this.#unused.length < this.#maxLimits) this.#unused.push(unused)
  }

  /** Takes out what is worth nothing here any more; with null as the moment, everything that is held. */
  takeUnused(nowMs: number | null): Unused[] {
    const unused = this.#unused
    this.#unused = []
    for (const held of this.#stocked) {
      const left = nowMs === null || held.hasEnded(nowMs) ? held.takeUnused() : null
      if (left !== null) unused.push(left)
      if (held.isEmpty) this.#stocked.delete(held)
    }
    return unused
  }

  #forget(held: HeldLimit): void {
    this.#byKey.delete(held.key)
    this.#stocked.delete(held)
    const left = held.takeUnused()
    if (left !== null) this.discard(left)
  }

  /** Forgets one of the oldest, that holds nothing if there is one; those that were passed over become the newest. */
  #evict(): void {
    const oldest = [...this.#byKey.values().take(EVICTION_SAMPLE)]
    const chosen = oldest.find((held) => held.units === 0) ?? oldest[0]!
    for (const held of oldest) {
      if (held === chosen) break
      this.#byKey.delete(held.key)
      this.#byKey.set(held.key, held)
    }
    this.#forget(chosen)
  }
}
