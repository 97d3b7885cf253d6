import type { Store } from './store/port.ts'

export interface LeaderWorkOptions {
  readonly store: Pick<Store, 'lead' | 'forgetIdempotencyBefore' | 'forgetChangesBefore'>
  readonly clock: () => number
  /** How long idempotency keys, and entries of the feed, are kept. Milliseconds. */
  readonly idempotencyKeptMs: number
  readonly changesKeptMs: number
  readonly onFault: (error: unknown) => void
}

/** How often a process asks whether it leads, and sweeps if so. Milliseconds. */
export const LEADER_WORK_EVERY_MS = 60_000

/** What only one process of an installation does: it forgets what nobody needs any more. */
export class LeaderWork {
  readonly #options: LeaderWorkOptions
  #isLeader = false

  constructor(options: LeaderWorkOptions) {
    this.#options = options
  }

  /** Whether this process led when it last asked. */
  get isLeader(): boolean {
    return this.#isLeader
  }

  /** Never rejects: what could not be done is done next time, by whoever leads then. */
  async run(): Promise<void> {
    const { store, clock, idempotencyKeptMs, changesKeptMs, onFault } = this.#options
    try {
      this.#isLeader = await store.lead()
      if (!this.#isLeader) return
      await store.forgetIdempotencyBefore(clock() - idempotencyKeptMs)
      await store.forgetChangesBefore(clock() - changesKeptMs)
    } catch (error) {
      this.#isLeader = false
      onFault(error)
    }
  }
}
