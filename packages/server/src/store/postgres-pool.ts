import { setTimeout as pause } from 'node:timers/promises'
import { StoreFault } from './port.ts'
import { PostgresConnection, type Statement } from './postgres-connection.ts'
import { faultOf } from './postgres-fault.ts'
import type { Session, SessionTimeouts } from './postgres-session.ts'
import type { PostgresAddress } from './postgres-url.ts'
import type { SqlRow } from './tables.ts'

export interface PoolSettings {
  readonly address: PostgresAddress
  /** Most connections for look-ups. */
  readonly readers: number
  /** How long a look-up may take, waiting included. */
  readonly readMs: number
  /** 0 ≤ x < 1, for jitter. */
  readonly random: () => number
}

/** How long to wait for a connection. Only the prober and writes ever wait for one. */
const CONNECT_MS = 2000
/** Look-ups under way and waiting, on all connections: about what is answered within the time a look-up may take. */
const MAX_PENDING_READS = 2048
/** Kept though idle, so that one lost connection is not all of them. */
const KEPT_READERS = 2
const IDLE_MS = 30_000
const BACKOFF_MS = { first: 50, most: 2000 }

interface Reader {
  readonly connection: PostgresConnection
  usedAtMs: number
}

/**
 * The connections of one process, and whether the database can be reached at all. While it cannot, everything is
 * refused at once, so that no request waits for a connection, and one prober tries again, ever more seldom.
 */
export class PostgresPool {
  readonly #settings: PoolSettings
  #readers: Reader[] = []
  #isOpening = false
  #pending = 0
  /** Why nothing can be done at the moment; null: it can. */
  #down: StoreFault | null = null
  readonly #closing = new AbortController()
  readonly #idleTimer: NodeJS.Timeout

  /** What the first connection found out. */
  readonly session: Session

  private constructor(settings: PoolSettings, first: PostgresConnection) {
    this.#settings = settings
    this.session = first.session
    this.#add(first)
    this.#idleTimer = setInterval(() => this.#closeIdle(), IDLE_MS / 3)
    this.#idleTimer.unref()
  }

  /** @throws StoreFault when the server cannot be reached or must not be used */
  static async open(settings: PoolSettings): Promise<PostgresPool> {
    return new PostgresPool(settings, await openReader(settings))
  }

  /** @throws StoreFault when nothing can be sent: closed, or the database cannot be reached */
  mustBeUp(): void {
    if (this.#closing.signal.aborted) throw new StoreFault('The store is closed')
    if (this.#down !== null) throw this.#down
  }

  /** A connection of its own for one kind of work. @throws StoreFault */
  async connect(use: string, timeouts: SessionTimeouts): Promise<PostgresConnection> {
    this.mustBeUp()
    const { address } = this.#settings
    return PostgresConnection.open({ address, use, connectMs: CONNECT_MS, ...timeouts })
  }

  /** A look-up. @throws StoreFault */
  async read(statement: Statement): Promise<readonly SqlRow[]> {
    this.mustBeUp()
    if (this.#pending >= MAX_PENDING_READS)
      throw new StoreFault(`PostgreSQL is busy: ${MAX_PENDING_READS} look-ups are waiting`)
    this.#pending += 1
    try {
      return await this.#readOn(this.#idlest(), statement, true)
    } finally {
      this.#pending -= 1
    }
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    this.#closing.abort()
    clearInterval(this.#idleTimer)
    await Promise.all(this.#readers.map(({ connection }) => connection.end()))
  }

  async #readOn(reader: Reader, statement: Statement, mayRepeat: boolean): Promise<readonly SqlRow[]> {
    const { connection } = reader
    reader.usedAtMs = performance.now()
    try {
      return await connection.rows(statement, this.#settings.readMs)
    } catch (error) {
      // A link that swallows packets takes all connections; to find out one by one would take as long for each.
      if (connection.isSilent) this.#goDown(faultOf(error))
      if (connection.isOpen || !mayRepeat) throw faultOf(error)
      this.mustBeUp()
      return this.#readOn(this.#idlest(), statement, false)
    }
  }

  /** The reader with the least to do; where all have something to do, one more is opened for those who come after. */
  #idlest(): Reader {
    const [first, ...others] = this.#readers
    if (first === undefined) throw new StoreFault('PostgreSQL cannot be reached')
    let idlest = first
    for (const reader of others) if (reader.connection.inFlight < idlest.connection.inFlight) idlest = reader
    const wanted = idlest.connection.inFlight > 0 ? this.#settings.readers : KEPT_READERS
    if (!this.#isOpening && this.#readers.length < wanted) void this.#openMore()
    return idlest
  }

  async #openMore(): Promise<void> {
    this.#isOpening = true
    try {
      const connection = await openReader(this.#settings)
      if (this.#down === null && !this.#closing.signal.aborted) this.#add(connection)
      else await connection.end()
    } catch {
      // The server may have no connection left; those that there are go on, and tell if there is more to it.
      await this.#pause(BACKOFF_MS.most)
    } finally {
      this.#isOpening = false
    }
  }

  #add(connection: PostgresConnection): void {
    this.#readers.push({ connection, usedAtMs: performance.now() })
    connection.onLost((fault) => {
      this.#readers = this.#readers.filter((reader) => reader.connection !== connection)
      if (this.#readers.length === 0) this.#goDown(fault)
    })
  }

  #goDown(fault: StoreFault): void {
    if (this.#down !== null || this.#closing.signal.aborted) return
    this.#down = fault
    for (const { connection } of this.#readers) connection.destroy(fault)
    void this.#probe()
  }

  async #probe(): Promise<void> {
    const { random } = this.#settings
    for (let pauseMs = BACKOFF_MS.first; !this.#closing.signal.aborted; pauseMs *= 2) {
      try {
        const connection = await openReader(this.#settings)
        if (this.#closing.signal.aborted) return await connection.end()
        this.#down = null
        return this.#add(connection)
      } catch (error) {
        this.#down = faultOf(error)
      }
      // Half of it by chance, so that many nodes do not come back at one moment.
      await this.#pause(Math.min(pauseMs, BACKOFF_MS.most) * (0.5 + random() / 2))
    }
  }

  /** Ends early when the pool is closed, and keeps no process alive. */
  async #pause(ms: number): Promise<void> {
    const { signal } = this.#closing
    await pause(ms, undefined, { ref: false, signal }).catch(() => {})
  }

  #closeIdle(): void {
    const sinceMs = performance.now() - IDLE_MS
    for (const { connection, usedAtMs } of this.#readers.slice(KEPT_READERS)) {
      if (usedAtMs < sinceMs && connection.inFlight === 0) void connection.end()
    }
  }
}

function openReader({ address, readMs }: PoolSettings): Promise<PostgresConnection> {
  const timeouts = { statementMs: readMs, lockMs: readMs }
  return PostgresConnection.open({ address, use: 'look-ups', connectMs: CONNECT_MS, ...timeouts })
}
