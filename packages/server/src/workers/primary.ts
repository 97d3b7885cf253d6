import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { MemoryAuthority, MemoryReplayGuard } from '@credence/core'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import { newNode } from '../follow-feed.ts'
import { certificateFor, openUsage } from '../host.ts'
import { startLeaderWork } from '../leader-work.ts'
import { MAX_REDEMPTIONS } from '../limits/open-limits.ts'
import { keepQuotas, restoreQuotas } from '../limits/saved-quotas.ts'
import { watchedJournal } from '../observe/journal.ts'
import { prepare } from '../prepare.ts'
import type { Server } from '../server.ts'
import type { Listening } from '../serving.ts'
import { after, every } from '../timers.ts'
import { forking } from './fork-worker.ts'
import { NodeGathering } from './node-service.ts'
import { serveShared } from './shared-limits.ts'
import { serveStore } from './store-service.ts'
import { serveUsage } from './usage-service.ts'
import { WorkerSet } from './worker-set.ts'

/** Beyond what requests in flight are given: to flush and to close. */
const STOP_GRACE_MS = 5000

/**
 * The primary of a node of several workers. It answers no request: it prepares, owns what there is one of (the
 * writing side of an embedded store, usage, the limits, what only a leader does), and keeps its workers running.
 */
export async function servePrimary(config: Config, count: number, log: Logger): Promise<Server> {
  // Each worker reads it for itself; what is wrong with it is better told once.
  certificateFor(config)
  const journal = watchedJournal(config.revocationsJournalPath, log)
  const { store, sealingKeys, workspaceId, isFirstStart } = await prepare(config, journal.tried)
  // What was opened is closed in the other order, be it at the end or because the rest could not be opened.
  const opened = new AsyncDisposableStack()
  opened.defer(() => store.close())
  let workers: WorkerSet
  let listening: Listening
  try {
    const usageStore = await openUsage(config)
    opened.defer(() => usageStore.close())
    const authority = new MemoryAuthority({ maxCounters: config.limitCounters, clock: Date.now })
    await restoreQuotas(usageStore, authority)
    opened.defer(keepQuotas(usageStore, authority, log, every))
    const shared = {
      authority,
      replayGuard: new MemoryReplayGuard({ maxRedemptions: MAX_REDEMPTIONS, clock: Date.now }),
    }
    const leaderWork = await startLeaderWork({
      ...{ config, store, sealingKeys, randomBytes, log },
      ...{ defaultWorkspaceId: workspaceId, clock: Date.now },
    })
    opened.defer(leaderWork.stop)
    workers = new WorkerSet({
      count,
      fork: forking(),
      start: { config, workspaceId, storeName: store.name, node: newNode(config, randomBytes) },
      serve(worker) {
        const { channel } = worker
        if (store.name === 'sqlite') serveStore(channel, store)
        serveUsage(channel, usageStore)
        serveShared(channel, shared)
        node.serve(worker)
      },
      log,
      stopWithinMs: (config.readinessDelaySeconds + config.drainSeconds) * 1000 + STOP_GRACE_MS,
      monotonic: () => performance.now(),
      after,
    })
    const node = new NodeGathering(workers, { leads: leaderWork.isLeader, isJournalKept: journal.isKept })
    listening = await workers.start()
  } catch (error) {
    await opened.disposeAsync()
    throw error
  }
  const stop = async () => {
    await workers.stop()
    await opened.disposeAsync()
  }
  return {
    config,
    log,
    storeName: store.name,
    workers: count,
    isFirstStart,
    listening,
    failed: workers.failed,
    stop,
  }
}
