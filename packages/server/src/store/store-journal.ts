import {
  JournalMismatch,
  type JournalSeen,
  type JournalTried,
  keepJournal,
  NOT_SEEN,
} from './keep-journal.ts'
import { SqliteConnection } from './sqlite-connection.ts'
import type { WriterData, WriterRequest } from './sqlite-writer-thread.ts'

export interface JournalSettings {
  readonly path: string
  /** Called when a try to keep the journal has ended. It must not throw. */
  readonly onTried: (tried: JournalTried) => void
}

/** How often a journal that could not be written is tried again, though nobody revokes anything. */
const EVERY_MS = 60_000
/** At most so old is what the journal says of itself, while a server runs and the journal can be written. */
const MARK_EVERY_MS = 60 * 60 * 1000

/** The journal of an open store: it is caught up at the start, kept by the writer thread, and marked at the end. */
export class StoreJournal {
  /** What the writer thread starts with. */
  readonly begin: NonNullable<WriterData['journal']>
  readonly #settings: JournalSettings
  readonly #clock: () => number
  #write: (request: WriterRequest) => Promise<unknown> = () => Promise.resolve(null)
  #timer: NodeJS.Timeout | undefined

  /**
   * @param path of a database that has been prepared. What was committed there, and not yet in the journal when the
   * process died, goes there before anybody is told that it is so.
   * @throws JournalMismatch when the journal was kept with another state of the database
   */
  constructor(path: string, settings: JournalSettings, clock: () => number) {
    this.#settings = settings
    this.#clock = clock
    this.begin = { path: settings.path, seen: this.#caughtUp(path) }
  }

  /** Called once, with what sends a request to the writer thread. */
  keepWith(write: (request: WriterRequest) => Promise<unknown>): void {
    this.#write = write
    this.#timer = setInterval(() => void this.#keep(this.#clock() - MARK_EVERY_MS), EVERY_MS)
    this.#timer.unref()
  }

  /** A write that revoked something was answered. */
  tried(tried: JournalTried): void {
    this.#settings.onTried(tried)
  }

  /** Marks that up to here nothing is missing. Before the writer thread is closed. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#keep(Number.POSITIVE_INFINITY)
  }

  async #keep(markIfBeforeMs: number): Promise<void> {
    const request = { type: 'journal', nowMs: this.#clock(), markIfBeforeMs } as const
    try {
      this.tried((await this.#write(request)) as JournalTried)
    } catch {
      // The thread is too busy, or died: whoever writes hears of it, and of the journal nothing new is known.
    }
  }

  /** That it cannot be written now stops nobody's start. */
  #caughtUp(path: string): JournalSeen {
    const connection = new SqliteConnection({ path, synchronous: 'FULL', readOnly: true })
    const nowMs = this.#clock()
    try {
      const keeping = { path: this.#settings.path, nowMs, seen: NOT_SEEN, markIfBeforeMs: nowMs }
      const { seen, begun } = keepJournal(connection, keeping)
      this.#settings.onTried({ problem: null, begun })
      return seen
    } catch (error) {
      if (error instanceof JournalMismatch) throw error
      this.#settings.onTried({ problem: (error as Error).message, begun: null })
      return NOT_SEEN
    } finally {
      connection.close()
    }
  }
}
