import {
  COPY_SETTING,
  type CopyBegin,
  type CopyHead,
  type CopyRow,
  type CopySource,
  type CopyTarget,
  copyMark,
  refuseUnfinishedCopy,
} from './copy-port.ts'
import { isUsedStatement, lastKeyStatement, pageStatement, valuesOf } from './copy-statements.ts'
import { COPY_TABLES, type CopyTable } from './copy-tables.ts'
import { STORE_MIGRATIONS, USAGE_MIGRATIONS } from './migrate.ts'
import { StoreFault } from './port.ts'
import { addressOf } from './postgres.ts'
import { PostgresConnection } from './postgres-connection.ts'
import { faultOf } from './postgres-fault.ts'
import { migratePostgres, planPostgres } from './postgres-migrate.ts'
import { lockKey } from './postgres-session.ts'
import { describePostgres, type PostgresAddress } from './postgres-url.ts'
import { POSTGRES, type SqlRow, type SqlValue } from './tables.ts'

const STATE = { folder: STORE_MIGRATIONS, table: 'schema_migrations' } as const
const USAGE = { folder: USAGE_MIGRATIONS, table: 'usage_schema_migrations' } as const

const CONNECT_MS = 5000
/** A page is a fraction of a second; to count through an index of many millions may take longer. */
const STATEMENT = { statementMs: 120_000, lockMs: 5000 }
const ANSWER_MS = 125_000
/** A process that gave a sign of life so lately is alive: they are given every few seconds. */
const ALIVE_MS = 60_000

/** @throws StoreFault that repeats nothing of the URL */
export async function openPostgresCopyTarget(url: string, clock: () => number): Promise<CopyTarget> {
  const address = addressOf(url)
  for (const migrations of [STATE, USAGE]) await migratePostgres(address, migrations, 'auto', clock)
  const connection = await connect(address)
  try {
    await takeCopyLock(connection)
  } catch (error) {
    await connection.end()
    throw error
  }
  return new PostgresCopyTarget(address, connection)
}

/**
 * Opens a database to be copied: everything is read as of one moment, and until it is closed nothing is committed.
 * @throws StoreFault also while a server runs on it
 */
export async function openPostgresCopySource(url: string): Promise<CopySource> {
  const address = addressOf(url)
  for (const migrations of [STATE, USAGE]) {
    const { state, pending } = await planPostgres(address, migrations)
    // Usage has no tables here where it was never kept.
    if (pending.length > 0 && (migrations === STATE || state.version > 0)) {
      throw new StoreFault(
        `${nameOf(address)} is not at this release's schema yet; start this release on it once`,
      )
    }
  }
  const connection = await connect(address)
  try {
    await takeCopyLock(connection)
    const source = new PostgresCopySource(address, connection)
    await source.begin()
    return source
  } catch (error) {
    await connection.end()
    throw error
  }
}

function nameOf(address: PostgresAddress): string {
  return `postgres://${describePostgres(address)}`
}

function connect(address: PostgresAddress): Promise<PostgresConnection> {
  return PostgresConnection.open({ address, use: 'copy', connectMs: CONNECT_MS, ...STATEMENT })
}

/** Two copies at once would add the same rows. The lock ends with the session. */
async function takeCopyLock(connection: PostgresConnection): Promise<void> {
  const key = lockKey('copy', connection.session)
  const [row] = await ask(connection, 'SELECT pg_try_advisory_lock($1::bigint) AS is_taken', key)
  if (row?.is_taken !== true) throw new StoreFault('Another copy of this database is under way')
}

async function ask(
  connection: PostgresConnection,
  sql: string,
  ...values: SqlValue[]
): Promise<readonly SqlRow[]> {
  try {
    return await connection.rows({ sql, values, isCommon: false }, ANSWER_MS)
  } catch (error) {
    throw faultOf(error)
  }
}

class PostgresCopySide {
  readonly name: string
  readonly #connection: PostgresConnection

  constructor(address: PostgresAddress, connection: PostgresConnection) {
    this.name = nameOf(address)
    this.#connection = connection
  }

  async page(table: CopyTable, after: CopyRow | null, limit: number): Promise<readonly CopyRow[]> {
    const { sql, values } = pageStatement(table, after, limit, POSTGRES.placeholder)
    const columns = Object.keys(table.columns)
    return (await this.ask(sql, ...values)).map((row) => valuesOf(row, columns))
  }

  close(): Promise<void> {
    return this.#connection.end()
  }

  protected ask(sql: string, ...values: SqlValue[]): Promise<readonly SqlRow[]> {
    return ask(this.#connection, sql, ...values)
  }

  protected async markOf(): Promise<string | undefined> {
    const [row] = await this.ask('SELECT value FROM settings WHERE name = $1', COPY_SETTING)
    return row === undefined ? undefined : String(row.value)
  }

  /** Statements that are one transaction. */
  protected async together(...statements: readonly [sql: string, ...values: SqlValue[]][]): Promise<void> {
    const all = statements.map(([sql, ...values]) => ({ sql, values, isCommon: false }))
    const outcome = await this.#connection.transaction(all, ANSWER_MS)
    if (outcome.type === 'committed') return
    throw outcome.type === 'unknown' ? outcome.fault : faultOf(outcome.error)
  }
}

class PostgresCopySource extends PostgresCopySide implements CopySource {
  /** The order matters: the moment that is read is after the lock, which nobody passes who commits. */
  async begin(): Promise<void> {
    await this.ask('SET idle_in_transaction_session_timeout = 0')
    await this.ask('BEGIN ISOLATION LEVEL REPEATABLE READ')
    await this.ask('LOCK TABLE feed IN EXCLUSIVE MODE')
    refuseUnfinishedCopy(await this.markOf())
    const [alive] = await this.ask(
      'SELECT node FROM members WHERE seen_at_ms > (extract(epoch FROM clock_timestamp()) * 1000)::bigint - $1::bigint',
      ALIVE_MS,
    )
    if (alive === undefined) return
    throw new StoreFault(
      `A server runs on ${this.name}, or did a minute ago, on ${String(alive.node)}; stop it first`,
    )
  }

  /** Where usage was never kept there are no tables for it. */
  override async page(table: CopyTable, after: CopyRow | null, limit: number): Promise<readonly CopyRow[]> {
    const [row] = await this.ask('SELECT to_regclass($1) IS NOT NULL AS is_there', table.name)
    return row?.is_there === true ? super.page(table, after, limit) : []
  }

  async head(): Promise<CopyHead> {
    const [row] = await this.ask('SELECT position, audit_hash FROM feed WHERE id = 1')
    if (row === undefined) throw new StoreFault('The table feed is empty')
    return { position: Number(row.position), trail: String(row.audit_hash) }
  }
}

class PostgresCopyTarget extends PostgresCopySide implements CopyTarget {
  async begin(head: CopyHead): Promise<CopyBegin> {
    const mark = await this.markOf()
    if (mark === copyMark(head)) return { type: 'resumed' }
    if (mark !== undefined) {
      const problem = 'it holds a part of another copy, or of one made before the source went on'
      return { type: 'refused', problem }
    }
    for (const table of COPY_TABLES) {
      const rows = await this.ask(isUsedStatement(table))
      if (rows.length > 0) return { type: 'refused', problem: `it is not empty: ${table.name} has rows` }
    }
    // Without its row in feed no server commits; one that has committed meanwhile keeps it, and this fails.
    await this.together(
      ['SELECT 1 / count(*) FROM (SELECT 1 FROM feed WHERE position = 0 FOR UPDATE) AS untouched'],
      ['DELETE FROM feed'],
      ['INSERT INTO settings (name, value) VALUES ($1, $2)', COPY_SETTING, copyMark(head)],
    )
    return { type: 'begun' }
  }

  async lastKey(table: CopyTable): Promise<CopyRow | null> {
    const [row] = await this.ask(lastKeyStatement(table))
    return row === undefined ? null : valuesOf(row, table.key)
  }

  /** One statement, so all of it or nothing; and one parameter, however many rows. */
  async insert(table: CopyTable, rows: readonly CopyRow[]): Promise<void> {
    const columns = Object.keys(table.columns)
    const records = rows.map((row) => Object.fromEntries(columns.map((column, i) => [column, row[i]])))
    const given = Object.entries(table.columns).map(([column, type]) => `${column} ${SQL_TYPES[type]}`)
    const names = columns.join(', ')
    await this.ask(
      `INSERT INTO ${table.name} (${names}) SELECT ${names} FROM json_to_recordset($1::json) AS given (${given.join(', ')})`,
      JSON.stringify(records),
    )
  }

  async finish(): Promise<void> {
    await this.ask('DELETE FROM settings WHERE name = $1', COPY_SETTING)
  }
}

const SQL_TYPES = { text: 'text', integer: 'bigint', real: 'double precision' } as const
