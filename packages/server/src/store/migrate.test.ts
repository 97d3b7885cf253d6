import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import {
  loadMigrations,
  type Migration,
  planFor,
  STORE_MIGRATIONS,
  toMigration,
  USAGE_MIGRATIONS,
} from './migrate.ts'
import { StoreFault } from './port.ts'
import { openSqliteStore } from './sqlite.ts'
import { SqliteConnection } from './sqlite-connection.ts'
import { migrateSqlite, planMigrations } from './sqlite-migrate.ts'
import { temporaryFolder } from './testing/sqlite-fixture.ts'

const CLOCK = () => 1_000

/** A file at the state that `known` brings it to. */
async function databaseAt(known: readonly Migration[]): Promise<SqliteConnection> {
  const path = join(await temporaryFolder(), 'credence.db')
  const connection = new SqliteConnection({ path, synchronous: 'FULL', readOnly: false })
  migrateSqlite(connection, known, 'auto', CLOCK)
  return connection
}

function schemaOf(connection: SqliteConnection): unknown {
  return connection.all('SELECT type, name, sql FROM sqlite_master ORDER BY type, name')
}

/** The migrations of this release and one more, as the next release would have them. */
function withNext(known: readonly Migration[], oldestCompatible: number): Migration[] {
  const sql = `-- oldest-compatible: ${oldestCompatible}\nCREATE TABLE next_release (a TEXT);`
  return [...known, toMigration(known.length + 1, 'next-release', sql)]
}

for (const folder of [STORE_MIGRATIONS, USAGE_MIGRATIONS]) {
  const known = loadMigrations(folder)
  const newest = await databaseAt(known)
  const schema = schemaOf(newest)
  newest.close()
  for (let version = 0; version < known.length; version++) {
    test(`${folder.split('/').at(-1)}: version ${version} is brought to the newest schema`, async () => {
      const connection = await databaseAt(known.slice(0, version))
      migrateSqlite(connection, known, 'auto', CLOCK)
      assert.deepEqual(schemaOf(connection), schema)
      const applied = connection.all('SELECT version FROM schema_migrations ORDER BY version')
      assert.deepEqual(
        applied.map((row) => row.version),
        known.map((migration) => migration.version),
      )
      connection.close()
    })
  }
}

test('what a migration says to SQLite alone is heard by SQLite', async () => {
  const connection = await databaseAt(loadMigrations(STORE_MIGRATIONS))
  const audit = connection.get("SELECT sql FROM sqlite_master WHERE name = 'audit'")
  assert.match(String(audit?.sql), /\) WITHOUT ROWID$/)
  connection.close()
})

test('a migrated database is left as it is by every mode', async () => {
  const known = loadMigrations(STORE_MIGRATIONS)
  const connection = await databaseAt(known)
  const before = schemaOf(connection)
  for (const mode of ['auto', 'check', 'off'] as const) migrateSqlite(connection, known, mode, CLOCK)
  assert.deepEqual(schemaOf(connection), before)
  connection.close()
})

test('mode check refuses what is pending and names it; mode off applies nothing', async () => {
  const known = loadMigrations(STORE_MIGRATIONS)
  const connection = await databaseAt(known)
  const next = withNext(known, 1)
  const named = new RegExp(`${next.length} \\(next-release\\).*CREDENCE_MIGRATE=check`)
  assert.throws(() => migrateSqlite(connection, next, 'check', CLOCK), named)
  migrateSqlite(connection, next, 'off', CLOCK)
  assert.equal(connection.get("SELECT 1 FROM sqlite_master WHERE name = 'next_release'"), undefined)
  connection.close()
})

test('a newer database is run on while it is compatible, and refused with both numbers when it is not', async () => {
  const known = loadMigrations(STORE_MIGRATIONS)
  const next = known.length + 1
  const compatible = await databaseAt(withNext(known, 1))
  for (const mode of ['auto', 'check', 'off'] as const) migrateSqlite(compatible, known, mode, CLOCK)
  compatible.close()
  const incompatible = await databaseAt(withNext(known, next))
  for (const mode of ['auto', 'check', 'off'] as const) {
    assert.throws(
      () => migrateSqlite(incompatible, known, mode, CLOCK),
      new RegExp(`up to migration ${known.length}.*needs a release that knows migration ${next}`),
    )
  }
  incompatible.close()
})

test('a migration that is not the one that was applied is refused', async () => {
  const known = loadMigrations(STORE_MIGRATIONS)
  const connection = await databaseAt(known)
  const changed = known.map((migration) =>
    toMigration(migration.version, migration.name, `${migration.sql}\n-- edited`),
  )
  for (const mode of ['auto', 'check', 'off'] as const) {
    assert.throws(() => migrateSqlite(connection, changed, mode, CLOCK), /Migration 1 .* is not the one/)
  }
  connection.close()
})

test('a migration that fails leaves nothing of itself behind', async () => {
  const known = loadMigrations(STORE_MIGRATIONS)
  const connection = await databaseAt(known)
  const before = schemaOf(connection)
  const sql = '-- oldest-compatible: 1\nCREATE TABLE half_done (a TEXT); CREATE TABLE api (a TEXT);'
  const failing = [...known, toMigration(known.length + 1, 'failing', sql)]
  assert.throws(() => migrateSqlite(connection, failing, 'auto', CLOCK), /already exists/)
  assert.deepEqual(schemaOf(connection), before)
  assert.equal(connection.db.isTransaction, false)
  connection.close()
})

test('of several processes that start at once on a new file, each comes up and each migration runs once', async () => {
  const path = join(await temporaryFolder(), 'data', 'credence.db')
  const code = `
    import { openSqliteStore } from ${JSON.stringify(new URL('./sqlite.ts', import.meta.url).href)}
    const store = await openSqliteStore({ path: process.argv[1], migrate: 'auto', clock: () => 1000 })
    console.log((await store.schema()).version)
    await store.close()
  `
  const starters = Array.from({ length: 4 }, () =>
    promisify(execFile)(process.execPath, ['--input-type=module', '-e', code, path]),
  )
  const newest = String(loadMigrations(STORE_MIGRATIONS).length)
  for (const { stdout } of await Promise.all(starters)) assert.equal(stdout.trim(), newest)
  assert.deepEqual(planMigrations(path).pending, [])
})

test('the plan names what a start would apply, and makes no file', async () => {
  const path = join(await temporaryFolder(), 'credence.db')
  const known = loadMigrations(STORE_MIGRATIONS)
  assert.deepEqual(planMigrations(path), { state: { version: 0, oldestCompatible: 0 }, pending: known })
  await assert.rejects(openSqliteStore({ path, migrate: 'check', clock: CLOCK }), StoreFault)
  const store = await openSqliteStore({ path, migrate: 'auto', clock: CLOCK })
  assert.deepEqual(await store.schema(), planMigrations(path).state)
  await store.close()
})

test('a misnamed file, a gap in the numbers and a missing first line are refused', async () => {
  const folder = await temporaryFolder()
  await writeFile(join(folder, '0002-second.sql'), '-- oldest-compatible: 1\n')
  assert.throws(() => loadMigrations(folder), /0002-second.sql should be called 0001-/)
  assert.throws(() => toMigration(1, 'bare', 'SELECT 1'), /must begin with/)
  assert.throws(() => toMigration(1, 'ahead', '-- oldest-compatible: 2\n'), /must begin with/)
})

test('line ends do not make another migration', async () => {
  const folder = await temporaryFolder()
  await writeFile(join(folder, '0001-first.sql'), '-- oldest-compatible: 1\r\nSELECT 1;\r\n')
  const [loaded] = loadMigrations(folder)
  const known = [toMigration(1, 'first', '-- oldest-compatible: 1\nSELECT 1;\n')]
  assert.deepEqual(planFor(known, [loaded!]).pending, [])
})
