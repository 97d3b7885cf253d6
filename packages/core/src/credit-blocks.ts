import type { CreditLedger, SpentCredits } from './credit-ledger.ts'
import type { Credits } from './records.ts'

export interface CreditBlocksOptions {
  readonly ledger: CreditLedger
  /** Credits taken from the ledger at once, 2 or more. */
  readonly block: number
  /** Most limits of which credits are held, 1 or more; of any beyond them each spend goes to the ledger. */
  readonly maxLimits: number
}

/** After so long without a spend, what is held goes back, so that other nodes can have it. */
const IDLE_MS = 5_000

/** What is held of one limit. */
interface Block {
  limit: Credits
  held: number
  /** What the ledger had left when it answered last; null: it did not yet. */
  left: number | null
  usedAtMs: number
  /** Those that need the ledger come one after another, and so many wait. */
  turn: Promise<unknown>
  waiting: number
}

/**
 * A ledger that takes credits in blocks from another one and spends them here. A block is durably spent before any
 * of it is, so none is spent twice; a crash loses what is held, at most block − 1 credits of each limit. What is
 * held goes back when it is idle (tend) and at the end (close).
 */
export class CreditBlocks implements CreditLedger {
  readonly #ledger: CreditLedger
  readonly #block: number
  readonly #maxLimits: number
  readonly #blocks = new Map<string, Block>()

  constructor(options: CreditBlocksOptions) {
    this.#ledger = options.ledger
    this.#block = options.block
    this.#maxLimits = options.maxLimits
  }

  async spend(key: string, limit: Credits, cost: number, nowMs: number): Promise<SpentCredits> {
    const block = this.#blockOf(key, limit, nowMs)
    if (block === null) return this.#ledger.spend(key, limit, cost, nowMs)
    block.usedAtMs = nowMs
    if (cost > 0 && block.held >= cost && isSame(block.limit, limit)) return spendHere(block, cost)
    return inTurn(block, () => this.#spendInTurn(block, key, limit, cost, nowMs))
  }

  /** Gives back what nobody has spent for a while. */
  async tend(nowMs: number): Promise<void> {
    const idle = [...this.#blocks].filter(([, { usedAtMs }]) => Math.abs(nowMs - usedAtMs) >= IDLE_MS)
    await this.#giveBack(idle, nowMs)
  }

  /** Gives back all that is held. */
  async close(nowMs: number): Promise<void> {
    await this.#giveBack([...this.#blocks], nowMs)
  }

  #blockOf(key: string, limit: Credits, nowMs: number): Block | null {
    const known = this.#blocks.get(key)
    if (known !== undefined) return known
    if (this.#blocks.size >= this.#maxLimits) return null
    const block: Block = { limit, held: 0, left: null, usedAtMs: nowMs, turn: Promise.resolve(), waiting: 0 }
    this.#blocks.set(key, block)
    return block
  }

  async #spendInTurn(
    block: Block,
    key: string,
    limit: Credits,
    cost: number,
    nowMs: number,
  ): Promise<SpentCredits> {
    if (!isSame(block.limit, limit)) {
      await this.#giveBackInTurn(block, key, nowMs)
      block.limit = limit
    }
    // A question, or something that is given back: that is the ledger's.
    if (cost <= 0) return this.#ask(block, key, cost, nowMs)
    if (block.held >= cost) return spendHere(block, cost)
    const missing = cost - block.held
    const wanted = Math.max(missing, Math.min(this.#block, block.left ?? this.#block))
    let answer = await this.#ask(block, key, wanted, nowMs)
    if (answer.allowed) {
      block.held += wanted
      return spendHere(block, cost)
    }
    if (wanted === missing) return answer
    answer = await this.#ask(block, key, missing, nowMs)
    if (!answer.allowed) return answer
    block.held += missing
    return spendHere(block, cost)
  }

  async #ask(block: Block, key: string, cost: number, nowMs: number): Promise<SpentCredits> {
    const answer = await this.#ledger.spend(key, block.limit, cost, nowMs)
    block.left = answer.remaining
    return { ...answer, remaining: answer.remaining + block.held }
  }

  async #giveBack(blocks: readonly (readonly [string, Block])[], nowMs: number): Promise<void> {
    const turns = blocks.map(async ([key, block]) => {
      await inTurn(block, () => this.#giveBackInTurn(block, key, nowMs))
      if (block.held === 0 && block.waiting === 0) this.#blocks.delete(key)
    })
    const failed = (await Promise.allSettled(turns)).find((turn) => turn.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  /** What a failing ledger may or may not have taken back is lost: it is not spent here as well. */
  async #giveBackInTurn(block: Block, key: string, nowMs: number): Promise<void> {
    const { held } = block
    if (held === 0) return
    block.held = 0
    const { remaining } = await this.#ledger.spend(key, block.limit, -held, nowMs)
    block.left = remaining
  }
}

function inTurn<T>(block: Block, act: () => Promise<T>): Promise<T> {
  block.waiting += 1
  const turn = block.turn.then(act).finally(() => {
    block.waiting -= 1
  })
  // Whoever comes next must have its turn, whatever becomes of this one: its own caller hears of it.
  block.turn = turn.catch(() => {})
  return turn
}

function spendHere(block: Block, cost: number): SpentCredits {
  block.held -= cost
  return { allowed: true, remaining: (block.left ?? 0) + block.held, retryAfterMs: null }
}

function isSame(one: Credits, other: Credits): boolean {
  return (
    one === other ||
    (one.limit === other.limit &&
      one.refill?.amount === other.refill?.amount &&
      one.refill?.everySeconds === other.refill?.everySeconds)
  )
}
