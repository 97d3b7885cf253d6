import { BoundedMap } from './bounded-map.ts'
import type { LeaseResult, SharedLimit, Unused } from './limit-authority.ts'
import { MemoryAuthority } from './memory-authority.ts'

/** A limit to be taken from alone. */
export interface LoneWanted {
  readonly key: string
  readonly limit: SharedLimit
  /** What was left of it for all nodes, as far as was known. */
  readonly remaining: number
}

/**
 * How a node counts while nobody counts for all: of each limit it allows its share, the limit by the number of
 * nodes, at least 1. What was used before the loss, as far as this node knew, is used of its share too; what was
 * taken of a share stays taken when the next loss comes.
 */
export class LoneCounters {
  readonly #counters: MemoryAuthority
  readonly #nodes: () => number
  readonly #maxCounters: number
  /** Limits of which the use before this loss is in the counters. */
  #known: BoundedMap<string, true>

  constructor(maxCounters: number, nodes: () => number) {
    this.#maxCounters = maxCounters
    this.#known = new BoundedMap(maxCounters)
    this.#counters = new MemoryAuthority({ maxCounters, clock: () => 0 })
    this.#nodes = nodes
  }

  /** A loss begins: what was used before it is to be taken over. */
  begin(): void {
    this.#known = new BoundedMap(this.#maxCounters)
  }

  /** Takes the cost from this node's share of all of the limits, or of none. */
  take(wanted: readonly LoneWanted[], cost: number, nowMs: number): LeaseResult {
    for (const one of wanted) this.#takeOver(one, nowMs)
    const asked = wanted.map(({ key, limit }) => ({ key, limit: this.shareOf(limit), cost, batch: 0 }))
    return this.#counters.leaseNow(asked, nowMs)
  }

  /** Gives back what take() took. */
  giveBack(unused: readonly Unused[], nowMs: number): void {
    const shares = unused.map((one) => ({ ...one, limit: this.shareOf(one.limit) }))
    this.#counters.giveBackNow(shares, nowMs)
  }

  shareOf(limit: SharedLimit): SharedLimit {
    return { ...limit, limit: Math.max(1, Math.floor(limit.limit / Math.max(1, this.#nodes()))) }
  }

  /** The same part of the share counts as used as of the whole limit, rounded up. */
  #takeOver({ key, limit, remaining }: LoneWanted, nowMs: number): void {
    if (this.#known.get(key)) return
    this.#known.set(key, true)
    const share = this.shareOf(limit)
    const used = Math.ceil(((limit.limit - remaining) * share.limit) / limit.limit)
    const standing = this.#counters.leaseNow([{ key, limit: share, cost: 0, batch: 0 }], nowMs).leased[0]!
    const missing = used - (share.limit - standing.remaining)
    if (missing > 0) {
      const cost = Math.min(missing, standing.remaining)
      this.#counters.leaseNow([{ key, limit: share, cost, batch: 0 }], nowMs)
    }
  }
}
