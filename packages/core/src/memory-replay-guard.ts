import { CLOCK_SKEW_MS } from './limit-arithmetic.ts'
import { type Redemption, type ReplayGuard, redemptionDigest } from './replay-guard.ts'

export interface MemoryReplayGuardOptions {
  /** Most redemptions kept, 2 or more. Beyond it the oldest are forgotten, and with them everything issued until then. */
  readonly maxRedemptions: number
  /** Wall clock, milliseconds since the epoch. */
  readonly clock: () => number
}

/** Redemptions that came one after another, and what must be known when they are forgotten together. */
class Generation {
  /** Digests. */
  readonly redemptions = new Set<string>()
  newestIssueMs = Number.NEGATIVE_INFINITY
  lastKeepUntilMs = Number.NEGATIVE_INFINITY

  add(digest: string, issuedAtMs: number, keepUntilMs: number): void {
    this.redemptions.add(digest)
    this.newestIssueMs = Math.max(this.newestIssueMs, issuedAtMs)
    this.lastKeepUntilMs = Math.max(this.lastKeepUntilMs, keepUntilMs)
  }
}

/**
 * The redemptions of one process, in two generations: when the younger is full, the older is forgotten. Where that
 * still held redemptions that count, the memory no longer reaches back to when those were issued.
 */
export class MemoryReplayGuard implements ReplayGuard {
  readonly #clock: () => number
  readonly #generationSize: number
  #young = new Generation()
  #old = new Generation()
  /** Only what was issued after this moment can be told to be the first. */
  #beginsAtMs: number

  constructor(options: MemoryReplayGuardOptions) {
    this.#clock = options.clock
    this.#generationSize = Math.max(1, Math.floor(options.maxRedemptions / 2))
    this.#beginsAtMs = options.clock()
  }

  /** Redemptions kept now. */
  get size(): number {
    return this.#young.redemptions.size + this.#old.redemptions.size
  }

  async redeem(scope: string, id: string, issuedAtMs: number, keepUntilMs: number): Promise<Redemption> {
    const nowMs = this.#clock()
    // A clock that went back a little opens nothing; one that was far ahead must not block until then.
    if (this.#beginsAtMs > nowMs + CLOCK_SKEW_MS) this.#beginsAtMs = nowMs
    const digest = redemptionDigest(scope, id)
    if (this.#young.redemptions.has(digest) || this.#old.redemptions.has(digest)) return 'replayed'
    // Nothing is issued later than it is used: a date ahead must not push the memory's beginning ahead.
    const issuedMs = Math.min(issuedAtMs, nowMs)
    if (issuedMs <= this.#beginsAtMs || keepUntilMs <= nowMs) return 'too_old'
    if (this.#young.redemptions.size >= this.#generationSize) this.#forget(nowMs)
    this.#young.add(digest, issuedMs, keepUntilMs)
    return 'first'
  }

  #forget(nowMs: number): void {
    const { lastKeepUntilMs, newestIssueMs } = this.#old
    if (lastKeepUntilMs + CLOCK_SKEW_MS > nowMs) {
      this.#beginsAtMs = Math.max(this.#beginsAtMs, newestIssueMs)
    }
    this.#old = this.#young
    this.#young = new Generation()
  }
}
