import type { CreditLedger } from '../credit-ledger.ts'
import { LeasedLimiter } from '../leased-limiter.ts'
import { type AppliedLimit, LimitUnavailable } from '../limit.ts'
import type { LeaseResult, LimitAuthority, SharedLimit, Unused, Wanted } from '../limit-authority.ts'
import { MemoryAuthority } from '../memory-authority.ts'

/** A request on its way to the authority, or an answer on its way back. */
interface Call {
  readonly node: number
  /** Carried out by the authority, and when; null: the request is still under way. */
  executedAtMs: number | null
  readonly execute: () => void
  readonly answer: () => void
}

/** A unit of a limit that passed, at the moment at which it was counted. */
export interface Pass {
  readonly atMs: number
  readonly cost: number
}

export const NO_LEDGER: CreditLedger = {
  spend: () => Promise.reject(new Error('no credits in this test')),
}

/**
 * Nodes that share one authority over a network which delivers nothing by itself: the test says when a request
 * reaches the authority, and when its answer comes back.
 */
export class LeasingNodes {
  nowMs: number
  readonly passes: Pass[] = []
  readonly limiters: readonly LeasedLimiter[]
  readonly authority: MemoryAuthority
  /** What each node's clock shows beyond the authority's. */
  readonly #skewsMs: number[]
  readonly #underWay: Call[] = []
  readonly #deciding: Promise<void>[] = []

  constructor(startMs: number, skewsMs: readonly number[], wrap: (real: LimitAuthority) => LimitAuthority) {
    this.nowMs = startMs
    this.#skewsMs = [...skewsMs]
    this.authority = new MemoryAuthority({ maxCounters: 1000, clock: () => this.nowMs })
    this.limiters = skewsMs.map(
      (_, node) =>
        new LeasedLimiter({
          authority: wrap(this.#overNetwork(node)),
          ledger: NO_LEDGER,
          maxLimits: 1000,
          nodes: () => skewsMs.length,
          onLost: (error) => {
            throw error
          },
          onBack: () => {},
        }),
    )
  }

  /** A request at a node. What passes is noted, at once or when its answer has come. */
  take(node: number, applied: AppliedLimit, cost: number): void {
    const first = this.#underWay.length
    const taking = this.limiters[node]!.take([applied], cost, this.#clockOf(node))
    if (!(taking instanceof Promise)) {
      if (taking.allowed) this.passes.push({ atMs: this.nowMs, cost })
      return
    }
    const call = this.#underWay[first]
    const decided = taking.then(({ allowed }) => {
      if (allowed) this.passes.push({ atMs: call?.executedAtMs ?? this.nowMs, cost })
    })
    this.#deciding.push(decided)
  }

  /** Lets a call get one step further: the request arrives, or its answer. */
  async deliver(pick: number, isOf: (node: number) => boolean): Promise<void> {
    const movable = this.#underWay.filter(({ node }) => isOf(node))
    const call = movable[pick % Math.max(1, movable.length)]
    if (call !== undefined) await this.#step(call)
  }

  async deliverAllOf(node: number): Promise<void> {
    for (;;) {
      const call = this.#underWay.find((one) => one.node === node)
      if (call === undefined) return
      await this.#step(call)
    }
  }

  jump(node: number, byMs: number): void {
    this.#skewsMs[node]! += byMs
  }

  tend(node: number): void {
    this.#deciding.push(this.limiters[node]!.tend(this.#clockOf(node)))
  }

  /** Delivers all that is under way, and waits until every request is decided. */
  async finish(): Promise<void> {
    await settled()
    while (this.#underWay.length > 0) await this.#step(this.#underWay[0]!)
    await Promise.all(this.#deciding)
  }

  async #step(call: Call): Promise<void> {
    if (call.executedAtMs === null) {
      call.execute()
      return
    }
    this.#underWay.splice(this.#underWay.indexOf(call), 1)
    call.answer()
    await settled()
  }

  #clockOf(node: number): number {
    return this.nowMs + this.#skewsMs[node]!
  }

  #overNetwork(node: number): LimitAuthority {
    const { authority } = this
    return {
      lease: (wanted: readonly Wanted[]) =>
        this.#send(node, () => authority.leaseNow(wanted, this.nowMs)) as Promise<LeaseResult>,
      giveBack: (unused: readonly Unused[]) =>
        this.#send(node, () => authority.giveBackNow(unused, this.nowMs)) as Promise<void>,
    }
  }

  #send(node: number, carryOut: () => unknown): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<unknown>()
    let answer: unknown
    const call: Call = {
      node,
      executedAtMs: null,
      execute: () => {
        call.executedAtMs = this.nowMs
        answer = carryOut()
      },
      answer: () => resolve(answer),
    }
    this.#underWay.push(call)
    return promise
  }
}

/** Lets everything go on that waits for what has been settled already. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await null
}

/** An authority in memory that can be taken away. */
export class TakenAwayAuthority implements LimitAuthority {
  isAway = false
  calls = 0
  readonly memory: MemoryAuthority

  constructor(clock: () => number) {
    this.memory = new MemoryAuthority({ maxCounters: 1000, clock })
  }

  async lease(wanted: readonly Wanted[]): Promise<LeaseResult> {
    this.#reach()
    return this.memory.lease(wanted)
  }

  async giveBack(unused: readonly Unused[]): Promise<void> {
    this.#reach()
    return this.memory.giveBack(unused)
  }

  #reach(): void {
    this.calls += 1
    if (this.isAway) throw new LimitUnavailable('taken away by the test')
  }
}

export function appliedTo(limit: SharedLimit, exact = false): AppliedLimit {
  return { key: `api:1:${limit.type}:${limit.name}`, owner: 'api', limit, exact }
}
