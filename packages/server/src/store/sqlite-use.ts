import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { StoreFault } from './port.ts'
import { SqliteLock } from './sqlite-lock.ts'

/**
 * Who uses a database file: as many as open it, or the one that puts another in its place. A rename asks nobody, and a
 * process that had the old file open would go on in it, acknowledging writes that are no longer anybody's.
 */

/** A restore is under way, or did not come to its end: what it has still to do stands in this file. */
export function restorePlanPath(path: string): string {
  return `${path}-restore`
}

/** Somebody else has the database, for as long as that lasts. */
export class StoreInUse extends StoreFault {
  override name = 'StoreInUse'
}

/** To be held by whoever opens the file, and before it does. @throws StoreInUse while one process has it alone */
export function shareFile(path: string): SqliteLock {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const lock = new SqliteLock(`${path}-use-lock`)
  if (!lock.share()) throw new StoreInUse(`A restore or a copy is under way that has ${path} to itself`)
  if (!existsSync(restorePlanPath(path))) return lock
  lock.release()
  throw new StoreFault(`A restore of ${path} did not come to its end; run credence restore again`)
}

/** The file alone, and nobody opens it meanwhile; null: it is in use. @param waitMs how long to wait, blocking */
export function takeFile(path: string, waitMs = 0): SqliteLock | null {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const lock = new SqliteLock(`${path}-use-lock`)
  return lock.take(waitMs) ? lock : null
}
