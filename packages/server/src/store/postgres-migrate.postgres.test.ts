import assert from 'node:assert/strict'
import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { newDatabase, sharedCluster } from '../testing/postgres-fixture.ts'
import { openPostgresAt } from '../testing/postgres-store.ts'
import { loadMigrations, type MigrateMode, STORE_MIGRATIONS, USAGE_MIGRATIONS } from './migrate.ts'
import { StoreFault } from './port.ts'
import { addressOf, planPostgresStore } from './postgres.ts'
import { migratePostgres, type PostgresMigrations } from './postgres-migrate.ts'
import { openPostgresUsageStore, planPostgresUsage } from './postgres-usage.ts'
import { temporaryFolder } from './testing/sqlite-fixture.ts'

const CLOCK = () => 1_000
const STORE: PostgresMigrations = { folder: STORE_MIGRATIONS, table: 'schema_migrations' }
const USAGE: PostgresMigrations = { folder: USAGE_MIGRATIONS, table: 'usage_schema_migrations' }

function migrate(url: string, migrations: PostgresMigrations, mode: MigrateMode = 'auto'): Promise<void> {
  return migratePostgres(addressOf(url), migrations, mode, CLOCK)
}

async function run(url: string, sql: string): Promise<Record<string, unknown>[]> {
  return (await sharedCluster()).run(url, sql)
}

/** Every column, constraint and index there is. */
async function schemaOf(url: string): Promise<unknown> {
  return [
    await run(
      url,
      'SELECT table_name, column_name, data_type, collation_name, is_nullable, column_default ' +
        "FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, ordinal_position",
    ),
    await run(url, "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"),
    await run(
      url,
      'SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint ' +
        "WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
    ),
  ]
}

/** The first `count` migrations of a folder, in a folder of their own, and one more where there is text for it. */
async function folderOf(from: string, count: number, next: string | null = null): Promise<string> {
  const folder = await temporaryFolder()
  for (const { version, name, sql } of loadMigrations(from).slice(0, count))
    await writeFile(join(folder, `${String(version).padStart(4, '0')}-${name}.sql`), sql)
  if (next !== null)
    await writeFile(join(folder, `${String(count + 1).padStart(4, '0')}-next-release.sql`), next)
  return folder
}

for (const migrations of [STORE, USAGE]) {
  const known = loadMigrations(migrations.folder)
  for (let version = 0; version < known.length; version++) {
    test(`${migrations.table}: version ${version} is brought to the newest schema`, async () => {
      const [whole, stepwise] = [await newDatabase(), await newDatabase()]
      await migrate(whole, migrations)
      await migrate(stepwise, { ...migrations, folder: await folderOf(migrations.folder, version) })
      await migrate(stepwise, migrations)
      assert.deepEqual(await schemaOf(stepwise), await schemaOf(whole))
      const applied = await run(
        stepwise,
        `SELECT version, applied_at_ms FROM ${migrations.table} ORDER BY version`,
      )
      assert.deepEqual(
        applied,
        known.map((one) => ({ version: String(one.version), applied_at_ms: '1000' })),
      )
    })
  }
}

test('what a migration says to PostgreSQL alone is heard by it, and text is compared by its bytes', async () => {
  const url = await newDatabase()
  await Promise.all([migrate(url, STORE), migrate(url, USAGE)])
  const unlogged = await run(url, "SELECT relname FROM pg_class WHERE relpersistence = 'u' AND relkind = 'r'")
  assert.deepEqual(unlogged, [{ relname: 'members' }])
  const byLanguage = await run(
    url,
    "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' " +
      "AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'",
  )
  assert.deepEqual(byLanguage, [])
})

test('mode check refuses what is pending and names it; mode off applies nothing; the plan changes nothing', async () => {
  const url = await newDatabase()
  await assert.rejects(
    openPostgresAt(url, { migrate: 'check' }),
    /lacks migrations 1 \(first-tables\).*CREDENCE_MIGRATE=check/,
  )
  await assert.rejects(
    openPostgresUsageStore({ url, migrate: 'check', clock: CLOCK }),
    /lacks migrations 1 \(usage\)/,
  )
  assert.deepEqual((await planPostgresStore(url)).pending, loadMigrations(STORE_MIGRATIONS))
  assert.deepEqual((await planPostgresUsage(url)).pending, loadMigrations(USAGE_MIGRATIONS))
  await migrate(url, STORE, 'off')
  assert.deepEqual(await schemaOf(url), [[], [], []])
  const store = await openPostgresAt(url, { migrate: 'auto' })
  const newest = loadMigrations(STORE_MIGRATIONS).length
  assert.equal((await store.schema()).version, newest)
  await store.close()
  for (const mode of ['auto', 'check', 'off'] as const)
    await (await openPostgresAt(url, { migrate: mode })).close()
  assert.deepEqual((await planPostgresStore(url)).pending, [])
})

test('a database without tables is a sentence where nothing may be migrated', async () => {
  const url = await newDatabase()
  await assert.rejects(openPostgresAt(url, { migrate: 'off' }), (error) => {
    return error instanceof StoreFault && /not migrated \(credence migrate\) \(42P01\)/.test(error.message)
  })
})

test('a newer database is run on while it is compatible, and refused with both numbers when it is not', async () => {
  const newest = loadMigrations(STORE_MIGRATIONS).length
  const sql = (oldest: number) => `-- oldest-compatible: ${oldest}\nCREATE TABLE next_release (a TEXT);`
  for (const oldest of [1, newest + 1]) {
    const url = await newDatabase()
    await migrate(url, { ...STORE, folder: await folderOf(STORE_MIGRATIONS, newest, sql(oldest)) })
    for (const mode of ['auto', 'check', 'off'] as const) {
      if (oldest === 1) await migrate(url, STORE, mode)
      else
        await assert.rejects(
          migrate(url, STORE, mode),
          new RegExp(`up to migration ${newest}.*needs a release that knows migration ${newest + 1}`),
        )
    }
  }
})

test('a migration that is not the one that was applied is refused', async () => {
  const url = await newDatabase()
  await migrate(url, STORE)
  await run(url, "UPDATE schema_migrations SET checksum = 'other' WHERE version = 1")
  await assert.rejects(migrate(url, STORE), /Migration 1 .* is not the one/)
})

test('a migration that fails leaves nothing of itself behind, and quotes nothing', async () => {
  const newest = loadMigrations(STORE_MIGRATIONS).length
  const sql =
    '-- oldest-compatible: 1\nCREATE TABLE half_done (a BIGINT); INSERT INTO half_done (a) ' +
    "VALUES (CAST('canary-value' AS BIGINT));"
  const url = await newDatabase()
  await migrate(url, STORE)
  const before = await schemaOf(url)
  const failing = migrate(url, { ...STORE, folder: await folderOf(STORE_MIGRATIONS, newest, sql) })
  await assert.rejects(failing, (error) => {
    assert.ok(error instanceof StoreFault)
    assert.match(
      error.message,
      new RegExp(`Migration ${newest + 1} \\(next-release\\) failed: .*\\(22P02\\)`),
    )
    return !error.message.includes('canary')
  })
  assert.deepEqual(await schemaOf(url), before)
})

test('of several nodes that start at once on a new database, each comes up and each migration runs once', async () => {
  const url = await newDatabase()
  const stores = await Promise.all(Array.from({ length: 5 }, () => openPostgresAt(url)))
  const usage = await Promise.all(
    [1, 2, 3].map(() => openPostgresUsageStore({ url, migrate: 'auto', clock: CLOCK })),
  )
  const newest = loadMigrations(STORE_MIGRATIONS).length
  for (const store of stores) assert.equal((await store.schema()).version, newest)
  await Promise.all([...stores, ...usage].map((one) => one.close()))
})

test('migrations end as they began where the line ends are others', async () => {
  const url = await newDatabase()
  const folder = await temporaryFolder()
  await cp(STORE_MIGRATIONS, folder, { recursive: true })
  const [first] = loadMigrations(STORE_MIGRATIONS)
  await writeFile(join(folder, '0001-first-tables.sql'), first!.sql.replaceAll('\n', '\r\n'))
  await migrate(url, { ...STORE, folder })
  await migrate(url, STORE)
})
