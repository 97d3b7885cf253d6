import type { TableName } from '@credence/core'
import type { ListFilters, ListQuery } from './port.ts'
import type { SqlValue } from './tables.ts'

/** How each filter reads in SQL, and on which tables. `t` is the table, `?` the value. */
const FILTERS: {
  readonly [F in keyof Required<ListFilters>]: { readonly on: readonly TableName[]; readonly sql: string }
} = {
  principalId: { on: ['credential'], sql: 't.principal_id = ?' },
  apiId: { on: ['credential', 'role'], sql: 't.api_id = ?' },
  kind: { on: ['credential'], sql: 't.kind = ?' },
  state: { on: ['credential'], sql: 't.state = ?' },
  tag: { on: ['credential'], sql: listed('credential_tags', 'tag') },
  name: { on: ['workspace', 'api', 'role', 'principal', 'credential'], sql: 't.name = ?' },
  externalId: { on: ['principal'], sql: 't.external_id = ?' },
  type: { on: ['principal'], sql: 't.type = ?' },
  expiresBeforeMs: { on: ['credential'], sql: 't.expires_at_ms < ?' },
  expiresAfterMs: { on: ['credential'], sql: '(t.expires_at_ms IS NULL OR t.expires_at_ms > ?)' },
  notBeforeAfterMs: { on: ['credential'], sql: 't.not_before_ms > ?' },
  notBeforeUntilMs: { on: ['credential'], sql: '(t.not_before_ms IS NULL OR t.not_before_ms <= ?)' },
}

/** Filters by a list of the record: where there is one, the page is read in order off that list's index. */
const LISTS = [
  { filter: 'tag', table: 'credential_tags', column: 'tag' },
  { filter: 'apiId', table: 'credential_grants', column: 'api_id' },
] as const

function listed(table: string, column: string): string {
  return `EXISTS (SELECT 1 FROM ${table} l WHERE l.credential_id = t.id AND l.${column} = ?)`
}

/** The filters that are given. @throws Error for one that the table has no column for */
export function givenFilters(table: TableName, filters: ListFilters): [keyof ListFilters, string | number][] {
  const given: [keyof ListFilters, string | number][] = []
  for (const [name, value] of Object.entries(filters) as [keyof ListFilters, string | number | undefined][]) {
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
export function listStatement(table: TableName, select: string, query: ListQuery): ListStatement {
  const given = givenFilters(table, query.filters)
  const list =
    table === 'credential' ? LISTS.find(({ filter }) => query.filters[filter] !== undefined) : undefined
  const order = list === undefined ? { from: 't', id: 'id' } : { from: 's', id: 'credential_id' }
  const conditions: string[] = []
  const values: SqlValue[] = []
  const must = (sql: string, ...parameters: SqlValue[]) => {
    conditions.push(sql)
    values.push(...parameters)
  }
  if (query.workspaceId !== null) must(`${order.from}.workspace_id = ?`, query.workspaceId)
  if (query.cursor !== null) {
    const { createdAtMs, id } = query.cursor
    must(`(${order.from}.created_at_ms, ${order.from}.${order.id}) < (?, ?)`, createdAtMs, id)
  }
  for (const [name, value] of given) {
    if (name === list?.filter) must(`s.${list.column} = ?`, value)
    else if (name === 'apiId' && table === 'credential') must(listed('credential_grants', 'api_id'), value)
    else must(FILTERS[name].sql, value)
  }
  // CROSS JOIN is SQLite's way to say: in this order. The list's index leads, the records follow by id.
  const source =
    list === undefined
      ? select
      : select.replace(
          /FROM credential t$/,
          `FROM ${list.table} s CROSS JOIN credential t ON t.id = s.credential_id`,
        )
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
  const by = `ORDER BY ${order.from}.created_at_ms DESC, ${order.from}.${order.id} DESC LIMIT ?`
  return { sql: `${source}${where} ${by}`, values: [...values, query.limit + 1] }
}
