import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { type Store, StoreFault } from './port.ts'
import { openSqliteStore } from './sqlite.ts'
import { durableStoreContract, sharedStoreContract, storeContract } from './testing/contract.ts'
import { aCredential, aPrincipal, aWrite, commitPuts, put, seed } from './testing/contract-records.ts'
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

/** Commits credentials one after the other and says each acknowledgement on stdout, until it is stopped or faults. */
const WRITING = `
  import { openSqliteStore } from ${JSON.stringify(new URL('./sqlite.ts', import.meta.url).href)}
  import { aCredential, aWrite, put } from ${JSON.stringify(new URL('./testing/contract-records.ts', import.meta.url).href)}
  import { writeSync } from 'node:fs'
  const store = await openSqliteStore({ path: process.argv[1], migrate: 'off', clock: () => 1000 })
  let made = 0
  const one = async () => {
    for (;;) {
      const id = process.argv[2] + made++
      const tags = ['x'.repeat(2000)]
      await store.commit(aWrite({ puts: [put('credential', aCredential(id, { tags }))] }))
      writeSync(1, id + '\\n')
    }
  }
  try { await Promise.all([one(), one(), one(), one()]) } catch (error) {
    writeSync(1, 'fault: ' + error.name + ' ' + error.message + '\\n')
    process.exit(0)
  }
`

/** What the writing process said, up to the `stopAfter`-th acknowledgement (then it is killed) or its end. */
async function linesOfWriter(
  path: string,
  run: string,
  limitBlocks: string,
  stopAfter: number,
): Promise<string[]> {
  const limited = ['-c', `ulimit -f ${limitBlocks}; exec "$0" "$@"`, process.execPath]
  const child = spawn('sh', [...limited, '--input-type=module', '-e', WRITING, path, run], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (text: string) => {
    said += text
    if (said.split('\n').length > stopAfter) child.kill('SIGKILL')
  })
  await once(child, 'close')
  return said.split('\n').slice(0, -1)
}

test('every acknowledged write is there, whole, after the process is killed', {
  timeout: 60_000,
}, async () => {
  const folder = await temporaryFolder()
  const seeded = await openAt(folder)
  await seed(seeded)
  await seeded.close()
  for (const [run, stopAfter] of [1, 7, 40, 150].entries()) {
    const lines = await linesOfWriter(join(folder, 'credence.db'), `r${run}n`, 'unlimited', stopAfter)
    assert.ok(lines.length >= stopAfter)
    const store = await openAt(folder)
    for (const id of lines)
      assert.ok(await store.read('credential', id), `${id} was acknowledged and is not there`)
    await intact(store)
    await store.close()
  }
})

test('a full disk is a fault, and what was acknowledged before is there', { timeout: 60_000 }, async () => {
  const folder = await temporaryFolder()
  const seeded = await openAt(folder)
  await seed(seeded)
  await seeded.close()
  // A file size limit is what a test can have of a full disk: writes beyond 600 kB fail.
  const lines = await linesOfWriter(join(folder, 'credence.db'), 'f', '1200', 100_000)
  const fault = lines.at(-1)!
  assert.match(fault, /^fault: StoreFault .*(full|disk I\/O)/)
  assert.ok(lines.length > 10)
  const store = await openAt(folder)
  for (const id of lines.slice(0, -1))
    assert.ok(await store.read('credential', id), `${id} was acknowledged and is not there`)
  await intact(store)
  await store.close()
})

/** Nothing is half there: one change and one audit entry for each position, and the store goes on. */
async function intact(store: Store): Promise<void> {
  const position = await store.position()
  const { changes } = await store.changesSince(0, 1e6)
  assert.deepEqual(
    changes.map((change) => change.position),
    Array.from({ length: position }, (_, i) => i + 1),
  )
  const ids = changes.flatMap(({ touched }) => touched).filter(({ table }) => table === 'credential')
  for (const { id } of ids) assert.ok(await store.read('credential', id))
  assert.deepEqual(await store.commit(aWrite()), { ok: true, position: position + 1 })
}
