import { UsageRecorder } from '@credence/server/observe/usage'

/** Counts uses and never writes them: for what is timed without a store. */
export function unflushedUsage(): UsageRecorder {
  return new UsageRecorder({
    store: {
      flush: async () => {},
      usageOf: async () => new Map(),
      saveCounters: async () => {},
      loadCounters: async () => [],
      close: async () => {},
    },
    flushEveryMs: 3_600_000,
    maxEntries: 1_000_000,
    newFlushId: () => 'bench',
    every: () => () => {},
    onFlushFailed: () => {},
  })
}
