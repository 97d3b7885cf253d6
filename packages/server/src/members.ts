import type { SignOfLife, Store } from './store/port.ts'

export interface MembersOptions {
  readonly store: Pick<Store, 'listen' | 'announce' | 'beat' | 'leave'>
  /** What this process says of itself now. */
  readonly sign: () => SignOfLife
  /** Monotonic clock, milliseconds. */
  readonly monotonic: () => number
  /** Called when somebody committed: there is something to follow. */
  readonly onCommit: () => void
  /** Called when the others cannot be told or heard of. */
  readonly onFault: (error: unknown) => void
}

/** How far a change has come in the installation. */
export interface Reach {
  readonly nodes: number
  /** Those that act on it, with each of their workers. */
  readonly confirmed: number
  /** After so long none acts on anything older: the longest lease of those that live. Milliseconds. */
  readonly boundMs: number
}

/** How often a process gives a sign of life. Milliseconds. */
export const BEAT_EVERY_MS = 1000
/**
 * Who has given no sign of life for its lease and this is neither counted nor waited for: some signs may be lost before
 * a process is given up. Milliseconds.
 */
const SILENCE_MS = 2500
/** Timers count whole milliseconds, and may be early by one. */
const TIMER_SLACK_MS = 2

/** The processes of the installation, as this one knows them. */
export class Members {
  readonly #options: MembersOptions
  /** The newest position that each process has said it acts on. */
  readonly #positions = new Map<string, number>()
  readonly #waiting = new Set<() => void>()
  #signs: readonly SignOfLife[] = []
  /** When the newest sign of life was sent that was taken. */
  #takenMs = Number.NEGATIVE_INFINITY
  #stopListening: (() => Promise<void>) | null = null

  constructor(options: MembersOptions) {
    this.#options = options
  }

  /** Those that gave a sign of life lately, this one among them, as of the last beat. */
  get list(): readonly SignOfLife[] {
    return this.#signs
  }

  /** What this process says of itself now. */
  get own(): SignOfLife {
    return this.#options.sign()
  }

  /** How many nodes there are, as of the last beat. */
  get nodes(): number {
    return new Set(this.#signs.map(({ memberId }) => nodeOf(memberId))).size
  }

  /** To be awaited before anything is cached: whoever asks for the list after a change finds this process in it. */
  async join(): Promise<void> {
    this.#stopListening = await this.#options.store.listen({
      committed: (position) => {
        // Something may have been missed, and the list with it: a database that crashed has lost all signs of life.
        if (position === null) this.#takenMs = Number.NEGATIVE_INFINITY
        this.#options.onCommit()
      },
      reached: (memberId, position) => this.#noteReached(memberId, position),
    })
    await this.beat()
  }

  /** Gives a sign of life and hears of the others. Never rejects. @returns whether that worked */
  async beat(): Promise<boolean> {
    const { store, sign, monotonic, onFault } = this.#options
    const sentMs = monotonic()
    let signs: readonly SignOfLife[]
    try {
      signs = await store.beat(sign(), SILENCE_MS)
    } catch (error) {
      onFault(error)
      return false
    }
    this.#takenMs = Math.max(this.#takenMs, sentMs)
    const before = new Map(this.#signs.map(({ memberId, position }) => [memberId, position]))
    this.#signs = signs
    const known = new Set(signs.map(({ memberId }) => memberId))
    for (const id of this.#positions.keys()) if (!known.has(id)) this.#positions.delete(id)
    for (const { memberId, position } of signs) {
      // It went back, as the store did: what it said before is about another past.
      if (position < (before.get(memberId) ?? 0)) this.#positions.delete(memberId)
      this.#noteReached(memberId, position)
    }
    return true
  }

  /** The store went back: what was said of positions is about another past. */
  forgetPositions(): void {
    this.#positions.clear()
  }

  /** Whether whoever asks for the list until then finds this process in it; gives a sign of life if that takes one. */
  async isKnownUntil(monotonicMs: number): Promise<boolean> {
    const isKnown = () => this.#takenMs + this.own.leaseMs + SILENCE_MS >= monotonicMs
    if (!isKnown()) await this.beat()
    return isKnown()
  }

  /** This process acts on everything up to `position`: tells the others. */
  moved(position: number): void {
    const { store, sign, onFault } = this.#options
    const { memberId } = sign()
    this.#noteReached(memberId, position)
    store.announce(memberId, position).catch(onFault)
  }

  /**
   * Waits until every process acts on the change at `position`, but no longer than the longest lease of them: then
   * nobody acts on anything older anyway. To be called after the commit, since the leases are counted from here.
   */
  async reached(position: number): Promise<Reach> {
    // Asked for anew: whoever joined before this answer is in it, and whoever joins later begins after the change.
    const isListed = await this.beat()
    const members = new Set(this.#signs.map(({ memberId }) => memberId))
    const boundMs = Math.max(this.own.leaseMs, ...this.#signs.map(({ leaseMs }) => leaseMs))
    // Where the list could not be had, there may be others: then the whole time is waited.
    const isThrough = () => isListed && [...members].every((id) => this.#actsOn(position, id))
    if (!isThrough()) {
      await new Promise<void>((resolve) => {
        const end = () => {
          clearTimeout(timeout)
          this.#waiting.delete(look)
          resolve()
        }
        const look = () => {
          if (isThrough()) end()
        }
        const timeout = setTimeout(end, boundMs + TIMER_SLACK_MS)
        this.#waiting.add(look)
      })
    }
    const nodes = new Set([...members].map(nodeOf))
    const behind = [...members].filter((id) => !this.#actsOn(position, id))
    return { nodes: nodes.size, confirmed: nodes.size - new Set(behind.map(nodeOf)).size, boundMs }
  }

  /** Never rejects: others notice by themselves, a little later. */
  async leave(): Promise<void> {
    const { store, sign, onFault } = this.#options
    try {
      await this.#stopListening?.()
      await store.leave(sign().memberId)
    } catch (error) {
      onFault(error)
    }
  }

  #actsOn(position: number, memberId: string): boolean {
    return (this.#positions.get(memberId) ?? -1) >= position
  }

  #noteReached(memberId: string, position: number): void {
    if (this.#actsOn(position, memberId)) return
    this.#positions.set(memberId, position)
    for (const look of this.#waiting) look()
  }
}

function nodeOf(memberId: string): string {
  return memberId.slice(0, memberId.lastIndexOf('/'))
}
