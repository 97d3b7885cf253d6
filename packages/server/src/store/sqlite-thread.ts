import { Worker } from 'node:worker_threads'
import { StoreFault } from './port.ts'
import type { FromWorker, ToWorker } from './thread-service.ts'

export interface ThreadSettings {
  /** What the thread does, for messages: `The thread that writes …`. */
  readonly task: string
  /** The worker's file; it calls serveThread(). */
  readonly entry: URL
  readonly workerData: unknown
  /** Requests that may wait at once; one more is refused as busy, so that memory stays bounded. */
  readonly maxPending: number
  /** Ends the thread after so long without a request, to give its memory back; null: never. */
  readonly idleMs: number | null
}

/** A heap that lets the thread run into its own limit rather than take the process with it. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 8, stackSizeMb: 2 }

interface Pending {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

/**
 * A worker thread that answers requests in the order in which they were made. It starts with the first request.
 *
 * A thread that dies (out of memory, a fault of Node) takes its requests with it: each is rejected, its outcome
 * unknown. The next request starts a new thread. That is safe, because the database holds nothing half done: its
 * journal makes a new connection begin after the last commit; and it is better than faulting for good, because
 * one request that kills the thread then costs that request and not the service.
 */
export class SqliteThread {
  readonly #settings: ThreadSettings
  readonly #pending = new Map<number, Pending>()
  #worker: Worker | undefined
  #seq = 0
  #idle: NodeJS.Timeout | undefined
  #ends: Promise<unknown>[] = []
  #closed = false

  constructor(settings: ThreadSettings) {
    this.#settings = settings
  }

  /** @throws StoreFault (as rejection) when the request failed, the thread is too busy, closed, or died */
  call(request: unknown): Promise<unknown> {
    const { task, maxPending } = this.#settings
    if (this.#closed) return Promise.reject(new StoreFault('The store is closed'))
    if (this.#pending.size >= maxPending) {
      return Promise.reject(
        new StoreFault(`The thread that ${task} is busy: ${maxPending} requests are waiting`),
      )
    }
    return new Promise((resolve, reject) => {
      const seq = ++this.#seq
      const worker = this.#started()
      worker.postMessage({ seq, request } satisfies ToWorker)
      this.#pending.set(seq, { resolve, reject })
      // While something is under way the thread keeps the process alive, and only then.
      if (this.#pending.size === 1) worker.ref()
    })
  }

  /** Waits for what is under way, then ends the thread. */
  async close(): Promise<void> {
    this.#closed = true
    this.#end()
    await Promise.all(this.#ends)
  }

  #started(): Worker {
    clearTimeout(this.#idle)
    if (this.#worker !== undefined) return this.#worker
    const { entry, workerData } = this.#settings
    // The flags that the process was started with are about its own entry (`--input-type`, `--test`).
    const worker = new Worker(entry, { workerData, resourceLimits: RESOURCE_LIMITS, execArgv: [] })
    worker.unref()
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
    this.#ends.push(ended)
    ended.then(() => {
      this.#ends = this.#ends.filter((other) => other !== ended)
    })
    worker.on('message', (replies: FromWorker) => this.#settle(replies, worker))
    worker.on('error', (error) => this.#lost(worker, error))
    worker.on('exit', () => this.#lost(worker, null))
    this.#worker = worker
    return worker
  }

  #settle(replies: FromWorker, worker: Worker): void {
    for (const reply of replies) {
      const pending = this.#pending.get(reply.seq)
      this.#pending.delete(reply.seq)
      if (reply.ok) pending?.resolve(reply.value)
      else pending?.reject(new StoreFault(reply.message))
    }
    if (this.#pending.size > 0) return
    worker.unref()
    const { idleMs } = this.#settings
    if (idleMs === null || this.#closed) return
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => this.#end(), idleMs)
    this.#idle.unref()
  }

  /** The thread finishes what was posted before. Requests that come later start another one. */
  #end(): void {
    clearTimeout(this.#idle)
    const worker = this.#worker
    if (worker === undefined) return
    worker.ref()
    worker.postMessage('close' satisfies ToWorker)
    if (!this.#closed) this.#worker = undefined
  }

  #lost(worker: Worker, cause: unknown): void {
    // A thread that ended as idle had nothing under way: what is pending belongs to its successor.
    if (worker !== this.#worker) return
    this.#worker = undefined
    const waiting = [...this.#pending.values()]
    this.#pending.clear()
    const why = cause instanceof Error ? `: ${cause.message}` : ''
    for (const { reject } of waiting) {
      reject(new StoreFault(`The thread that ${this.#settings.task} ended${why}`, { cause }))
    }
  }
}
