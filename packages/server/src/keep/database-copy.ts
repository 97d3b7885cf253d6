import { chmodSync, closeSync, copyFileSync, fsyncSync, openSync } from 'node:fs'
import { SqliteConnection } from '../store/sqlite-connection.ts'
import { makeEmptyFile } from '../store/sqlite-lock.ts'

/**
 * Copies a database as it is at one moment, also while others write to it, into a new file of the owner's own, and
 * returns when that is on the disk. The copy is written afresh (VACUUM), so that nothing of what was deleted is in it.
 */
export function copyDatabase(from: string, to: string): void {
  makeEmptyFile(to)
  const connection = new SqliteConnection({ path: from, synchronous: 'FULL', readOnly: true })
  try {
    connection.run('VACUUM INTO ?', to)
  } finally {
    connection.close()
  }
  syncFile(to)
}

/** Copies a file that nobody writes to, byte by byte, and returns when it is on the disk. */
export function copyFile(from: string, to: string): void {
  copyFileSync(from, to)
  chmodSync(to, 0o600)
  syncFile(to)
}

/** Must not be called on a file that this process has open as a database: closing it gives up SQLite's locks. */
export function syncFile(path: string): void {
  const file = openSync(path, 'r+')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
