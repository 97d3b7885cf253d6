import { type AppliedCredits, type CreditLedger, isCredits, spendAll } from './credit-ledger.ts'
import type { HeldLimit } from './held-limit.ts'
import { type AppliedShared, Leases, type LeasesOptions, type Part } from './leases.ts'
import type { AppliedLimit, Limiter, LimitResult } from './limit.ts'
import type { Leased, LeaseResult, Unused, Wanted } from './limit-authority.ts'
import { allowedResult, type LimitOutcome, refusedResult } from './limit-outcome.ts'
import { LoneCounters } from './lone-counters.ts'

export interface LeasedLimiterOptions extends LeasesOptions {
  readonly ledger: CreditLedger
  /** How many nodes ask the authority, this one included, as far as is known: 1 or more. */
  readonly nodes: () => number
}

/** A request, sorted by where its limits are taken from. */
interface Request {
  readonly cost: number
  readonly nowMs: number
  /** From what is held here. */
  readonly here: readonly Part[]
  /** From whoever counts for all nodes. */
  readonly asked: readonly Part[]
  readonly credits: readonly AppliedCredits[]
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
  readonly outcomes: readonly LimitOutcome[]
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
  readonly #leases: Leases
  readonly #ledger: CreditLedger
  readonly #alone: LoneCounters
  #decidedAlone = 0

  constructor(options: LeasedLimiterOptions) {
    this.#ledger = options.ledger
    this.#alone = new LoneCounters(options.maxLimits, options.nodes)
    this.#leases = new Leases({
      ...options,
      onLost: (error) => {
        this.#alone.begin()
        options.onLost(error)
      },
    })
  }

  /** Whether the authority is lost, so that this node counts alone. */
  get isDegraded(): boolean {
    return this.#leases.isLost
  }

  /** How many requests were decided by this node's share of a limit, since the start. */
  get decidedAlone(): number {
    return this.#decidedAlone
  }

  /** Limits of which something is known here. */
  get size(): number {
    return this.#leases.size
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
      const part = this.#leases.partOf(one as AppliedShared)
      if (!one.exact && part.held.has(cost, nowMs)) here.push(part)
      else asked.push(part)
    }
    const request = { cost, nowMs, here, asked, credits }
    if (asked.length === 0) return this.#takeHere(request)
    const refusal = refusedLately(request)
    if (refusal !== null) return refusal
    return this.isDegraded ? this.#takeAlone(request) : this.#ask(request)
  }

  takeOne(applied: AppliedLimit, cost: number, nowMs: number): LimitResult | Promise<LimitResult> {
    return this.take([applied], cost, nowMs)
  }

  /** Gives back what is worth nothing here any more, or, while the authority is lost, tries it again. */
  tend(nowMs: number): Promise<void> {
    return this.#leases.tend(nowMs)
  }

  /** Gives back all that is held. */
  close(): Promise<void> {
    return this.#leases.close()
  }

  #takeHere(request: Request): LimitResult | Promise<LimitResult> {
    const { here, cost, nowMs } = request
    const reserved = reserve(here, cost)
    const outcomes = standing(here, nowMs)
    const taking = this.#finish({ reserved, counted: [], isAlone: false, outcomes }, request)
    this.#leases.refill(here, nowMs)
    return taking
  }

  async #ask(request: Request): Promise<LimitResult> {
    const { here, asked, credits, cost, nowMs } = request
    const reserved = reserve(here, cost)
    // What is held and does not pay the whole cost pays a part of it.
    const parts = asked.map(({ applied, held }) => (applied.exact ? 0 : held.spendable(nowMs)))
    const periods = asked.map(({ held }) => held.periodMs)
    reserved.push(...asked.flatMap((part, index) => reserve([part], parts[index]!)))
    const wanted = asked.map(({ applied, held }, index): Wanted => {
      const { key, limit, exact } = applied
      return { key, limit, cost: cost - parts[index]!, batch: exact ? 0 : held.batch(nowMs) }
    })
    let result: LeaseResult | null = null
    try {
      result = await this.#leases.ask(asked, wanted, nowMs)
    } finally {
      if (result?.allowed !== true) for (const { held, units } of reserved) held.release(units)
    }
    if (result === null) return this.#takeAlone(request)
    const { leased, allowed } = result
    const outcomes = [
      ...standing(here, nowMs),
      ...asked.map(({ applied, held }, index) => outcomeOf(applied, leased[index]!, held.units)),
    ]
    for (const [index, { held }] of asked.entries()) {
      if (allowed) held.noteUse(wanted[index]!.cost, nowMs)
      else if (!leased[index]!.allowed) held.learnRefusal(cost, leased[index]!, nowMs)
    }
    if (!allowed) return refusedResult(outcomes, nowMs)
    const counted = asked.map(({ applied }, index) => unusedOf(applied, wanted[index]!.cost, leased[index]!))
    const taken = { reserved, counted, isAlone: false, outcomes }
    if (asked.every(({ held }, index) => parts[index] === 0 || held.periodMs === periods[index])) {
      return this.#finish(taken, request)
    }
    // A period ended on the way: what was held of it pays nothing in the next one.
    await this.#undo(taken, nowMs)
    return this.take([...[...here, ...asked].map(({ applied }) => applied), ...credits], cost, nowMs)
  }

  /** Decides by what is held, and by this node's share of what is not. */
  #takeAlone(request: Request): LimitResult | Promise<LimitResult> {
    const { cost, nowMs } = request
    const parts = [...request.here, ...request.asked]
    const here = parts.filter(({ held }) => held.has(cost, nowMs))
    const rest = parts.filter(({ held }) => !held.has(cost, nowMs))
    const known = standing(rest, nowMs)
    const wanted = rest.map(({ applied: { key, limit } }, index) => {
      return { key, limit, remaining: known[index]!.remaining }
    })
    const { allowed, leased } = this.#alone.take(wanted, cost, nowMs)
    if (rest.length > 0) this.#decidedAlone += 1
    const reserved = allowed ? reserve(here, cost) : []
    const outcomes = [
      ...standing(here, nowMs),
      ...rest.map(({ applied }, index) => outcomeOf(applied, leased[index]!, 0)),
    ]
    if (!allowed) return refusedResult(outcomes, nowMs)
    const counted = rest.map(({ applied }, index) => unusedOf(applied, cost, leased[index]!))
    return this.#finish({ reserved, counted, isAlone: true, outcomes }, request)
  }

  /** All shared limits allow it: the credits decide. */
  #finish(taken: Taken, request: Request): LimitResult | Promise<LimitResult> {
    if (request.credits.length > 0) return this.#takeCredits(taken, request)
    confirm(taken, request.nowMs)
    return allowedResult(taken.outcomes, request.nowMs)
  }

  async #takeCredits(taken: Taken, { credits, cost, nowMs }: Request): Promise<LimitResult> {
    let spent: Awaited<ReturnType<typeof spendAll>>
    try {
      spent = await spendAll(this.#ledger, credits, cost, nowMs)
    } catch (fault) {
      await this.#undo(taken, nowMs)
      throw fault
    }
    if (spent.allowed) {
      confirm(taken, nowMs)
      return allowedResult([...taken.outcomes, ...spent.outcomes], nowMs)
    }
    await this.#undo(taken, nowMs)
    return refusedResult([...taken.outcomes.map((one) => untaken(one, cost)), ...spent.outcomes], nowMs)
  }

  async #undo({ reserved, counted, isAlone }: Taken, nowMs: number): Promise<void> {
    for (const { held, units } of reserved) held.release(units)
    if (isAlone) this.#alone.giveBack(counted, nowMs)
    else await this.#leases.giveBack(counted)
  }
}

/** The refusal of a limit that was asked a moment ago; null: there is none that counts. */
function refusedLately({ here, asked, cost, nowMs }: Request): LimitResult | null {
  const outcomes = asked.map(
    ({ applied, held }) =>
      (applied.exact ? null : held.refusalOf(applied, cost, nowMs)) ?? held.standing(applied, nowMs),
  )
  if (outcomes.every(({ allowed }) => allowed)) return null
  return refusedResult([...standing(here, nowMs), ...outcomes], nowMs)
}

function reserve(parts: readonly Part[], units: number): Reserved[] {
  return parts.map(({ held }) => {
    held.reserve(units)
    return { held, units }
  })
}

function confirm({ reserved }: Taken, nowMs: number): void {
  for (const { held, units } of reserved) held.confirm(units, nowMs)
}

function standing(parts: readonly Part[], nowMs: number): LimitOutcome[] {
  return parts.map(({ applied, held }) => held.standing(applied, nowMs))
}

function outcomeOf(applied: AppliedShared, leased: Leased, heldUnits: number): LimitOutcome {
  const { allowed, retryAfterMs, resetMs } = leased
  const remaining = Math.min(applied.limit.limit, leased.remaining + heldUnits)
  return { applied, allowed, remaining, retryAfterMs, resetMs }
}

function unusedOf({ key, limit }: AppliedShared, units: number, { periodMs }: Leased): Unused {
  return { key, limit, units, periodMs }
}

/** How a limit stands once it has its cost back. */
function untaken(outcome: LimitOutcome, cost: number): LimitOutcome {
  return { ...outcome, remaining: Math.min(outcome.applied.limit.limit, outcome.remaining + cost) }
}
