import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import type { PreparedCaller } from './caller.ts'
import { ProofCache } from './proof-cache.ts'
import { aRequest, Installation } from './testing/installation.ts'
import { aCredential, anApi, aPrincipal } from './testing/records.ts'
import { verify } from './verify.ts'

describe('the proof cache', () => {
  it('is given no presented secret, nor any piece of one: a salted digest, an id, a version, a sealed digest', async () => {
    const here = new Installation()
    const given: string[] = []
    class Watched extends ProofCache {
      override set(...entry: Parameters<ProofCache['set']>): void {
        given.push(JSON.stringify(entry))
        super.set(...entry)
      }
    }
    const { credential, key } = here.issue()
    const verifier = { ...here.verifier, proofs: new Watched(10, randomBytes) }
    assert.equal((await verify(aRequest(key), verifier)).code, 'VALID')
    assert.equal(given.length, 1)
    const secret = key.slice(key.indexOf(credential.id) + credential.id.length)
    for (let start = 0; start + 8 <= secret.length; start += 1) {
      assert.ok(!given[0]!.includes(secret.slice(start, start + 8)))
    }
    assert.ok(given[0]!.includes(credential.id), 'the control: what is given is seen')
  })

  it('has keys of one length whatever is presented, the same for the same string', () => {
    const proofs = new ProofCache(10, randomBytes)
    const [short, long] = [proofs.keyOf('a'), proofs.keyOf('a'.repeat(5000))]
    assert.equal(short.length, long.length)
    assert.notEqual(short, long)
    assert.equal(proofs.keyOf('a'), short)
  })

  it('is salted: the keys of one process are of no use in another', () => {
    const [one, other] = [new ProofCache(10, randomBytes), new ProofCache(10, randomBytes)]
    assert.notEqual(one.keyOf('a'), other.keyOf('a'))
  })

  it('forgets on delete, on clear, and beyond its bound', () => {
    const proofs = new ProofCache(4, randomBytes)
    const proven = { credentialId: 'c', version: 1, sealedDigest: 'k1.x' }
    for (let index = 0; index < 100; index += 1) proofs.set(String(index), proven)
    assert.equal(proofs.get('0'), undefined)
    assert.equal(proofs.get('99'), proven)
    proofs.delete('99')
    assert.equal(proofs.get('99'), undefined)
    proofs.clear()
    assert.equal(proofs.get('98'), undefined)
  })

  it('takes no string for another whose key begins alike: only the whole key is believed', () => {
    const proofs = new ProofCache(10, randomBytes)
    const proven = { credentialId: 'c', version: 1, sealedDigest: 'k1.x' }
    proofs.set('alike, one', proven)
    proofs.prepare('alike, one', aPreparedCaller())
    assert.equal(proofs.get('alike, other'), undefined)
    assert.equal(proofs.callerOf('alike, other'), null)
    proofs.prepare('alike, other', aPreparedCaller())
    proofs.delete('alike, other')
    assert.equal(proofs.get('alike, one'), proven, 'nor forgets one for the other')
    proofs.set('alike, other', { ...proven, credentialId: 'd' })
    assert.equal(proofs.get('alike, other')?.credentialId, 'd')
    assert.equal(proofs.get('alike, one'), undefined)
  })

  it('keeps a caller beside its proof alone, and until the proof is made anew', () => {
    const proofs = new ProofCache(10, randomBytes)
    const proven = { credentialId: 'c', version: 1, sealedDigest: 'k1.x' }
    const caller = aPreparedCaller()
    proofs.prepare('key', caller)
    assert.equal(proofs.callerOf('key'), null)
    proofs.set('key', proven)
    proofs.prepare('key', caller)
    assert.equal(proofs.callerOf('key'), caller)
    assert.deepEqual(proofs.get('key'), proven)
    proofs.set('key', proven)
    assert.equal(proofs.callerOf('key'), null)
  })

  it('is bounded in bytes too: callers with many scopes push out others', () => {
    const kept = (scopes: readonly string[]) => {
      const proofs = new ProofCache(100, randomBytes)
      const keys = Array.from({ length: 100 }, (_, index) => proofs.keyOf(String(index)))
      for (const key of keys) {
        proofs.set(key, { credentialId: 'c', version: 1, sealedDigest: 'k1.x' })
        proofs.prepare(key, { ...aPreparedCaller(), scopes })
      }
      return keys.filter((key) => proofs.callerOf(key) !== null).length
    }
    const many = Array.from({ length: 100 }, (_, index) => `orders:items:${index}`)
    assert.ok(kept(many) > 0 && kept(many) < 30, `${kept(many)} of 5 kB each, where 100 kB are allowed`)
    assert.ok(kept([]) >= 50)
  })
})

function aPreparedCaller(): PreparedCaller {
  return {
    ...{ kind: 'api_key', version: 1, turn: 0, fromMs: null, untilMs: null },
    ...{
      api: { record: anApi() },
      credential: { record: aCredential() },
      principal: { record: aPrincipal() },
    },
    ...{ others: [], scopes: [], conditions: null, limits: [], onlyLimit: null, isBound: false, seat: 0 },
  }
}
