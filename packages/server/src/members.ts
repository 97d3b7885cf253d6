import type { SignOfLife, Store } from './store/port.ts'

export interface MembersOptions {
  readonly store: Pick<Store, 'listen' | 'announce' | 'beat' | 'leave'>
  /** What this process says of itself now. */
  readonly sign: () => SignOfLife
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
/** Who has given none for so long is no longer counted or waited for. */
export const ALIVE_WITHIN_MS = 3500

/** The processes of the installation, as this one knows them. */
export class Members {
  readonly #options: MembersOptions
  /** The newest position that each process has said it acts on. */
  readonly #positions = new Map<string, number>()
  readonly #waiting = new Set<() => void>()
  #signs: readonly SignOfLife[] = []
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
    const { store, sign, onFault } = this.#options
    try {
      this.#signs = await store.beat(sign(), ALIVE_WITHIN_MS)
    } catch (error) {
      onFault(error)
      return
    }
    const known = new Set(this.#signs.map(({ memberId }) => memberId))
    for (const id of this.#positions.keys()) if (!known.has(id)) this.#positions.delete(id)
    for (const { memberId, position } of this.#signs) this.#noteReached(memberId, position)
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
