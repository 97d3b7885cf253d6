import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { openDigest, type SealContext, type SealingKeys, sealDigest } from './seal.ts'

const keyA = randomBytes(32)
const keys: SealingKeys = { currentId: 'k1', key: (id) => (id === 'k1' ? keyA : undefined) }
const context: SealContext = { workspaceId: 'ws_a', kind: 'api_key', credentialId: 'c', version: 1 }
const digest = randomBytes(32)

describe('a sealed digest', () => {
  it('opens for the context it was sealed for, and names its key', () => {
    const sealed = sealDigest(digest, context, keys, randomBytes)
    assert.match(sealed, /^k1\./)
    assert.deepEqual(openDigest(sealed, context, keys), digest)
  })

  it('opens nowhere else: a database writer cannot move it to another row', () => {
    const sealed = sealDigest(digest, context, keys, randomBytes)
    const elsewhere: Partial<SealContext>[] = [
      { workspaceId: 'ws_b' },
      { kind: 'client_secret' },
      { credentialId: 'd' },
      { version: 2 },
    ]
    for (const change of elsewhere) assert.equal(openDigest(sealed, { ...context, ...change }, keys), null)
  })

  it('keeps fields apart: no two contexts are the same bytes', () => {
    const sealed = sealDigest(digest, { ...context, credentialId: 'c1', version: 1 }, keys, randomBytes)
    assert.equal(openDigest(sealed, { ...context, credentialId: 'c', version: 11 }, keys), null)
  })

  it('does not open under another key, damaged, or made up', () => {
    const sealed = sealDigest(digest, context, keys, randomBytes)
    const other: SealingKeys = { currentId: 'k1', key: () => randomBytes(32) }
    assert.equal(openDigest(sealed, context, other), null)
    assert.equal(openDigest(sealed.replace('k1.', 'k2.'), context, keys), null)
    for (const text of ['', '.', 'k1.', 'k1.AAAA', sealed.slice(0, -2), digest.toString('base64url')]) {
      assert.equal(openDigest(text, context, keys), null, text)
    }
  })

  it('never seals the same way twice', () => {
    const seals = new Set(Array.from({ length: 50 }, () => sealDigest(digest, context, keys, randomBytes)))
    assert.equal(seals.size, 50)
  })
})
