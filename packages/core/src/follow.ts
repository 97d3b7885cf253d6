import type { CachedLookup, Lease } from './cached-lookup.ts'
import type { TableName } from './records.ts'

/**
 * A place in the feed, and the hash that covers every audit entry up to there: a database that lost its newest commits
 * may use their positions anew, and then has other hashes there, since each request has an id of its own.
 */
export interface FeedPoint {
  readonly position: number
  readonly hash: string
}

/** An entry of the feed as a follower needs it. */
export interface FollowedChange extends FeedPoint {
  readonly touched: readonly { readonly table: TableName; readonly id: string }[]
}

/**
 * The feed as a follower needs it: positions without gaps, and beside what is new the newest one (`head`) with its hash,
 * and the hash at the position that was asked about; null: there is none.
 */
export interface FeedReader {
  changesSince(position: number, limit: number): Promise<FollowedPage>
}

interface FollowedPage {
  readonly head: number
  readonly headHash: string
  readonly hash: string | null
  readonly changes: readonly FollowedChange[]
}

export interface FollowerOptions {
  readonly feed: FeedReader
  readonly lookup: () => CachedLookup
  /** Called after the cache has forgotten what changed. */
  readonly onTouched: (table: TableName, id: string) => void | Promise<void>
  /** Called after the cache has forgotten everything: changes were missed. Throws what ends the poll. */
  readonly onMissed: () => void | Promise<void>
  /** Called with the new position when a poll has moved it: this node acts on everything up to there. */
  readonly onMoved: (position: number) => void
  /**
   * Whether, until that moment by the monotonic clock, everybody who changes something knows of this node and waits
   * for it. Without it a poll confirms nothing: a change could be acknowledged as followed by all without this one.
   */
  readonly isKnownUntil: (monotonicMs: number) => boolean | Promise<boolean>
  /** Called when a poll fails, and with null when one works. */
  readonly onFault: (error: unknown) => void
  /** How long a confirmation by the feed lets the cache answer. Milliseconds. */
  readonly leaseMs: number
  /** Monotonic and wall clock; the lease ends when either says so. Milliseconds. */
  readonly monotonic: () => number
  readonly wall: () => number
}

const PAGE = 500

/**
 * Follows the feed: drops from the cache what changed, and holds the lease. The lease counts from when a poll
 * was sent, since only then was the answer known to be complete.
 */
export class Follower implements Lease {
  readonly #options: FollowerOptions
  #at: FeedPoint
  #confirmedMonotonicMs = Number.NEGATIVE_INFINITY
  #confirmedWallMs = Number.NEGATIVE_INFINITY
  #polling: Promise<void> | null = null
  #next: Promise<void> | null = null

  /** @param start where the cache, still empty, begins to follow */
  constructor(start: FeedPoint, options: FollowerOptions) {
    this.#at = start
    this.#options = options
  }

  /** The newest change that this node has seen. */
  get position(): number {
    return this.#at.position
  }

  holds(): boolean {
    const { leaseMs, monotonic, wall } = this.#options
    const wallAgeMs = wall() - this.#confirmedWallMs
    return (
      monotonic() - this.#confirmedMonotonicMs <= leaseMs && wallAgeMs <= leaseMs && wallAgeMs >= -leaseMs
    )
  }

  overdueMs(): number {
    const { leaseMs, monotonic, wall } = this.#options
    const wallAgeMs = Math.abs(wall() - this.#confirmedWallMs)
    return Math.max(0, monotonic() - this.#confirmedMonotonicMs - leaseMs, wallAgeMs - leaseMs)
  }

  /** Milliseconds since the feed last confirmed that nothing was missed; Infinity before the first time. */
  lagMs(): number {
    return this.#options.monotonic() - this.#confirmedMonotonicMs
  }

  /**
   * Asks the feed. Whoever calls while a poll is under way gets the next one, which is sent after the call: what
   * was committed before the call has been seen when the promise resolves, unless the feed could not be read.
   */
  poll(): Promise<void> {
    if (this.#polling === null) return this.#start()
    this.#next ??= this.#polling.then(() => {
      this.#next = null
      return this.#start()
    })
    return this.#next
  }

  #start(): Promise<void> {
    this.#polling = this.#pollOnce().finally(() => {
      this.#polling = null
    })
    return this.#polling
  }

  async #pollOnce(): Promise<void> {
    const { isKnownUntil, leaseMs, onFault, onMoved, monotonic, wall } = this.#options
    const sentMonotonicMs = monotonic()
    const sentWallMs = wall()
    const before = this.#at.hash
    try {
      // Asked first: whoever changes something after this answer waits for this node, and what was changed before it is
      // in the pages that follow.
      const isKnown = await isKnownUntil(sentMonotonicMs + leaseMs)
      while (!(await this.#followPage()));
      if (this.#at.hash !== before) onMoved(this.#at.position)
      if (!isKnown) throw new Error('The other nodes do not know of this one')
    } catch (error) {
      onFault(error)
      return
    }
    this.#confirmedMonotonicMs = sentMonotonicMs
    this.#confirmedWallMs = sentWallMs
    onFault(null)
  }

  /** Whether it has caught up. */
  async #followPage(): Promise<boolean> {
    const { feed, lookup, onTouched, onMissed } = this.#options
    const { head, headHash, hash, changes } = await feed.changesSince(this.#at.position, PAGE)
    const next = changes[0]?.position ?? head + 1
    // Away for longer than changes are kept; or the store itself went back, to a backup or to a replica that lacks the
    // newest commits, and may have come as far again by another way.
    if (next !== this.#at.position + 1 || hash !== this.#at.hash) {
      lookup().clear()
      await onMissed()
      this.#at = { position: head, hash: headHash }
      return true
    }
    for (const change of changes) {
      for (const { table, id } of change.touched) {
        lookup().invalidate(table, id)
        await onTouched(table, id)
      }
      this.#at = { position: change.position, hash: change.hash }
    }
    return this.#at.position >= head
  }

  /** Resolves once this node has seen the change at `position`, or the feed cannot be read. */
  async reach(position: number): Promise<void> {
    if (this.#at.position < position) await this.poll()
    // Not seen, though it is committed: nothing cached may answer on this node until the feed is back.
    if (this.#at.position < position) this.#confirmedMonotonicMs = Number.NEGATIVE_INFINITY
  }
}
