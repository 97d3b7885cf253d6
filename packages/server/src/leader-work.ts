import type { RandomBytes, SealingKeys } from '@credence/core'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import { IDEMPOTENCY_LIFETIME_MS } from './operations/idempotency.ts'
import { keepSigningKeys } from './operations/signing-keys.ts'
import type { Store } from './store/port.ts'
import { every } from './timers.ts'

export interface LeaderWorkOptions {
  readonly store: Pick<
    Store,
    'lead' | 'forgetIdempotencyBefore' | 'forgetChangesBefore' | 'forgetAccessTokensBefore'
  >
  readonly clock: () => number
  /** How long idempotency keys, and entries of the feed, are kept. Milliseconds. */
  readonly idempotencyKeptMs: number
  readonly changesKeptMs: number
  /** What else the leader keeps in order. */
  readonly keepSigningKeys: () => Promise<void>
  readonly onFault: (error: unknown) => void
}

/** How often a process asks whether it leads, and sweeps if so. Milliseconds. */
const EVERY_MS = 60_000
/** How long an access token that ended can still be looked at. Milliseconds. */
const ENDED_TOKENS_KEPT_MS = 3_600_000

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
    const { store, clock, idempotencyKeptMs, changesKeptMs, keepSigningKeys, onFault } = this.#options
    try {
      this.#isLeader = await store.lead()
      if (!this.#isLeader) return
      await store.forgetIdempotencyBefore(clock() - idempotencyKeptMs)
      await store.forgetChangesBefore(clock() - changesKeptMs)
      await store.forgetAccessTokensBefore(clock() - ENDED_TOKENS_KEPT_MS)
      await keepSigningKeys()
    } catch (error) {
      this.#isLeader = false
      onFault(error)
    }
  }
}

/** What the leader works with. */
export interface LeaderParts {
  readonly config: Config
  readonly store: Store
  readonly sealingKeys: SealingKeys
  readonly randomBytes: RandomBytes
  readonly defaultWorkspaceId: string
  readonly log: Logger
  readonly clock: () => number
}

/** Has the leader's work done from now on, by this node while it leads. */
export async function startLeaderWork(
  parts: LeaderParts,
): Promise<{ readonly isLeader: () => boolean; readonly stop: () => void }> {
  const { config, store, log, clock } = parts
  const work = new LeaderWork({
    store,
    clock,
    idempotencyKeptMs: IDEMPOTENCY_LIFETIME_MS,
    changesKeptMs: config.changesKeptSeconds * 1000,
    keepSigningKeys: () => keepSigningKeys(parts),
    onFault: (error) => log.error({ err: error }, 'the work of the leader was not done'),
  })
  // At once, so that a node which is alone shows as the leader from the start.
  await work.run()
  return { isLeader: () => work.isLeader, stop: every(EVERY_MS, () => void work.run()) }
}
