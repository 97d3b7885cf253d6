import type { Logger } from 'pino'
import type { Config } from './config.ts'
import { LeaderWork, type LeaderWorkOptions } from './leader-work.ts'
import { IDEMPOTENCY_LIFETIME_MS } from './operations/idempotency.ts'

/** The work that `config` asks for. */
export function leaderWorkOn(
  store: LeaderWorkOptions['store'],
  { changesKeptSeconds }: Config,
  log: Logger,
  clock: () => number,
): LeaderWork {
  return new LeaderWork({
    store,
    clock,
    idempotencyKeptMs: IDEMPOTENCY_LIFETIME_MS,
    changesKeptMs: changesKeptSeconds * 1000,
    onFault: (error) => log.error({ err: error }, 'the work of the leader was not done'),
  })
}
