import { existsSync } from 'node:fs'
import {
  type AppliedMigration,
  loadMigrations,
  MIGRATIONS_TABLE,
  type MigrateMode,
  type Migration,
  type MigrationPlan,
  planFor,
  refusePending,
  STORE_MIGRATIONS,
} from './migrate.ts'
import { SqliteConnection } from './sqlite-connection.ts'

/**
 * Brings a file's schema to what `known` describes, or refuses, as `mode` says.
 * @throws StoreFault when this release must not run on the file
 */
export function migrateSqlite(
  connection: SqliteConnection,
  known: readonly Migration[],
  mode: MigrateMode,
  clock: () => number,
): void {
  const plan = planFor(known, appliedTo(connection))
  if (mode === 'check') refusePending(plan)
  if (mode !== 'auto' || plan.pending.length === 0) return
  while (applyNext(connection, known, clock));
}

/** What `credence migrate --plan` shows; changes nothing, makes no file. @throws StoreFault as a start would */
export function planMigrations(path: string, migrations = STORE_MIGRATIONS): MigrationPlan {
  const known = loadMigrations(migrations)
  if (!existsSync(path)) return planFor(known, [])
  const connection = new SqliteConnection({ path, synchronous: 'FULL', readOnly: true })
  try {
    return planFor(known, appliedTo(connection))
  } finally {
    connection.close()
  }
}

/**
 * The oldest pending migration, in one transaction with its row. IMMEDIATE takes the file's write lock first, and
 * the plan is made again under it, so that of several starters each migration has exactly one. True: there may be more.
 */
function applyNext(connection: SqliteConnection, known: readonly Migration[], clock: () => number): boolean {
  connection.db.exec('BEGIN IMMEDIATE')
  try {
    connection.db.exec(MIGRATIONS_TABLE)
    const { pending } = planFor(known, appliedTo(connection))
    const [next] = pending
    if (next !== undefined) {
      connection.db.exec(forSqlite(next.sql))
      connection.run(
        'INSERT INTO schema_migrations (version, name, applied_at_ms, checksum, oldest_compatible) VALUES (?, ?, ?, ?, ?)',
        ...[next.version, next.name, clock(), next.checksum, next.oldestCompatible],
      )
    }
    connection.db.exec('COMMIT')
    return pending.length > 1
  } catch (error) {
    if (connection.db.isTransaction) connection.db.exec('ROLLBACK')
    throw error
  }
}

/** Migrations are written in the SQL that the databases share; what only SQLite is to read stands in comments. */
function forSqlite(sql: string): string {
  return sql.replaceAll(/\/\* sqlite: (.+?) \*\//g, '$1')
}

function appliedTo(connection: SqliteConnection): AppliedMigration[] {
  const table = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'"
  if (connection.get(table) === undefined) return []
  return connection.all('SELECT * FROM schema_migrations ORDER BY version').map((row) => ({
    version: Number(row.version),
    name: String(row.name),
    checksum: String(row.checksum),
    oldestCompatible: Number(row.oldest_compatible),
  }))
}
