import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { loadMigrations, type MigrateMode } from './migrate.ts'
import { StoreFault } from './port.ts'
import { SqliteConnection } from './sqlite-connection.ts'
import { makeEmptyFile } from './sqlite-lock.ts'
import { migrateSqlite } from './sqlite-migrate.ts'

/**
 * Makes the file where there is none (0600, in a folder of 0700 if that is new too; SQLite gives its -wal and -shm
 * files the same mode) and brings its schema up to date.
 * @throws StoreFault
 */
export function prepareSqliteFile(
  path: string,
  migrations: string,
  mode: MigrateMode,
  clock: () => number,
): void {
  faulting(() => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    makeEmptyFile(path)
    const connection = new SqliteConnection({ path, synchronous: 'FULL', readOnly: false })
    try {
      migrateSqlite(connection, loadMigrations(migrations), mode, clock)
    } finally {
      connection.close()
    }
  })
}

/** Tells whatever goes wrong with the file as a StoreFault. */
export function faulting<R>(run: () => R): R {
  try {
    return run()
  } catch (cause) {
    if (cause instanceof StoreFault) throw cause
    throw new StoreFault(cause instanceof Error ? cause.message : 'The database failed', { cause })
  }
}
