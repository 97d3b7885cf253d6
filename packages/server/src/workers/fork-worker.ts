import cluster from 'node:cluster'
import { fileURLToPath } from 'node:url'
import { processLink } from './link.ts'
import type { WorkerProcess } from './worker-set.ts'

/**
 * Makes this process the primary of workers that share their ports through it: it accepts connections and hands each
 * to the next worker in turn.
 * @returns what forks one
 */
export function forking(): () => WorkerProcess {
  cluster.schedulingPolicy = cluster.SCHED_RR
  cluster.setupPrimary({
    exec: fileURLToPath(new URL('./worker-main.ts', import.meta.url)),
    args: [],
    serialization: 'advanced',
  })
  return fork
}

function fork(): WorkerProcess {
  const { promise: ended, resolve: end } = Promise.withResolvers<string>()
  try {
    const worker = cluster.fork()
    worker.once('exit', (code, signal) => end(signal ? `signal ${signal}` : `exit code ${code}`))
    // What cannot be started does not exit either.
    worker.on('error', (error) => {
      if (worker.process.pid === undefined) end(error.message)
    })
    return {
      pid: worker.process.pid ?? 0,
      link: processLink(worker.process),
      ended,
      release: () => worker.isConnected() && worker.process.disconnect(),
      kill: () => void worker.process.kill('SIGKILL'),
    }
  } catch (error) {
    end(error instanceof Error ? error.message : 'it could not be started')
    return { pid: 0, link: DEAD, ended, release() {}, kill() {} }
  }
}

const DEAD = { send() {}, receive() {}, ended: (listener: () => void) => listener() }
