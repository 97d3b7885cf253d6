import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { HostProblem } from '../host-problem.ts'
import { aCredential } from '../store/testing/contract-records.ts'
import { change, dataFolder, issue, remove } from '../testing/data-folder.ts'

function credentialsIn(path: string): string[] {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    return db
      .prepare('SELECT id FROM credential ORDER BY id')
      .all()
      .map((row) => String(row.id))
  } finally {
    db.close()
  }
}

test('a backup taken while writes go on is whole, and has all that was acknowledged before it', async (t) => {
  const data = await dataFolder()
  const store = await data.open()
  t.after(() => store.close())
  const acknowledged: string[] = []
  let isOver = false
  const lanes = Array.from({ length: 8 }, async (_, lane) => {
    for (let i = 0; !isOver; i++) {
      assert.equal((await store.commit(issue(`crd${lane}x${i}`))).ok, true)
      acknowledged.push(`crd${lane}x${i}`)
    }
  })
  for (let round = 1; round <= 5; round++) {
    while (acknowledged.length < round * 40) await new Promise((resolve) => setImmediate(resolve))
    const before = [...acknowledged]
    // It keeps this thread; the writer thread goes on meanwhile with what each lane has sent.
    const { path, inspection } = data.backUp(`round${round}.db`)
    const found = credentialsIn(path)
    assert.equal(inspection.counts.credential, found.length)
    const missing = before.filter((id) => !found.includes(id))
    assert.deepEqual(missing, [])
  }
  isOver = true
  await Promise.all(lanes)
  assert.deepEqual(data.problems, [])
})

test('the files of a backup are their owner’s alone, and nothing else is left', async () => {
  const data = await dataFolder('crd1')
  const made = data.backUp('one.db')
  assert.deepEqual(readdirSync(data.backups).toSorted(), ['one.db', 'one.db.usage'])
  for (const path of [made.path, made.usagePath!]) assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.equal(made.bytes, statSync(made.path).size + statSync(made.usagePath!).size)
  const { position, counts, keyringFingerprint } = made.inspection
  assert.deepEqual(
    [position, counts.credential, counts.revoked, keyringFingerprint],
    [1, 1, 0, 'f'.repeat(64)],
  )
  assert.equal(made.journalProblem, null)
})

test('a backup replaces nothing, neither a file of its name nor usage beside it', async () => {
  const data = await dataFolder('crd1')
  for (const taken of ['one.db', 'one.db.usage']) {
    writeFileSync(join(data.backups, taken), 'mine')
    const refused = (error: unknown) =>
      error instanceof HostProblem && error.exitCode === 5 && error.message.includes(taken)
    assert.throws(() => data.backUp('one.db'), refused)
    assert.deepEqual(readdirSync(data.backups), [taken])
    assert.equal(readFileSync(join(data.backups, taken), 'utf8'), 'mine')
    rmSync(join(data.backups, taken))
  }
})

test('of a database that is not whole there is no backup', async () => {
  const data = await dataFolder('crd1', 'crd2')
  const damages = {
    'an entry of the trail changed': "UPDATE audit SET action = 'api.delete' WHERE position = 1",
    'the trail cut off': 'DELETE FROM audit',
    'a reference to nothing': "PRAGMA foreign_keys = OFF; UPDATE credential SET principal_id = 'prn_9'",
    'no keyring': 'DELETE FROM settings',
  }
  for (const [what, sql] of Object.entries(damages)) {
    const before = readFileSync(data.paths.databasePath)
    const db = new DatabaseSync(data.paths.databasePath)
    db.exec(sql)
    db.close()
    assert.throws(() => data.backUp('one.db'), HostProblem, what)
    assert.deepEqual(readdirSync(data.backups), [], what)
    writeFileSync(data.paths.databasePath, before)
  }
  data.backUp('one.db')
})

test('nothing of what was deleted is in a backup', async () => {
  const data = await dataFolder()
  const store = await data.open()
  const digest = 'k1.digest-of-the-deleted'
  const [version] = aCredential('crd1').versions
  const write = issue('crd1')
  await store.commit(write)
  await store.commit(change(aCredential('crd1'), { versions: [{ ...version!, sealedDigest: digest }] }))
  await store.commit({ ...remove('crd1'), deletes: [{ table: 'credential', id: 'crd1', revision: 2 }] })
  await store.close()
  assert.ok(readFileSync(data.paths.databasePath).includes(digest), 'SQLite keeps it in the file')
  const { path } = data.backUp('one.db')
  assert.ok(!readFileSync(path).includes(digest))
})

test('a journal that cannot vouch for the backup is told, and the backup is made', async () => {
  const data = await dataFolder('crd1')
  const journal = dirname(data.paths.journalPath)
  renameSync(journal, `${journal}-away`)
  assert.notEqual(data.backUp('one.db').journalProblem, null)
  renameSync(`${journal}-away`, journal)
  assert.equal(data.backUp('between.db').journalProblem, null)
  const lines = readFileSync(data.paths.journalPath, 'utf8')
  writeFileSync(data.paths.journalPath, lines.replace('"position":1', '"position":0'))
  assert.match(data.backUp('two.db').journalProblem ?? '', /damaged at line 2/)
  assert.ok(existsSync(join(data.backups, 'two.db')))
})

test('where there is no database there is nothing to back up, and nothing is made', async () => {
  const data = await dataFolder()
  rmSync(data.folder, { recursive: true })
  assert.throws(
    () => data.backUp('one.db'),
    (error) => error instanceof HostProblem && error.exitCode === 4,
  )
  assert.equal(existsSync(data.folder), false)
})
