import { performance } from 'node:perf_hooks'
import {
  CachedLookup,
  Follower,
  generateId,
  MemoryLimiter,
  ProofCache,
  type RandomBytes,
  type SealingKeys,
} from '@credence/core'
import type { Logger } from 'pino'
import { ApiDirectory } from './api-directory.ts'
import type { Config } from './config.ts'
import type { Context } from './context.ts'
import { DecisionLog } from './observe/decisions.ts'
import { Metrics } from './observe/metrics.ts'
import { UsageRecorder } from './observe/usage.ts'
import { requestIds } from './request-id.ts'
import type { Store } from './store/port.ts'
import type { UsageStore } from './store/usage-port.ts'

/** What a context is made from. */
export interface Parts {
  readonly config: Config
  readonly store: Store
  readonly usageStore: UsageStore
  readonly sealingKeys: SealingKeys
  readonly defaultWorkspaceId: string
  readonly log: Logger
  readonly clock: () => number
  readonly randomBytes: RandomBytes
  /** Whether memory, event loop and garbage collection are among the metrics. */
  readonly processMetrics: boolean
  /** Calls back every so many milliseconds until the function it returns is called. */
  readonly every: (ms: number, callback: () => void) => () => void
}

/** How often what is counted in memory is written. A crash loses at most this much of it. Milliseconds. */
const FLUSH_EVERY_MS = 1000
const MAX_USAGE_ENTRIES = 100_000

/** Puts the parts of a server together, and has it follow the feed from where the store is now. */
export async function assembleContext(parts: Parts): Promise<{ context: Context; limiter: MemoryLimiter }> {
  const { config, store, usageStore, sealingKeys, log, clock, randomBytes, every } = parts
  const directory = new ApiDirectory(store)
  let feedWorks = true
  const follower: Follower = new Follower(await store.position(), {
    feed: store,
    lookup: () => lookup,
    onTouched: async (table, id) => {
      if (table === 'api') await directory.refresh(id)
    },
    onMissed: () => directory.load(),
    onMoved: () => {},
    onFault: (error) => {
      if (error !== null && feedWorks) log.error({ err: error }, 'the feed cannot be read')
      if (error === null && !feedWorks) log.info('the feed can be read again')
      feedWorks = error === null
    },
    leaseMs: config.leaseMs,
    monotonic: () => performance.now(),
    wall: clock,
  })
  const lookup = new CachedLookup(store, follower, config.cacheEntries)
  await directory.load()
  await follower.poll()
  const limiter = new MemoryLimiter({
    maxCounters: config.limitCounters,
    ledger: { spend: (...args) => store.spendCredits(...args) },
  })
  limiter.restore((await usageStore.loadCounters()).map(([key, a, b]) => [key, { a, b }] as const))
  const usage = new UsageRecorder({
    store: usageStore,
    flushEveryMs: FLUSH_EVERY_MS,
    maxEntries: MAX_USAGE_ENTRIES,
    every,
    onFlushFailed: (error) => log.error({ err: error }, 'usage was not written; it is tried again'),
    newFlushId: () => generateId(randomBytes),
  })
  const metrics = new Metrics({ processMetrics: parts.processMetrics })
  metrics.watch({
    feed: () => ({ position: follower.position, lagMs: follower.lagMs() }),
    usage: () => usage.stats,
  })
  const proofs = new ProofCache(config.cacheEntries, randomBytes)
  const context: Context = {
    config,
    store,
    usageStore,
    lookup,
    follower,
    directory,
    verifier: { lookup, proofs, sealingKeys, limiter, clock },
    limiter,
    sealingKeys,
    usage,
    decisions: new DecisionLog(),
    metrics,
    log,
    clock,
    randomBytes,
    newRequestId: requestIds(randomBytes),
    defaultWorkspaceId: parts.defaultWorkspaceId,
    listeners: [],
    readiness: { ready: true },
    startedAtMs: clock(),
  }
  return { context, limiter }
}
