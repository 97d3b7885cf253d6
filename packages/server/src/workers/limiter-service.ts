import type { Limiter } from '@credence/core'
import type { Channel } from './ipc.ts'
import type { LimiterService } from './protocol.ts'

/** Counts for workers: all of them together get what one process alone would. */
export function serveLimiter(channel: Channel, limiter: Limiter, clock: () => number): void {
  const service: LimiterService = { take: async (applied, cost) => limiter.take(applied, cost, clock()) }
  channel.serve('limiter', service)
}

/** The limits that the process at the other end counts: exact, for one round trip. */
export function limiterOver(channel: Channel): Limiter {
  const counting = channel.remote<LimiterService>('limiter')
  return {
    take: (applied, cost) =>
      applied.length === 0 ? { allowed: true, states: [] } : counting.take(applied, cost),
  }
}
