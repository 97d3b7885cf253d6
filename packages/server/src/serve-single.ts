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
  const { store, sealingKeys, dpopNonceKey, workspaceId, isFirstStart } = await prepare(config, journal.tried)
  // What was opened is closed in the other order, be it at the end or because the rest could not be opened.
  const opened = new AsyncDisposableStack()
  opened.defer(() => store.close())
  let serving: Serving
  try {
    const usageStore = await openUsage(config)
    opened.defer(() => usageStore.close())
    const parts = { config, store, sealingKeys, randomBytes, defaultWorkspaceId: workspaceId, log, clock }
    const leaderWork = await startLeaderWork(parts)
    opened.defer(leaderWork.stop)
    const context = await assembleContext({
      ...parts,
      usageStore,
      primary: null,
      dpopNonceKey,
      processMetrics: true,
      process: { ...newNode(config, randomBytes), worker: 0 },
      isLeader: leaderWork.isLeader,
      ...(lease && { lease }),
      every,
    })
    context.metrics.watchJournal(journal.isKept)
    const { limits } = context
    if (limits.quotas !== null) opened.defer(keepQuotas(usageStore, limits.quotas, log, every))
    opened.defer(limits.close)
    serving = await startServing(context)
  } catch (error) {
    await opened.disposeAsync()
    throw error
  }
  const stop = async () => {
    await serving.stop()
    await opened.disposeAsync()
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
