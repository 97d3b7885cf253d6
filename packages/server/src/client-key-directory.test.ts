import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CredentialRecord } from '@credence/core'
import { aCredential } from '@credence/core/testing/records'
import { ClientKeyDirectory } from './client-key-directory.ts'
import type { Store } from './store/port.ts'

const WORKSPACE = 'ws_000000000001'
const THUMBPRINT = 'A'.repeat(43)
const key = aCredential({ kind: 'client_key', handle: THUMBPRINT, keyPrefix: '' })

function setUp() {
  const rows: CredentialRecord[] = [key]
  const store: Pick<Store, 'list' | 'readByHandle'> = {
    list: async (_table, { workspaceId, filters, limit }) => {
      const records = rows.filter(
        (row) =>
          row.workspaceId === workspaceId &&
          row.kind === filters.kind &&
          row.principalId === filters.principalId,
      )
      return { records: records.slice(0, limit) as never[], next: null }
    },
    readByHandle: async (workspaceId, kind, handle) =>
      rows.find(
        (row) =>
          row.workspaceId === workspaceId &&
          row.kind === kind &&
          row.handle === handle &&
          row.state !== 'revoked',
      ),
  }
  return { rows, directory: new ClientKeyDirectory({ store, maxEntries: 2 }) }
}

test('a key is found by its thumbprint in its own workspace alone, and remembered as the one to look at first', async () => {
  const { directory } = setUp()
  assert.equal(directory.knownIdOf(WORKSPACE, THUMBPRINT), null)
  assert.equal(await directory.idOf(WORKSPACE, THUMBPRINT), key.id)
  assert.equal(directory.knownIdOf(WORKSPACE, THUMBPRINT), key.id)
  assert.equal(await directory.idOf('ws_000000000002', THUMBPRINT), null)
  assert.equal(directory.knownIdOf('ws_000000000002', THUMBPRINT), null)
})

test('the keys of a client are those of its kind and workspace, and what is remembered of them is as new as the last look', async () => {
  const { directory, rows } = setUp()
  const { principalId } = key
  rows.push(aCredential({ id: 'BBBBBBBBBBB1' }), { ...key, id: 'BBBBBBBBBBB2', workspaceId: 'ws_2' })
  assert.deepEqual(directory.knownIdsOf(WORKSPACE, principalId), [])
  assert.deepEqual(await directory.idsOf(WORKSPACE, principalId), [key.id])
  rows.unshift({ ...key, id: 'BBBBBBBBBBB3', handle: 'B'.repeat(43) })
  assert.deepEqual(directory.knownIdsOf(WORKSPACE, principalId), [key.id])
  assert.deepEqual(await directory.idsOf(WORKSPACE, principalId), ['BBBBBBBBBBB3', key.id])
  assert.deepEqual(directory.knownIdsOf(WORKSPACE, principalId), ['BBBBBBBBBBB3', key.id])
  rows.length = 0
  assert.deepEqual(await directory.idsOf(WORKSPACE, principalId), [])
  assert.deepEqual(directory.knownIdsOf(WORKSPACE, principalId), [])
})

test('made-up thumbprints and clients push nobody out: only what was found is remembered', async () => {
  const { directory } = setUp()
  await directory.idOf(WORKSPACE, THUMBPRINT)
  await directory.idsOf(WORKSPACE, key.principalId)
  for (let i = 0; i < 10; i += 1) {
    await directory.idOf(WORKSPACE, `${i}`.repeat(43))
    await directory.idsOf(WORKSPACE, `prn_${i}`)
  }
  assert.equal(directory.knownIdOf(WORKSPACE, THUMBPRINT), key.id)
  assert.deepEqual(directory.knownIdsOf(WORKSPACE, key.principalId), [key.id])
})
