import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { MemoryAuthority, MemoryReplayGuard } from '@credence/core'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import { newNode } from '../follow-feed.ts'
import { certificateFor, openUsage } from '../host.ts'
import { HostProblem } from '../host-problem.ts'
import { startLeaderWork } from '../leader-work.ts'
import { MAX_CLAIMS } from '../limits/open-limits.ts'
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
  const { store, workspaceId, isFirstStart } = await prepare(config, journal.tried)
  const usageStore = await openUsage(config)
  const authority = new MemoryAuthority({ maxCounters: config.limitCounters, clock: Date.now })
  await restoreQuotas(usageStore, authority)
  const stopKeepingQuotas = keepQuotas(usageStore, authority, log, every)
  const shared = { authority, replayGuard: new MemoryReplayGuard({ maxClaims: MAX_CLAIMS, clock: Date.now }) }
  const leaderWork = await startLeaderWork(config, store, log, Date.now)
  const workers: WorkerSet = new WorkerSet({
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
  const closeStores = async () => {
    leaderWork.stop()
    await stopKeepingQuotas()
    await Promise.all([usageStore.close(), store.close()])
  }
  let listening: Listening
  try {
    listening = await workers.start()
  } catch (error) {
    await closeStores()
    throw error instanceof Error ? new HostProblem(error.message) : error
  }
  const stop = async () => {
    await workers.stop()
    await closeStores()
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
