import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { CachedLookup, Follower, MemoryLimiter, type ParsedKey, ProofCache } from '@credence/core'
import { ApiDirectory } from '../api-directory.ts'
import { type Config, parseConfig } from '../config.ts'
import type { Context } from '../context.ts'
import { Keyring } from '../keyring.ts'
import { DecisionLog } from '../observe/decisions.ts'
import { createLog } from '../observe/log.ts'
import { Metrics } from '../observe/metrics.ts'
import { UsageRecorder } from '../observe/usage.ts'
import { bootstrap } from '../operations/bootstrap.ts'
import { requestIds } from '../request-id.ts'
import { openMemoryStore } from '../store/memory.ts'
import type { Store } from '../store/port.ts'
import { openMemoryUsageStore } from '../store/usage-memory.ts'

export interface TestContextOptions {
  /** A memory store when left out. Closed together with the context. */
  readonly store?: Store
  /** Wall clock, milliseconds; the real one when left out. */
  readonly clock?: () => number
  readonly config?: Partial<Config>
  readonly adminKey?: ParsedKey
}

export interface TestContext {
  readonly context: Context
  /** The admin key of the workspace `default`. */
  readonly adminKey: string
  readonly close: () => Promise<void>
}

/** A whole context of the real parts, with a keyring in memory and no timers. */
export async function createTestContext(options: TestContextOptions = {}): Promise<TestContext> {
  const { store = openMemoryStore(), clock = Date.now } = options
  const parsed = parseConfig({}, () => '')
  if (!parsed.ok) throw new Error('the default configuration is refused')
  const config: Config = { ...parsed.config, ...options.config }
  const { sealingKeys } = new Keyring([['k1', randomBytes(32)]], 'k1')
  const { workspaceId, secret } = await bootstrap(
    { store, clock, randomBytes, sealingKeys },
    { adminKey: options.adminKey ?? null },
  )
  if (secret === null) throw new Error('the store was used before: its admin key is not known')

  const log = createLog({ format: 'off', level: 'fatal', isTerminal: false })
  const directory = new ApiDirectory(store)
  await directory.load()
  const follower: Follower = new Follower(await store.position(), {
    feed: store,
    lookup: () => lookup,
    onTouched: (table, id) => {
      if (table === 'api') void directory.refresh(id)
    },
    onFault: () => {},
    leaseMs: config.leaseMs,
    monotonic: () => performance.now(),
    wall: clock,
  })
  const lookup = new CachedLookup(store, follower, config.cacheEntries)
  await follower.poll()
  const limiter = new MemoryLimiter({
    maxCounters: config.limitCounters,
    ledger: { spend: (...args) => store.spendCredits(...args) },
  })
  const usageStore = openMemoryUsageStore(clock)
  const usage = new UsageRecorder({
    store: usageStore,
    flushEveryMs: 1000,
    maxEntries: 10_000,
    every: () => () => {},
    onFlushFailed: (error) => log.error({ err: error }, 'usage was not flushed'),
  })
  const context: Context = {
    config,
    store,
    usageStore,
    lookup,
    follower,
    directory,
    verifier: {
      lookup,
      proofs: new ProofCache(config.cacheEntries, randomBytes),
      sealingKeys,
      limiter,
      clock,
    },
    limiter,
    sealingKeys,
    usage,
    decisions: new DecisionLog(),
    metrics: new Metrics({ processMetrics: false }),
    log,
    clock,
    randomBytes,
    newRequestId: requestIds(randomBytes),
    defaultWorkspaceId: workspaceId,
    listeners: [],
    readiness: { ready: true },
    startedAtMs: clock(),
  }
  const close = async () => {
    await usage.close()
    await usageStore.close()
    await store.close()
  }
  return { context, adminKey: secret, close }
}
