import type { PostgresConnection } from './postgres-connection.ts'

const IDLE_MS = 30_000
/** Whoever asks so soon after a failure gets the same one, and does not wait for it. */
const FAILED_FOR_MS = 500

/** One connection for one kind of work: opened when first needed, again when it was lost, and closed when idle. */
export class PostgresLane {
  readonly #open: () => Promise<PostgresConnection>
  #opening: Promise<PostgresConnection> | null = null
  #connection: PostgresConnection | null = null
  #failed: { readonly fault: unknown; readonly untilMs: number } | null = null
  #idle: NodeJS.Timeout | undefined

  /** @param open throws StoreFault (as rejection) */
  constructor(open: () => Promise<PostgresConnection>) {
    this.#open = open
  }

  /** @throws StoreFault */
  async connection(): Promise<PostgresConnection> {
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => void this.close(), IDLE_MS)
    this.#idle.unref()
    if (this.#connection?.isOpen) return this.#connection
    if (this.#failed !== null && performance.now() < this.#failed.untilMs) throw this.#failed.fault
    this.#opening ??= this.#opened()
    return this.#opening
  }

  /** Waits for what is under way on it. */
  async close(): Promise<void> {
    clearTimeout(this.#idle)
    const connection = this.#connection
    this.#connection = null
    await connection?.end()
  }

  async #opened(): Promise<PostgresConnection> {
    try {
      this.#connection = await this.#open()
      this.#failed = null
      return this.#connection
    } catch (fault) {
      this.#failed = { fault, untilMs: performance.now() + FAILED_FOR_MS }
      throw fault
    } finally {
      this.#opening = null
    }
  }
}
