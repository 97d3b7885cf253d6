export interface WorkPoolOptions {
  /** Most pieces of work at once; 1 or more. */
  readonly atOnce: number
  /** Most that wait in each of the two queues. */
  readonly waiting: number
}

/** libuv's pool has four threads unless UV_THREADPOOL_SIZE says otherwise; files and names need one, too. */
const LIBUV_THREADS = 4

/** How many slow hashes a process computes at once, so that one core and one thread stay free for everything else. */
export function hashesAtOnce(cores: number): number {
  return Math.max(1, Math.min(cores, LIBUV_THREADS) - 1)
}

interface Piece<T> {
  readonly work: () => Promise<T>
  readonly settle: (outcome: Promise<T>) => void
}

/**
 * Slow work, so much at once and so much that waits; what comes beyond that is refused at once. Who is known to have
 * come for good before stands in a queue of its own, which goes first: strangers, however many, delay the known by no
 * more than what is under way.
 */
export class WorkPool<T> {
  readonly #options: WorkPoolOptions
  readonly #underWay = new Map<string, Promise<T>>()
  readonly #known: Piece<T>[] = []
  readonly #strangers: Piece<T>[] = []
  #running = 0

  constructor(options: WorkPoolOptions) {
    this.#options = options
  }

  /** The same work where somebody asked for it before and it is not done yet; it costs nothing to wait for it, too. */
  underWay(key: string): Promise<T> | undefined {
    return this.#underWay.get(key)
  }

  /**
   * Does the work as soon as there is room. 'busy': there is no room to wait in either; nothing was done.
   * @param key names the work: what is under way under the same key is not done a second time
   */
  run(key: string, isKnown: boolean, work: () => Promise<T>): Promise<T> | 'busy' {
    const same = this.#underWay.get(key)
    if (same !== undefined) return same
    const queue = isKnown ? this.#known : this.#strangers
    const hasRoom = this.#running < this.#options.atOnce
    if (!hasRoom && queue.length >= this.#options.waiting) return 'busy'
    const outcome = new Promise<T>((settle) => queue.push({ work, settle })).finally(() => {
      this.#underWay.delete(key)
    })
    this.#underWay.set(key, outcome)
    this.#fill()
    return outcome
  }

  #fill(): void {
    while (this.#running < this.#options.atOnce) {
      const piece = this.#known.shift() ?? this.#strangers.shift()
      if (piece === undefined) return
      this.#running += 1
      piece.settle(this.#do(piece.work))
    }
  }

  async #do(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } finally {
      this.#running -= 1
      this.#fill()
    }
  }
}
