import type { LimitAuthority, ReplayGuard } from '@credence/core'
import type { Logger } from 'pino'
import type { ValkeyAddress } from '../setting-parsers.ts'
import { ValkeyAuthority } from './valkey-authority.ts'
import { ValkeyConnection } from './valkey-connection.ts'
import { ValkeyReplayGuard } from './valkey-replay-guard.ts'

export interface ValkeyOptions {
  readonly address: ValkeyAddress
  readonly installationId: string
  readonly clock: () => number
  readonly random: () => number
  readonly log: Logger
  /** It can be asked, for the first time or again. */
  readonly onReady: () => void
}

/** What Valkey or Redis does for all nodes. */
export interface Valkey {
  readonly authority: LimitAuthority
  readonly replayGuard: ReplayGuard
  /** Waits for it no longer than a few seconds: a server that is away is found when it is back. */
  readonly connect: () => Promise<void>
  readonly close: () => Promise<void>
}

export async function openValkey(options: ValkeyOptions): Promise<Valkey> {
  const { installationId, clock, log } = options
  const connection: ValkeyConnection = await ValkeyConnection.create({
    address: options.address,
    random: options.random,
    onReady: () => {
      log.info('Valkey can be reached')
      options.onReady()
      lookAfter(connection, replayGuard, log).catch((error) =>
        log.warn({ err: error }, 'Valkey was not looked after'),
      )
    },
    onDown: (reason) => log.error({ reason }, 'Valkey cannot be reached'),
  })
  const replayGuard = new ValkeyReplayGuard({ connection, installationId, clock })
  return {
    authority: new ValkeyAuthority({ connection, installationId }),
    replayGuard,
    connect: () => connection.connect(),
    close: () => connection.close(),
  }
}

/** What is to be done and seen to at each connection, which may lead to another server than the last one. */
async function lookAfter(
  connection: ValkeyConnection,
  replayGuard: ValkeyReplayGuard,
  log: Logger,
): Promise<void> {
  await replayGuard.begin()
  const info = await connection.info('memory')
  const [limit, policy] = ['maxmemory', 'maxmemory_policy'].map(
    (name) => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1],
  )
  if (limit === '0' || policy === 'noeviction') return
  log.warn(
    { policy },
    'Valkey may forget limits and what was redeemed to make room: set its maxmemory-policy to noeviction',
  )
}
