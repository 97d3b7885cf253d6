import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { SqlValue } from './tables.ts'

export interface ConnectionSettings {
  readonly path: string
  /** FULL: a commit is on the disk when it returns. NORMAL: the last commits before a power loss may be undone. */
  readonly synchronous: 'FULL' | 'NORMAL'
  readonly readOnly: boolean
}

/** How long a statement waits for another process that holds the file's write lock. */
const BUSY_TIMEOUT_MS = 5000
/**
 * The journal is copied into the file after so many pages of 4 KiB. SQLite's own 1000 is some sixty writes of ours,
 * most of whose pages are the same ones again: copied four times less often, they are written less often.
 */
const CHECKPOINT_PAGES = 4000

/** SQLite's extended result codes (sqlite.org/rescode.html) that a write can meet without anything being broken. */
export const CONSTRAINT_FOREIGN_KEY = 787
export const CONSTRAINT_UNIQUE = 2067
export const CONSTRAINT_PRIMARY_KEY = 1555

/** One connection with its prepared statements. */
export class SqliteConnection {
  readonly db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  constructor(settings: ConnectionSettings) {
    this.db = new DatabaseSync(settings.path, {
      readOnly: settings.readOnly,
      enableForeignKeyConstraints: true,
      timeout: BUSY_TIMEOUT_MS,
    })
    // The mode is kept in the file, so only the first start changes it.
    if (!settings.readOnly) this.db.exec('PRAGMA journal_mode = WAL')
    this.db.exec(
      `PRAGMA synchronous = ${settings.synchronous}; PRAGMA trusted_schema = OFF; PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`,
    )
  }

  get(sql: string, ...values: SqlValue[]): Record<string, unknown> | undefined {
    return this.#prepared(sql).get(...values)
  }

  all(sql: string, ...values: SqlValue[]): Record<string, unknown>[] {
    return this.#prepared(sql).all(...values)
  }

  /** One row after the other, of one moment. The statement is done when the loop is. */
  iterate(sql: string, ...values: SqlValue[]): Iterable<Record<string, unknown>> {
    // A statement of its own: a kept one that is run again would end the loop.
    return this.db.prepare(sql).iterate(...values)
  }

  /** How many rows it touched. */
  run(sql: string, ...values: SqlValue[]): number {
    return Number(this.#prepared(sql).run(...values).changes)
  }

  close(): void {
    this.#statements.clear()
    this.db.close()
  }

  #prepared(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    // Texts are built from a few parts only; the bound is there for combinations of filters.
    if (this.#statements.size >= 200) this.#statements.clear()
    const made = this.db.prepare(sql)
    this.#statements.set(sql, made)
    return made
  }
}

/** The extended result code of an error that SQLite raised, else undefined. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined
  return typeof error.errcode === 'number' ? error.errcode : undefined
}

/**
 * The field whose uniqueness was violated. SQLite names unique columns as `principal.workspace_id,
 * principal.name`, and an index over an expression as `index 'api_base_path'`: the last word of both tells it.
 */
export function uniqueField(error: Error, table: string): string {
  const index = /index '([a-z_]+)'/.exec(error.message)?.[1]
  const column = index?.slice(table.length + 1) ?? /\.([a-z_]+)$/.exec(error.message)?.[1] ?? 'id'
  return column.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
