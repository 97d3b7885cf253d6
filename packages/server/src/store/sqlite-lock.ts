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

  /** Whether the lock is held from now on, or was already. @param waitMs how long to wait for another holder, blocking */
  take(waitMs = 0): boolean {
    return this.#hold('BEGIN EXCLUSIVE', waitMs)
  }

  /** The same, but together with others: as long as somebody shares the lock, nobody else can take it alone. */
  share(waitMs = 0): boolean {
    // What takes SQLite's SHARED lock, and holds it as long as the transaction is open, is the first read in it.
    return this.#hold('BEGIN; SELECT 1 FROM sqlite_schema', waitMs)
  }

  release(): void {
    this.#held?.close()
    this.#held = null
  }

  #hold(how: string, waitMs: number): boolean {
    if (this.#held !== null) return true
    makeEmptyFile(this.#path)
    const db = new DatabaseSync(this.#path, { timeout: waitMs })
    try {
      db.exec(how)
      this.#held = db
      return true
    } catch (error) {
      db.close()
      if (isBusy(error)) return false
      throw error
    }
  }
}

/**
 * Makes a file of the owner's own where there is none. One that is there is not even opened: whoever closes a file
 * gives back all locks that its process holds on it (POSIX), whichever part of the process took them.
 */
export function makeEmptyFile(path: string): void {
  try {
    closeSync(openSync(path, 'ax', 0o600))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
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
