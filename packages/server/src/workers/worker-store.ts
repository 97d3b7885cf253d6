import type { CommitResult, CreditResult, FeedListener, SignOfLife, Store, Write } from '../store/port.ts'
import { StoreFault } from '../store/port.ts'
import { SqliteReads } from '../store/sqlite-reads.ts'
import type { Channel, Remote } from './ipc.ts'
import type { FeedNews, FeedService, StoreService } from './store-service.ts'

/** A worker's store on SQLite: it reads the file itself, and has the one process that writes it do the rest. */
export class WorkerStore extends SqliteReads implements Store {
  readonly #writer: Remote<StoreService>
  readonly #listeners = new Set<FeedListener>()
  readonly #underWay = new Set<Promise<unknown>>()
  #closing: Promise<void> | undefined

  /** @param path of the file, which the process at the other end of `channel` has prepared */
  constructor(path: string, channel: Channel) {
    super(path)
    this.#writer = channel.remote<StoreService>('store')
    const feed: FeedService = { news: async (news) => this.#hear(news) }
    channel.serve('feed', feed)
  }

  commit(write: Write): Promise<CommitResult> {
    return this.#ask((writer) => writer.commit(write))
  }

  spendCredits(...args: Parameters<Store['spendCredits']>): Promise<CreditResult> {
    return this.#ask((writer) => writer.spendCredits(...args))
  }

  forgetIdempotencyBefore(ms: number): Promise<void> {
    return this.#ask((writer) => writer.forgetIdempotencyBefore(ms))
  }

  forgetChangesBefore(ms: number): Promise<void> {
    return this.#ask((writer) => writer.forgetChangesBefore(ms))
  }

  forgetAccessTokensBefore(ms: number): Promise<void> {
    return this.#ask((writer) => writer.forgetAccessTokensBefore(ms))
  }

  async listen(listener: FeedListener): Promise<() => Promise<void>> {
    this.#listeners.add(listener)
    return async () => {
      this.#listeners.delete(listener)
    }
  }

  announce(memberId: string, position: number): Promise<void> {
    return this.#ask((writer) => writer.announce(memberId, position))
  }

  beat(sign: SignOfLife, silenceMs: number): Promise<readonly SignOfLife[]> {
    return this.#ask((writer) => writer.beat(sign, silenceMs))
  }

  leave(memberId: string): Promise<void> {
    return this.#ask((writer) => writer.leave(memberId))
  }

  /** What only one may do is done by the process that writes. */
  async lead(): Promise<boolean> {
    return false
  }

  async alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = await this.#ask((writer) => writer.beginAlone())
    try {
      return await work()
    } finally {
      await this.#writer.endAlone(turn)
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.closeReads()
    await Promise.allSettled(this.#underWay)
  }

  #ask<R>(ask: (writer: Remote<StoreService>) => Promise<R>): Promise<R> {
    if (this.#closing !== undefined) return Promise.reject(new StoreFault('The store is closed'))
    const asked = ask(this.#writer)
    this.#underWay.add(asked)
    const settled = () => this.#underWay.delete(asked)
    asked.then(settled, settled)
    return asked
  }

  #hear({ committed, reached }: FeedNews): void {
    for (const listener of this.#listeners) {
      if (committed !== undefined) listener.committed(committed)
      for (const [memberId, position] of reached) listener.reached(memberId, position)
    }
  }
}
