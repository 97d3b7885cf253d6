import type { ChildProcess } from 'node:child_process'
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
    closeUntaken(worker.process)
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

/**
 * A connection that is handed to a worker stays open in this process until the worker has said that it took it. Of a
 * worker that died before, Node goes on waiting for that, and so does the client: for ever. So it is said in its
 * stead, which closes the connection. It is not handed to another worker, since a part may have been read.
 */
function closeUntaken(child: ChildProcess): void {
  const untaken = new Set<number>()
  const send = child.send.bind(child) as (...args: unknown[]) => boolean
  child.send = (message: unknown, ...rest: unknown[]) => {
    if (isHandover(message)) untaken.add(message.seq)
    return send(message, ...rest)
  }
  child.on('internalMessage', ({ ack }: { readonly ack?: number }) => {
    if (ack !== undefined) untaken.delete(ack)
  })
  // After the cluster's own listener, which takes the worker out of the turn.
  child.once('disconnect', () => {
    for (const ack of untaken) child.emit('internalMessage', { cmd: 'NODE_CLUSTER', ack, accepted: true })
  })
  // While a connection is on its way to the worker, Node puts off the news that the line has ended, for ever too.
  child.once('exit', () => child.emit('disconnect'))
}

function isHandover(message: unknown): message is { readonly seq: number } {
  return typeof message === 'object' && message !== null && 'act' in message && message.act === 'newconn'
}

const DEAD = { send() {}, receive() {}, ended: (listener: () => void) => listener() }
