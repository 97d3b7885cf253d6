/** How often something may fail, and how much longer it waits each time afterwards. */
export interface BackoffRule {
  /** Failures that cost no wait; 1 or more. */
  readonly free: number
  /** The wait after the last free one; it doubles with each further. */
  readonly firstWaitMs: number
  /** No wait is longer. */
  readonly longestWaitMs: number
  /** Without an attempt for so long, all is forgotten; at least the longest wait. */
  readonly forgetAfterMs: number
}

interface Entry {
  count: number
  /** When the last one was counted. */
  atMs: number
}

/** How many entries an eviction looks at: enough to find one that is worth little, and constant. */
const EVICTION_SAMPLE = 16

/**
 * Counts attempts by key, in bounded memory, and says how long the next has to wait. An attempt that comes too early
 * is not counted: whoever only knocks prolongs nobody's wait.
 */
export class AttemptLedger {
  readonly #rule: BackoffRule
  readonly #maxEntries: number
  readonly #entries = new Map<string, Entry>()
  /** Where the last eviction stopped looking. */
  #hand = this.#entries.entries()

  /** @param maxEntries 1 or more */
  constructor(rule: BackoffRule, maxEntries: number) {
    this.#rule = rule
    this.#maxEntries = maxEntries
  }

  get size(): number {
    return this.#entries.size
  }

  /** How long until the next attempt may be made; 0: now. */
  waitMs(key: string, nowMs: number): number {
    const entry = this.#current(key, nowMs)
    return entry === undefined ? 0 : Math.max(0, entry.atMs + waitAfter(this.#rule, entry.count) - nowMs)
  }

  /** Counts an attempt, before anybody knows how it ends: any number at once count as that number. */
  count(key: string, nowMs: number): void {
    const entry = this.#current(key, nowMs)
    if (entry !== undefined) {
      entry.count += 1
      entry.atMs = nowMs
      return
    }
    if (this.#entries.size >= this.#maxEntries) this.#evict(nowMs)
    this.#entries.set(key, { count: 1, atMs: nowMs })
  }

  /** The attempt did not fail, or was not made: it counts no longer. Those of others do. */
  takeBack(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    entry.count -= 1
    if (entry.count === 0) this.#entries.delete(key)
  }

  forget(key: string): void {
    this.#entries.delete(key)
  }

  #current(key: string, nowMs: number): Entry | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    if (nowMs - entry.atMs >= this.#rule.forgetAfterMs) {
      this.#entries.delete(key)
      return undefined
    }
    // A clock that went back must not make the wait longer than it can be.
    if (entry.atMs > nowMs) entry.atMs = nowMs
    return entry
  }

  /**
   * Forgets what is forgotten anyway, or else the one with the fewest attempts of those that are next to be looked at:
   * a flood of names that are tried once pushes out its own, and not the one that is under attack.
   */
  #evict(nowMs: number): void {
    let least: string | null = null
    let leastCount = Number.POSITIVE_INFINITY
    for (let looked = 0; looked < EVICTION_SAMPLE && leastCount > 0; looked += 1) {
      const [key, entry] = this.#nextEntry()
      const count = nowMs - entry.atMs >= this.#rule.forgetAfterMs ? 0 : entry.count
      if (count < leastCount) {
        least = key
        leastCount = count
      }
    }
    if (least !== null) this.#entries.delete(least)
  }

  /** Round and round: an iterator that begins anew has to pass by all that was deleted at the beginning. */
  #nextEntry(): [string, Entry] {
    const next = this.#hand.next()
    if (next.done !== true) return next.value
    this.#hand = this.#entries.entries()
    return this.#hand.next().value!
  }
}

function waitAfter({ free, firstWaitMs, longestWaitMs }: BackoffRule, count: number): number {
  return count < free ? 0 : Math.min(longestWaitMs, firstWaitMs * 2 ** (count - free))
}

/**
 * The most attempts that a rule allows within any span of time, both ends counted, to somebody who comes as early as
 * may be and always fails.
 * @param spanMs no longer than `forgetAfterMs`
 */
export function mostAttempts(rule: BackoffRule, spanMs: number): number {
  let attempts = rule.free
  for (let atMs = waitAfter(rule, attempts); atMs <= spanMs; atMs += waitAfter(rule, attempts)) attempts += 1
  return attempts
}
