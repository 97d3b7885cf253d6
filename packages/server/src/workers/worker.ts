import { randomBytes } from 'node:crypto'
import process from 'node:process'
import { assembleContext } from '../assemble-context.ts'
import { keepCompiled, shrinkHeap } from '../heap.ts'
import { isMendable, keyringFor, openStore, storePath } from '../host.ts'
import { BEAT_EVERY_MS } from '../members.ts'
import { createLog } from '../observe/log.ts'
import { viewOfOne } from '../observe/node-view.ts'
import { type Listening, startServing } from '../serving.ts'
import { every } from '../timers.ts'
import type { Channel } from './ipc.ts'
import type { NodeService, PrimaryService, WorkerService, WorkerStart } from './protocol.ts'
import { sharedOver } from './shared-limits.ts'
import { usageStoreOver } from './usage-service.ts'
import { viewOfNode } from './view-of-node.ts'
import { WorkerStore } from './worker-store.ts'

/** A worker: it answers requests, and has its primary, at the other end of `channel`, do what only one process may. */
export async function runWorker(channel: Channel): Promise<void> {
  // A signal to all processes of a terminal or a service reaches the primary too, which then stops its workers.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => {})
  // Without its primary a worker can neither write nor hear of what others write: it must not answer.
  void channel.ended.then(() => process.exit(0))
  const primary = channel.remote<PrimaryService>('primary')
  try {
    const listening = await startWorker(channel, await primary.begin())
    shrinkHeap()
    keepCompiled()
    await primary.ready(listening)
  } catch (error) {
    await primary.failed(error instanceof Error ? error.message : 'it failed without saying why')
    if (!isMendable(error)) throw error
    process.exit(1)
  }
}

async function startWorker(channel: Channel, start: WorkerStart): Promise<Listening> {
  const { config, number, workspaceId, storeName, node } = start
  const store =
    storeName === 'sqlite' ? new WorkerStore(storePath(config), channel) : await openStore(config, () => {})
  const { sealingKeys, dpopNonceKey } = await keyringFor(config, store)
  const primaryNode = channel.remote<NodeService>('node')
  let leads = await primaryNode.isLeader()
  const context = await assembleContext({
    config,
    store,
    usageStore: usageStoreOver(channel),
    primary: sharedOver(channel),
    sealingKeys,
    dpopNonceKey,
    defaultWorkspaceId: workspaceId,
    log: createLog({
      format: config.logFormat,
      level: config.logLevel,
      isTerminal: process.stderr.isTTY === true,
    }).child({ worker: number }),
    clock: Date.now,
    randomBytes,
    processMetrics: true,
    process: { ...node, worker: number },
    isLeader: () => leads,
    viewOfNode: (own) => viewOfNode(channel, own),
    every,
  })
  const stopAsking = every(BEAT_EVERY_MS, () => {
    // A primary that cannot be asked is gone, and this process with it.
    primaryNode.isLeader().then(
      (now) => {
        leads = now
      },
      () => {},
    )
  })
  const { listening, stop } = await startServing(context)
  const { decision, decisions } = viewOfOne(context.decisions, context.metrics)
  const service: WorkerService = {
    ping: async () => {},
    decision,
    decisions,
    metrics: () => context.metrics.samples(),
    async stop() {
      stopAsking()
      await stop()
      await context.limits.close()
      await store.close()
    },
  }
  channel.serve('worker', service)
  return listening
}
