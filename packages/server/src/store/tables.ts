import type { Records, TableName } from '@credence/core'
import { StoreFault } from './port.ts'

/**
 * The one column map. Every SELECT, INSERT and UPDATE of a record, in every SQL store, is generated from it,
 * and so is the mapping between a row and its record. A field is kept in the column of its name in snake case.
 */

/** text: well-formed Unicode without NUL. integer: exact, at most 2^53 − 1. json: a list or an object. boolean: 0 or 1. */
export type ColumnType = 'text' | 'integer' | 'json' | 'boolean'

type ColumnsOf<R> = { readonly [K in Extract<keyof R, string>]: ColumnType }

/** A list of a record that has a table of its own, one row for each element. */
interface ChildMap {
  readonly table: string
  /** The column that names the record. */
  readonly parent: string
  /** The field that tells the elements apart, and orders them. */
  readonly order: string
  readonly columns: Readonly<Record<string, ColumnType>>
}

interface TableMap {
  readonly columns: Readonly<Record<string, ColumnType>>
  readonly children: Readonly<Record<string, ChildMap>>
}

const ROW = {
  id: 'text',
  workspaceId: 'text',
  revision: 'integer',
  createdAtMs: 'integer',
  updatedAtMs: 'integer',
} as const satisfies Record<string, ColumnType>

/** The compiler checks that no field of a record is missing here, and none is invented. */
export const TABLES = {
  workspace: { columns: { ...ROW, name: 'text', keyPrefix: 'text' }, children: {} },
  api: {
    columns: {
      ...ROW,
      name: 'text',
      audience: 'text',
      scopes: 'json',
      routes: 'json',
      accepts: 'json',
      upstream: 'text',
      host: 'text',
      basePath: 'text',
      stripBasePath: 'boolean',
      corsOrigins: 'json',
      requiresTls: 'boolean',
      requiresBinding: 'boolean',
      identityToken: 'boolean',
      maxLifetimeSeconds: 'integer',
      keyPrefix: 'text',
      queryParameter: 'text',
      credentialHeader: 'text',
      limits: 'json',
      outageGraceSeconds: 'integer',
      exactLimits: 'boolean',
      metadata: 'json',
      builtIn: 'boolean',
    },
    children: {},
  },
  role: { columns: { ...ROW, name: 'text', apiId: 'text', scopes: 'json' }, children: {} },
  principal: {
    columns: {
      ...ROW,
      name: 'text',
      type: 'text',
      externalId: 'text',
      owner: 'text',
      contact: 'text',
      disabledAtMs: 'integer',
      ceiling: 'json',
      limits: 'json',
      metadata: 'json',
    },
    children: {},
  },
  credential: {
    columns: {
      ...ROW,
      kind: 'text',
      principalId: 'text',
      name: 'text',
      keyPrefix: 'text',
      state: 'text',
      stateReason: 'text',
      stateChangedAtMs: 'integer',
      notBeforeMs: 'integer',
      expiresAtMs: 'integer',
      grants: 'json',
      conditions: 'json',
      limits: 'json',
      metadata: 'json',
      tags: 'json',
      issuedBy: 'text',
      handle: 'text',
      binding: 'json',
      parentId: 'text',
      parentVersion: 'integer',
      issuerToken: 'json',
    },
    children: {
      versions: {
        table: 'secret_versions',
        parent: 'credential_id',
        order: 'version',
        columns: {
          version: 'integer',
          sealedDigest: 'text',
          createdAtMs: 'integer',
          endsAtMs: 'integer',
          revokedAtMs: 'integer',
        },
      },
    },
  },
  issuer: {
    columns: {
      ...ROW,
      name: 'text',
      issuer: 'text',
      audience: 'text',
      apiId: 'text',
      algorithms: 'json',
      keySource: 'json',
      decryption: 'json',
      claims: 'json',
      types: 'json',
      clockSkewSeconds: 'integer',
      maxAgeSeconds: 'integer',
      conditions: 'json',
      limits: 'json',
      disabledAtMs: 'integer',
      revokedBeforeMs: 'integer',
      revokedTokens: 'json',
      revokedPrincipals: 'json',
    },
    children: {},
  },
  signing_key: {
    columns: {
      ...ROW,
      algorithm: 'text',
      state: 'text',
      stateChangedAtMs: 'integer',
      sealedKey: 'text',
      trustedUntilMs: 'integer',
    },
    children: {},
  },
} as const satisfies {
  [T in TableName]: { columns: ColumnsOf<Omit<Records[T], 'versions'>>; children: Record<string, ChildMap> }
}

/** What differs between the databases that speak SQL. */
export interface Dialect {
  /** The n-th parameter of a statement, from 1: `?` or `$1`. */
  readonly placeholder: (n: number) => string
  /** An expression for a JSON list of JSON lists: `columns` of the rows of `from`, in the order of `orderBy`. */
  readonly jsonRows: (columns: readonly string[], from: string, orderBy: string) => string
  /** A condition: the column's value is none of a JSON list's, which is the parameter. */
  readonly notInJson: (column: string, placeholder: string) => string
  /** The join that says: the table on its left leads. PostgreSQL finds that by itself. */
  readonly leadingJoin: string
}

export const SQLITE: Dialect = {
  placeholder: () => '?',
  jsonRows: (columns, from, orderBy) =>
    `(SELECT json_group_array(json_array(${columns.join(', ')}) ORDER BY ${orderBy}) FROM ${from})`,
  notInJson: (column, placeholder) => `${column} NOT IN (SELECT value FROM json_each(${placeholder}))`,
  leadingJoin: 'CROSS JOIN',
}

export const POSTGRES: Dialect = {
  placeholder: (n) => `$${n}`,
  jsonRows: (columns, from, orderBy) =>
    `(SELECT coalesce(json_agg(json_build_array(${columns.join(', ')}) ORDER BY ${orderBy})::text, '[]') FROM ${from})`,
  notInJson: (column, placeholder) =>
    `${column}::text NOT IN (SELECT json_array_elements_text(${placeholder}::json))`,
  leadingJoin: 'JOIN',
}

export type SqlValue = string | number | null
export type SqlRow = Readonly<Record<string, unknown>>

/** The statements for one table, made once for a dialect. */
export interface TableStatements {
  /** `SELECT … FROM table t`, children included: one statement, so one snapshot. */
  readonly select: string
  /** Parameters: toRow(). */
  readonly insert: string
  /** Parameters: toUpdate(). Touches a row only at the revision before, in the same workspace. */
  readonly update: string
  /** Parameters: id, revision. */
  readonly remove: string
  readonly children: readonly ChildStatements[]
}

export interface ChildStatements {
  readonly field: string
  /** Makes or replaces one element. Parameters: toChildRow(). */
  readonly upsert: string
  /** Forgets what the list no longer holds. Parameters: id of the record, JSON list of what orders those that stay. */
  readonly prune: string
  readonly map: ChildMap
}

/** What an update never writes: who the row is, where it belongs and since when. */
const FIXED = ['id', 'workspaceId', 'createdAtMs']

export function statementsFor(table: TableName, dialect: Dialect): TableStatements {
  const map: TableMap = TABLES[table]
  const columns = Object.keys(map.columns).map(columnOf)
  const changing = Object.keys(map.columns).filter((field) => !FIXED.includes(field))
  const p = dialect.placeholder
  const set = changing.map((field, i) => `${columnOf(field)} = ${p(i + 1)}`)
  const n = changing.length
  const lists = Object.entries(map.children).map(([field, child]) => {
    const names = Object.keys(child.columns).map((name) => `c.${columnOf(name)}`)
    const from = `${child.table} c WHERE c.${child.parent} = t.id`
    return `${dialect.jsonRows(names, from, `c.${columnOf(child.order)}`)} AS ${columnOf(field)}`
  })
  return {
    select: `SELECT ${[...columns.map((name) => `t.${name}`), ...lists].join(', ')} FROM ${table} t`,
    insert: `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map((_, i) => p(i + 1)).join(', ')})`,
    update:
      `UPDATE ${table} SET ${set.join(', ')} ` +
      `WHERE id = ${p(n + 1)} AND workspace_id = ${p(n + 2)} AND revision = ${p(n + 3)}`,
    remove: `DELETE FROM ${table} WHERE id = ${p(1)} AND revision = ${p(2)}`,
    children: Object.entries(map.children).map(([field, child]) => childStatements(field, child, dialect)),
  }
}

function childStatements(field: string, child: ChildMap, dialect: Dialect): ChildStatements {
  const p = dialect.placeholder
  const columns = [child.parent, ...Object.keys(child.columns).map(columnOf)]
  const order = columnOf(child.order)
  const changing = columns.filter((name) => name !== child.parent && name !== order)
  return {
    field,
    map: child,
    upsert:
      `INSERT INTO ${child.table} (${columns.join(', ')}) VALUES (${columns.map((_, i) => p(i + 1)).join(', ')}) ` +
      `ON CONFLICT (${child.parent}, ${order}) DO UPDATE SET ` +
      changing.map((name) => `${name} = excluded.${name}`).join(', '),
    prune: `DELETE FROM ${child.table} WHERE ${child.parent} = ${p(1)} AND ${dialect.notInJson(order, p(2))}`,
  }
}

/** The values of a record's columns, in the order of `insert`. @throws StoreFault when one does not fit its column */
export function toRow<T extends TableName>(table: T, record: Records[T]): SqlValue[] {
  const map: TableMap = TABLES[table]
  return Object.entries(map.columns).map(([field, type]) => toSql(table, field, type, fieldOf(record, field)))
}

/** The parameters of `update`. @throws StoreFault when a value does not fit its column */
export function toUpdate<T extends TableName>(table: T, record: Records[T]): SqlValue[] {
  const map: TableMap = TABLES[table]
  const values = Object.entries(map.columns)
    .filter(([field]) => !FIXED.includes(field))
    .map(([field, type]) => toSql(table, field, type, fieldOf(record, field)))
  return [...values, record.id, record.workspaceId, record.revision - 1]
}

/** The elements of a record's child list, as parameters of `upsert`. */
export function toChildRows(child: ChildStatements, record: Records[TableName]): SqlValue[][] {
  const elements = fieldOf(record, child.field) as readonly object[]
  return elements.map((element) => [
    record.id,
    ...Object.entries(child.map.columns).map(([field, type]) =>
      toSql(child.map.table, field, type, fieldOf(element, field)),
    ),
  ])
}

/** A value for each table. */
export function forEachTable<V>(make: (table: TableName) => V): Readonly<Record<TableName, V>> {
  const made = (Object.keys(TABLES) as TableName[]).map((table) => [table, make(table)])
  return Object.fromEntries(made) as Record<TableName, V>
}

/**
 * A record of each table with all its fields and nothing in them. V8 makes a hash table of an object that gets twenty
 * fields one after the other, which takes several times the memory and the time to read; not of what JSON.parse makes,
 * nor of its copies.
 */
const BLANKS = forEachTable((table) => {
  const { columns, children }: TableMap = TABLES[table]
  const fields = [...Object.keys(columns), ...Object.keys(children)]
  const blank = Object.fromEntries(fields.map((field) => [field, null]))
  return JSON.parse(JSON.stringify(blank)) as Record<string, unknown>
})

/** Where each field of a record stands in its row: names are made once, not for each row. */
const PLACES = forEachTable((table) => {
  const { columns, children }: TableMap = TABLES[table]
  return {
    columns: Object.entries(columns).map(([field, type]) => ({ field, column: columnOf(field), type })),
    children: Object.entries(children).map(([field, child]) => {
      return { field, column: columnOf(field), columns: Object.entries(child.columns) }
    }),
  }
})

/** The record that a row of `select` stands for. */
export function toRecord<T extends TableName>(table: T, row: SqlRow): Records[T] {
  const { columns, children } = PLACES[table]
  const record: Record<string, unknown> = { ...BLANKS[table] }
  for (const { field, column, type } of columns) record[field] = fromSql(type, row[column])
  for (const { field, column, columns: parts } of children) {
    const lists = JSON.parse(String(row[column])) as unknown[][]
    record[field] = lists.map((values) =>
      Object.fromEntries(parts.map(([name, type], i) => [name, fromSql(type, values[i])])),
    )
  }
  return record as unknown as Records[T]
}

/** Refuses a record that some column could not hold exactly. The memory store asks it too. @throws StoreFault */
export function checkFits<T extends TableName>(table: T, record: Records[T]): void {
  toRow(table, record)
  for (const child of STATEMENTS[table].children) toChildRows(child, record)
}

/** `createdAtMs` → `created_at_ms`. */
export function columnOf(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

function fieldOf(value: object, field: string): unknown {
  return (value as Readonly<Record<string, unknown>>)[field]
}

function toSql(table: string, field: string, type: ColumnType, value: unknown): SqlValue {
  if (value === null) return null
  if (type === 'json' && typeof value === 'object') return JSON.stringify(value)
  if (type === 'boolean' && typeof value === 'boolean') return value ? 1 : 0
  if (type === 'integer' && Number.isSafeInteger(value)) return value as number
  // SQLite would put U+FFFD for a lone surrogate, PostgreSQL refuses NUL: what cannot come back the same stays out.
  if (type === 'text' && typeof value === 'string' && value.isWellFormed() && !value.includes('\0'))
    return value
  throw new StoreFault(`The value of ${table}.${field} does not fit its column (${type})`)
}

function fromSql(type: ColumnType, value: unknown): unknown {
  if (value === null) return null
  if (type === 'json') return JSON.parse(String(value))
  return type === 'boolean' ? value === 1 : value
}

/** SQLite's statements, by table. */
export const STATEMENTS = forEachTable((table) => statementsFor(table, SQLITE))
