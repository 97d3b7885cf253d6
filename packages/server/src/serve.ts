import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { relative, sep } from 'node:path'
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import type { MemoryLimiter } from '@credence/core'
import { adminKeyPath, firstAdminKey, settleAdminKey } from './admin-key-file.ts'
import { assembleContext } from './assemble-context.ts'
import type { Config, Environment } from './config.ts'
import type { Context, OwnListener } from './context.ts'
import {
  configFrom,
  KEYRING_SETTING,
  keyringFor,
  onHost,
  openStore,
  openUsage,
  type Streams,
  stopSignal,
  storePath,
} from './host.ts'
import { openListeners } from './listeners.ts'
import { watchedJournal } from './observe/journal.ts'
import { createLog } from './observe/log.ts'
import { bootstrap, DEFAULT_KEY_PREFIX } from './operations/bootstrap.ts'
import { IDEMPOTENCY_LIFETIME_MS } from './operations/idempotency.ts'
import type { Store } from './store/port.ts'
import { describePostgres, parsePostgresUrl } from './store/postgres-url.ts'
import { VERSION } from './version.ts'

const COUNTERS_EVERY_MS = 1000
const HOUSEKEEPING_EVERY_MS = 60 * 60 * 1000

/** A running server. */
export interface Server {
  readonly context: Context
  /** Whether this start made the workspace `default` and its admin key. */
  readonly isFirstStart: boolean
  /** Fails readiness, drains, flushes and closes. */
  readonly stop: () => Promise<void>
}

/** Runs the server until a signal ends it. @returns the exit code */
export function run(env: Environment, streams: Streams): Promise<number> {
  return onHost(streams, async () => {
    const stopped = stopSignal()
    const server = await serve(configFrom(env))
    streams.stdout.write(banner(server))
    const signal = await stopped
    server.context.log.info({ signal }, 'shutting down')
    // Whoever asks twice does not want to wait.
    for (const again of ['SIGTERM', 'SIGINT'] as const) process.once(again, () => process.exit(130))
    await server.stop()
    return 0
  })
}

/** Opens everything, in the order in which it depends on each other. */
export async function serve(config: Config): Promise<Server> {
  const log = createLog({
    format: config.logFormat,
    level: config.logLevel,
    isTerminal: process.stderr.isTTY === true,
  })
  mkdirSync(config.dataPath, { recursive: true, mode: 0o700 })
  const journal = watchedJournal(config.revocationsJournalPath, log)
  const store = await openStore(config, journal.tried)
  const { sealingKeys, workspaceId, isFirstStart } = await prepare(config, store)
  const usageStore = await openUsage(config)
  const { context, limiter } = await assembleContext({
    config,
    store,
    usageStore,
    sealingKeys,
    defaultWorkspaceId: workspaceId,
    log,
    clock: Date.now,
    randomBytes,
    processMetrics: true,
    every,
  })
  if (config.databaseUrl === null) context.metrics.watchJournal(journal.isKept)
  const timers = [
    every(config.feedPollMs, () => void context.follower.poll()),
    every(COUNTERS_EVERY_MS, () => void saveCounters(context, limiter)),
    every(HOUSEKEEPING_EVERY_MS, () => void keepHouse(context)),
  ]
  const closeStores = async () => {
    for (const stopTimer of timers) stopTimer()
    await context.usage.close()
    await saveCounters(context, limiter)
    await Promise.all([usageStore.close(), store.close()])
  }
  let closeListeners: () => Promise<void>
  try {
    closeListeners = await openListeners(context)
  } catch (error) {
    await closeStores()
    throw error
  }
  const stop = async () => {
    context.readiness.ready = false
    // Load balancers look at readiness now and then; until they have, requests still come and are answered.
    if (config.readinessDelaySeconds > 0) {
      await new Promise((resolve) => setTimeout(resolve, config.readinessDelaySeconds * 1000))
    }
    await closeListeners()
    await closeStores()
  }
  return { context, isFirstStart, stop }
}

/** The keyring and, at the first start, the workspace with its admin key. One start at a time, of all nodes. */
async function prepare(config: Config, store: Store) {
  try {
    return await store.alone(async () => {
      const { sealingKeys, fingerprint } = await keyringFor(config, store)
      const isNew = (await store.position()) === 0
      const adminKey = isNew ? firstAdminKey(config, DEFAULT_KEY_PREFIX, randomBytes) : null
      const settings = [{ name: KEYRING_SETTING, value: fingerprint }]
      const host = { store, clock: Date.now, randomBytes, sealingKeys }
      const { workspaceId, secret } = await bootstrap(host, { adminKey, settings })
      await settleAdminKey(config, store)
      return { sealingKeys, workspaceId, isFirstStart: secret !== null }
    })
  } catch (error) {
    await store.close()
    throw error
  }
}

function every(ms: number, callback: () => void): () => void {
  const timer = setInterval(callback, ms)
  timer.unref()
  return () => clearInterval(timer)
}

/** Quotas survive a restart, but for what a crash loses of the last second. */
async function saveCounters({ usageStore, log }: Context, limiter: MemoryLimiter): Promise<void> {
  const dirty = [...limiter.dirtyQuotas()]
  if (dirty.length === 0) return
  try {
    await usageStore.saveCounters(dirty.map(([key, { a, b }]) => [key, a, b] as const))
  } catch (error) {
    limiter.markDirty(dirty)
    log.error({ err: error }, 'quota counters were not written')
  }
}

async function keepHouse({ store, clock, log }: Context): Promise<void> {
  try {
    await store.forgetIdempotencyBefore(clock() - IDEMPOTENCY_LIFETIME_MS)
  } catch (error) {
    log.error({ err: error }, 'old idempotency keys were not forgotten')
  }
}

/** What the operator reads first: where everything is, and what to do next. */
function banner({ context, isFirstStart }: Server): string {
  const { config, directory, listeners } = context
  const apis = [...directory.all()].filter((api) => !api.builtIn)
  const lines = [
    `credence ${VERSION} ready in ${(performance.now() / 1000).toFixed(1)} s    store ${storeName(config)}`,
  ]
  for (const listener of listeners) {
    lines.push(
      `  ${listener.name.padEnd(8)} ${urlOf(listener, config)}${noteOn(listener, config, apis.length)}`,
    )
  }
  if (isFirstStart && config.adminKeyPath === null) {
    lines.push(`  admin key in ${shown(adminKeyPath(config))} (0600); the CLI finds it there`)
  }
  if (isFirstStart && config.adminKeyPath !== null)
    lines.push(`  admin key taken from ${config.adminKeyPath}`)
  if (apis.length === 0) lines.push('  next: npx credence apis create --help')
  return `${lines.join('\n')}\n`
}

function storeName(config: Config): string {
  const address = config.databaseUrl === null ? null : parsePostgresUrl(config.databaseUrl)
  if (address === null || typeof address === 'string') return `sqlite ${shown(storePath(config))}`
  return `postgres ${describePostgres(address)}`
}

function noteOn({ name }: OwnListener, { adminListen }: Config, apis: number): string {
  const reference = '  reference /docs'
  if (name === 'gateway') return apis === 0 ? '  no APIs yet' : `  ${apis} ${apis === 1 ? 'API' : 'APIs'}`
  if (name === 'api') return adminListen === null ? reference : ''
  return name === 'admin' ? reference : ''
}

function urlOf({ name, host, port }: OwnListener, config: Config): string {
  const isTls = config.tlsCertPath !== null && name !== 'ops'
  return `${isTls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** `./data/admin.key` where that is shorter to read. */
function shown(path: string): string {
  const local = relative(process.cwd(), path)
  return local.startsWith('..') || local === '' ? path : `.${sep}${local}`
}
