import { type ColumnType, columnOf, TABLES } from './tables.ts'
import { PARENTS_FIRST } from './write-order.ts'

/**
 * A table that `credence store copy` moves: every table but those that say which migrations were applied, and which
 * processes live.
 */
export interface CopyTable {
  /** The embedded store keeps usage in a file of its own. */
  readonly database: 'state' | 'usage'
  readonly name: string
  /** By name, in the order of a row's values. */
  readonly columns: Readonly<Record<string, CopyType>>
  /** The columns of the primary key. */
  readonly key: readonly string[]
}

export type CopyType = 'text' | 'integer' | 'real'

/** Tables that are a store's own: a copy neither reads nor writes them. */
export const NOT_COPIED = ['schema_migrations', 'usage_schema_migrations', 'members']

const [TEXT, INTEGER, REAL] = ['text', 'integer', 'real'] as const

/** In the order of a copy: what a row refers to comes before it. */
export const COPY_TABLES: readonly CopyTable[] = [
  ...PARENTS_FIRST.flatMap((table): CopyTable[] => {
    const { columns, children } = TABLES[table]
    return [
      { database: 'state', name: table, columns: copyColumns(columns), key: ['id'] },
      ...Object.values(children).map(
        (child): CopyTable => ({
          database: 'state',
          name: child.table,
          columns: { [child.parent]: TEXT, ...copyColumns(child.columns) },
          key: [child.parent, child.order],
        }),
      ),
    ]
  }),
  state('credential_grants', ['credential_id', 'api_id'], {
    workspace_id: TEXT,
    credential_id: TEXT,
    api_id: TEXT,
    created_at_ms: INTEGER,
  }),
  state('credential_tags', ['credential_id', 'tag'], {
    workspace_id: TEXT,
    credential_id: TEXT,
    tag: TEXT,
    created_at_ms: INTEGER,
  }),
  state('changes', ['position'], { position: INTEGER, workspace_id: TEXT, at_ms: INTEGER, touched: TEXT }),
  state('audit', ['position'], {
    position: INTEGER,
    workspace_id: TEXT,
    at_ms: INTEGER,
    action: TEXT,
    target_table: TEXT,
    target_id: TEXT,
    actor_credential_id: TEXT,
    actor_principal_id: TEXT,
    request_id: TEXT,
    ip: TEXT,
    detail: TEXT,
    hash: TEXT,
  }),
  state('idempotency', ['scope', 'key'], {
    scope: TEXT,
    key: TEXT,
    request_digest: TEXT,
    target_table: TEXT,
    target_id: TEXT,
    status: INTEGER,
    created_at_ms: INTEGER,
  }),
  state('settings', ['name'], { name: TEXT, value: TEXT }),
  state('credits', ['key'], { key: TEXT, spent: INTEGER, since_ms: INTEGER }),
  {
    database: 'usage',
    name: 'usage',
    columns: {
      credential_id: TEXT,
      version: INTEGER,
      code: TEXT,
      workspace_id: TEXT,
      count: INTEGER,
      first_at_ms: INTEGER,
      last_at_ms: INTEGER,
      last_ip: TEXT,
      last_user_agent: TEXT,
    },
    key: ['credential_id', 'version', 'code'],
  },
  {
    database: 'usage',
    name: 'counters',
    columns: { key: TEXT, a: REAL, b: REAL, saved_at_ms: INTEGER },
    key: ['key'],
  },
  { database: 'usage', name: 'flushes', columns: { id: TEXT, at_ms: INTEGER }, key: ['id'] },
  // Last: without it nobody commits, who may have opened the target before the copy began.
  state('feed', ['id'], { id: INTEGER, position: INTEGER, audit_hash: TEXT }),
]

function state(name: string, key: readonly string[], columns: CopyTable['columns']): CopyTable {
  return { database: 'state', name, columns, key }
}

/** Lists and objects are text to the database, and truth is 0 or 1. */
function copyColumns(columns: Readonly<Record<string, ColumnType>>): CopyTable['columns'] {
  return Object.fromEntries(
    Object.entries(columns).map(([field, type]) => [
      columnOf(field),
      type === 'integer' || type === 'boolean' ? INTEGER : TEXT,
    ]),
  )
}

/** The key of a row, in the order of the key's columns. */
export function keyOf(
  table: CopyTable,
  row: readonly (string | number | null)[],
): (string | number | null)[] {
  const names = Object.keys(table.columns)
  return table.key.map((name) => row[names.indexOf(name)] ?? null)
}
