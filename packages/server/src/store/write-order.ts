import type { TableName } from '@credence/core'
import type { Change, Conflict, Put, RowAt, Write } from './port.ts'

/**
 * The order in which every store carries out a write: new rows, then changed ones, then deletes; what is
 * referred to is made before, and deleted after, what refers to it. So a write may make a row and refer to it,
 * or drop the last reference to a row and delete it. A name that it frees is free only after it.
 */
export const PARENTS_FIRST: readonly TableName[] = [
  'workspace',
  'api',
  'role',
  'principal',
  'credential',
  'issuer',
  'signing_key',
]

export interface OrderedWrite {
  readonly inserts: readonly Put[]
  readonly updates: readonly Put[]
  readonly deletes: readonly RowAt[]
}

export function inOrder(write: Write): OrderedWrite {
  const rank = (row: { readonly table: TableName }) => PARENTS_FIRST.indexOf(row.table)
  const puts = write.puts.toSorted((a, b) => rank(a) - rank(b))
  return {
    inserts: puts.filter((put) => put.record.revision === 1),
    updates: puts.filter((put) => put.record.revision !== 1),
    deletes: write.deletes.toSorted((a, b) => rank(b) - rank(a)),
  }
}

/** Rows of other tables that a record refers to; they must exist in its workspace. */
export function referencesOf(put: Put): { readonly table: TableName; readonly id: string }[] {
  if (put.table === 'workspace') return []
  const workspace = { table: 'workspace' as const, id: put.record.workspaceId }
  if (put.table === 'role' || put.table === 'issuer')
    return [workspace, { table: 'api', id: put.record.apiId }]
  if (put.table !== 'credential') return [workspace]
  const apis = put.record.grants.map(({ apiId }) => ({ table: 'api' as const, id: apiId }))
  return [workspace, { table: 'principal', id: put.record.principalId }, ...apis]
}

/** What the feed says of a write. */
export function touchedBy(write: Write): Change['touched'] {
  const puts = write.puts.map(({ table, record }) => ({ table, id: record.id }))
  return [...puts, ...write.deletes.map(({ table, id }) => ({ table, id }))]
}

/** Ends a write that met a conflict, wherever it stands; whoever carries the write out undoes it. */
export class WriteConflict extends Error {
  override name = 'WriteConflict'
  readonly conflict: Conflict

  constructor(conflict: Conflict) {
    super(conflict.type)
    this.conflict = conflict
  }
}
