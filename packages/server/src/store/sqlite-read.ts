import type { CredentialRecord, Records, TableName } from '@credence/core'
import type {
  AuditRow,
  FeedPage,
  IdempotencyEntry,
  ListQuery,
  NamedTable,
  Page,
  SchemaState,
} from './port.ts'
import { type Reading, readingsFor, toAuditRow } from './readings.ts'
import type { SqliteConnection } from './sqlite-connection.ts'
import { SQLITE } from './tables.ts'

const READINGS = readingsFor(SQLITE)

function read<R>(connection: SqliteConnection, { sql, values, result }: Reading<R>): R {
  return result(connection.all(sql, ...values))
}

export function readRecord<T extends TableName>(
  connection: SqliteConnection,
  table: T,
  id: string,
): Records[T] | undefined {
  return read(connection, READINGS.record(table, id))
}

export function readRecordByName<T extends NamedTable>(
  connection: SqliteConnection,
  table: T,
  workspaceId: string | null,
  name: string,
): Records[T] | undefined {
  return read(connection, READINGS.recordByName(table, workspaceId, name))
}

export function readCredentialByHandle(
  connection: SqliteConnection,
  ...of: Parameters<typeof READINGS.credentialByHandle>
): CredentialRecord | undefined {
  return read(connection, READINGS.credentialByHandle(...of))
}

export function listRecords<T extends TableName>(
  connection: SqliteConnection,
  table: T,
  query: ListQuery,
): Page<Records[T]> {
  return read(connection, READINGS.page(table, query))
}

export function listAudit(
  connection: SqliteConnection,
  workspaceId: string,
  query: { readonly limit: number; readonly before: number | null },
): AuditRow[] {
  return read(connection, READINGS.audit(workspaceId, query))
}

/** The whole trail of the installation, oldest first. */
export function* wholeAudit(connection: SqliteConnection): Generator<AuditRow> {
  for (const row of connection.iterate('SELECT * FROM audit ORDER BY position')) yield toAuditRow(row)
}

export function readChanges(connection: SqliteConnection, position: number, limit: number): FeedPage {
  return read(connection, READINGS.changes(position, limit))
}

export function readPosition(connection: SqliteConnection): number {
  return read(connection, READINGS.position())
}

export function readIdempotency(
  connection: SqliteConnection,
  scope: string,
  key: string,
): IdempotencyEntry | undefined {
  return read(connection, READINGS.idempotency(scope, key))
}

export function readSetting(connection: SqliteConnection, name: string): string | undefined {
  return read(connection, READINGS.setting(name))
}

export function readSchema(connection: SqliteConnection): SchemaState {
  return read(connection, READINGS.schema())
}
