import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import {
  digestSecret,
  formatKey,
  generateId,
  generateSecret,
  openDigest,
  type ParsedKey,
  parseKey,
} from '@credence/core'
import { Keyring } from '../keyring.ts'
import { openMemoryStore } from '../store/memory.ts'
import { bootstrap, recoverAdmin } from './bootstrap.ts'

function newHost() {
  const { sealingKeys } = new Keyring([['k1', randomBytes(32)]], 'k1')
  return { store: openMemoryStore(), clock: () => 1_000, randomBytes, sealingKeys }
}

describe('the first start', () => {
  it('makes the workspace once, however many starts run at the same time', async () => {
    const host = newHost()
    const settings = [{ name: 'keyring_fingerprint', value: 'f' }]
    const starts = await Promise.all(
      Array.from({ length: 5 }, () => bootstrap(host, { adminKey: null, settings })),
    )
    assert.equal(starts.filter(({ secret }) => secret !== null).length, 1)
    assert.equal(new Set(starts.map(({ workspaceId }) => workspaceId)).size, 1)
    assert.equal(await host.store.position(), 1)
    assert.equal(await host.store.readSetting('keyring_fingerprint'), 'f')
    assert.deepEqual(await bootstrap(host, { adminKey: null }), {
      workspaceId: starts[0]!.workspaceId,
      secret: null,
    })
  })

  it('installs the admin key that the owner made, sealed for its own row only', async () => {
    const host = newHost()
    const given: ParsedKey = {
      prefix: 'acme',
      id: generateId(randomBytes),
      secret: generateSecret(randomBytes),
    }
    const { secret, workspaceId } = await bootstrap(host, { adminKey: given })
    assert.equal(secret, formatKey(given.prefix, given.id, given.secret))
    const record = (await host.store.read('credential', given.id))!
    const context = { workspaceId, kind: 'api_key', credentialId: given.id, version: 1 } as const
    const { sealedDigest } = record.versions[0]!
    assert.deepEqual(openDigest(sealedDigest, context, host.sealingKeys), digestSecret(given.secret))
    assert.equal(openDigest(sealedDigest, { ...context, credentialId: 'other' }, host.sealingKeys), null)
    assert.deepEqual(record.grants, [{ apiId: `api_${workspaceId.slice(3)}`, scopes: ['*'], roleIds: [] }])
  })

  it('a name that is taken without the workspace being there is a fault, not a silent start', async () => {
    const host = newHost()
    const commit = host.store.commit.bind(host.store)
    host.store.commit = async () => ({ ok: false, conflict: { type: 'setting', name: 'x' } })
    await assert.rejects(bootstrap(host, { adminKey: null }), /could not be made/)
    host.store.commit = commit
    assert.notEqual((await bootstrap(host, { adminKey: null })).secret, null)
  })
})

describe('recovery of the administrator', () => {
  it('has nothing to recover before the first start', async () => {
    assert.equal(await recoverAdmin(newHost(), null), null)
  })

  it('makes a second admin key and leaves the first one', async () => {
    const host = newHost()
    const { secret } = await bootstrap(host, { adminKey: null })
    const recovered = (await recoverAdmin(host, null))!
    const first = parseKey(secret!) as ParsedKey
    const second = parseKey(recovered.secret) as ParsedKey
    assert.equal(second.id, recovered.credentialId)
    const [a, b] = await Promise.all([first, second].map(({ id }) => host.store.read('credential', id)))
    assert.deepEqual([a!.state, b!.state, a!.principalId], ['active', 'active', b!.principalId])
  })

  it('frees an administrator that was disabled or capped', async () => {
    const host = newHost()
    const { workspaceId } = await bootstrap(host, { adminKey: null })
    const before = (await host.store.readByName('principal', workspaceId, 'administrator'))!
    const record = { ...before, revision: 2, disabledAtMs: 5, ceiling: [] }
    const audit = {
      ...{
        atMs: 1,
        action: 'principal.update',
        targetTable: 'principal' as const,
        targetId: record.id,
        detail: {},
      },
      ...{ actorCredentialId: null, actorPrincipalId: null, requestId: null, ip: null },
    }
    const nothing = { deletes: [], expects: [], settings: [], idempotency: null }
    await host.store.commit({ workspaceId, puts: [{ table: 'principal', record }], ...nothing, audit })
    await recoverAdmin(host, null)
    const after = (await host.store.read('principal', record.id))!
    assert.deepEqual([after.revision, after.disabledAtMs, after.ceiling], [3, null, null])
  })
})
