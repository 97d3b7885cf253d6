import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { CopyBegin, CopyHead, CopyRow, CopySource, CopyTarget } from './copy-port.ts'
import { COPY_SETTING, copyMark, refuseUnfinishedCopy } from './copy-port.ts'
import { isUsedStatement, lastKeyStatement, pageStatement, valuesOf } from './copy-statements.ts'
import { COPY_TABLES, type CopyTable } from './copy-tables.ts'
import { STORE_MIGRATIONS, USAGE_MIGRATIONS } from './migrate.ts'
import { StoreFault } from './port.ts'
import { SqliteConnection } from './sqlite-connection.ts'
import { faulting, prepareSqliteFile } from './sqlite-file.ts'
import type { SqliteLock } from './sqlite-lock.ts'
import { planMigrations } from './sqlite-migrate.ts'
import { readSetting } from './sqlite-read.ts'
import { headOf } from './sqlite-revocations.ts'
import { StoreInUse, takeFile } from './sqlite-use.ts'
import { SQLITE } from './tables.ts'

/** The databases of a data folder. */
export interface SqlitePaths {
  readonly state: string
  readonly usage: string
}

export function sqlitePathsIn(folder: string): SqlitePaths {
  return { state: resolve(join(folder, 'credence.db')), usage: resolve(join(folder, 'usage.db')) }
}

/** Opens the embedded store to be copied; until it is closed no server opens it. @throws StoreFault */
export function openSqliteCopySource(paths: SqlitePaths): CopySource {
  if (!existsSync(paths.state)) throw new StoreFault(`There is no database at ${paths.state}`)
  return new SqliteCopySource(paths)
}

/** Opens an embedded store, made where there is none, to be copied into. @throws StoreFault */
export function openSqliteCopyTarget(paths: SqlitePaths, clock: () => number): CopyTarget {
  return new SqliteCopyTarget(paths, clock)
}

class SqliteCopySide {
  readonly name: string
  protected readonly state: SqliteConnection
  protected readonly usage: SqliteConnection | null
  readonly #alone: SqliteLock

  constructor(paths: SqlitePaths, readOnly: boolean, prepare: () => void) {
    this.name = `sqlite:${paths.state}`
    const alone = takeFile(paths.state)
    if (alone === null)
      throw new StoreInUse(`A server, or another command, uses ${paths.state}; stop it first`)
    this.#alone = alone
    try {
      prepare()
      this.state = new SqliteConnection({ path: paths.state, synchronous: 'FULL', readOnly })
      const hasUsage = existsSync(paths.usage)
      this.usage = hasUsage
        ? new SqliteConnection({ path: paths.usage, synchronous: 'FULL', readOnly })
        : null
    } catch (error) {
      alone.release()
      throw error
    }
  }

  async page(table: CopyTable, after: CopyRow | null, limit: number): Promise<readonly CopyRow[]> {
    return faulting(() => {
      const connection = this.of(table)
      if (connection === null) return []
      const { sql, values } = pageStatement(table, after, limit, SQLITE.placeholder)
      const columns = Object.keys(table.columns)
      return connection.all(sql, ...values).map((row) => valuesOf(row, columns))
    })
  }

  async close(): Promise<void> {
    this.closeNow()
  }

  protected closeNow(): void {
    this.usage?.close()
    this.state.close()
    this.#alone.release()
  }

  protected of({ database }: CopyTable): SqliteConnection | null {
    return database === 'state' ? this.state : this.usage
  }
}

class SqliteCopySource extends SqliteCopySide implements CopySource {
  constructor(paths: SqlitePaths) {
    super(paths, true, () => {
      refuseOlderSchema(paths.state, STORE_MIGRATIONS)
      if (existsSync(paths.usage)) refuseOlderSchema(paths.usage, USAGE_MIGRATIONS)
    })
    try {
      refuseUnfinishedCopy(readSetting(this.state, COPY_SETTING))
    } catch (error) {
      this.closeNow()
      throw error
    }
  }

  async head(): Promise<CopyHead> {
    return faulting(() => headOf(this.state))
  }
}

/** What a later migration makes of a row, a copy would have to know. */
function refuseOlderSchema(path: string, migrations: string): void {
  if (planMigrations(path, migrations).pending.length === 0) return
  throw new StoreFault(`${path} is not at this release's schema yet; start this release on it once`)
}

class SqliteCopyTarget extends SqliteCopySide implements CopyTarget {
  constructor(paths: SqlitePaths, clock: () => number) {
    super(paths, false, () => {
      prepareSqliteFile(paths.state, STORE_MIGRATIONS, 'auto', clock)
      prepareSqliteFile(paths.usage, USAGE_MIGRATIONS, 'auto', clock)
    })
  }

  async begin(head: CopyHead): Promise<CopyBegin> {
    return faulting(() => {
      const mark = readSetting(this.state, COPY_SETTING)
      if (mark === copyMark(head)) return { type: 'resumed' }
      if (mark !== undefined) {
        const problem = 'it holds a part of another copy, or of one made before the source went on'
        return { type: 'refused', problem }
      }
      const used = COPY_TABLES.find((table) => this.of(table)!.get(isUsedStatement(table)) !== undefined)
      if (used !== undefined) return { type: 'refused', problem: `it is not empty: ${used.name} has rows` }
      this.#transaction(this.state, () => {
        this.state.run('INSERT INTO settings (name, value) VALUES (?, ?)', COPY_SETTING, copyMark(head))
        this.state.run('DELETE FROM feed')
      })
      return { type: 'begun' }
    })
  }

  async lastKey(table: CopyTable): Promise<CopyRow | null> {
    return faulting(() => {
      const row = this.of(table)!.get(lastKeyStatement(table))
      return row === undefined ? null : valuesOf(row, table.key)
    })
  }

  async insert(table: CopyTable, rows: readonly CopyRow[]): Promise<void> {
    faulting(() => {
      const columns = Object.keys(table.columns)
      const places = columns.map(() => '?').join(', ')
      const sql = `INSERT INTO ${table.name} (${columns.join(', ')}) VALUES (${places})`
      const connection = this.of(table)!
      this.#transaction(connection, () => {
        for (const row of rows) connection.run(sql, ...row)
      })
    })
  }

  async finish(): Promise<void> {
    faulting(() => this.state.run('DELETE FROM settings WHERE name = ?', COPY_SETTING))
  }

  #transaction(connection: SqliteConnection, work: () => void): void {
    connection.run('BEGIN IMMEDIATE')
    try {
      work()
      connection.run('COMMIT')
    } catch (error) {
      if (connection.db.isTransaction) connection.run('ROLLBACK')
      throw error
    }
  }
}
