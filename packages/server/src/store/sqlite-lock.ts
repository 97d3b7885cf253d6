import { closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

/**
 * A lock between the processes of one machine, held by SQLite's own means on a file of its own, which stays empty.
 * The operating system gives it back when its holder dies, however it dies.
 */
export class SqliteLock {
  readonly #path: string
  #held: DatabaseSync | null = null

  constructor(path: string) {
    this.#path = path
  }

  /** Whether the lock is held from now on, or was already. Waits for nobody. */
  take(): boolean {
    if (this.#held !== null) return true
    closeSync(openSync(this.#path, 'a', 0o600))
    const db = new DatabaseSync(this.#path)
    try {
      db.exec('BEGIN EXCLUSIVE')
      this.#held = db
      return true
    } catch (error) {
      db.close()
      if (isBusy(error)) return false
      throw error
    }
  }

  release(): void {
    this.#held?.close()
    this.#held = null
  }
}

/** SQLITE_BUSY, whatever its extended code (sqlite.org/rescode.html). */
function isBusy(error: unknown): boolean {
  return (
    error instanceof Error &&
    'errcode' in error &&
    typeof error.errcode === 'number' &&
    (error.errcode & 0xff) === 5
  )
}
