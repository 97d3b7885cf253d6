import type { UsageStore } from '../store/usage-port.ts'
import type { Channel } from './ipc.ts'

type UsageService = Omit<UsageStore, 'close'>

/** Has workers write what they counted through `store`. */
export function serveUsage(channel: Channel, store: UsageStore): void {
  const service: UsageService = {
    flush: (batch, part) => store.flush(batch, part),
    usageOf: (credentialIds) => store.usageOf(credentialIds),
    saveCounters: (entries) => store.saveCounters(entries),
    loadCounters: () => store.loadCounters(),
  }
  channel.serve('usage', service)
}

/** The usage store that the process at the other end keeps, and closes. */
export function usageStoreOver(channel: Channel): UsageStore {
  const kept = channel.remote<UsageService>('usage')
  return {
    flush: (batch, part) => kept.flush(batch, part),
    usageOf: (credentialIds) => kept.usageOf(credentialIds),
    saveCounters: (entries) => kept.saveCounters(entries),
    loadCounters: () => kept.loadCounters(),
    async close() {},
  }
}
