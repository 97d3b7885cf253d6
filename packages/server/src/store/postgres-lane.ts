import type { PostgresConnection } from './postgres-connection.ts'
import type { PostgresPool } from './postgres-pool.ts'
import type { SessionTimeouts } from './postgres-session.ts'

const IDLE_MS = 30_000

/** One connection for one kind of work: opened when first needed, again when it was lost, and closed when idle. */
export class PostgresLane {
  readonly #pool: PostgresPool
  readonly #use: string
  readonly #timeouts: SessionTimeouts
  #opening: Promise<PostgresConnection> | null = null
  #connection: PostgresConnection | null = null
  #idle: NodeJS.Timeout | undefined

  constructor(pool: PostgresPool, use: string, timeouts: SessionTimeouts) {
    this.#pool = pool
    this.#use = use
    this.#timeouts = timeouts
  }

  /** @throws StoreFault */
  async connection(): Promise<PostgresConnection> {
    this.#pool.mustBeUp()
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => void this.close(), IDLE_MS)
    this.#idle.unref()
    if (this.#connection?.isOpen) return this.#connection
    this.#opening ??= this.#open()
    return this.#opening
  }

  /** Waits for what is under way on it. */
  async close(): Promise<void> {
    clearTimeout(this.#idle)
    const connection = this.#connection
    this.#connection = null
    await connection?.end()
  }

  async #open(): Promise<PostgresConnection> {
    try {
      this.#connection = await this.#pool.connect(this.#use, this.#timeouts)
      return this.#connection
    } finally {
      this.#opening = null
    }
  }
}
