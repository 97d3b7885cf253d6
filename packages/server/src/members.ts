import type { SignOfLife, Store } from './store/port.ts'

export interface MembersOptions {
  readonly store: Pick<Store, 'listen' | 'announce' | 'beat' | 'leave'>
  /** What this process says of itself now. */
  readonly sign: () => SignOfLife
  /** Who has given no sign of life for so long is neither counted nor waited for. Milliseconds. */
  readonly aliveWithinMs: number
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
}

/** How often a process gives a sign of life. Milliseconds. */
export const BEAT_EVERY_MS = 1000
/** Beyond the lease: how many signs of life may be lost before a process is given up. Milliseconds. */
export const SILENCE_MS = 2500

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
      committed: () => this.#options.onCommit(),
      reached: (memberId, position) => this.#noteReached(memberId, position),
    })
    await this.beat()
  }

  /** Gives a sign of life and hears of the others. Never rejects. */
  async beat(): Promise<void> {
    const { store, sign, aliveWithinMs, monotonic, onFault } = this.#options
    const sentMs = monotonic()
    try {
      this.#signs = await store.beat(sign(), aliveWithinMs)
    } catch (error) {
      onFault(error)
      return
    }
    this.#takenMs = Math.max(this.#takenMs, sentMs)
    const known = new Set(this.#signs.map(({ memberId }) => memberId))
    for (const id of this.#positions.keys()) if (!known.has(id)) this.#positions.delete(id)
    for (const { memberId, position } of this.#signs) this.#noteReached(memberId, position)
  }

  /** Whether whoever asks for the list until then finds this process in it; gives a sign of life if that takes one. */
  async isKnownUntil(monotonicMs: number): Promise<boolean> {
    const isKnown = () => this.#takenMs + this.#options.aliveWithinMs >= monotonicMs
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
   * Waits until every process acts on the change at `position`, but no longer than `timeoutMs`; after the lease
   * nobody acts on anything older anyway.
   */
  async reached(position: number, timeoutMs: number): Promise<Reach> {
    // Asked for anew: whoever joined before this answer is in it, and whoever joins later begins after the change.
    await this.beat()
    const members = new Set(this.#signs.map(({ memberId }) => memberId))
    const isThrough = () => [...members].every((id) => this.#actsOn(position, id))
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
        const timeout = setTimeout(end, timeoutMs)
        this.#waiting.add(look)
      })
    }
    const nodes = new Set([...members].map(nodeOf))
    const behind = [...members].filter((id) => !this.#actsOn(position, id))
    return { nodes: nodes.size, confirmed: nodes.size - new Set(behind.map(nodeOf)).size }
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
