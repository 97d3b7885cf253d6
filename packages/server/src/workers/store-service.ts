import type { FeedListener, Store } from '../store/port.ts'
import type { Channel } from './ipc.ts'

/** What the process that writes the file does for a worker: the rest a worker reads off the file itself. */
export type StoreService = Pick<
  Store,
  | 'commit'
  | 'spendCredits'
  | 'forgetIdempotencyBefore'
  | 'forgetChangesBefore'
  | 'forgetAccessTokensBefore'
  | 'announce'
  | 'beat'
  | 'leave'
> & {
  /** Resolves when nobody else of the installation is alone: then the worker is, until it ends the turn. */
  beginAlone(): Promise<number>
  endAlone(turn: number): Promise<void>
}

/** What a worker is told by the process that writes the file. */
export interface FeedService {
  news(news: FeedNews): Promise<void>
}

/** The newest of what happened since the last news. */
export interface FeedNews {
  /** undefined: nothing was committed. */
  readonly committed: number | null | undefined
  readonly reached: readonly (readonly [memberId: string, position: number])[]
}

/** Serves `store` to the worker at the other end. What the worker held or was known by ends with it. */
export function serveStore(channel: Channel, store: Store): void {
  const members = new Set<string>()
  const turns = new Map<number, () => void>()
  let lastTurn = 0
  const service: StoreService = {
    commit: (write) => store.commit(write),
    spendCredits: (...args) => store.spendCredits(...args),
    forgetIdempotencyBefore: (ms) => store.forgetIdempotencyBefore(ms),
    forgetChangesBefore: (ms) => store.forgetChangesBefore(ms),
    forgetAccessTokensBefore: (ms) => store.forgetAccessTokensBefore(ms),
    announce: (memberId, position) => store.announce(memberId, position),
    beat(sign, silenceMs) {
      members.add(sign.memberId)
      return store.beat(sign, silenceMs)
    },
    leave(memberId) {
      members.delete(memberId)
      return store.leave(memberId)
    },
    async beginAlone() {
      const turn = ++lastTurn
      const begun = Promise.withResolvers<number>()
      const ended = Promise.withResolvers<void>()
      turns.set(turn, ended.resolve)
      store
        .alone(() => {
          begun.resolve(turn)
          return ended.promise
        })
        .catch(begun.reject)
        .finally(() => turns.delete(turn))
      return begun.promise
    },
    async endAlone(turn) {
      turns.get(turn)?.()
    },
  }
  channel.serve('store', service)
  const feed = channel.remote<FeedService>('feed')
  const listening = store.listen(new FeedRelay((news) => feed.news(news)))
  void channel.ended.then(async () => {
    for (const end of turns.values()) end()
    for (const memberId of members) await store.leave(memberId)
    const stop = await listening
    await stop()
  })
}

/**
 * Passes on what the store tells, one piece of news at a time and the newest of each kind: a worker that stands still
 * piles nothing up here.
 */
class FeedRelay implements FeedListener {
  readonly #tell: (news: FeedNews) => Promise<void>
  #committed: number | null | undefined
  readonly #reached = new Map<string, number>()
  #isTelling = false

  constructor(tell: (news: FeedNews) => Promise<void>) {
    this.#tell = tell
  }

  committed(position: number | null): void {
    this.#committed = position
    this.#next()
  }

  reached(memberId: string, position: number): void {
    this.#reached.set(memberId, position)
    this.#next()
  }

  #next(): void {
    if (this.#isTelling || (this.#committed === undefined && this.#reached.size === 0)) return
    const news: FeedNews = { committed: this.#committed, reached: [...this.#reached] }
    this.#committed = undefined
    this.#reached.clear()
    this.#isTelling = true
    const told = () => {
      this.#isTelling = false
      this.#next()
    }
    // A worker that cannot be told is gone, or polls the feed anyway.
    this.#tell(news).then(told, told)
  }
}
