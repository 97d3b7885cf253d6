import type { CredentialRecord, TableName } from '@credence/core'
import { auditHash, canonicalJson } from './audit-chain.ts'
import { takeCredits } from './credits.ts'
import { type Forgettable, forgetting } from './forgettable.ts'
import type { CreditResult, IdempotencyEntry, Put, RowAt, Store, Write } from './port.ts'
import {
  CONSTRAINT_FOREIGN_KEY,
  CONSTRAINT_PRIMARY_KEY,
  CONSTRAINT_UNIQUE,
  type SqliteConnection,
  sqliteCode,
  uniqueField,
} from './sqlite-connection.ts'
import { STATEMENTS, toChildRows, toRow, toUpdate } from './tables.ts'
import { inOrder, referencesOf, touchedBy, WriteConflict } from './write-order.ts'

/**
 * Carries out one write inside a transaction that the caller has begun, and returns its position.
 * @throws WriteConflict; the caller rolls back to where the write began, as after any other error
 */
export function applyWrite(connection: SqliteConnection, write: Write): number {
  if (write.idempotency !== null) insertIdempotency(connection, write.idempotency)
  for (const row of write.expects) expectRow(connection, row)
  for (const setting of write.settings) insertSetting(connection, setting)
  const { inserts, updates, deletes } = inOrder(write)
  for (const put of inserts) insert(connection, put)
  for (const put of updates) update(connection, put)
  for (const row of deletes) remove(connection, row)
  return appendToFeed(connection, write)
}

function insertIdempotency(connection: SqliteConnection, entry: IdempotencyEntry): void {
  const { scope, key, requestDigest, table, id, status, createdAtMs } = entry
  const made = connection.run(
    'INSERT OR IGNORE INTO idempotency (scope, key, request_digest, target_table, target_id, status, created_at_ms) ' +
      'VALUES (?, ?, ?, ?, ?, ?, ?)',
    ...[scope, key, requestDigest, table, id, status, createdAtMs],
  )
  if (made === 0) throw new WriteConflict({ type: 'idempotency' })
}

function insertSetting(connection: SqliteConnection, setting: Write['settings'][number]): void {
  const sql = 'INSERT OR IGNORE INTO settings (name, value) VALUES (?, ?)'
  if (connection.run(sql, setting.name, setting.value) > 0) return
  throw new WriteConflict({ type: 'setting', name: setting.name })
}

function expectRow(connection: SqliteConnection, { table, id, revision }: RowAt): void {
  if (connection.get(`SELECT 1 FROM ${table} WHERE id = ? AND revision = ?`, id, revision) !== undefined)
    return
  throw new WriteConflict({ type: 'revision', table, id })
}

function insert(connection: SqliteConnection, put: Put): void {
  constrained(connection, put, () => {
    insertRow(connection, put)
    putLists(connection, put)
  })
}

function insertRow(connection: SqliteConnection, { table, record }: Put): void {
  try {
    connection.run(STATEMENTS[table].insert, ...toRow(table, record))
  } catch (error) {
    // A row made in between is told as such and not by its name.
    if (isTaken(error) && exists(connection, table, record.id))
      throw new WriteConflict({ type: 'revision', table, id: record.id })
    throw error
  }
}

function isTaken(error: unknown): boolean {
  const code = sqliteCode(error)
  return code === CONSTRAINT_UNIQUE || code === CONSTRAINT_PRIMARY_KEY
}

function update(connection: SqliteConnection, put: Put): void {
  const { table, record } = put
  constrained(connection, put, () => {
    if (connection.run(STATEMENTS[table].update, ...toUpdate(table, record)) === 0) {
      throw new WriteConflict({ type: 'revision', table, id: record.id })
    }
    putLists(connection, put)
  })
}

function remove(connection: SqliteConnection, { table, id, revision }: RowAt): void {
  try {
    if (connection.run(STATEMENTS[table].remove, id, revision) > 0) return
  } catch (error) {
    if (sqliteCode(error) === CONSTRAINT_FOREIGN_KEY) throw new WriteConflict({ type: 'in_use', table, id })
    throw error
  }
  throw new WriteConflict({ type: 'revision', table, id })
}

/** The rows of a record's lists, and the copies of them that filters use. */
function putLists(connection: SqliteConnection, { table, record }: Put): void {
  const isNew = record.revision === 1
  for (const child of STATEMENTS[table].children) {
    const rows = toChildRows(child, record)
    // Replaced one by one, not deleted and made again: a column that a newer release added keeps its value.
    const kept = rows.map((row) => row[1])
    if (!isNew) connection.run(child.prune, record.id, JSON.stringify(kept))
    for (const row of rows) connection.run(child.upsert, ...row)
  }
  if (table === 'credential') putFilterRows(connection, record, isNew)
}

function putFilterRows(connection: SqliteConnection, record: CredentialRecord, isNew: boolean): void {
  const { id, workspaceId, createdAtMs } = record
  const apiIds = new Set(record.grants.map(({ apiId }) => apiId))
  const lists = [
    { table: 'credential_grants', column: 'api_id', values: apiIds },
    { table: 'credential_tags', column: 'tag', values: new Set(record.tags) },
  ]
  for (const { table, column, values } of lists) {
    if (!isNew) connection.run(`DELETE FROM ${table} WHERE credential_id = ?`, id)
    const sql = `INSERT INTO ${table} (workspace_id, credential_id, ${column}, created_at_ms) VALUES (?, ?, ?, ?)`
    for (const value of values) connection.run(sql, workspaceId, id, value, createdAtMs)
  }
}

/** Runs the statements of a put and tells the constraints they violate as conflicts. */
function constrained(connection: SqliteConnection, put: Put, statements: () => void): void {
  try {
    statements()
  } catch (error) {
    if (isTaken(error)) {
      const field = uniqueField(error as Error, put.table)
      throw new WriteConflict({ type: 'taken', table: put.table, field })
    }
    if (sqliteCode(error) !== CONSTRAINT_FOREIGN_KEY) throw error
    const missing = referencesOf(put).find(
      ({ table, id }) => !existsIn(connection, table, id, put.record.workspaceId),
    )
    if (missing === undefined) throw error
    throw new WriteConflict({ type: 'revision', ...missing })
  }
}

function exists(connection: SqliteConnection, table: TableName, id: string): boolean {
  return connection.get(`SELECT 1 FROM ${table} WHERE id = ?`, id) !== undefined
}

function existsIn(connection: SqliteConnection, table: TableName, id: string, workspaceId: string): boolean {
  return (
    connection.get(`SELECT 1 FROM ${table} WHERE id = ? AND workspace_id = ?`, id, workspaceId) !== undefined
  )
}

/** Takes the next position, last of all, and writes the change and the audit entry there. */
function appendToFeed(connection: SqliteConnection, write: Write): number {
  const { audit, workspaceId } = write
  const head = connection.get('SELECT position, audit_hash FROM feed WHERE id = 1')
  if (head === undefined) throw new Error('The table feed is empty')
  const position = Number(head.position) + 1
  const hash = auditHash(String(head.audit_hash), { ...audit, position, workspaceId })
  const touched = JSON.stringify(touchedBy(write))
  connection.run('UPDATE feed SET position = ?, audit_hash = ? WHERE id = 1', position, hash)
  connection.run(
    'INSERT INTO changes (position, workspace_id, at_ms, touched) VALUES (?, ?, ?, ?)',
    ...[position, workspaceId, audit.atMs, touched],
  )
  const { atMs, action, targetTable, targetId, actorCredentialId, actorPrincipalId, requestId, ip, detail } =
    audit
  connection.run(
    'INSERT INTO audit (position, workspace_id, at_ms, action, target_table, target_id, actor_credential_id, ' +
      'actor_principal_id, request_id, ip, detail, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    ...[position, workspaceId, atMs, action, targetTable, targetId],
    ...[actorCredentialId, actorPrincipalId, requestId, ip, canonicalJson(detail), hash],
  )
  return position
}

/** See Store.spendCredits. Inside the caller's transaction. */
export function applySpend(
  connection: SqliteConnection,
  ...args: Parameters<Store['spendCredits']>
): CreditResult {
  const [key, limit, cost, nowMs] = args
  const row = connection.get('SELECT spent, since_ms FROM credits WHERE key = ?', key)
  const known = row && { spent: Number(row.spent), sinceMs: Number(row.since_ms) }
  const { result, next } = takeCredits(limit, known, cost, nowMs)
  if (!result.allowed) return result
  connection.run(
    'INSERT INTO credits (key, spent, since_ms) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE ' +
      'SET spent = excluded.spent, since_ms = excluded.since_ms',
    ...[key, next.spent, next.sinceMs],
  )
  return result
}

/** Rows that are forgotten in one request: no other waits long behind it, and what it changes is held until its batch is over. */
export const FORGET_AT_ONCE = 1000

/**
 * See Store.forgetIdempotencyBefore, forgetChangesBefore and forgetAccessTokensBefore.
 * @returns how many: fewer than FORGET_AT_ONCE when it was all of them
 */
export function forgetBefore(connection: SqliteConnection, what: Forgettable, beforeMs: number): number {
  return connection.all(forgetting(what, '?', FORGET_AT_ONCE), beforeMs).length
}
