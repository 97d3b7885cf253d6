import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { journalEnd, readJournal } from './journal-file.ts'
import type { Store, Write } from './port.ts'
import { openSqliteStore } from './sqlite.ts'
import {
  aCredential,
  anAudit,
  aPrincipal,
  aWorkspace,
  aWrite,
  commitPuts,
  positionOf,
  put,
  seed,
} from './testing/contract-records.ts'
import { journaled, type Opened, openAt } from './testing/journal-fixture.ts'
import { temporaryFolder } from './testing/sqlite-fixture.ts'

/** Without a journal: what is written meanwhile is as if the process had died before it came to that. */
async function openUnkept(folder: string): Promise<Store> {
  return openSqliteStore({ path: join(folder, 'credence.db'), migrate: 'auto', clock: Date.now })
}

/** A seeded store with a journal and the credentials named, closed after the test. */
async function openSeeded(t: TestContext, ...ids: string[]): Promise<Opened & { folder: string }> {
  const folder = await temporaryFolder()
  const opened = await openAt(folder)
  t.after(() => opened.store.close())
  await seed(opened.store)
  await commitPuts(opened.store, ...ids.map((id) => put('credential', aCredential(id))))
  return { ...opened, folder }
}

function revocation(id: string, over: Partial<Parameters<typeof aCredential>[1]> = {}): Write {
  const state = { state: 'revoked' as const, stateReason: 'leaked', stateChangedAtMs: 5_000 }
  return aWrite({ puts: [put('credential', aCredential(id, { revision: 2, ...state, ...over }))] })
}

function deletion(id: string): Write {
  const audit = anAudit({ action: 'credential.delete', targetTable: 'credential', targetId: id })
  return aWrite({ deletes: [{ table: 'credential', id, revision: 1 }], audit })
}

function versionRevocation(id: string, revision: number): Write {
  const [version] = aCredential(id).versions
  const versions = [
    { ...version!, revokedAtMs: 6_000 },
    { ...version!, version: 2 },
  ]
  const audit = anAudit({
    action: 'credential.revoke_version',
    targetTable: 'credential',
    targetId: id,
    detail: { version: 1 },
  })
  return aWrite({ puts: [put('credential', aCredential(id, { revision, versions }))], audit })
}

test('what is revoked or deleted stands in the journal when it is acknowledged, and nothing else does', async (t) => {
  const { store, folder } = await openSeeded(t, 'crd1', 'crd2', 'crd3', 'crd4')
  const disabled = aCredential('crd4', { revision: 2, state: 'disabled' })
  await commitPuts(store, put('credential', disabled), put('principal', aPrincipal('prn_2')))
  assert.deepEqual(journaled(folder), [])
  const position = positionOf(await store.commit(revocation('crd1')))
  assert.deepEqual(journaled(folder), ['revoke crd1'])
  const { revocations, marks } = readJournal(join(folder, 'revocations.jsonl'))
  assert.deepEqual(revocations, [
    { do: 'revoke', position, atMs: 5_000, credentialId: 'crd1', reason: 'leaked' },
  ])
  assert.equal(marks.at(-1)?.position, position)
  await store.commit(versionRevocation('crd2', 2))
  assert.deepEqual(journaled(folder).slice(1), ['revoke_version crd2/1'])
  await store.commit(deletion('crd3'))
  assert.deepEqual(journaled(folder).slice(2), ['delete crd3'])
  assert.equal((await store.commit(deletion('crd3'))).ok, false)
  assert.equal(journaled(folder).length, 3)
})

test('revocations that arrive together are all journaled, in one append', async (t) => {
  const ids = Array.from({ length: 20 }, (_, i) => `crd${i}`)
  const { store, folder } = await openSeeded(t, ...ids)
  const marksBefore = readJournal(join(folder, 'revocations.jsonl')).marks.length
  await Promise.all(ids.map((id) => store.commit(revocation(id))))
  assert.deepEqual(journaled(folder).toSorted(), ids.map((id) => `revoke ${id}`).toSorted())
  const marks = readJournal(join(folder, 'revocations.jsonl')).marks.length - marksBefore
  assert.ok(marks < ids.length, `${marks} appends for ${ids.length} revocations`)
})

test('what was committed when the process died, and not yet journaled, is journaled at the next start', async (t) => {
  const { store, folder } = await openSeeded(t, 'crd1', 'crd2', 'crd3', 'crd4')
  await store.commit(revocation('crd1'))
  await store.close()
  const unkept = await openUnkept(folder)
  await unkept.commit(revocation('crd2'))
  await unkept.commit(versionRevocation('crd3', 2))
  // A rotation has dropped the version since: only the trail still knows it.
  await commitPuts(unkept, put('credential', aCredential('crd3', { revision: 3 })))
  await unkept.commit(deletion('crd4'))
  await unkept.close()
  assert.equal(journaled(folder).length, 1)
  const { store: again, tried } = await openAt(folder)
  t.after(() => again.close())
  assert.deepEqual(journaled(folder).slice(1).toSorted(), [
    'delete crd4',
    'revoke crd2',
    'revoke_version crd3/1',
  ])
  assert.deepEqual(tried, [{ problem: null, begun: null }])
})

test('a journal that begins with a database that went on without one holds all that was ever revoked', async (t) => {
  const folder = await temporaryFolder()
  const unkept = await openUnkept(folder)
  await seed(unkept)
  await commitPuts(
    unkept,
    ...['crd1', 'crd2', 'crd3', 'crd4'].map((id) => put('credential', aCredential(id))),
  )
  await unkept.commit(revocation('crd1'))
  await unkept.commit(versionRevocation('crd2', 2))
  await unkept.commit(deletion('crd3'))
  // A workspace takes its admin key along, which no entry of the trail has as its target.
  const admin = { action: 'workspace.create', detail: { admin_credential: 'adm1' } }
  const workspace = aWorkspace('ws_3')
  const administrator = aPrincipal('prn_3', { workspaceId: 'ws_3' })
  const key = aCredential('adm1', { workspaceId: 'ws_3', principalId: 'prn_3' })
  const puts = [put('workspace', workspace), put('principal', administrator), put('credential', key)]
  await unkept.commit(aWrite({ puts, audit: anAudit(admin) }))
  const deletes = [
    { table: 'credential' as const, id: 'adm1', revision: 1 },
    { table: 'principal' as const, id: 'prn_3', revision: 1 },
    { table: 'workspace' as const, id: 'ws_3', revision: 1 },
  ]
  positionOf(await unkept.commit(aWrite({ deletes, audit: anAudit({ action: 'workspace.delete' }) })))
  await unkept.forgetChangesBefore(Date.now())
  await unkept.close()
  const { store, tried } = await openAt(folder)
  t.after(() => store.close())
  const all = ['delete adm1', 'delete crd3', 'revoke crd1', 'revoke_version crd2/1']
  assert.deepEqual(journaled(folder).toSorted(), all)
  assert.deepEqual(tried, [{ problem: null, begun: 'missing' }])
  await store.commit(revocation('crd4'))
  assert.deepEqual(journaled(folder).slice(4), ['revoke crd4'])
})

test('a journal that cannot be written holds up no revocation, is told, and is caught up when it can be again', async (t) => {
  const folder = await temporaryFolder()
  const elsewhere = join(folder, 'another-disk')
  mkdirSync(elsewhere)
  const journal = join(elsewhere, 'revocations.jsonl')
  const { store, tried } = await openAt(folder, journal)
  t.after(() => store.close())
  await seed(store)
  await commitPuts(store, ...['crd1', 'crd2', 'crd3'].map((id) => put('credential', aCredential(id))))
  rmSync(elsewhere, { recursive: true })
  assert.equal((await store.commit(revocation('crd1'))).ok, true)
  assert.equal((await store.read('credential', 'crd1'))?.state, 'revoked')
  assert.match(tried.at(-1)?.problem ?? '', /unable to open|ENOENT/)
  // What revokes nothing does not try, and says nothing.
  const before = tried.length
  await commitPuts(store, put('principal', aPrincipal('prn_2')))
  assert.equal(tried.length, before)
  mkdirSync(elsewhere)
  assert.equal((await store.commit(revocation('crd2'))).ok, true)
  assert.equal(tried.at(-1)?.problem, null)
  const { revocations } = readJournal(journal)
  assert.deepEqual(revocations.map(({ credentialId }) => credentialId).toSorted(), ['crd1', 'crd2'])
})

test('a journal that cannot be written at the start stops no start, and is told', async (t) => {
  const folder = await temporaryFolder()
  const { store, tried } = await openAt(folder, join(folder, 'not-mounted', 'revocations.jsonl'))
  t.after(() => store.close())
  assert.equal(tried.length, 1)
  assert.notEqual(tried[0]?.problem, null)
  await seed(store)
})

test('a damaged journal is moved aside, and begun anew with everything that the database knows', async (t) => {
  const { store, folder } = await openSeeded(t, 'crd1', 'crd2')
  await store.commit(revocation('crd1'))
  await store.close()
  const path = join(folder, 'revocations.jsonl')
  const was = Buffer.alloc(100, 'x\n')
  writeFileSync(path, was)
  const { store: again, tried } = await openAt(folder)
  t.after(() => again.close())
  assert.deepEqual(tried, [{ problem: null, begun: 'damaged' }])
  assert.deepEqual(journaled(folder), ['revoke crd1'])
  const aside = readdirSync(folder).filter((name) => name.includes('damaged'))
  assert.equal(aside.length, 1)
  assert.deepEqual(readFileSync(join(folder, aside[0]!)), was)
})

test('a journal that is exchanged for an older one, or harmed, while the server runs is made complete again', async (t) => {
  const { store, folder, tried } = await openSeeded(t, 'crd1', 'crd2', 'crd3')
  const path = join(folder, 'revocations.jsonl')
  const older = readFileSync(path)
  await store.commit(revocation('crd1'))
  // A disk that was not mounted at the start, and comes in its place later, is the same.
  writeFileSync(path, older)
  await store.commit(revocation('crd2'))
  assert.deepEqual(journaled(folder).toSorted(), ['revoke crd1', 'revoke crd2'])
  writeFileSync(path, 'harmed\n')
  await store.commit(revocation('crd3'))
  assert.deepEqual(journaled(folder).toSorted(), ['revoke crd1', 'revoke crd2', 'revoke crd3'])
  assert.deepEqual(tried.at(-1), { problem: null, begun: 'damaged' })
})

test('a database that was replaced by an older one, or another, does not open beside the journal of the newer', async (t) => {
  const { store, folder } = await openSeeded(t, 'crd1', 'crd2')
  await store.close()
  const older = join(await temporaryFolder(), 'older')
  cpSync(join(folder, 'credence.db'), older)
  const { store: newer } = await openAt(folder)
  await newer.commit(revocation('crd1'))
  await newer.close()
  cpSync(older, join(folder, 'credence.db'))
  await assert.rejects(openAt(folder), /^JournalMismatch: .*credence restore --from FILE/)
  // Nor once the older one has come as far by another way.
  const astray = await openUnkept(folder)
  for (let i = 0; i < 3; i++) await astray.commit(aWrite({ audit: anAudit({ atMs: 9_000 }) }))
  await astray.close()
  await assert.rejects(openAt(folder), /^JournalMismatch/)
  rmSync(join(folder, 'revocations.jsonl'))
  const { store: without } = await openAt(folder)
  t.after(() => without.close())
  assert.equal((await without.read('credential', 'crd1'))?.state, 'active')
})

test('two processes on one database both journal what they revoke', async (t) => {
  const { store, folder } = await openSeeded(t, 'crd1', 'crd2', 'crd3', 'crd4')
  const { store: other } = await openAt(folder)
  t.after(() => other.close())
  await Promise.all([store.commit(revocation('crd1')), other.commit(revocation('crd2'))])
  await commitPuts(other, put('principal', aPrincipal('prn_2')))
  await Promise.all([store.commit(revocation('crd3')), other.commit(revocation('crd4'))])
  const all = [1, 2, 3, 4].map((i) => `revoke crd${i}`)
  assert.deepEqual([...new Set(journaled(folder))].toSorted(), all)
})

test('a store that is closed leaves a journal that is complete up to its last position', async (t) => {
  const { store, folder } = await openSeeded(t, 'crd1')
  const position = await commitPuts(store, put('principal', aPrincipal('prn_2')))
  await store.close()
  const end = journalEnd(join(folder, 'revocations.jsonl'))
  assert.ok(end.type === 'mark')
  assert.equal(end.mark.position, position)
})
