import type { CredentialRecord } from '@credence/core'
import type { DatabaseError } from 'pg'
import type { Conflict, IdempotencyEntry, Put, RowAt, Write } from './port.ts'
import type { Statement } from './postgres-connection.ts'
import { DIVISION_BY_ZERO, FOREIGN_KEY_VIOLATION, UNIQUE_VIOLATION } from './postgres-fault.ts'
import {
  forEachTable,
  POSTGRES,
  type SqlValue,
  statementsFor,
  toChildRows,
  toRow,
  toUpdate,
} from './tables.ts'
import { inOrder } from './write-order.ts'

/** What the refusal of a statement means for the write that it is part of. */
export type Refusal =
  | { readonly type: 'conflict'; readonly conflict: Conflict }
  /** Something that the put refers to is not there; which, only a look at each can tell. */
  | { readonly type: 'reference'; readonly put: Put }

/** One statement of a write. */
export interface Step {
  readonly statement: Statement
  /** null: nothing that a caller could have met; a fault. */
  readonly refusal: (error: DatabaseError) => Refusal | null
}

const STATEMENTS = forEachTable((table) => {
  const { insert, update, remove, children } = statementsFor(table, POSTGRES)
  return { insert, update: guarded(update), remove: guarded(remove), children }
})
const EXPECT = forEachTable(
  (table) =>
    `SELECT 1 / count(*) FROM (SELECT 1 FROM ${table} WHERE id = $1 AND revision = $2 FOR SHARE) AS row_there`,
)
const INSERT_IDEMPOTENCY =
  'INSERT INTO idempotency (scope, key, request_digest, target_table, target_id, status, created_at_ms) ' +
  'VALUES ($1, $2, $3, $4, $5, $6, $7)'
const INSERT_SETTING = 'INSERT INTO settings (name, value) VALUES ($1, $2)'
/** What a credential's lists hold, once more, for the filters. The row itself says since when it is there. */
const FILTER_LISTS = [
  { table: 'credential_grants', column: 'api_id', of: apiIdsOf },
  { table: 'credential_tags', column: 'tag', of: ({ tags }: CredentialRecord) => new Set(tags) },
].map(({ table, column, of }) => ({
  of,
  forget: `DELETE FROM ${table} WHERE credential_id = $1`,
  insert:
    `INSERT INTO ${table} (workspace_id, credential_id, ${column}, created_at_ms) ` +
    'SELECT t.workspace_id, t.id, listed.value, t.created_at_ms ' +
    'FROM credential t, json_array_elements_text($2::json) AS listed (value) WHERE t.id = $1',
}))

/**
 * The statements of a write, in their order, without the change and the audit entry. They are sent together, so
 * each stops those after it by an error of its own where it must.
 * @throws StoreFault when a value does not fit its column
 */
export function stepsOf(write: Write): Step[] {
  const { inserts, updates, deletes } = inOrder(write)
  return [
    ...(write.idempotency === null ? [] : [idempotencyStep(write.idempotency)]),
    ...write.expects.map(expectStep),
    ...write.settings.map(settingStep),
    ...inserts.flatMap(insertSteps),
    ...updates.flatMap(updateSteps),
    ...deletes.map(deleteStep),
  ]
}

/**
 * A statement that touches one row, or else ends the transaction: none divides by zero. Pipelined statements have
 * nobody between them who could look at a count.
 */
function guarded(sql: string): string {
  return `WITH touched AS (${sql} RETURNING 1) SELECT 1 / count(*) FROM touched`
}

function idempotencyStep(entry: IdempotencyEntry): Step {
  const { scope, key, requestDigest, table, id, status, createdAtMs } = entry
  const values = [scope, key, requestDigest, table, id, status, createdAtMs]
  return step(INSERT_IDEMPOTENCY, values, on(UNIQUE_VIOLATION, { type: 'idempotency' }))
}

function settingStep({ name, value }: Write['settings'][number]): Step {
  return step(INSERT_SETTING, [name, value], on(UNIQUE_VIOLATION, { type: 'setting', name }))
}

/** The row's share lock keeps it as it is until the commit. */
function expectStep({ table, id, revision }: RowAt): Step {
  return step(EXPECT[table], [id, revision], on(DIVISION_BY_ZERO, { type: 'revision', table, id }))
}

function insertSteps(put: Put): Step[] {
  const { table, record } = put
  return [step(STATEMENTS[table].insert, toRow(table, record), refusalOf(put)), ...listSteps(put)]
}

function updateSteps(put: Put): Step[] {
  const { table, record } = put
  return [step(STATEMENTS[table].update, toUpdate(table, record), refusalOf(put)), ...listSteps(put)]
}

function deleteStep({ table, id, revision }: RowAt): Step {
  return step(STATEMENTS[table].remove, [id, revision], ({ code }) => {
    if (code === DIVISION_BY_ZERO) return conflict({ type: 'revision', table, id })
    return code === FOREIGN_KEY_VIOLATION ? conflict({ type: 'in_use', table, id }) : null
  })
}

/** The rows of a record's lists, and the copies of them that filters use. */
function listSteps(put: Put): Step[] {
  const { table, record } = put
  const isNew = record.revision === 1
  const refusal = refusalOf(put)
  const steps: Step[] = []
  for (const child of STATEMENTS[table].children) {
    const rows = toChildRows(child, record)
    // Replaced one by one, not deleted and made again: a column that a newer release added keeps its value.
    const kept = JSON.stringify(rows.map((row) => row[1]))
    if (!isNew) steps.push(step(child.prune, [record.id, kept], refusal))
    for (const row of rows) steps.push(step(child.upsert, row, refusal))
  }
  if (table !== 'credential') return steps
  for (const { of, forget, insert } of FILTER_LISTS) {
    const listed = of(record)
    if (!isNew) steps.push(step(forget, [record.id], refusal))
    if (listed.size > 0) steps.push(step(insert, [record.id, JSON.stringify([...listed])], refusal))
  }
  return steps
}

function apiIdsOf({ grants }: CredentialRecord): Set<string> {
  return new Set(grants.map(({ apiId }) => apiId))
}

function refusalOf(put: Put): Step['refusal'] {
  const { table, record } = put
  return ({ code, constraint = '' }) => {
    if (code === DIVISION_BY_ZERO || constraint === `${table}_pkey`)
      return conflict({ type: 'revision', table, id: record.id })
    if (code === UNIQUE_VIOLATION)
      return conflict({ type: 'taken', table, field: uniqueField(table, constraint) })
    return code === FOREIGN_KEY_VIOLATION ? { type: 'reference', put } : null
  }
}

/** Unique indexes are called for their table and the field: `api_base_path`. */
function uniqueField(table: string, index: string): string {
  return index.slice(table.length + 1).replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

function step(sql: string, values: readonly SqlValue[], refusal: Step['refusal']): Step {
  return { statement: { sql, values, isCommon: true }, refusal }
}

function on(code: string, met: Conflict): Step['refusal'] {
  return (error) => (error.code === code ? conflict(met) : null)
}

function conflict(met: Conflict): Refusal {
  return { type: 'conflict', conflict: met }
}
