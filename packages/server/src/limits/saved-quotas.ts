import type { CounterEntry } from '@credence/core'
import type { Logger } from 'pino'
import type { UsageStore } from '../store/usage-port.ts'

/** Whoever counts quotas in memory: a MemoryLimiter, or the MemoryAuthority of a primary process. */
export interface QuotaCounters {
  dirtyQuotas(): Iterable<CounterEntry>
  markDirty(entries: Iterable<CounterEntry>): void
  restore(entries: Iterable<CounterEntry>): void
}

/** Takes over the quotas that an earlier process saved. */
export async function restoreQuotas(
  store: Pick<UsageStore, 'loadCounters'>,
  counters: QuotaCounters,
): Promise<void> {
  counters.restore((await store.loadCounters()).map(([key, a, b]) => [key, { a, b }] as const))
}

/** Quotas survive a restart, but for what a crash loses since this was last called. */
export async function saveQuotas(
  store: Pick<UsageStore, 'saveCounters'>,
  counters: QuotaCounters,
  log: Logger,
): Promise<void> {
  const dirty = [...counters.dirtyQuotas()]
  if (dirty.length === 0) return
  try {
    await store.saveCounters(dirty.map(([key, { a, b }]) => [key, a, b] as const))
  } catch (error) {
    counters.markDirty(dirty)
    log.error({ err: error }, 'quota counters were not written')
  }
}

const SAVED_EVERY_MS = 1000

/** Saves them every second. @returns what ends it, after saving what was counted last */
export function keepQuotas(
  store: Pick<UsageStore, 'saveCounters'>,
  counters: QuotaCounters,
  log: Logger,
  every: (ms: number, callback: () => void) => () => void,
): () => Promise<void> {
  const stop = every(SAVED_EVERY_MS, () => void saveQuotas(store, counters, log))
  return async () => {
    stop()
    await saveQuotas(store, counters, log)
  }
}
