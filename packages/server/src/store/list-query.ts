import type { TableName } from '@credence/core'
import type { ListFilters, ListQuery } from './port.ts'
import type { Dialect, SqlValue } from './tables.ts'

/** A condition on the table `t`, of a value that stands at a placeholder; of `true` nothing does. */
type Condition = (placeholder: string) => string

/** How each filter reads in SQL, and on which tables. */
const FILTERS: {
  readonly [F in keyof Required<ListFilters>]: { readonly on: readonly TableName[]; readonly sql: Condition }
} = {
  principalId: { on: ['credential'], sql: (p) => `t.principal_id = ${p}` },
  apiId: { on: ['credential', 'role', 'issuer'], sql: (p) => `t.api_id = ${p}` },
  kind: { on: ['credential'], sql: (p) => `t.kind = ${p}` },
  // Word for word as the index `credential_lasting` has it, or the index would not be used.
  lasting: { on: ['credential'], sql: () => "t.kind <> 'access_token'" },
  parentId: { on: ['credential'], sql: (p) => `t.parent_id = ${p}` },
  state: { on: ['credential'], sql: (p) => `t.state = ${p}` },
  tag: { on: ['credential'], sql: listed('credential_tags', 'tag') },
  name: {
    on: ['workspace', 'api', 'role', 'principal', 'credential', 'issuer'],
    sql: (p) => `t.name = ${p}`,
  },
  externalId: { on: ['principal'], sql: (p) => `t.external_id = ${p}` },
  type: { on: ['principal'], sql: (p) => `t.type = ${p}` },
  expiresBeforeMs: { on: ['credential'], sql: (p) => `t.expires_at_ms < ${p}` },
  expiresAfterMs: { on: ['credential'], sql: (p) => `(t.expires_at_ms IS NULL OR t.expires_at_ms > ${p})` },
  notBeforeAfterMs: { on: ['credential'], sql: (p) => `t.not_before_ms > ${p}` },
  notBeforeUntilMs: {
    on: ['credential'],
    sql: (p) => `(t.not_before_ms IS NULL OR t.not_before_ms <= ${p})`,
  },
}

/** Filters by a list of the record: where there is one, the page is read in order off that list's index. */
const LISTS = [
  { filter: 'tag', table: 'credential_tags', column: 'tag' },
  { filter: 'apiId', table: 'credential_grants', column: 'api_id' },
] as const

function listed(table: string, column: string): Condition {
  return (p) => `EXISTS (SELECT 1 FROM ${table} l WHERE l.credential_id = t.id AND l.${column} = ${p})`
}

type Given = [name: keyof ListFilters, value: string | number | true]

/** The filters that are given. @throws Error for one that the table has no column for */
export function givenFilters(table: TableName, filters: ListFilters): Given[] {
  const given: Given[] = []
  for (const [name, value] of Object.entries(filters) as [keyof ListFilters, Given[1] | undefined][]) {
    if (value === undefined) continue
    if (!FILTERS[name]?.on.includes(table)) throw new Error(`${table} cannot be filtered by ${name}`)
    given.push([name, value])
  }
  return given
}

export interface ListStatement {
  readonly sql: string
  readonly values: readonly SqlValue[]
}

/** One page and one row more, which tells whether there is a next page. */
export function listStatement(
  table: TableName,
  select: string,
  query: ListQuery,
  dialect: Dialect,
): ListStatement {
  const given = givenFilters(table, query.filters)
  const list =
    table === 'credential' ? LISTS.find(({ filter }) => query.filters[filter] !== undefined) : undefined
  const order = list === undefined ? { from: 't', id: 'id' } : { from: 's', id: 'credential_id' }
  const values: SqlValue[] = []
  const value = (given: SqlValue) => dialect.placeholder(values.push(given))
  const conditions: string[] = []
  if (query.workspaceId !== null) conditions.push(`${order.from}.workspace_id = ${value(query.workspaceId)}`)
  if (query.cursor !== null) {
    const { createdAtMs, id } = query.cursor
    const place = `${order.from}.created_at_ms, ${order.from}.${order.id}`
    conditions.push(`(${place}) < (${value(createdAtMs)}, ${value(id)})`)
  }
  for (const [name, wanted] of given) {
    if (wanted === true) conditions.push(FILTERS[name].sql(''))
    else if (name === list?.filter) conditions.push(`s.${list.column} = ${value(wanted)}`)
    else if (name === 'apiId' && table === 'credential')
      conditions.push(listed('credential_grants', 'api_id')(value(wanted)))
    else conditions.push(FILTERS[name].sql(value(wanted)))
  }
  // The list's index leads, the records follow by id.
  const join = list && `FROM ${list.table} s ${dialect.leadingJoin} credential t ON t.id = s.credential_id`
  const source = join === undefined ? select : select.replace(/FROM credential t$/, join)
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
  const by = `ORDER BY ${order.from}.created_at_ms DESC, ${order.from}.${order.id} DESC`
  return { sql: `${source}${where} ${by} LIMIT ${value(query.limit + 1)}`, values }
}
