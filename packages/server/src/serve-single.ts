import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import { assembleContext } from './assemble-context.ts'
import type { Config } from './config.ts'
import { newNode } from './follow-feed.ts'
import { openUsage } from './host.ts'
import { startLeaderWork } from './leader-work.ts'
import { keepQuotas } from './limits/saved-quotas.ts'
import { watchedJournal } from './observe/journal.ts'
import { prepare } from './prepare.ts'
import type { Instead, Server } from './server.ts'
import { type Serving, startServing } from './serving.ts'
import { every } from './timers.ts'

/** A node that is this one process: it opens everything, in the order in which it depends on each other. */
export async function serveSingle(config: Config, log: Logger, instead: Instead): Promise<Server> {
  const { clock = Date.now, lease } = instead
  const journal = watchedJournal(config.revocationsJournalPath, log)
  const { store, sealingKeys, workspaceId, isFirstStart } = await prepare(config, journal.tried)
  const usageStore = await openUsage(config)
  const leaderWork = await startLeaderWork(config, store, log, clock)
  const context = await assembleContext({
    config,
    store,
    usageStore,
    primary: null,
    sealingKeys,
    defaultWorkspaceId: workspaceId,
    log,
    clock,
    randomBytes,
    processMetrics: true,
    process: { ...newNode(config, randomBytes), worker: 0 },
    isLeader: leaderWork.isLeader,
    ...(lease && { lease }),
    every,
  })
  context.metrics.watchJournal(journal.isKept)
  const { limits } = context
  const stopKeepingQuotas = limits.quotas === null ? null : keepQuotas(usageStore, limits.quotas, log, every)
  const closeStores = async () => {
    leaderWork.stop()
    await limits.close()
    await stopKeepingQuotas?.()
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
