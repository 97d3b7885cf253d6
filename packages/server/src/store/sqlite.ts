import { resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { COPY_SETTING, refuseUnfinishedCopy } from './copy-port.ts'
import type { Forgettable } from './forgettable.ts'
import { LocalMembers } from './local-members.ts'
import { type MigrateMode, STORE_MIGRATIONS } from './migrate.ts'
import {
  type CommitResult,
  type CreditResult,
  type FeedListener,
  type SignOfLife,
  type Store,
  StoreFault,
  type Write,
} from './port.ts'
import { FORGET_AT_ONCE } from './sqlite-apply-write.ts'
import { SqliteConnection } from './sqlite-connection.ts'
import { faulting, prepareSqliteFile } from './sqlite-file.ts'
import { SqliteLock } from './sqlite-lock.ts'
import { readSetting } from './sqlite-read.ts'
import { SqliteReads } from './sqlite-reads.ts'
import { SqliteThread } from './sqlite-thread.ts'
import { shareFile } from './sqlite-use.ts'
import type { Committed, WriterData, WriterRequest } from './sqlite-writer-thread.ts'
import { type JournalSettings, StoreJournal } from './store-journal.ts'

export interface SqliteStoreSettings {
  readonly path: string
  readonly migrate: MigrateMode
  readonly clock: () => number
  /** Where revocations are kept besides; absent: nowhere. */
  readonly journal?: JournalSettings
}

/** Writes that may wait for the disk at once. A second of commits, so that busy is told and not queued up. */
const MAX_PENDING_WRITES = 4096
/** A first start takes milliseconds; whoever needs longer is stuck. */
const START_WAIT_MS = 10_000
const START_RETRY_MS = 20

/**
 * Opens the file, makes it where there is none, migrates it, and brings its journal of revocations up to date.
 * @throws StoreFault
 */
export async function openSqliteStore(settings: SqliteStoreSettings): Promise<Store> {
  const path = resolve(settings.path)
  const use = faulting(() => shareFile(path))
  try {
    prepareSqliteFile(path, STORE_MIGRATIONS, settings.migrate, settings.clock)
    faulting(() => refuseUnfinishedCopy(copyMarkIn(path)))
    const journal = settings.journal && new StoreJournal(path, settings.journal, settings.clock)
    return new SqliteStore(path, use, journal ?? null)
  } catch (error) {
    use.release()
    throw error
  }
}

function copyMarkIn(path: string): string | undefined {
  const connection = new SqliteConnection({ path, synchronous: 'FULL', readOnly: true })
  try {
    // With CREDENCE_MIGRATE=off the file may be without any table.
    const hasSettings = connection.get("SELECT 1 FROM sqlite_schema WHERE name = 'settings'") !== undefined
    return hasSettings ? readSetting(connection, COPY_SETTING) : undefined
  } finally {
    connection.close()
  }
}

/** The process that writes the file: every write goes to its one writer thread; see sqlite-writer-thread.ts. */
class SqliteStore extends SqliteReads implements Store {
  readonly #writer: SqliteThread
  readonly #members: LocalMembers
  readonly #leader: SqliteLock
  readonly #start: SqliteLock
  readonly #use: SqliteLock
  readonly #journal: StoreJournal | null
  #closing: Promise<void> | undefined

  constructor(path: string, use: SqliteLock, journal: StoreJournal | null) {
    super(path)
    this.#use = use
    this.#journal = journal
    // A wall clock that jumps must not make all of them seem dead.
    this.#members = new LocalMembers(() => performance.now())
    this.#leader = new SqliteLock(`${path}-leader-lock`)
    this.#start = new SqliteLock(`${path}-start-lock`)
    this.#writer = new SqliteThread({
      task: 'writes the database',
      entry: new URL('./sqlite-writer-thread.ts', import.meta.url),
      workerData: { path, journal: journal?.begin ?? null } satisfies WriterData,
      maxPending: MAX_PENDING_WRITES,
      idleMs: null,
    })
    journal?.keepWith((request) => this.#write(request))
  }

  async commit(write: Write): Promise<CommitResult> {
    const committed = (await this.#write({ type: 'commit', write })) as Committed
    const { journal, ...result } = committed
    if (journal !== undefined) this.#journal?.tried(journal)
    if (result.ok) this.#members.committed(result.position)
    return result
  }

  async spendCredits(...args: Parameters<Store['spendCredits']>): Promise<CreditResult> {
    return (await this.#write({ type: 'spend', args })) as CreditResult
  }

  async forgetIdempotencyBefore(ms: number): Promise<void> {
    await this.#forget('idempotency', ms)
  }

  async forgetChangesBefore(ms: number): Promise<void> {
    await this.#forget('changes', ms)
  }

  async forgetAccessTokensBefore(ms: number): Promise<void> {
    await this.#forget('accessTokens', ms)
  }

  async listen(listener: FeedListener): Promise<() => Promise<void>> {
    return this.#members.listen(listener)
  }

  async announce(memberId: string, position: number): Promise<void> {
    return this.#members.announce(memberId, position)
  }

  async beat(sign: SignOfLife, silenceMs: number): Promise<readonly SignOfLife[]> {
    return this.#members.beat(sign, silenceMs)
  }

  async leave(memberId: string): Promise<void> {
    return this.#members.leave(memberId)
  }

  async lead(): Promise<boolean> {
    return this.#owning(() => this.#leader.take())
  }

  alone<T>(work: () => Promise<T>): Promise<T> {
    return this.#members.inTurn(async () => {
      const endMs = performance.now() + START_WAIT_MS
      while (!this.#owning(() => this.#start.take())) {
        if (performance.now() > endMs) throw new StoreFault('Another process is making the first start')
        await new Promise((resolve) => setTimeout(resolve, START_RETRY_MS))
      }
      try {
        return await work()
      } finally {
        this.#start.release()
      }
    })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    // The writer last: its connection then folds the journal into the file, which only the last one can.
    await this.closeReads()
    this.#leader.release()
    await this.#journal?.close()
    await this.#writer.close()
    this.#use.release()
  }

  async #forget(what: Forgettable, beforeMs: number): Promise<void> {
    while ((await this.#write({ type: 'forget', what, beforeMs })) === FORGET_AT_ONCE);
  }

  #write(request: WriterRequest): Promise<unknown> {
    return this.#writer.call(request)
  }

  #owning<R>(take: () => R): R {
    if (this.#closing !== undefined) throw new StoreFault('The store is closed')
    return faulting(take)
  }
}
