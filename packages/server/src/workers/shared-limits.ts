import { type LimitAuthority, LimitUnavailable, type ReplayGuard, ReplayUnavailable } from '@credence/core'
import type { Shared } from '../limits/open-limits.ts'
import type { Channel } from './ipc.ts'

/** The primary counts, and remembers what was used once, for the worker at the other end. */
export function serveShared(channel: Channel, { authority, replayGuard }: Shared): void {
  channel.serve('limits', {
    lease: (wanted) => authority.lease(wanted),
    giveBack: (unused) => authority.giveBack(unused),
  } satisfies LimitAuthority)
  channel.serve('replays', {
    redeem: (...args) => replayGuard.redeem(...args),
  } satisfies ReplayGuard)
}

/** What the primary counts and remembers, as its workers ask for it. */
export function sharedOver(channel: Channel): Shared {
  const limits = channel.remote<LimitAuthority>('limits')
  const replays = channel.remote<ReplayGuard>('replays')
  const counting = async <T>(asked: Promise<T>): Promise<T> => {
    try {
      return await asked
    } catch (cause) {
      throw new LimitUnavailable('The primary process does not count', { cause })
    }
  }
  return {
    authority: {
      lease: (wanted) => counting(limits.lease(wanted)),
      giveBack: (unused) => counting(limits.giveBack(unused)),
    },
    replayGuard: {
      async redeem(...args) {
        try {
          return await replays.redeem(...args)
        } catch (cause) {
          throw new ReplayUnavailable('The primary process does not remember', { cause })
        }
      },
    },
  }
}
