import type { CredentialKind, CredentialRecord, Records, TableName } from '@credence/core'
import { FIRST_AUDIT_HASH } from './audit-chain.ts'
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
import { type Dialect, forEachTable, type SqlRow, type SqlValue, statementsFor, toRecord } from './tables.ts'

/** One SELECT, so one snapshot, and what its rows say. */
export interface Reading<R> {
  readonly sql: string
  readonly values: readonly SqlValue[]
  /** Whether the text is one of few, and so worth keeping prepared. */
  readonly isCommon: boolean
  readonly result: (rows: readonly SqlRow[]) => R
}

/** Everything that the SQL stores read, in the words of one of them. */
export type Readings = ReturnType<typeof readingsFor>

const AUDIT_COLUMNS =
  'position, workspace_id, at_ms, action, target_table, target_id, actor_credential_id, actor_principal_id, ' +
  'request_id, ip, detail, hash'

export function readingsFor(dialect: Dialect) {
  const selects = forEachTable((table) => statementsFor(table, dialect).select)
  const [one, two, three, four] = [1, 2, 3, 4].map(dialect.placeholder)
  const byId = forEachTable((table) => `${selects[table]} WHERE t.id = ${one}`)
  const byName = forEachTable((table) =>
    table === 'workspace'
      ? `${selects[table]} WHERE t.name = ${one}`
      : `${selects[table]} WHERE t.workspace_id = ${one} AND t.name = ${two}`,
  )
  const byHandle =
    `${selects.credential} WHERE t.workspace_id = ${one} AND t.kind = ${two} AND t.handle = ${three} ` +
    "AND t.state <> 'revoked'"
  const audit =
    `SELECT ${AUDIT_COLUMNS} FROM audit WHERE workspace_id = ${one} AND position < ${two} ` +
    `ORDER BY position DESC LIMIT ${three}`
  // Most polls find nothing new, and the one row of the feed says so.
  const hashAt = (position: string) => `(SELECT hash FROM audit WHERE audit.position = ${position})`
  // Asked after each write. `+ 0`: SQLite looks into a LIMIT that is a bare parameter, and then prepares the statement
  // anew for each call.
  const changes =
    'SELECT feed.position AS head, feed.audit_hash AS head_hash, ' +
    `CASE feed.position WHEN ${one} THEN feed.audit_hash ELSE ${hashAt(two!)} END AS hash_before, ` +
    `c.position, ${hashAt('c.position')} AS hash, c.workspace_id, c.at_ms, c.touched FROM feed LEFT JOIN ` +
    '(SELECT position, workspace_id, at_ms, touched FROM changes ' +
    `WHERE position > ${three} ORDER BY position LIMIT ${four} + 0) c ON true WHERE feed.id = 1 ORDER BY c.position`
  const idempotency =
    'SELECT request_digest, target_table, target_id, status, created_at_ms FROM idempotency ' +
    `WHERE scope = ${one} AND key = ${two}`

  return {
    record: <T extends TableName>(table: T, id: string): Reading<Records[T] | undefined> =>
      common(byId[table], [id], ([row]) => row && toRecord(table, row)),

    recordByName: <T extends NamedTable>(
      table: T,
      workspaceId: string | null,
      name: string,
    ): Reading<Records[T] | undefined> => {
      const values = table === 'workspace' ? [name] : [workspaceId, name]
      return common(byName[table], values, ([row]) => row && toRecord(table, row))
    },

    credentialByHandle: (
      workspaceId: string,
      kind: CredentialKind,
      handle: string,
    ): Reading<CredentialRecord | undefined> =>
      common(byHandle, [workspaceId, kind, handle], ([row]) => row && toRecord('credential', row)),

    page: <T extends TableName>(table: T, query: ListQuery): Reading<Page<Records[T]>> => ({
      ...listStatement(table, selects[table], query, dialect),
      isCommon: false,
      result: (rows) =>
        pageOf(
          rows.map((row) => toRecord(table, row)),
          query.limit,
        ),
    }),

    audit: (
      workspaceId: string,
      { limit, before }: { readonly limit: number; readonly before: number | null },
    ): Reading<AuditRow[]> =>
      common(audit, [workspaceId, before ?? Number.MAX_SAFE_INTEGER, limit], (rows) => rows.map(toAuditRow)),

    changes: (position: number, limit: number): Reading<FeedPage> =>
      common(changes, [position, position, position, limit], (rows) => ({
        head: Number(rows[0]?.head ?? 0),
        headHash: String(rows[0]?.head_hash ?? FIRST_AUDIT_HASH),
        hash: position === 0 ? FIRST_AUDIT_HASH : ((rows[0]?.hash_before ?? null) as string | null),
        changes: rows.filter((row) => row.position !== null).map(toChange),
      })),

    position: (): Reading<number> =>
      common('SELECT position FROM feed WHERE id = 1', [], ([row]) => Number(row?.position ?? 0)),

    idempotency: (scope: string, key: string): Reading<IdempotencyEntry | undefined> =>
      common(idempotency, [scope, key], ([row]) => row && toIdempotency(scope, key, row)),

    setting: (name: string): Reading<string | undefined> =>
      common(`SELECT value FROM settings WHERE name = ${one}`, [name], ([row]) => row && String(row.value)),

    schema: (): Reading<SchemaState> =>
      common('SELECT max(version) AS v, max(oldest_compatible) AS o FROM schema_migrations', [], ([row]) => ({
        version: Number(row?.v ?? 0),
        oldestCompatible: Number(row?.o ?? 0),
      })),
  }
}

function common<R>(sql: string, values: readonly SqlValue[], result: Reading<R>['result']): Reading<R> {
  return { sql, values, isCommon: true, result }
}

/** The rows of a page and one more, where there is one. */
function pageOf<R extends Records[TableName]>(records: R[], limit: number): Page<R> {
  if (records.length <= limit) return { records, next: null }
  records.pop()
  const { createdAtMs, id } = records.at(-1)!
  return { records, next: { createdAtMs, id } }
}

export function toAuditRow(row: SqlRow): AuditRow {
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

function toChange(row: SqlRow): Change {
  return {
    position: Number(row.position),
    hash: String(row.hash),
    workspaceId: String(row.workspace_id),
    atMs: Number(row.at_ms),
    touched: JSON.parse(String(row.touched)) as Change['touched'],
  }
}

function toIdempotency(scope: string, key: string, row: SqlRow): IdempotencyEntry {
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
