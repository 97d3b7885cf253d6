import { setTimeout as pause } from 'node:timers/promises'
import { type FeedListener, StoreFault } from './port.ts'
import type { PostgresConnection, Statement } from './postgres-connection.ts'
import { faultOf } from './postgres-fault.ts'
import { channelOf, lockKey } from './postgres-session.ts'
import type { SqlRow } from './tables.ts'

export interface ControlSettings {
  readonly open: () => Promise<PostgresConnection>
  /** How long an answer may take. */
  readonly answerMs: number
  /** 0 ≤ x < 1, for jitter. */
  readonly random: () => number
}

const BACKOFF_MS = { first: 50, most: 2000 }
/** How often a connection that has nothing to say is asked whether it is still there. */
const PING_EVERY_MS = 2000

const TRY_LEADER = 'SELECT pg_try_advisory_lock($1::bigint) AS is_held'
const PING = 'SELECT 1'
const TELL = 'SELECT pg_notify($1, $2)'

/**
 * The connection that stays: it listens for what other processes tell, and holds the leader's lock, which PostgreSQL
 * gives back when the session ends, however it ends. Nothing that must be durable is written on it. It is opened
 * when first needed and again, ever more seldom, when it was lost; as something may have been told meanwhile, the
 * listeners are told so.
 */
export class PostgresControl {
  readonly #settings: ControlSettings
  readonly #listeners = new Set<FeedListener>()
  readonly #closing = new AbortController()
  #connection: PostgresConnection | null = null
  #opening: Promise<PostgresConnection> | null = null
  /** The connection whose session holds the leader's lock. */
  #leading: PostgresConnection | null = null
  readonly #untold = new Map<string, { position: number; told: Promise<void> }>()
  readonly #ping: NodeJS.Timeout

  constructor(settings: ControlSettings) {
    this.#settings = settings
    this.#ping = setInterval(() => void this.#isThere(), PING_EVERY_MS)
    this.#ping.unref()
  }

  /** See Store.listen. @throws StoreFault when it cannot be listened now */
  async listen(listener: FeedListener): Promise<() => Promise<void>> {
    await this.#open()
    this.#listeners.add(listener)
    return async () => {
      this.#listeners.delete(listener)
    }
  }

  /** See Store.announce. Of what is told faster than it can be, the newest is enough. @throws StoreFault */
  announce(memberId: string, position: number): Promise<void> {
    const waiting = this.#untold.get(memberId)
    if (waiting !== undefined) {
      waiting.position = Math.max(waiting.position, position)
      return waiting.told
    }
    const told = Promise.withResolvers<void>()
    this.#untold.set(memberId, { position, told: told.promise })
    // What is asked for in the same turn, or while the connection is opened, goes along.
    setImmediate(() => this.#tell(memberId).then(told.resolve, told.reject))
    return told.promise
  }

  /** See Store.lead. Asked each time, so that a session that PostgreSQL has ended is found out. */
  async lead(): Promise<boolean> {
    try {
      const connection = await this.#open()
      if (this.#leading === connection) return await this.#isThere()
      const [row] = await this.#rows(TRY_LEADER, [lockKey('leader', connection.session)])
      if (row?.is_held !== true) return false
      this.#leading = connection
      return true
    } catch (error) {
      if (this.#closing.signal.aborted) throw error
      return false
    }
  }

  /** What nobody has to rely on: signs of life. @throws StoreFault */
  async rows(statement: Statement): Promise<readonly SqlRow[]> {
    const connection = await this.#open()
    try {
      return await connection.rows(statement, this.#settings.answerMs)
    } catch (error) {
      throw faultOf(error)
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    clearInterval(this.#ping)
    this.#leading = null
    await this.#connection?.end()
  }

  async #tell(memberId: string): Promise<void> {
    const connection = await this.#open().catch((error: unknown) => {
      this.#untold.delete(memberId)
      throw error
    })
    const payload = JSON.stringify({ member: memberId, reached: this.#untold.get(memberId)?.position })
    this.#untold.delete(memberId)
    await this.#rows(TELL, [channelOf(connection.session), payload])
  }

  async #isThere(): Promise<boolean> {
    if (!this.#connection?.isOpen) return false
    try {
      await this.#rows(PING, [])
      return true
    } catch {
      return false
    }
  }

  #rows(sql: string, values: readonly string[]): Promise<readonly SqlRow[]> {
    return this.rows({ sql, values, isCommon: true })
  }

  #open(): Promise<PostgresConnection> {
    if (this.#closing.signal.aborted) return Promise.reject(new StoreFault('The store is closed'))
    if (this.#connection?.isOpen) return Promise.resolve(this.#connection)
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = null
    })
    return this.#opening
  }

  async #connect(): Promise<PostgresConnection> {
    const connection = await this.#settings.open()
    connection.onNotification((payload) => this.#hear(payload))
    try {
      // What only tells must not wait for the disk, nor hold up the commits that tell too.
      for (const sql of [`LISTEN ${channelOf(connection.session)}`, 'SET synchronous_commit = off'])
        await connection.rows({ sql, values: [], isCommon: false }, this.#settings.answerMs)
      if (this.#closing.signal.aborted) throw new StoreFault('The store is closed')
    } catch (error) {
      connection.destroy(faultOf(error))
      throw faultOf(error)
    }
    this.#connection = connection
    connection.onLost(() => void this.#reopen())
    return connection
  }

  /** Comes back by itself while somebody listens. */
  async #reopen(): Promise<void> {
    const { signal } = this.#closing
    for (let pauseMs = BACKOFF_MS.first; !signal.aborted && this.#listeners.size > 0; pauseMs *= 2) {
      try {
        await this.#open()
        for (const listener of this.#listeners) listener.committed(null)
        return
      } catch {
        const jittered = Math.min(pauseMs, BACKOFF_MS.most) * (0.5 + this.#settings.random() / 2)
        await pause(jittered, undefined, { ref: false, signal }).catch(() => {})
      }
    }
  }

  /** Somebody else may tell nonsense on the channel; it is not for us then. */
  #hear(payload: string): void {
    const told = toldBy(payload)
    for (const listener of this.#listeners) {
      if (told.committed !== null) listener.committed(told.committed)
      if (told.reached !== null) listener.reached(told.reached.memberId, told.reached.position)
    }
  }
}

interface Told {
  readonly committed: number | null
  readonly reached: { readonly memberId: string; readonly position: number } | null
}

function toldBy(payload: string): Told {
  const nothing = { committed: null, reached: null }
  let json: unknown
  try {
    json = JSON.parse(payload)
  } catch {
    return nothing
  }
  if (typeof json !== 'object' || json === null) return nothing
  const { committed, member, reached } = json as Readonly<Record<string, unknown>>
  if (Number.isSafeInteger(committed)) return { committed: committed as number, reached: null }
  if (typeof member !== 'string' || !Number.isSafeInteger(reached)) return nothing
  return { committed: null, reached: { memberId: member, position: reached as number } }
}
