import { DatabaseError } from 'pg'
import {
  type AppliedMigration,
  loadMigrations,
  MIGRATIONS_TABLE,
  type MigrateMode,
  type Migration,
  type MigrationPlan,
  planFor,
  refusePending,
} from './migrate.ts'
import { StoreFault } from './port.ts'
import { PostgresConnection, type Statement } from './postgres-connection.ts'
import { faultOf, isLockTimeout } from './postgres-fault.ts'
import { lockKey } from './postgres-session.ts'
import type { PostgresAddress } from './postgres-url.ts'
import type { SqlRow, SqlValue } from './tables.ts'

export interface PostgresMigrations {
  readonly folder: string
  /** The table that remembers what was applied: the store's migrations and usage's share a database. */
  readonly table: 'schema_migrations' | 'usage_schema_migrations'
}

/** A migration may take long; a start that waits for another's is to go on for as long as that may. */
const WAIT_FOR_OTHERS_MS = 600_000
const ANSWER_MS = 24 * 60 * 60 * 1000
const CONNECT_MS = 5000

/**
 * Brings the schema to what the folder describes, or refuses, as `mode` says.
 * @throws StoreFault when this release must not run on the database
 */
export async function migratePostgres(
  address: PostgresAddress,
  migrations: PostgresMigrations,
  mode: MigrateMode,
  clock: () => number,
): Promise<void> {
  const known = loadMigrations(migrations.folder)
  await onConnection(address, async (connection) => {
    const plan = planFor(known, await appliedTo(connection, migrations))
    if (mode === 'check') refusePending(plan)
    if (mode === 'auto' && plan.pending.length > 0) await applyPending(connection, migrations, known, clock)
  })
}

/** What `credence migrate --plan` shows; changes nothing. @throws StoreFault as a start would */
export async function planPostgres(
  address: PostgresAddress,
  migrations: PostgresMigrations,
): Promise<MigrationPlan> {
  const known = loadMigrations(migrations.folder)
  return onConnection(address, async (connection) => planFor(known, await appliedTo(connection, migrations)))
}

/** Under a lock, and planned again under it, so that of several starters each migration has exactly one. */
async function applyPending(
  connection: PostgresConnection,
  migrations: PostgresMigrations,
  known: readonly Migration[],
  clock: () => number,
): Promise<void> {
  const key = lockKey('migrations', connection.session)
  try {
    await ask(connection, 'SELECT pg_advisory_lock($1::bigint)', key)
  } catch (error) {
    if (isLockTimeout(error))
      throw new StoreFault('Another process has been migrating the database for too long')
    throw error
  }
  // The lock ends with the session.
  await ask(connection, tableOf(migrations))
  const { pending } = planFor(known, await appliedTo(connection, migrations))
  for (const migration of pending) await apply(connection, migrations, migration, clock())
}

/** One migration and its row, in one transaction. */
async function apply(
  connection: PostgresConnection,
  { table }: PostgresMigrations,
  { version, name, sql, checksum, oldestCompatible }: Migration,
  nowMs: number,
): Promise<void> {
  const note: Statement = {
    sql: `INSERT INTO ${table} (version, name, applied_at_ms, checksum, oldest_compatible) VALUES ($1, $2, $3, $4, $5)`,
    values: [version, name, nowMs, checksum, oldestCompatible],
    isCommon: false,
  }
  const outcome = await connection.transaction([statement(forPostgres(sql)), note], ANSWER_MS)
  if (outcome.type === 'committed') return
  const fault = outcome.type === 'unknown' ? outcome.fault : faultOf(outcome.error)
  throw new StoreFault(`Migration ${version} (${name}) failed: ${fault.message}`)
}

/**
 * Migrations are written in the SQL that the databases share; what only PostgreSQL is to read stands in comments.
 * Text is compared by its bytes, as SQLite does it: the order of a language changes with the operating system's
 * libraries, and an index that was built by another order then misses rows.
 */
function forPostgres(sql: string): string {
  const own = sql.replaceAll(/\/\* postgres: ([\s\S]+?) \*\//g, '$1')
  return own.replaceAll(/\bTEXT\b/g, 'TEXT COLLATE "C"')
}

function tableOf({ table }: PostgresMigrations): string {
  return forPostgres(MIGRATIONS_TABLE.replace('schema_migrations', table))
}

async function appliedTo(
  connection: PostgresConnection,
  { table }: PostgresMigrations,
): Promise<AppliedMigration[]> {
  const [there] = await ask(connection, 'SELECT to_regclass($1) IS NOT NULL AS is_there', table)
  if (there?.is_there !== true) return []
  const rows = await ask(
    connection,
    `SELECT version, name, checksum, oldest_compatible FROM ${table} ORDER BY version`,
  )
  return rows.map((row) => ({
    version: Number(row.version),
    name: String(row.name),
    checksum: String(row.checksum),
    oldestCompatible: Number(row.oldest_compatible),
  }))
}

async function onConnection<R>(
  address: PostgresAddress,
  work: (connection: PostgresConnection) => Promise<R>,
): Promise<R> {
  const timeouts = { statementMs: 0, lockMs: WAIT_FOR_OTHERS_MS }
  const connection = await PostgresConnection.open({
    ...{ address, use: 'migrations', connectMs: CONNECT_MS },
    ...timeouts,
  })
  try {
    return await work(connection)
  } catch (error) {
    throw error instanceof DatabaseError ? faultOf(error) : error
  } finally {
    await connection.end()
  }
}

function ask(connection: PostgresConnection, sql: string, ...values: SqlValue[]): Promise<readonly SqlRow[]> {
  return connection.rows({ sql, values, isCommon: false }, ANSWER_MS)
}

function statement(sql: string): Statement {
  return { sql, values: [], isCommon: false }
}
