import { MemoryLimiter } from '@credence/core'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import type { Store } from './store/port.ts'
import type { UsageStore } from './store/usage-port.ts'
import { every } from './timers.ts'

const SAVED_EVERY_MS = 1000

/** The limits of a node, for the one process of it that counts them, with the quotas that an earlier one counted. */
export async function openNodeLimiter(
  { limitCounters }: Config,
  store: Pick<Store, 'spendCredits'>,
  usageStore: Pick<UsageStore, 'loadCounters'>,
): Promise<MemoryLimiter> {
  const limiter = new MemoryLimiter({
    maxCounters: limitCounters,
    ledger: { spend: (...args) => store.spendCredits(...args) },
  })
  limiter.restore((await usageStore.loadCounters()).map(([key, a, b]) => [key, { a, b }] as const))
  return limiter
}

/**
 * Quotas survive a restart, but for what a crash loses of the last second.
 * @returns what ends it, after writing what was counted last
 */
export function keepQuotas(
  limiter: MemoryLimiter,
  usageStore: Pick<UsageStore, 'saveCounters'>,
  log: Logger,
): () => Promise<void> {
  const save = async () => {
    const dirty = [...limiter.dirtyQuotas()]
    if (dirty.length === 0) return
    try {
      await usageStore.saveCounters(dirty.map(([key, { a, b }]) => [key, a, b] as const))
    } catch (error) {
      limiter.markDirty(dirty)
      log.error({ err: error }, 'quota counters were not written')
    }
  }
  const stopSaving = every(SAVED_EVERY_MS, () => void save())
  return async () => {
    stopSaving()
    await save()
  }
}
