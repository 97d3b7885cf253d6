import type { Records, TableName } from '@credence/core'
import { listStatement } from './list-query.ts'
import type {
  AuditRow,
  Change,
  FeedPage,
  IdempotencyEntry,
  ListQuery,
  NamedTable,
  Page,
  SchemaState,
} from './port.ts'
import type { SqliteConnection } from './sqlite-connection.ts'
import { STATEMENTS, toRecord } from './tables.ts'

export function readRecord<T extends TableName>(
  connection: SqliteConnection,
  table: T,
  id: string,
): Records[T] | undefined {
  const row = connection.get(`${STATEMENTS[table].select} WHERE t.id = ?`, id)
  return row && toRecord(table, row)
}

export function readRecordByName<T extends NamedTable>(
  connection: SqliteConnection,
  table: T,
  workspaceId: string | null,
  name: string,
): Records[T] | undefined {
  const { select } = STATEMENTS[table]
  if (table === 'workspace') {
    const row = connection.get(`${select} WHERE t.name = ?`, name)
    return row && toRecord(table, row)
  }
  const row = connection.get(`${select} WHERE t.workspace_id = ? AND t.name = ?`, workspaceId, name)
  return row && toRecord(table, row)
}

export function listRecords<T extends TableName>(
  connection: SqliteConnection,
  table: T,
  query: ListQuery,
): Page<Records[T]> {
  const { sql, values } = listStatement(table, STATEMENTS[table].select, query)
  const records = connection.all(sql, ...values).map((row) => toRecord(table, row))
  if (records.length <= query.limit) return { records, next: null }
  records.pop()
  const { createdAtMs, id } = records.at(-1)!
  return { records, next: { createdAtMs, id } }
}

export function listAudit(
  connection: SqliteConnection,
  workspaceId: string,
  query: { readonly limit: number; readonly before: number | null },
): AuditRow[] {
  const rows = connection.all(
    'SELECT * FROM audit WHERE workspace_id = ? AND position < ? ORDER BY position DESC LIMIT ?',
    ...[workspaceId, query.before ?? Number.MAX_SAFE_INTEGER, query.limit],
  )
  return rows.map(toAuditRow)
}

/** The whole trail of the installation, oldest first. */
export function* wholeAudit(connection: SqliteConnection): Generator<AuditRow> {
  for (const row of connection.iterate('SELECT * FROM audit ORDER BY position')) yield toAuditRow(row)
}

function toAuditRow(row: Record<string, unknown>): AuditRow {
  return {
    position: Number(row.position),
    workspaceId: String(row.workspace_id),
    atMs: Number(row.at_ms),
    action: String(row.action),
    targetTable: row.target_table as TableName,
    targetId: String(row.target_id),
    actorCredentialId: row.actor_credential_id as string | null,
    actorPrincipalId: row.actor_principal_id as string | null,
    requestId: row.request_id as string | null,
    ip: row.ip as string | null,
    detail: JSON.parse(String(row.detail)) as AuditRow['detail'],
    hash: String(row.hash),
  }
}

export function readChanges(connection: SqliteConnection, position: number, limit: number): FeedPage {
  // Most polls find nothing new, and the head alone says so. One statement, so one snapshot.
  const rows = connection.all(
    'SELECT feed.position AS head, c.* FROM feed LEFT JOIN (SELECT position, workspace_id, at_ms, touched ' +
      'FROM changes WHERE position > ? ORDER BY position LIMIT ?) c ON true WHERE feed.id = 1 ORDER BY c.position',
    ...[position, limit],
  )
  return {
    head: Number(rows[0]?.head ?? 0),
    changes: rows.filter((row) => row.position !== null).map(toChange),
  }
}

function toChange(row: Record<string, unknown>): Change {
  return {
    position: Number(row.position),
    workspaceId: String(row.workspace_id),
    atMs: Number(row.at_ms),
    touched: JSON.parse(String(row.touched)) as Change['touched'],
  }
}

export function readPosition(connection: SqliteConnection): number {
  return Number(connection.get('SELECT position FROM feed WHERE id = 1')?.position ?? 0)
}

export function readIdempotency(
  connection: SqliteConnection,
  scope: string,
  key: string,
): IdempotencyEntry | undefined {
  const row = connection.get('SELECT * FROM idempotency WHERE scope = ? AND key = ?', scope, key)
  if (row === undefined) return undefined
  return {
    scope,
    key,
    requestDigest: String(row.request_digest),
    table: row.target_table as TableName,
    id: String(row.target_id),
    status: Number(row.status),
    createdAtMs: Number(row.created_at_ms),
  }
}

export function readSetting(connection: SqliteConnection, name: string): string | undefined {
  const row = connection.get('SELECT value FROM settings WHERE name = ?', name)
  return row && String(row.value)
}

export function readSchema(connection: SqliteConnection): SchemaState {
  const row = connection.get('SELECT max(version) AS v, max(oldest_compatible) AS o FROM schema_migrations')
  return { version: Number(row?.v ?? 0), oldestCompatible: Number(row?.o ?? 0) }
}
