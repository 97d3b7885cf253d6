import type { CredentialRecord, Records, TableName } from '@credence/core'
import { COPY_SETTING, refuseUnfinishedCopy } from './copy-port.ts'
import { type Forgettable, forgetting } from './forgettable.ts'
import { givenFilters } from './list-query.ts'
import { type MigrateMode, type MigrationPlan, STORE_MIGRATIONS } from './migrate.ts'
import {
  type AuditRow,
  type CommitResult,
  type CreditResult,
  type FeedListener,
  type FeedPage,
  type IdempotencyEntry,
  type ListQuery,
  type NamedTable,
  type Page,
  type SchemaState,
  type SignOfLife,
  type Store,
  StoreFault,
  type Write,
} from './port.ts'
import { PostgresControl } from './postgres-control.ts'
import { PostgresCredits } from './postgres-credits.ts'
import { faultOf, isLockTimeout } from './postgres-fault.ts'
import { PostgresLane } from './postgres-lane.ts'
import { beatStatement, leaveStatement, toSign } from './postgres-members.ts'
import { migratePostgres, type PostgresMigrations, planPostgres } from './postgres-migrate.ts'
import { PostgresPool } from './postgres-pool.ts'
import { channelOf, lockKey } from './postgres-session.ts'
import { type PostgresAddress, parsePostgresUrl } from './postgres-url.ts'
import { PostgresWriter } from './postgres-writer.ts'
import { type Reading, readingsFor } from './readings.ts'
import { POSTGRES, type SqlRow } from './tables.ts'

export interface PostgresSettings {
  /** `postgres://user:password@host/database?sslmode=verify-full`; never printed. */
  readonly url: string
  /** Most connections of this process: one each for writes, credits, lists, usage and control, the rest look up. */
  readonly poolSize: number
  /** How long a look-up may take. */
  readonly readTimeoutMs: number
  readonly migrate: MigrateMode
  readonly clock: () => number
  /** 0 ≤ x < 1, for jitter. */
  readonly random: () => number
}

/** Connections that are not for look-ups. */
export const OTHER_CONNECTIONS = 5
const MIGRATIONS: PostgresMigrations = { folder: STORE_MIGRATIONS, table: 'schema_migrations' }
/** The server gives up before we do, so that it is not left with what nobody waits for. */
const WRITING = { statementMs: 4000, lockMs: 2000 }
const LISTING = { statementMs: 10_000, lockMs: 2000 }
const LIST_MS = 12_000
const MAX_PENDING_LISTS = 256
/** A first start takes milliseconds; whoever needs longer is stuck. */
const STARTING = { statementMs: 0, lockMs: 10_000 }
const START_WAIT_MS = 12_000
/** Rows that are forgotten in one statement, so that none takes long. */
const FORGET_AT_ONCE = 5000
const READINGS = readingsFor(POSTGRES)

/** Opens the database, once its schema is as `migrate` wants it. @throws StoreFault */
export async function openPostgresStore(settings: PostgresSettings): Promise<Store> {
  const address = addressOf(settings.url)
  await migratePostgres(address, MIGRATIONS, settings.migrate, settings.clock)
  const { readTimeoutMs, random } = settings
  const readers = Math.max(1, settings.poolSize - OTHER_CONNECTIONS)
  const pool = await PostgresPool.open({ address, readers, readMs: readTimeoutMs, random })
  const store = new PostgresStore(pool, settings)
  try {
    refuseUnfinishedCopy(await store.readSetting(COPY_SETTING))
    return store
  } catch (error) {
    await store.close()
    throw error
  }
}

/** What `credence migrate --plan` shows of the store. @throws StoreFault as a start would */
export function planPostgresStore(url: string): Promise<MigrationPlan> {
  return planPostgres(addressOf(url), MIGRATIONS)
}

/** @throws StoreFault that repeats nothing of the URL */
export function addressOf(url: string): PostgresAddress {
  const address = parsePostgresUrl(url)
  if (typeof address === 'string') throw new StoreFault(`The URL of the database ${address}`)
  return address
}

/**
 * Look-ups go to a few pipelined connections, lists to one of their own, so that no page holds up a verify; every
 * write to the one writer of this process, see postgres-writer.ts. All of them talk to the primary.
 */
class PostgresStore implements Store {
  readonly name = 'postgres'
  readonly #pool: PostgresPool
  readonly #lists: PostgresLane
  readonly #writes: PostgresLane
  readonly #spends: PostgresLane
  readonly #writer: PostgresWriter
  readonly #credits: PostgresCredits
  readonly #control: PostgresControl
  #pendingLists = 0
  #closing: Promise<void> | undefined

  constructor(pool: PostgresPool, { readTimeoutMs, random }: PostgresSettings) {
    this.#pool = pool
    this.#lists = new PostgresLane(() => pool.connect('lists', LISTING))
    this.#writes = new PostgresLane(() => pool.connect('writes', WRITING))
    this.#spends = new PostgresLane(() => pool.connect('credits', WRITING))
    this.#writer = new PostgresWriter({
      connection: () => this.#writes.connection(),
      channel: channelOf(pool.session),
      random,
    })
    this.#credits = new PostgresCredits(() => this.#spends.connection())
    this.#control = new PostgresControl({
      open: () => pool.connect('control', { statementMs: readTimeoutMs, lockMs: readTimeoutMs }),
      answerMs: readTimeoutMs,
      random,
    })
  }

  read<T extends TableName>(table: T, id: string): Promise<Records[T] | undefined> {
    return this.#look(READINGS.record(table, id))
  }

  readByName<T extends NamedTable>(
    table: T,
    workspaceId: string | null,
    name: string,
  ): Promise<Records[T] | undefined> {
    return this.#look(READINGS.recordByName(table, workspaceId, name))
  }

  readByHandle(...of: Parameters<Store['readByHandle']>): Promise<CredentialRecord | undefined> {
    return this.#look(READINGS.credentialByHandle(...of))
  }

  async list<T extends TableName>(table: T, query: ListQuery): Promise<Page<Records[T]>> {
    givenFilters(table, query.filters)
    return this.#list(READINGS.page(table, query))
  }

  listAudit(
    workspaceId: string,
    query: { limit: number; before: number | null },
  ): Promise<readonly AuditRow[]> {
    return this.#list(READINGS.audit(workspaceId, query))
  }

  async commit(write: Write): Promise<CommitResult> {
    this.#mustBeUp()
    return this.#writer.commit(write)
  }

  async spendCredits(...args: Parameters<Store['spendCredits']>): Promise<CreditResult> {
    this.#mustBeUp()
    return this.#credits.spend(...args)
  }

  forgetIdempotencyBefore(ms: number): Promise<void> {
    return this.#forget('idempotency', ms)
  }

  forgetChangesBefore(ms: number): Promise<void> {
    return this.#forget('changes', ms)
  }

  forgetAccessTokensBefore(ms: number): Promise<void> {
    return this.#forget('accessTokens', ms)
  }

  changesSince(position: number, limit: number): Promise<FeedPage> {
    return this.#look(READINGS.changes(position, limit))
  }

  position(): Promise<number> {
    return this.#look(READINGS.position())
  }

  readIdempotency(scope: string, key: string): Promise<IdempotencyEntry | undefined> {
    return this.#look(READINGS.idempotency(scope, key))
  }

  readSetting(name: string): Promise<string | undefined> {
    return this.#look(READINGS.setting(name))
  }

  schema(): Promise<SchemaState> {
    return this.#look(READINGS.schema())
  }

  async listen(listener: FeedListener): Promise<() => Promise<void>> {
    this.#mustBeOpen()
    return this.#control.listen(listener)
  }

  async announce(memberId: string, position: number): Promise<void> {
    this.#mustBeOpen()
    return this.#control.announce(memberId, position)
  }

  async beat(sign: SignOfLife, silenceMs: number): Promise<readonly SignOfLife[]> {
    this.#mustBeOpen()
    return (await this.#control.rows(beatStatement(sign, silenceMs))).map(toSign)
  }

  async leave(memberId: string): Promise<void> {
    this.#mustBeOpen()
    await this.#control.rows(leaveStatement(memberId))
  }

  async lead(): Promise<boolean> {
    this.#mustBeOpen()
    return this.#control.lead()
  }

  /** Each holds the lock in a session of its own, which PostgreSQL ends with the process. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    this.#mustBeUp()
    const connection = await this.#pool.connect('start', STARTING)
    try {
      const lock = 'SELECT pg_advisory_lock($1::bigint)'
      const values = [lockKey('start', connection.session)]
      await connection.rows({ sql: lock, values, isCommon: false }, START_WAIT_MS)
    } catch (error) {
      await connection.end()
      throw isLockTimeout(error)
        ? new StoreFault('Another process is making the first start')
        : faultOf(error)
    }
    try {
      return await work()
    } finally {
      await connection.end()
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await Promise.all([this.#writer.idle(), this.#credits.idle()])
    const lanes = [this.#lists, this.#writes, this.#spends, this.#control, this.#pool]
    await Promise.all(lanes.map((lane) => lane.close()))
  }

  async #look<R>(reading: Reading<R>): Promise<R> {
    this.#mustBeOpen()
    return understood(reading, await this.#pool.read(reading))
  }

  async #list<R>(reading: Reading<R>): Promise<R> {
    this.#mustBeUp()
    if (this.#pendingLists >= MAX_PENDING_LISTS)
      throw new StoreFault(`PostgreSQL is busy: ${MAX_PENDING_LISTS} lists are waiting`)
    this.#pendingLists += 1
    try {
      const connection = await this.#lists.connection()
      return understood(reading, await connection.rows(reading, LIST_MS))
    } catch (error) {
      throw faultOf(error)
    } finally {
      this.#pendingLists -= 1
    }
  }

  async #forget(what: Forgettable, beforeMs: number): Promise<void> {
    const gone = forgetting(what, '$1', FORGET_AT_ONCE)
    const sql = `WITH gone AS (${gone}) SELECT count(*) AS rows FROM gone`
    const statement = { sql, values: [beforeMs], isCommon: false }
    for (let rows = FORGET_AT_ONCE; rows === FORGET_AT_ONCE; )
      rows = await this.#list({ ...statement, result: ([row]) => Number(row?.rows) })
  }

  #mustBeOpen(): void {
    if (this.#closing !== undefined) throw new StoreFault('The store is closed')
  }

  /** What would wait for a connection is refused while there is none. */
  #mustBeUp(): void {
    this.#mustBeOpen()
    this.#pool.mustBeUp()
  }
}

/** @throws StoreFault that quotes nothing of the rows, as the errors of parsers do */
function understood<R>({ result }: Reading<R>, rows: readonly SqlRow[]): R {
  try {
    return result(rows)
  } catch {
    throw new StoreFault('A row of the database holds what was never written there')
  }
}
