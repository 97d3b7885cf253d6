import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import { certificateFor, HostProblem, openUsage } from '../host.ts'
import { LEADER_WORK_EVERY_MS } from '../leader-work.ts'
import { leaderWorkOn } from '../leading.ts'
import { keepQuotas, openNodeLimiter } from '../node-limiter.ts'
import { prepare } from '../prepare.ts'
import { newNodeId } from '../process-identity.ts'
import type { Server } from '../server.ts'
import type { Listening } from '../serving.ts'
import { after, every } from '../timers.ts'
import { forking } from './fork-worker.ts'
import { serveLimiter } from './limiter-service.ts'
import { NodeGathering } from './node-service.ts'
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
  const { store, workspaceId, isFirstStart } = await prepare(config)
  const usageStore = await openUsage(config)
  const limiter = await openNodeLimiter(config, store, usageStore)
  const stopKeepingQuotas = keepQuotas(limiter, usageStore, log)
  // A file is written, and so led, by this process alone. Any other store the workers open themselves.
  const isWriter = store.name === 'sqlite'
  const leaderWork = leaderWorkOn(store, config, log, Date.now)
  const lead = async () => {
    if (isWriter) await leaderWork.run()
  }
  await lead()
  const stopLeading = every(LEADER_WORK_EVERY_MS, () => void lead())
  const workers: WorkerSet = new WorkerSet({
    count,
    fork: forking(),
    start: { config, workspaceId, nodeId: newNodeId(randomBytes), storeName: store.name },
    serve(worker) {
      const { channel } = worker
      if (isWriter) serveStore(channel, store, () => leaderWork.isLeader)
      serveUsage(channel, usageStore)
      serveLimiter(channel, limiter, Date.now)
      node.serve(worker)
    },
    log,
    stopWithinMs: (config.readinessDelaySeconds + config.drainSeconds) * 1000 + STOP_GRACE_MS,
    monotonic: () => performance.now(),
    after,
  })
  const node = new NodeGathering(workers)
  const closeStores = async () => {
    stopLeading()
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
