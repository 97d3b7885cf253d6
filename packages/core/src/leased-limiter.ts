import { type AppliedCredits, type CreditLedger, isCredits, spendAll } from './credit-ledger.ts'
import type { HeldLimit } from './held-limit.ts'
import { HeldLimits } from './held-limits.ts'
import { type AppliedLimit, type Limiter, type LimitResult, LimitUnavailable } from './limit.ts'
import type { Leased, LeaseResult, LimitAuthority, SharedLimit, Unused, Wanted } from './limit-authority.ts'
import { allowedResult, type LimitOutcome, refusedResult } from './limit-outcome.ts'
import { LoneCounters } from './lone-counters.ts'

export interface LeasedLimiterOptions {
  readonly authority: LimitAuthority
  readonly ledger: CreditLedger
  /** Most limits of which something is known here, 1 or more. */
  readonly maxLimits: number
  /** How many nodes ask the authority, this one included, as far as is known: 1 or more. */
  readonly nodes: () => number
  /** The authority cannot be reached: from here on this node counts alone. */
  readonly onLost: (error: unknown) => void
  /** It can be reached again. */
  readonly onBack: () => void
}

interface AppliedShared extends AppliedLimit {
  readonly limit: SharedLimit
}

/** A limit that nodes share, with what is held of it here. */
interface Part {
  readonly applied: AppliedShared
  readonly held: HeldLimit
}

/** Units of what is held, set aside for a request. */
interface Reserved {
  readonly held: HeldLimit
  readonly units: number
}

/** What a request took, as long as its credits may still refuse it. */
interface Taken {
  /** From what is held here. */
  readonly reserved: readonly Reserved[]
  /** From the counters of all nodes, or, while those are lost, from this node's share. */
  readonly counted: readonly Unused[]
  readonly isAlone: boolean
}

const NOTHING_APPLIES: LimitResult = { allowed: true, states: [] }

/**
 * The limits of one node among several that share an authority. Where the API says exact, and of small limits,
 * every request asks the authority. Of others it leases a few units in advance and spends them without waiting, so
 * that over n nodes at most the limit and n × maxBatch pass. A refusal is repeated for up to a second without
 * asking again, except where the API says exact.
 *
 * While the authority is lost, the node spends what it has leased and then its share of each limit (LoneCounters).
 * Nothing here has a timer: whoever made it calls tend() about once a second, and close() at the end.
 */
export class LeasedLimiter implements Limiter {
  readonly #authority: LimitAuthority
  readonly #ledger: CreditLedger
  readonly #held: HeldLimits
  readonly #alone: LoneCounters
  readonly #onLost: (error: unknown) => void
  readonly #onBack: () => void
  #isLost = false
  #isProbing = false
  #decidedAlone = 0

  constructor(options: LeasedLimiterOptions) {
    this.#authority = options.authority
    this.#ledger = options.ledger
    this.#held = new HeldLimits(options.maxLimits)
    this.#alone = new LoneCounters(options.maxLimits, options.nodes)
    this.#onLost = options.onLost
    this.#onBack = options.onBack
  }

  /** Whether the authority is lost, so that this node counts alone. */
  get isDegraded(): boolean {
    return this.#isLost
  }

  /** How many requests were decided by this node's share of a limit, since the start. */
  get decidedAlone(): number {
    return this.#decidedAlone
  }

  /** Limits of which something is known here. */
  get size(): number {
    return this.#held.size
  }

  /** See Limiter. A refusal by a shared limit does not ask the ledger, so its credits are not among the states. */
  take(applied: readonly AppliedLimit[], cost: number, nowMs: number): LimitResult | Promise<LimitResult> {
    if (applied.length === 0) return NOTHING_APPLIES
    const here: Part[] = []
    const asked: Part[] = []
    const credits: AppliedCredits[] = []
    for (const one of applied) {
      if (isCredits(one)) {
        credits.push(one)
        continue
      }
      const shared = one as AppliedShared
      const held = this.#held.of(shared.key, shared.limit)
      const isHere = !shared.exact && held.has(cost, nowMs)
      ;(isHere ? here : asked).push({ applied: shared, held })
    }
    if (asked.length === 0) return this.#takeHere(here, credits, cost, nowMs)
    return (
      this.#refuseAgain(here, asked, cost, nowMs) ??
      (this.#isLost
        ? this.#takeAlone([...here, ...asked], credits, cost, nowMs)
        : this.#ask(here, asked, credits, cost, nowMs))
    )
  }

  /** Gives back what is worth nothing here any more, or, while the authority is lost, tries it again. */
  async tend(nowMs: number): Promise<void> {
    if (this.#isLost) return this.#probe()
    await this.#giveBack(this.#held.takeUnused(nowMs))
  }

  /** Gives back all that is held. */
  async close(): Promise<void> {
    if (!this.#isLost) await this.#giveBack(this.#held.takeUnused(null))
  }

  #takeHere(
    here: readonly Part[],
    credits: readonly AppliedCredits[],
    cost: number,
    nowMs: number,
  ): LimitResult | Promise<LimitResult> {
    const reserved = reserve(here, cost)
    const outcomes = here.map(({ applied, held }) => held.standing(applied, nowMs))
    const taking = this.#finish({ reserved, counted: [], isAlone: false }, outcomes, credits, cost, nowMs)
    if (!this.#isLost) this.#refill(here, nowMs)
    return taking
  }

  /** The refusal of a limit that was asked a moment ago; null: there is none that counts. */
  #refuseAgain(
    here: readonly Part[],
    asked: readonly Part[],
    cost: number,
    nowMs: number,
  ): LimitResult | null {
    let isRefused = false
    const outcomes = asked.map(({ applied, held }) => {
      const refusal = applied.exact ? null : held.refusalOf(applied, cost, nowMs)
      isRefused ||= refusal !== null
      return refusal ?? held.standing(applied, nowMs)
    })
    if (!isRefused) return null
    return refusedResult(
      [...here.map(({ applied, held }) => held.standing(applied, nowMs)), ...outcomes],
      nowMs,
    )
  }

  async #ask(
    here: readonly Part[],
    asked: readonly Part[],
    credits: readonly AppliedCredits[],
    cost: number,
    nowMs: number,
  ): Promise<LimitResult> {
    const reserved = reserve(here, cost)
    // What is held and does not pay the whole cost pays a part of it.
    const parts = asked.map(({ applied, held }) => (applied.exact ? 0 : held.spendable(nowMs)))
    const periods = asked.map(({ held }) => held.periodMs)
    for (const [index, { held }] of asked.entries()) {
      if (parts[index]! > 0) reserved.push(...reserve([{ held }], parts[index]!))
    }
    const wanted = asked.map(({ applied, held }, index): Wanted => {
      const { key, limit, exact } = applied
      return { key, limit, cost: cost - parts[index]!, batch: exact ? 0 : held.batch(nowMs) }
    })
    let result: LeaseResult | null = null
    try {
      result = await this.#lease(wanted, asked, nowMs)
    } finally {
      if (result?.allowed !== true) for (const { held, units } of reserved) held.release(units)
    }
    if (result === null) return this.#takeAlone([...here, ...asked], credits, cost, nowMs)
    const { leased, allowed } = result
    const outcomes = [
      ...here.map(({ applied, held }) => held.standing(applied, nowMs)),
      ...asked.map(({ applied, held }, index) => outcomeOf(applied, leased[index]!, held.units)),
    ]
    for (const [index, { held }] of asked.entries()) {
      if (allowed) held.noteUse(wanted[index]!.cost, nowMs)
      else if (!leased[index]!.allowed) held.learnRefusal(cost, leased[index]!, nowMs)
    }
    if (!allowed) return refusedResult(outcomes, nowMs)
    const counted = asked.map(({ applied }, index) => unusedOf(applied, wanted[index]!.cost, leased[index]!))
    const taken = { reserved, counted, isAlone: false }
    if (asked.every(({ held }, index) => parts[index] === 0 || held.periodMs === periods[index])) {
      return this.#finish(taken, outcomes, credits, cost, nowMs)
    }
    // A period ended on the way: what was held of it pays nothing in the next one.
    await this.#undo(taken, nowMs)
    return this.take([...[...here, ...asked].map(({ applied }) => applied), ...credits], cost, nowMs)
  }

  /** Leases in the background what is about to run out. */
  #refill(here: readonly Part[], nowMs: number): void {
    let parts: Part[] | null = null
    for (const part of here) {
      if (part.held.refill(nowMs) === 0) continue
      parts ??= []
      parts.push(part)
    }
    if (parts === null) return
    const wanted = parts.map(({ applied, held }): Wanted => {
      const { key, limit } = applied
      return { key, limit, cost: 0, batch: held.refill(nowMs) }
    })
    this.#lease(wanted, parts, nowMs).catch(this.#onLost)
  }

  /** Asks the authority, and keeps what it leases; null: it is lost. */
  async #lease(
    wanted: readonly Wanted[],
    parts: readonly Part[],
    nowMs: number,
  ): Promise<LeaseResult | null> {
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

  #learn({ applied, held }: Part, leased: Leased, batch: number, askedAtMs: number): void {
    if (this.#held.owns(held)) {
      held.learn(leased, batch, askedAtMs)
      if (leased.units > 0) this.#held.noteStock(held)
    } else if (leased.units > 0) {
      this.#held.discard(unusedOf(applied, leased.units, leased))
    }
  }

  /** Decides by what is held, and by this node's share of what is not. */
  #takeAlone(
    parts: readonly Part[],
    credits: readonly AppliedCredits[],
    cost: number,
    nowMs: number,
  ): LimitResult | Promise<LimitResult> {
    const here = parts.filter(({ held }) => held.has(cost, nowMs))
    const rest = parts.filter(({ held }) => !held.has(cost, nowMs))
    const wanted = rest.map(({ applied, held }) => {
      const { key, limit } = applied
      return { key, limit, remaining: held.standing(applied, nowMs).remaining }
    })
    const result = this.#alone.take(wanted, cost, nowMs)
    if (rest.length > 0) this.#decidedAlone += 1
    const reserved = result.allowed ? reserve(here, cost) : []
    const outcomes = [
      ...here.map(({ applied, held }) => held.standing(applied, nowMs)),
      ...rest.map(({ applied }, index) => outcomeOf(applied, result.leased[index]!, 0)),
    ]
    if (!result.allowed) return refusedResult(outcomes, nowMs)
    const counted = rest.map(({ applied }, index) => unusedOf(applied, cost, result.leased[index]!))
    return this.#finish({ reserved, counted, isAlone: true }, outcomes, credits, cost, nowMs)
  }

  /** All shared limits allow it: the credits decide. */
  #finish(
    taken: Taken,
    outcomes: readonly LimitOutcome[],
    credits: readonly AppliedCredits[],
    cost: number,
    nowMs: number,
  ): LimitResult | Promise<LimitResult> {
    if (credits.length > 0) return this.#takeCredits(taken, outcomes, credits, cost, nowMs)
    for (const { held, units } of taken.reserved) held.confirm(units, nowMs)
    return allowedResult(outcomes, nowMs)
  }

  async #takeCredits(
    taken: Taken,
    outcomes: readonly LimitOutcome[],
    credits: readonly AppliedCredits[],
    cost: number,
    nowMs: number,
  ): Promise<LimitResult> {
    try {
      const spent = await spendAll(this.#ledger, credits, cost, nowMs)
      if (spent.allowed) {
        for (const { held, units } of taken.reserved) held.confirm(units, nowMs)
        return allowedResult([...outcomes, ...spent.outcomes], nowMs)
      }
      await this.#undo(taken, nowMs)
      return refusedResult([...outcomes.map((one) => untaken(one, cost)), ...spent.outcomes], nowMs)
    } catch (fault) {
      await this.#undo(taken, nowMs)
      throw fault
    }
  }

  async #undo({ reserved, counted, isAlone }: Taken, nowMs: number): Promise<void> {
    for (const { held, units } of reserved) held.release(units)
    if (isAlone) this.#alone.giveBack(counted, nowMs)
    else await this.#giveBack(counted)
  }

  /** What cannot be given back is lost: fewer pass than could. */
  async #giveBack(unused: readonly Unused[]): Promise<void> {
    if (unused.length === 0) return
    try {
      await this.#authority.giveBack(unused)
    } catch (error) {
      this.#lose(error)
    }
  }

  #lose(error: unknown): void {
    if (!(error instanceof LimitUnavailable)) throw error
    if (this.#isLost) return
    this.#isLost = true
    this.#alone.begin()
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

function reserve(parts: readonly Pick<Part, 'held'>[], units: number): Reserved[] {
  return parts.map(({ held }) => {
    held.reserve(units)
    return { held, units }
  })
}

function outcomeOf(applied: AppliedShared, leased: Leased, heldUnits: number): LimitOutcome {
  const { allowed, remaining, retryAfterMs, resetMs } = leased
  return {
    applied,
    allowed,
    remaining: Math.min(applied.limit.limit, remaining + heldUnits),
    retryAfterMs,
    resetMs,
  }
}

function unusedOf({ key, limit }: AppliedShared, units: number, { periodMs }: Leased): Unused {
  return { key, limit, units, periodMs }
}

/** How a limit stands once it has its cost back. */
function untaken(outcome: LimitOutcome, cost: number): LimitOutcome {
  return { ...outcome, remaining: Math.min(outcome.applied.limit.limit, outcome.remaining + cost) }
}
