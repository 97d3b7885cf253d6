import assert from 'node:assert/strict'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { HostProblem } from '../host-problem.ts'
import { verifyAuditChain } from '../store/audit-chain.ts'
import type { AuditRow, Store, Write } from '../store/port.ts'
import { openUsageStore } from '../store/sqlite-usage.ts'
import { takeFile } from '../store/sqlite-use.ts'
import { aCredential, positionOf } from '../store/testing/contract-records.ts'
import { temporaryFolder } from '../store/testing/sqlite-fixture.ts'
import {
  change,
  type DataFolder,
  dataFolder,
  emptyDataFolder,
  issue,
  remove,
  revoke,
} from '../testing/data-folder.ts'
import { inspectDatabase } from './inspect-database.ts'

/** Carries out writes on a data folder that nobody has open. */
async function write(data: DataFolder, ...writes: Write[]): Promise<void> {
  await onStore(data, async (store) => {
    for (const one of writes) positionOf(await store.commit(one))
  })
}

async function onStore<R>(data: DataFolder, work: (store: Store) => Promise<R>): Promise<R> {
  const store = await data.open()
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}

/** The state of each credential; of one that is not there: `gone`. */
function statesIn(data: DataFolder, ...ids: string[]): Promise<string[]> {
  return onStore(data, (store) =>
    Promise.all(ids.map(async (id) => (await store.read('credential', id))?.state ?? 'gone')),
  )
}

/** Everything is lost but the backups and the journal. */
async function lose(data: DataFolder): Promise<DataFolder> {
  rmSync(data.folder, { recursive: true })
  return emptyDataFolder(await temporaryFolder(), data.backups, dirname(data.paths.journalPath))
}

function refused(exitCode: number, pattern: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof HostProblem && error.exitCode === exitCode && pattern.test(error.message)
}

/** Names and contents of what is in a folder, but for locks and what SQLite makes of a log that it reads. */
function contents(folder: string): [string, string][] {
  const names = readdirSync(folder).toSorted()
  return names
    .filter((name) => !/-lock$|-shm$|-wal$/.test(name))
    .map((name) => [name, readFileSync(join(folder, name), 'base64')])
}

const [VERSION] = aCredential('any').versions

test('what was revoked or deleted after the backup is so again, though all but the journal is lost', async () => {
  const data = await dataFolder('early', 'later', 'version', 'deleted', 'untouched')
  await write(data, revoke('early'))
  const { inspection } = data.backUp('one.db')
  const versionRevoked = { ...VERSION!, revokedAtMs: 7_000 }
  const second = { ...VERSION!, version: 2 }
  await write(
    data,
    ...[revoke('later'), remove('deleted'), issue('new'), revoke('new')],
    change(aCredential('version'), { versions: [versionRevoked, second] }),
    change(aCredential('untouched'), { state: 'disabled' }),
  )
  const found = await lose(data)
  const made = found.restore('one.db')
  assert.deepEqual(made.knowledge, { isKnown: true })
  assert.deepEqual(made.repeated, { credentials: 1, versions: 1, deletions: 1 })
  assert.deepEqual([made.gone, made.goneAndRevoked, made.aside, made.hasUsage], [null, 1, null, true])
  const states = await statesIn(found, 'early', 'later', 'version', 'deleted', 'untouched', 'new')
  assert.deepEqual(states, ['revoked', 'revoked', 'active', 'gone', 'active', 'gone'])
  await onStore(found, async (store) => {
    const later = await store.read('credential', 'later')
    assert.deepEqual([later?.stateReason, later?.stateChangedAtMs, later?.revision], ['leaked', 5_000, 2])
    assert.deepEqual((await store.read('credential', 'version'))?.versions, [versionRevoked])
    // One write with one entry, and a change for each row that caches must forget.
    assert.equal(await store.position(), inspection.position + 1)
    const [change] = (await store.changesSince(inspection.position, 10)).changes
    assert.deepEqual(change?.touched.map(({ id }) => id).toSorted(), ['deleted', 'later', 'version'])
    const trail = await trailOf(store)
    assert.equal(verifyAuditChain(trail).ok, true)
    const { action, detail, actorCredentialId } = trail.at(-1)!
    assert.deepEqual([action, actorCredentialId], ['store.restore', null])
    const counts = { credentials: 1, versions: 1, deletions: 1 }
    assert.deepEqual(detail, { position: inspection.position, ...counts, revocations_known: true })
  })
})

async function trailOf(store: Store): Promise<AuditRow[]> {
  return [...(await store.listAudit('ws_1', { limit: 1000, before: null }))].reverse()
}

test('what was here is moved aside, and says how many credentials the backup lacks', async () => {
  const data = await dataFolder('crd1')
  data.backUp('one.db')
  await write(data, issue('new1'), issue('new2'))
  const before = inspectDatabase(data.paths.databasePath, 'it')
  const made = data.restore('one.db')
  assert.equal(made.gone, 2)
  assert.deepEqual(await statesIn(data, 'crd1', 'new1', 'new2'), ['active', 'gone', 'gone'])
  assert.deepEqual(inspectDatabase(join(made.aside!, 'credence.db'), 'it'), before)
  assert.ok(existsSync(join(made.aside!, 'usage.db')))
})

test('usage comes back with the backup; a backup without it leaves usage as it is', async () => {
  const data = await dataFolder('crd1')
  const counted = (key: string) => withUsage(data, (usage) => usage.saveCounters([[key, 1, 2]]))
  const keys = () => withUsage(data, async (usage) => (await usage.loadCounters()).map(([key]) => key))
  await counted('before')
  data.backUp('one.db')
  await counted('after')
  data.restore('one.db')
  assert.deepEqual(await keys(), ['before'])
  await counted('again')
  rmSync(join(data.backups, 'one.db.usage'))
  assert.equal(data.restore('one.db').hasUsage, false)
  assert.deepEqual(await keys(), ['again', 'before'])
})

async function withUsage<R>(
  data: DataFolder,
  work: (usage: Awaited<ReturnType<typeof openUsageStore>>) => Promise<R>,
): Promise<R> {
  const usage = await openUsageStore({ path: data.paths.usagePath, migrate: 'auto', clock: Date.now })
  try {
    return await work(usage)
  } finally {
    await usage.close()
  }
}

test('a restore is refused while anything has the store open, and a store does not open during one', async () => {
  const data = await dataFolder('crd1')
  data.backUp('one.db')
  const store = await data.open()
  assert.throws(() => data.restore('one.db'), refused(5, /stop it first/))
  await store.close()
  const alone = takeFile(data.paths.databasePath)
  await assert.rejects(data.open(), /under way/)
  alone?.release()
  data.restore('one.db')
})

test('a backup that is damaged, of another keyring, or none at all, is refused before anything is touched', async () => {
  const data = await dataFolder('crd1')
  const other = await dataFolder('crd1')
  data.backUp('one.db')
  await write(data, issue('new'))
  const before = contents(data.folder)
  const at = (name: string) => join(data.backups, name)
  writeFileSync(at('text.db'), 'no database')
  writeFileSync(at('empty.db'), '')
  const bytes = readFileSync(at('one.db'))
  writeFileSync(at('cut.db'), bytes.subarray(0, bytes.length / 2))
  cpSync(at('one.db'), at('changed.db'))
  const changed = new DatabaseSync(at('changed.db'))
  changed.exec("UPDATE audit SET request_id = 'another'")
  changed.close()
  for (const name of ['text.db', 'empty.db', 'cut.db', 'changed.db']) {
    assert.throws(() => data.restore(name), refused(1, /is not a whole database/), name)
  }
  assert.throws(() => data.restore('none.db'), refused(4, /no backup/))
  const keyring = { keyringFingerprint: '0'.repeat(64) }
  assert.throws(() => data.restore('one.db', keyring), refused(5, /belongs to keyring ffff/))
  writeFileSync(at('one.db-wal'), 'a log')
  assert.throws(() => data.restore('one.db'), refused(1, /would be missing/))
  rmSync(at('one.db-wal'))
  assert.deepEqual(contents(data.folder), before)
  other.backUp('other.db')
  cpSync(join(other.backups, 'other.db'), at('other.db'))
  assert.throws(() => data.restore('other.db'), refused(1, /kept with another database/))
  assert.deepEqual(contents(data.folder), before)
})

test('where nobody can tell what was revoked after the backup, it is refused unless that is accepted', async () => {
  const cases: Record<string, [(journal: string) => void, RegExp]> = {
    missing: [(journal) => rmSync(journal), /there is no journal/],
    damaged: [
      (journal) => writeFileSync(journal, readFileSync(journal, 'utf8').replace('"later"', '"nobody"')),
      /damaged at line/,
    ],
    ends_before: [
      (journal) =>
        writeFileSync(journal, readFileSync(journal, 'utf8').split('\n').slice(0, 2).join('\n').concat('\n')),
      /ends at position/,
    ],
  }
  for (const [why, [harm, pattern]] of Object.entries(cases)) {
    const data = await dataFolder('early', 'later')
    await write(data, revoke('early'))
    data.backUp('one.db')
    await write(data, revoke('later'))
    const found = await lose(data)
    harm(found.paths.journalPath)
    assert.throws(() => found.restore('one.db'), refused(1, pattern), why)
    assert.deepEqual(
      readdirSync(found.folder).filter((name) => !name.endsWith('-lock')),
      [],
      why,
    )
    const made = found.restore('one.db', { acceptUnknown: true })
    assert.equal(made.knowledge.isKnown ? '' : made.knowledge.why, why)
    // The negative control of the test before: this is what the journal is for.
    assert.deepEqual(await statesIn(found, 'early', 'later'), ['revoked', 'active'], why)
    const detail = await onStore(found, async (store) => (await trailOf(store)).at(-1)?.detail)
    assert.equal(detail?.revocations_known, false, why)
    // From here on the journal knows again, also after another loss; but what came before stays unknown.
    found.backUp('two.db')
    await write(found, revoke('later'))
    const again = await lose(found)
    assert.throws(() => again.restore('one.db'), refused(1, /./), why)
    assert.deepEqual(again.restore('two.db').knowledge, { isKnown: true }, why)
    assert.deepEqual(await statesIn(again, 'early', 'later'), ['revoked', 'revoked'], why)
    assert.deepEqual(again.problems, [], why)
  }
})

test('of a damaged journal all that can be read is repeated, and stays in the one that takes its place', async () => {
  const data = await dataFolder('one', 'two', 'three')
  data.backUp('one.db')
  await write(data, revoke('one'))
  await write(data, revoke('two'))
  await write(data, revoke('three'))
  const found = await lose(data)
  const journal = found.paths.journalPath
  writeFileSync(journal, readFileSync(journal, 'utf8').replace('"two"', '\0'))
  assert.throws(() => found.restore('one.db'), refused(1, /damaged/))
  found.restore('one.db', { acceptUnknown: true })
  assert.deepEqual(await statesIn(found, 'one', 'two', 'three'), ['revoked', 'active', 'revoked'])
  const text = readFileSync(journal, 'utf8')
  assert.ok(text.includes('"one"') && text.includes('"three"'))
  assert.equal(readdirSync(dirname(journal)).filter((name) => name.includes('.damaged-')).length, 1)
})

test('without a journal, the database that is replaced tells what was revoked, if it goes on from the backup', async () => {
  const data = await dataFolder('later')
  data.backUp('one.db')
  await write(data, revoke('later'))
  rmSync(data.paths.journalPath)
  assert.deepEqual(data.restore('one.db').knowledge, { isKnown: true })
  assert.deepEqual(await statesIn(data, 'later'), ['revoked'])
})

test('what stands on a damaged line of the journal is known from the database that is replaced', async () => {
  const data = await dataFolder('one', 'two')
  data.backUp('one.db')
  await write(data, revoke('one'))
  await write(data, revoke('two'))
  const journal = data.paths.journalPath
  writeFileSync(journal, readFileSync(journal, 'utf8').replace('"one"', '\0'))
  assert.deepEqual(data.restore('one.db').knowledge, { isKnown: true })
  assert.deepEqual(await statesIn(data, 'one', 'two'), ['revoked', 'revoked'])
  assert.ok(readFileSync(journal, 'utf8').includes('"one"'))
})

test('a database that was put back by hand does not vouch for itself', async () => {
  const data = await dataFolder('later')
  data.backUp('one.db')
  await write(data, revoke('later'))
  cpSync(join(data.backups, 'one.db'), data.paths.databasePath)
  await assert.rejects(data.open(), /JournalMismatch/)
  assert.deepEqual(data.restore('one.db').repeated, { credentials: 1, versions: 0, deletions: 0 })
  assert.deepEqual(await statesIn(data, 'later'), ['revoked'])
})

test('backups of every line of history can be put back, again and again, and nothing revoked comes back', async () => {
  const data = await dataFolder('a', 'b', 'c', 'd')
  data.backUp('first.db')
  await write(data, revoke('a'), issue('x'))
  data.backUp('second.db')
  await write(data, revoke('b'))
  data.restore('first.db')
  await write(data, revoke('c'))
  data.backUp('third.db')
  await write(data, revoke('d'))
  for (const name of ['second.db', 'third.db', 'first.db', 'first.db', 'second.db']) {
    assert.deepEqual(data.restore(name).knowledge, { isKnown: true }, name)
    assert.deepEqual(await statesIn(data, 'a', 'b', 'c', 'd'), Array(4).fill('revoked'), name)
    assert.equal((await statesIn(data, 'x'))[0], name === 'second.db' ? 'active' : 'gone', name)
  }
  assert.deepEqual(data.problems, [])
})
