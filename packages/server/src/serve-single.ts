import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import { assembleContext } from './assemble-context.ts'
import type { Config } from './config.ts'
import { openUsage } from './host.ts'
import { keepQuotas, openNodeLimiter } from './node-limiter.ts'
import { prepare } from './prepare.ts'
import { identityOf, newNodeId } from './process-identity.ts'
import type { Server } from './server.ts'
import { type Serving, startServing } from './serving.ts'
import { every } from './timers.ts'

/** A node that is this one process: it opens everything, in the order in which it depends on each other. */
export async function serveSingle(config: Config, log: Logger): Promise<Server> {
  const { store, sealingKeys, workspaceId, isFirstStart } = await prepare(config)
  const usageStore = await openUsage(config)
  const limiter = await openNodeLimiter(config, store, usageStore)
  const context = await assembleContext({
    config,
    store,
    usageStore,
    limiter,
    sealingKeys,
    defaultWorkspaceId: workspaceId,
    log,
    clock: Date.now,
    randomBytes,
    processMetrics: true,
    every,
    process: identityOf(config, newNodeId(randomBytes), 0),
  })
  const stopKeepingQuotas = keepQuotas(limiter, usageStore, log)
  const closeStores = async () => {
    await stopKeepingQuotas()
    await Promise.all([usageStore.close(), store.close()])
  }
  let serving: Serving
  try {
    serving = await startServing(context)
  } catch (error) {
    await closeStores()
    throw error
  }
  const stop = async () => {
    await serving.stop()
    await closeStores()
  }
  const { listening } = serving
  return {
    config,
    log,
    storeName: store.name,
    workers: 1,
    isFirstStart,
    listening,
    failed: new Promise(() => {}),
    stop,
  }
}
