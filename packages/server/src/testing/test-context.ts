import { randomBytes } from 'node:crypto'
import type { Argon2id, ParsedKey } from '@credence/core'
import { assembleContext } from '../assemble-context.ts'
import { type Config, parseConfig } from '../config.ts'
import type { Context } from '../context.ts'
import { Keyring } from '../keyring.ts'
import { createLog } from '../observe/log.ts'
import { bootstrap } from '../operations/bootstrap.ts'
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
  /** Node's own when left out. */
  readonly argon2id?: Argon2id
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
  const { sealingKeys, dpopNonceKey } = new Keyring([['k1', randomBytes(32)]], 'k1')
  const { workspaceId, secret } = await bootstrap(
    { store, clock, randomBytes, sealingKeys },
    { adminKey: options.adminKey ?? null },
  )
  if (secret === null) throw new Error('the store was used before: its admin key is not known')

  const usageStore = openMemoryUsageStore(clock)
  const context = await assembleContext({
    config,
    store,
    usageStore,
    primary: null,
    sealingKeys,
    dpopNonceKey,
    defaultWorkspaceId: workspaceId,
    log: createLog({ format: 'off', level: 'fatal', isTerminal: false }),
    clock,
    randomBytes,
    processMetrics: false,
    isLeader: () => true,
    every: () => () => {},
    ...(options.argon2id && { argon2id: options.argon2id }),
    process: { nodeId: randomBytes(8).toString('hex'), node: 'test', worker: 0 },
  })
  const close = async () => {
    await context.limits.close()
    await context.members.leave()
    await context.usage.close()
    await usageStore.close()
    await store.close()
  }
  return { context, adminKey: secret, close }
}
