import type { FeedListener, SignOfLife, Store } from './port.ts'

/** The part of the store's port that tells processes of each other. */
export type Membership = Pick<Store, 'listen' | 'announce' | 'beat' | 'leave'>

/** Who shares a store that lives in one process: the process itself, and the workers it writes for. */
export class LocalMembers implements Membership {
  readonly #clock: () => number
  readonly #listeners = new Set<FeedListener>()
  #lastTurn: Promise<unknown> = Promise.resolve()
  readonly #signs = new Map<string, { readonly sign: SignOfLife; readonly atMs: number }>()

  constructor(clock: () => number) {
    this.#clock = clock
  }

  /** To be called after each commit. */
  committed(position: number): void {
    for (const listener of this.#listeners) listener.committed(position)
  }

  async listen(listener: FeedListener): Promise<() => Promise<void>> {
    this.#listeners.add(listener)
    return async () => {
      this.#listeners.delete(listener)
    }
  }

  async announce(memberId: string, position: number): Promise<void> {
    for (const listener of this.#listeners) listener.reached(memberId, position)
  }

  async beat(sign: SignOfLife, silenceMs: number): Promise<readonly SignOfLife[]> {
    const nowMs = this.#clock()
    this.#signs.set(sign.memberId, { sign, atMs: nowMs })
    for (const [id, { sign, atMs }] of this.#signs)
      if (nowMs - atMs > sign.leaseMs + silenceMs) this.#signs.delete(id)
    return [...this.#signs.values()].map(({ sign }) => sign)
  }

  async leave(memberId: string): Promise<void> {
    this.#signs.delete(memberId)
  }

  /** Runs `work` when all that was asked for before has ended. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#lastTurn.then(work)
    this.#lastTurn = mine.catch(() => {})
    return mine
  }
}
