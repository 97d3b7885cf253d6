import type { Logger } from 'pino'
import type { Listening } from '../serving.ts'
import { Channel, type Remote } from './ipc.ts'
import type { Link } from './link.ts'
import type { PrimaryService, WorkerService, WorkerStart } from './protocol.ts'
import { Restarts } from './restarts.ts'

/** A process that was forked to be a worker. */
export interface WorkerProcess {
  readonly pid: number
  readonly link: Link
  /** Resolves when it has ended, with how: a signal or an exit code. */
  readonly ended: Promise<string>
  /** Cuts the link, which ends it. */
  readonly release: () => void
  /** SIGKILL. */
  readonly kill: () => void
}

/** A worker as its primary knows it. */
export interface Worker {
  readonly number: number
  readonly channel: Channel
  readonly remote: Remote<WorkerService>
}

export interface WorkerSetOptions {
  readonly count: number
  readonly fork: () => WorkerProcess
  readonly start: Omit<WorkerStart, 'number'>
  /** Serves a new worker, before anything it sends is heard. */
  readonly serve: (worker: Worker) => void
  readonly log: Logger
  /** How long a worker may take to stop. Milliseconds. */
  readonly stopWithinMs: number
  /** Monotonic clock, milliseconds. */
  readonly monotonic: () => number
  /** Calls back after so many milliseconds, unless the function it returns is called before. */
  readonly after: (ms: number, callback: () => void) => () => void
}

interface Member extends Worker {
  readonly process: WorkerProcess
  /** When it began to answer; null: not yet. */
  readyAtMs: number | null
}

/** The workers of a primary: as many as there should be, one that ends is replaced, and all of them stop together. */
export class WorkerSet {
  readonly #options: WorkerSetOptions
  readonly #members = new Map<number, Member>()
  readonly #restarts = new Restarts()
  readonly #delays = new Map<number, () => void>()
  readonly #failed = Promise.withResolvers<string>()
  #isStopping = false

  constructor(options: WorkerSetOptions) {
    this.#options = options
  }

  /** Resolves, with what to tell the operator, when no worker stays. */
  get failed(): Promise<string> {
    return this.#failed.promise
  }

  get count(): number {
    return this.#options.count
  }

  /** Those that answer requests now. */
  ready(): Worker[] {
    return [...this.#members.values()].filter(({ readyAtMs }) => readyAtMs !== null)
  }

  /** Starts all of them. @throws Error with the first one's problem; then none of them is left */
  async start(): Promise<Listening> {
    const numbers = Array.from({ length: this.#options.count }, (_, i) => i + 1)
    try {
      const [first] = await Promise.all(numbers.map((number) => this.#begin(number)))
      return first!
    } catch (error) {
      await this.#killAll()
      throw error
    }
  }

  /** All stop at once, each within its time; nothing takes their place. */
  async stop(): Promise<void> {
    this.#isStopping = true
    for (const cancel of this.#delays.values()) cancel()
    await Promise.all([...this.#members.values()].map((member) => this.#stop(member)))
  }

  /** Resolves when the new worker answers requests. @throws Error when it does not come so far */
  #begin(number: number): Promise<Listening> {
    const { fork, start, serve, log, monotonic } = this.#options
    const answering = Promise.withResolvers<Listening>()
    const process = fork()
    const channel = new Channel(process.link)
    const member: Member = {
      number,
      channel,
      remote: channel.remote<WorkerService>('worker'),
      process,
      readyAtMs: null,
    }
    this.#members.set(number, member)
    const service: PrimaryService = {
      begin: async () => ({ ...start, number }),
      async ready(listening) {
        member.readyAtMs = monotonic()
        log.info({ worker: number, pid: process.pid }, 'a worker is ready')
        answering.resolve(listening)
      },
      failed: async (problem) => answering.reject(new Error(problem)),
    }
    channel.serve('primary', service)
    serve(member)
    process.ended.then((how) => {
      answering.reject(new Error(`worker ${number} ended before it answered: ${how}`))
      this.#ended(member, how)
    })
    return answering.promise
  }

  #ended(member: Member, how: string): void {
    const { number, process, readyAtMs } = member
    const { log, monotonic, after } = this.#options
    if (this.#members.get(number) === member) this.#members.delete(number)
    if (this.#isStopping) return
    const readyForMs = readyAtMs === null ? null : monotonic() - readyAtMs
    const delayMs = this.#restarts.delayMs(number, readyForMs, this.ready().length > 0)
    log.error({ worker: number, pid: process.pid, end: how, restart_in_ms: delayMs }, 'a worker ended')
    if (delayMs === null) {
      this.#failed.resolve(`the workers end as soon as they start; the last one: ${how}`)
      return
    }
    this.#delays.set(
      number,
      after(delayMs, () => this.#restart(number)),
    )
  }

  #restart(number: number): void {
    this.#begin(number).catch((error: unknown) => {
      this.#options.log.error({ err: error, worker: number }, 'a worker could not start')
    })
  }

  async #stop({ process, remote, readyAtMs }: Member): Promise<void> {
    const { after, log, stopWithinMs } = this.#options
    const inTime = after(stopWithinMs, process.kill)
    try {
      // One that has not come so far has nothing to finish.
      if (readyAtMs !== null) await remote.stop()
    } catch (error) {
      log.error({ err: error }, 'a worker did not stop in order')
    }
    process.release()
    await process.ended
    inTime()
  }

  async #killAll(): Promise<void> {
    this.#isStopping = true
    const processes = [...this.#members.values()].map(({ process }) => process)
    for (const process of processes) process.kill()
    await Promise.all(processes.map(({ ended }) => ended))
  }
}
