import { StoreFault } from './port.ts'

/** Somebody who waits for the outcome of one piece of work. */
export interface Waiting<I, O> {
  readonly item: I
  readonly resolve: (outcome: O) => void
  readonly reject: (fault: Error) => void
}

export interface BatchSettings<I, O> {
  /** What it does, for messages: `… that writes`. */
  readonly task: string
  /** Pieces that may wait; one more is refused as busy, so that memory stays bounded. */
  readonly maxPending: number
  /** Pieces in one batch. */
  readonly maxBatch: number
  /** Settles every one of them. What it throws is the outcome of those that it did not. */
  readonly carryOut: (batch: readonly Waiting<I, O>[]) => Promise<void>
}

/**
 * Hands over together what arrived together: while one batch is under way the next one gathers. The slower the
 * work, the larger the batch, and each pays less of what every batch costs.
 */
export class Batches<I, O> {
  readonly #settings: BatchSettings<I, O>
  #waiting: Waiting<I, O>[] = []
  #underWay = 0
  #running: Promise<void> | null = null

  constructor(settings: BatchSettings<I, O>) {
    this.#settings = settings
  }

  /** @throws StoreFault (as rejection) when too many wait already */
  add(item: I): Promise<O> {
    const { task, maxPending } = this.#settings
    if (this.#waiting.length + this.#underWay >= maxPending)
      return Promise.reject(
        new StoreFault(`PostgreSQL is busy: ${maxPending} wait for the connection that ${task}`),
      )
    const { promise, resolve, reject } = Promise.withResolvers<O>()
    this.#waiting.push({ item, resolve, reject })
    this.#running ??= this.#run()
    return promise
  }

  /** Resolves when nothing is under way or waiting any more. */
  async idle(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    // What is asked for in the same turn belongs together too.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#settings.maxBatch)
      this.#underWay = batch.length
      try {
        await this.#settings.carryOut(batch)
      } catch (error) {
        const fault = error instanceof Error ? error : new StoreFault('It failed without saying why')
        for (const { reject } of batch) reject(fault)
      }
      this.#underWay = 0
    }
    this.#running = null
  }
}
