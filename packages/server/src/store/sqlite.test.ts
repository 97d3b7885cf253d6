import assert from 'node:assert/strict'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { type Store, StoreFault } from './port.ts'
import { openSqliteStore } from './sqlite.ts'
import { durableStoreContract, sharedStoreContract, storeContract } from './testing/contract.ts'
import { aCredential, aPrincipal, commitPuts, put, seed } from './testing/contract-records.ts'
import { temporaryFolder } from './testing/sqlite-fixture.ts'

async function openAt(folder: string): Promise<Store> {
  return openSqliteStore({ path: join(folder, 'credence.db'), migrate: 'auto', clock: Date.now })
}

async function openNew() {
  const folder = await temporaryFolder()
  const store = await openAt(folder)
  const reopen = async () => {
    await store.close()
    return openAt(folder)
  }
  return { store, reopen, another: () => openAt(folder) }
}

storeContract('sqlite', openNew)
durableStoreContract('sqlite', openNew)
sharedStoreContract('sqlite', openNew)

test('the file and its journal are readable by their owner only, in a folder of the same kind', async (t) => {
  const folder = join(await temporaryFolder(), 'data')
  const store = await openAt(folder)
  t.after(() => store.close())
  await seed(store)
  assert.equal((await stat(folder)).mode & 0o777, 0o700)
  const files = await readdir(folder)
  assert.deepEqual(files.toSorted(), [
    'credence.db',
    'credence.db-shm',
    'credence.db-use-lock',
    'credence.db-wal',
  ])
  for (const file of files) assert.equal((await stat(join(folder, file))).mode & 0o777, 0o600, file)
})

test('what another process writes to the same file shows in the feed and in reads', async (t) => {
  const folder = await temporaryFolder()
  const [mine, other] = [await openAt(folder), await openAt(folder)]
  t.after(() => Promise.all([mine.close(), other.close()]))
  await seed(mine)
  const position = await commitPuts(other, put('credential', aCredential('crd1')))
  assert.equal(position, 2)
  assert.deepEqual((await mine.changesSince(1, 10)).changes[0]?.touched, [
    { table: 'credential', id: 'crd1' },
  ])
  assert.deepEqual(await mine.read('credential', 'crd1'), aCredential('crd1'))
  assert.equal(await commitPuts(mine, put('credential', aCredential('crd2'))), 3)
})

test('writers of two connections at once are given every position once', async (t) => {
  const folder = await temporaryFolder()
  const stores = [await openAt(folder), await openAt(folder)]
  t.after(() => Promise.all(stores.map((store) => store.close())))
  await seed(stores[0]!)
  const writes = Array.from({ length: 60 }, (_, i) =>
    commitPuts(stores[i % 2]!, put('principal', aPrincipal(`prn_x${i}`))),
  )
  const positions = (await Promise.all(writes)).toSorted((a, b) => a - b)
  assert.deepEqual(
    positions,
    Array.from({ length: 60 }, (_, i) => i + 2),
  )
})

test('a column that a newer release added survives an update by this one', async (t) => {
  const folder = await temporaryFolder()
  const store = await openAt(folder)
  t.after(() => store.close())
  await seed(store)
  await commitPuts(store, put('credential', aCredential('crd1')))
  const newer = new DatabaseSync(join(folder, 'credence.db'))
  newer.exec("ALTER TABLE credential ADD COLUMN thumbprint TEXT; UPDATE credential SET thumbprint = 'kept'")
  newer.exec(
    "ALTER TABLE secret_versions ADD COLUMN algorithm TEXT; UPDATE secret_versions SET algorithm = 'kept'",
  )
  await commitPuts(store, put('credential', aCredential('crd1', { revision: 2, state: 'disabled' })))
  const row = newer.prepare('SELECT state, thumbprint, algorithm FROM credential JOIN secret_versions').get()
  newer.close()
  assert.deepEqual({ ...row }, { state: 'disabled', thumbprint: 'kept', algorithm: 'kept' })
})

test('more writes than may wait are refused as busy, and the others go through', async (t) => {
  const { store } = await openNew()
  t.after(() => store.close())
  const spend = () =>
    store.spendCredits('k', { type: 'credits', name: 'n', limit: 1e6, refill: null }, 1, 1_000)
  const results = await Promise.allSettled(Array.from({ length: 4_100 }, spend))
  const refused = results.filter((result) => result.status === 'rejected')
  assert.equal(refused.length, 4)
  for (const { reason } of refused) assert.match((reason as StoreFault).message, /busy/)
  assert.equal((await spend()).remaining, 1e6 - 4_097)
})

test('a row that was damaged on the disk is a fault and not an answer', async (t) => {
  const folder = await temporaryFolder()
  const store = await openAt(folder)
  t.after(() => store.close())
  await seed(store)
  const editor = new DatabaseSync(join(folder, 'credence.db'))
  editor.exec("UPDATE api SET routes = '[{' WHERE id = 'api_1'")
  editor.close()
  await assert.rejects(store.read('api', 'api_1'), StoreFault)
})
