import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CredentialRecord } from '@credence/core'
import { aCredential } from '@credence/core/testing/records'
import { UsernameDirectory } from './username-directory.ts'

const WORKSPACE = 'ws_000000000001'
const ann = aCredential({ kind: 'basic', handle: 'ann', keyPrefix: '' })

function setUp() {
  const rows = new Map<string, CredentialRecord>([[ann.id, ann]])
  const changed: string[] = []
  let reads = 0
  const directory = new UsernameDirectory({
    store: {
      read: async (_table, id) => {
        reads += 1
        return rows.get(id) as never
      },
      readByHandle: async (workspaceId, kind, handle) =>
        [...rows.values()].find(
          (row) =>
            row.workspaceId === workspaceId &&
            row.kind === kind &&
            row.handle === handle &&
            row.state !== 'revoked',
        ),
    },
    maxEntries: 10,
    onPasswordChanged: (name) => changed.push(name),
  })
  const change = async (record: CredentialRecord | null) => {
    if (record === null) rows.delete(ann.id)
    else rows.set(record.id, record)
    await directory.refresh(ann.id)
  }
  return { rows, directory, changed, change, reads: () => reads }
}

test('a username is found in its own workspace alone, and remembered as the one to look at first', async () => {
  const { directory } = setUp()
  assert.equal(directory.knownIdOf(WORKSPACE, 'ann'), null)
  assert.equal(await directory.idOf(WORKSPACE, 'ann'), ann.id)
  assert.equal(directory.knownIdOf(WORKSPACE, 'ann'), ann.id)
  assert.equal(await directory.idOf('ws_000000000002', 'ann'), null)
  assert.equal(directory.knownIdOf('ws_000000000002', 'ann'), null)
})

test('a username that nobody has any more is not remembered', async () => {
  const { directory, rows } = setUp()
  await directory.idOf(WORKSPACE, 'ann')
  rows.set(ann.id, { ...ann, state: 'revoked' })
  assert.equal(await directory.idOf(WORKSPACE, 'ann'), null)
  assert.equal(directory.knownIdOf(WORKSPACE, 'ann'), null)
})

test('a change of the password is told, by its name; a change of anything else is not', async () => {
  const { directory, changed, change } = setUp()
  await directory.idOf(WORKSPACE, 'ann')
  await change({ ...ann, tags: ['seen'], revision: 2 })
  const digestRenewed = { ...ann.versions[0]!, sealedDigest: 'k1.renewed' }
  await change({ ...ann, versions: [digestRenewed], revision: 3 })
  assert.deepEqual(changed, [])
  const second = { ...ann.versions[0]!, version: 2 }
  await change({ ...ann, versions: [digestRenewed, second], revision: 4 })
  assert.deepEqual(changed, [`${WORKSPACE}:ann`])
  await change({ ...ann, versions: [{ ...digestRenewed, revokedAtMs: 5 }, second], revision: 5 })
  assert.equal(changed.length, 2)
})

test('a credential that is revoked or deleted is told once, and forgotten', async () => {
  for (const over of [{ ...ann, state: 'revoked' } as const, null]) {
    const { directory, changed, change, reads } = setUp()
    await directory.idOf(WORKSPACE, 'ann')
    await change(over)
    await change(over)
    assert.deepEqual(changed, [`${WORKSPACE}:ann`])
    assert.equal(reads(), 1)
  }
})

test('what nobody has asked for costs no read when it changes', async () => {
  const { directory, reads } = setUp()
  await directory.refresh(ann.id)
  assert.equal(reads(), 0)
})

test('after changes were missed, a changed password is told to the next who asks', async () => {
  const { directory, rows, changed } = setUp()
  await directory.idOf(WORKSPACE, 'ann')
  rows.set(ann.id, { ...ann, versions: [...ann.versions, { ...ann.versions[0]!, version: 2 }] })
  directory.clear()
  assert.equal(directory.knownIdOf(WORKSPACE, 'ann'), null)
  await directory.idOf(WORKSPACE, 'ann')
  assert.deepEqual(changed, [`${WORKSPACE}:ann`])
})
