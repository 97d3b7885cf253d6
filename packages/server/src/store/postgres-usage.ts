import { type MigrateMode, type MigrationPlan, USAGE_MIGRATIONS } from './migrate.ts'
import { StoreFault } from './port.ts'
import { addressOf } from './postgres.ts'
import { PostgresConnection, type Statement } from './postgres-connection.ts'
import { faultOf, isTransient, sqlStateOf, UNIQUE_VIOLATION } from './postgres-fault.ts'
import { PostgresLane } from './postgres-lane.ts'
import { migratePostgres, type PostgresMigrations, planPostgres } from './postgres-migrate.ts'
import type { PostgresAddress } from './postgres-url.ts'
import type { SqlRow, SqlValue } from './tables.ts'
import { added } from './usage-memory.ts'
import {
  COUNTER_LIFE_MS,
  type CounterEntry,
  FLUSH_LIFE_MS,
  type FlushPart,
  partName,
  partsBefore,
  type UsageDelta,
  type UsageRow,
  type UsageStore,
} from './usage-port.ts'
import { keepable, usageByCredential } from './usage-rows.ts'

export interface PostgresUsageSettings {
  /** The store's own database; usage has its tables beside it. */
  readonly url: string
  readonly migrate: MigrateMode
  readonly clock: () => number
}

const MIGRATIONS: PostgresMigrations = { folder: USAGE_MIGRATIONS, table: 'usage_schema_migrations' }
const CONNECT_MS = 2000
const TIMEOUTS = { statementMs: 20_000, lockMs: 5000 }
const ANSWER_MS = 25_000
const MAX_REPEATS = 5
/** Rows in one statement, so that none is large. */
const ROWS_AT_ONCE = 2000

/** Violates the key where the part ($1), or its whole flush ($2), was counted. */
const NOTE_PART =
  'INSERT INTO flushes (id, at_ms) SELECT coalesce((SELECT id FROM flushes WHERE id = $2), $1), $3::bigint'
const FORGET_PARTS = 'DELETE FROM flushes WHERE id IN (SELECT json_array_elements_text($1::json))'
const FORGET_FLUSHES = 'DELETE FROM flushes WHERE at_ms < $1'
const USAGE =
  'credential_id, version, code, workspace_id, count, first_at_ms, last_at_ms, last_ip, last_user_agent'
/** In the order of the key, so that no two nodes wait for each other. */
const ADD = `INSERT INTO usage (${USAGE})
  SELECT ${USAGE} FROM json_to_recordset($1::json) AS given (credential_id text, version bigint, code text,
    workspace_id text, count bigint, first_at_ms bigint, last_at_ms bigint, last_ip text, last_user_agent text)
  ORDER BY credential_id COLLATE "C", version, code COLLATE "C"
  ON CONFLICT (credential_id, version, code) DO UPDATE SET
    count = usage.count + excluded.count,
    first_at_ms = least(usage.first_at_ms, excluded.first_at_ms),
    last_ip = CASE WHEN excluded.last_at_ms >= usage.last_at_ms THEN excluded.last_ip ELSE usage.last_ip END,
    last_user_agent = CASE WHEN excluded.last_at_ms >= usage.last_at_ms
      THEN excluded.last_user_agent ELSE usage.last_user_agent END,
    last_at_ms = greatest(usage.last_at_ms, excluded.last_at_ms)`
const READ = `SELECT ${USAGE} FROM usage WHERE credential_id IN (SELECT json_array_elements_text($1::json))
  ORDER BY credential_id, version, code`
const SAVE_COUNTERS = `INSERT INTO counters (key, a, b, saved_at_ms)
  SELECT key, a, b, $2::bigint FROM json_to_recordset($1::json)
    AS given (key text, a double precision, b double precision) ORDER BY key COLLATE "C"
  ON CONFLICT (key) DO UPDATE SET a = excluded.a, b = excluded.b, saved_at_ms = excluded.saved_at_ms`
const FORGET_COUNTERS = 'DELETE FROM counters WHERE saved_at_ms < $1'
const LOAD_COUNTERS = 'SELECT key, a, b FROM counters'

/** Usage of all nodes, in the store's database and on a connection of its own. @throws StoreFault */
export async function openPostgresUsageStore(settings: PostgresUsageSettings): Promise<UsageStore> {
  const address = addressOf(settings.url)
  await migratePostgres(address, MIGRATIONS, settings.migrate, settings.clock)
  return new PostgresUsageStore(address, settings.clock)
}

/** What `credence migrate --plan` shows of usage. @throws StoreFault as a start would */
export function planPostgresUsage(url: string): Promise<MigrationPlan> {
  return planPostgres(addressOf(url), MIGRATIONS)
}

class PostgresUsageStore implements UsageStore {
  readonly #lane: PostgresLane
  readonly #clock: () => number
  #isClosed = false

  constructor(address: PostgresAddress, clock: () => number) {
    this.#clock = clock
    const settings = { address, use: 'usage', connectMs: CONNECT_MS, ...TIMEOUTS }
    this.#lane = new PostgresLane(() => PostgresConnection.open(settings))
  }

  async flush(batch: readonly UsageDelta[], part: FlushPart): Promise<void> {
    if (batch.length === 0) return
    const nowMs = this.#clock()
    const rows = summed(batch).map(toRow)
    const adds = inGroups(rows).map((group) => statement(ADD, JSON.stringify(group)))
    const note = [statement(NOTE_PART, partName(part), part.id, nowMs)]
    if (part.isLast) note.push(statement(FORGET_FLUSHES, nowMs - FLUSH_LIFE_MS))
    const before = partsBefore(part)
    if (before.length > 0) note.push(statement(FORGET_PARTS, JSON.stringify(before)))
    // A part that is there was counted by one whose answer did not arrive.
    await this.#together(
      [...note, ...adds],
      (error, index) => index === 0 && sqlStateOf(error) === UNIQUE_VIOLATION,
    )
  }

  async usageOf(credentialIds: readonly string[]): Promise<ReadonlyMap<string, UsageRow[]>> {
    if (credentialIds.length === 0) return new Map()
    return usageByCredential(await this.#rows(statement(READ, JSON.stringify(credentialIds))))
  }

  async saveCounters(entries: readonly CounterEntry[]): Promise<void> {
    if (entries.length === 0) return
    const newest = [...new Map(entries.map(([key, a, b]) => [key, { key, a, b }])).values()]
    const nowMs = this.#clock()
    await this.#together(
      inGroups(newest).map((group) => statement(SAVE_COUNTERS, JSON.stringify(group), nowMs)),
    )
  }

  async loadCounters(): Promise<readonly CounterEntry[]> {
    await this.#rows(statement(FORGET_COUNTERS, this.#clock() - COUNTER_LIFE_MS))
    const rows = await this.#rows(statement(LOAD_COUNTERS))
    return rows.map(({ key, a, b }) => [String(key), Number(a), Number(b)])
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#lane.close()
  }

  async #rows(one: Statement): Promise<readonly SqlRow[]> {
    try {
      return await (await this.#connection()).rows(one, ANSWER_MS)
    } catch (error) {
      throw faultOf(error)
    }
  }

  /** @param isDone whether a refusal says that it was done before */
  async #together(
    statements: readonly Statement[],
    isDone: (error: unknown, index: number) => boolean = () => false,
  ): Promise<void> {
    for (let repeats = 0; ; repeats++) {
      const outcome = await (await this.#connection()).transaction(statements, ANSWER_MS)
      if (outcome.type === 'committed') return
      if (outcome.type === 'unknown') throw outcome.fault
      if (isDone(outcome.error, outcome.index)) return
      if (!isTransient(outcome.error) || repeats === MAX_REPEATS) throw faultOf(outcome.error)
    }
  }

  #connection(): Promise<PostgresConnection> {
    if (this.#isClosed) return Promise.reject(new StoreFault('The store is closed'))
    return this.#lane.connection()
  }
}

/** One delta for each credential, version and verdict: a statement changes no row twice. */
function summed(batch: readonly UsageDelta[]): UsageDelta[] {
  const sums = new Map<string, UsageDelta>()
  for (const delta of batch) {
    const { credentialId, workspaceId, version, code } = delta
    const key = JSON.stringify([credentialId, version, code])
    sums.set(key, { credentialId, workspaceId, ...added(sums.get(key), delta) })
  }
  return [...sums.values()]
}

function toRow(delta: UsageDelta): Readonly<Record<string, SqlValue>> {
  const { credentialId, version, code, workspaceId, count, firstAtMs, lastAtMs, lastIp, lastUserAgent } =
    delta
  return {
    credential_id: credentialId,
    version,
    code,
    workspace_id: workspaceId,
    count,
    first_at_ms: firstAtMs,
    last_at_ms: lastAtMs,
    last_ip: lastIp,
    last_user_agent: lastUserAgent === null ? null : keepable(lastUserAgent),
  }
}

function inGroups<R>(rows: readonly R[]): R[][] {
  const groups = Math.ceil(rows.length / ROWS_AT_ONCE)
  return Array.from({ length: groups }, (_, i) => rows.slice(i * ROWS_AT_ONCE, (i + 1) * ROWS_AT_ONCE))
}

function statement(sql: string, ...values: SqlValue[]): Statement {
  return { sql, values, isCommon: true }
}
