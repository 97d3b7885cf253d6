import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { COPY_TABLES, NOT_COPIED } from './copy-tables.ts'
import { STORE_MIGRATIONS, USAGE_MIGRATIONS } from './migrate.ts'
import { prepareSqliteFile } from './sqlite-file.ts'
import { temporaryFolder } from './testing/sqlite-fixture.ts'

interface Column {
  readonly name: string
  readonly type: string
  readonly pk: number
}

/** Every table of a new database that a copy must know, with its columns. */
async function tablesAfter(migrations: string): Promise<Map<string, Column[]>> {
  const path = join(await temporaryFolder(), 'new.db')
  prepareSqliteFile(path, migrations, 'auto', Date.now)
  const db = new DatabaseSync(path)
  const names = db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .all()
  const columnsOf = (name: string) => db.prepare(`PRAGMA table_info(${name})`).all() as unknown as Column[]
  const tables = new Map(names.map(({ name }) => [String(name), columnsOf(String(name))]))
  db.close()
  for (const name of NOT_COPIED) tables.delete(name)
  return tables
}

const TYPES = { text: 'TEXT', integer: 'BIGINT', real: 'DOUBLE PRECISION' }

test('a copy knows every table of the migrations, with every column, its type, and the key', async () => {
  for (const [database, migrations] of [
    ['state', STORE_MIGRATIONS],
    ['usage', USAGE_MIGRATIONS],
  ] as const) {
    const actual = await tablesAfter(migrations)
    const known = COPY_TABLES.filter((table) => table.database === database)
    assert.deepEqual(known.map(({ name }) => name).toSorted(), [...actual.keys()].toSorted())
    for (const { name, columns, key } of known) {
      const there = actual.get(name)!
      const byName = (a: [string, string], b: [string, string]) => (a[0] < b[0] ? -1 : 1)
      const types = Object.entries(columns).map(([column, type]): [string, string] => [column, TYPES[type]])
      const declared = there.map((column): [string, string] => [column.name, column.type])
      assert.deepEqual(types.toSorted(byName), declared.toSorted(byName), name)
      const primary = there.filter(({ pk }) => pk > 0).toSorted((a, b) => a.pk - b.pk)
      assert.deepEqual(
        key,
        primary.map((column) => column.name),
        name,
      )
    }
  }
})
