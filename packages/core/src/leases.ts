import type { HeldLimit } from './held-limit.ts'
import { HeldLimits } from './held-limits.ts'
import { type AppliedLimit, LimitUnavailable } from './limit.ts'
import type { Leased, LeaseResult, LimitAuthority, SharedLimit, Unused, Wanted } from './limit-authority.ts'

export interface LeasesOptions {
  readonly authority: LimitAuthority
  /** Most limits of which something is known here, 1 or more. */
  readonly maxLimits: number
  /** The authority cannot be reached. */
  readonly onLost: (error: unknown) => void
  /** It can be reached again. */
  readonly onBack: () => void
}

export interface AppliedShared extends AppliedLimit {
  readonly limit: SharedLimit
}

/** A limit that nodes share, with what is held of it here. */
export interface Part {
  readonly applied: AppliedShared
  readonly held: HeldLimit
}

/** What one node holds, and its talk with the authority, which it may lose. Without timers: see tend(). */
export class Leases {
  readonly #authority: LimitAuthority
  readonly #held: HeldLimits
  readonly #onLost: (error: unknown) => void
  readonly #onBack: () => void
  #isLost = false
  #isProbing = false
  readonly #refilling = new Set<Promise<unknown>>()

  constructor(options: LeasesOptions) {
    this.#authority = options.authority
    this.#held = new HeldLimits(options.maxLimits)
    this.#onLost = options.onLost
    this.#onBack = options.onBack
  }

  get isLost(): boolean {
    return this.#isLost
  }

  /** Limits of which something is known here. */
  get size(): number {
    return this.#held.size
  }

  partOf(applied: AppliedShared): Part {
    return { applied, held: this.#held.of(applied.key, applied.limit) }
  }

  /** Asks the authority for the parts, and keeps what it leases; null: it is lost. */
  async ask(parts: readonly Part[], wanted: readonly Wanted[], nowMs: number): Promise<LeaseResult | null> {
    const asking = parts.filter((_, index) => wanted[index]!.batch > 0)
    for (const { held } of asking) held.beginAsking()
    try {
      const result = await this.#authority.lease(wanted)
      for (const [index, part] of parts.entries()) {
        this.#learn(part, result.leased[index]!, wanted[index]!.batch, nowMs)
      }
      return result
    } catch (error) {
      this.#lose(error)
      return null
    } finally {
      for (const { held } of asking) held.endAsking()
    }
  }

  /** Leases in the background what is about to run out. */
  refill(parts: readonly Part[], nowMs: number): void {
    if (this.#isLost) return
    const low = parts.filter(({ held }) => held.refill(nowMs) > 0)
    if (low.length === 0) return
    const wanted = low.map(({ applied, held }): Wanted => {
      const { key, limit } = applied
      return { key, limit, cost: 0, batch: held.refill(nowMs) }
    })
    const refilling: Promise<unknown> = this.ask(low, wanted, nowMs)
      .catch(this.#onLost)
      .finally(() => this.#refilling.delete(refilling))
    this.#refilling.add(refilling)
  }

  /** Gives back units; what cannot be given back is lost: fewer pass than could. */
  async giveBack(unused: readonly Unused[]): Promise<void> {
    if (unused.length === 0) return
    try {
      await this.#authority.giveBack(unused)
    } catch (error) {
      this.#lose(error)
    }
  }

  /** Gives back what is worth nothing here any more, or, while the authority is lost, tries it again. */
  async tend(nowMs: number): Promise<void> {
    if (this.#isLost) await this.#probe()
    else await this.giveBack(this.#held.takeUnused(nowMs))
  }

  /** Gives back all that is held, once what is under way has come. */
  async close(): Promise<void> {
    await Promise.all(this.#refilling)
    if (!this.#isLost) await this.giveBack(this.#held.takeUnused(null))
  }

  #learn({ applied, held }: Part, leased: Leased, batch: number, askedAtMs: number): void {
    const { units, periodMs } = leased
    if (this.#held.owns(held)) {
      held.learn(leased, batch, askedAtMs)
      if (units > 0) this.#held.noteStock(held)
    } else if (units > 0) {
      this.#held.discard({ key: applied.key, limit: applied.limit, units, periodMs })
    }
  }

  #lose(error: unknown): void {
    if (!(error instanceof LimitUnavailable)) throw error
    if (this.#isLost) return
    this.#isLost = true
    this.#onLost(error)
  }

  async #probe(): Promise<void> {
    if (this.#isProbing) return
    this.#isProbing = true
    try {
      await this.#authority.lease([])
      this.#isLost = false
      this.#onBack()
    } catch (error) {
      if (!(error instanceof LimitUnavailable)) throw error
      // Still lost, which is known.
    } finally {
      this.#isProbing = false
    }
  }
}
