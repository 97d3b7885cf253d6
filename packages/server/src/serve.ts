import { availableParallelism } from 'node:os'
import process from 'node:process'
import { banner } from './banner.ts'
import type { Config, Environment } from './config.ts'
import { keepCompiled, shrinkHeap } from './heap.ts'
import { configFrom, onHost, type Streams, stopSignal } from './host.ts'
import { HostProblem } from './host-problem.ts'
import { createLog } from './observe/log.ts'
import type { Instead, Server } from './server.ts'

/** Runs the server until a signal ends it. @returns the exit code */
export function run(env: Environment, streams: Streams): Promise<number> {
  return onHost(streams, async () => {
    const stopped = stopSignal()
    const server = await serve(configFrom(env))
    shrinkHeap()
    keepCompiled()
    streams.stdout.write(banner(server))
    const failed = server.failed.then((problem) => ({ problem }))
    const end = await Promise.race([stopped, failed])
    // Whoever asks twice does not want to wait.
    for (const again of ['SIGTERM', 'SIGINT'] as const) process.once(again, () => process.exit(130))
    if (typeof end === 'string') server.log.info({ signal: end }, 'shutting down')
    await server.stop()
    if (typeof end !== 'string') throw new HostProblem(end.problem)
    return 0
  })
}

/**
 * Starts a node: this process alone, or this one as the primary of several workers. What the other form needs is not
 * loaded: a primary answers no request.
 */
export async function serve(config: Config, instead: Instead = {}): Promise<Server> {
  const log = createLog({
    format: config.logFormat,
    level: config.logLevel,
    isTerminal: process.stderr.isTTY === true,
  })
  const workers = config.workers === 'auto' ? availableParallelism() : config.workers
  if (workers === 1) {
    const { serveSingle } = await import('./serve-single.ts')
    return serveSingle(config, log, instead)
  }
  const { servePrimary } = await import('./workers/primary.ts')
  return servePrimary(config, workers, log)
}
