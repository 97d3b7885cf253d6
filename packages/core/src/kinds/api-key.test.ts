import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FROM_CACHE, FROM_STORE } from '../cached-lookup.ts'
import { formatKey, generateSecret } from '../key.ts'
import { MAX_VERSIONS } from '../rotate.ts'
import { Installation, keyOf } from '../testing/installation.ts'
import { aCredential } from '../testing/records.ts'
import { apiKeyKind } from './api-key.ts'
import type { ProofContext } from './kind.ts'

const absent = { id: 'ZZZZZZZZZZZZ', keyPrefix: 'crd_live' }

function prove(here: Installation, value: string, change: Partial<ProofContext> = {}) {
  const { lookup, sealingKeys, pace, issuers, ownTokens, clientKeys, passwords, clock } = here.verifier
  const context = {
    ...{ lookup, sealingKeys, pace, issuers, ownTokens, clientKeys, passwords, clock },
    ...{ api: null, workspaceId: null, address: null, reading: FROM_CACHE },
    ...change,
  }
  return apiKeyKind.prove({ scheme: 'key', value }, context)
}

async function codeOf(here: Installation, value: string): Promise<string> {
  const proof = await prove(here, value)
  return proof.type === 'proven' ? `version ${proof.version}` : proof.code
}

describe('an API key', () => {
  it('reads the store as often, one row that is there and one that is not, for an unknown id as for a wrong secret', async () => {
    const here = new Installation()
    const { credential, key } = here.issue()
    await prove(here, key)
    here.reads.length = 0
    assert.equal(await codeOf(here, keyOf(credential, 9)), 'BAD_SECRET')
    const wrongSecret = here.reads.splice(0)
    assert.equal(await codeOf(here, keyOf(absent, 1)), 'NOT_FOUND')
    const unknownId = here.reads.splice(0)
    const present = (reads: string[]) => reads.map((read) => read === `credential/${credential.id}`).sort()
    assert.deepEqual(present(wrongSecret), [false, true])
    assert.deepEqual(present(unknownId), [false, true])
  })

  it('opens as many digests for an unknown id as for a wrong secret, however many versions there are', async () => {
    const here = new Installation()
    const { credential } = here.issue()
    const bare = aCredential({ id: 'CCCCCCCCCCC6' })
    const three = here.issue({ ...bare, versions: [1, 2, 3].map((version) => here.version(bare, version)) })
    await prove(here, keyOf(three.credential, 1))
    let opened = 0
    const { sealingKeys } = here.verifier
    const counting = {
      ...sealingKeys,
      key: (id: string) => {
        opened += 1
        return sealingKeys.key(id)
      },
    }
    for (const value of [keyOf(credential, 9), keyOf(three.credential, 9), keyOf(absent, 1)]) {
      opened = 0
      await prove(here, value, { sealingKeys: counting })
      assert.equal(opened, MAX_VERSIONS)
    }
  })

  it('is refused, unknown or with a wrong secret, at one moment that does not depend on which, all work done', async () => {
    const here = new Installation()
    const { credential, key } = here.issue()
    await prove(here, key)
    const turnsUntilAnswer = async (value: string) => {
      const paced = Promise.withResolvers<void>()
      let answered = false
      const proof = Promise.resolve(prove(here, value, { pace: () => paced.promise }))
      void proof.then(() => {
        answered = true
      })
      // Everything that can happen before the moment comes has happened.
      await new Promise((resolve) => setImmediate(resolve))
      assert.equal(answered, false)
      const reads = here.reads.length
      paced.resolve()
      let turns = 0
      for (; !answered; turns++) await null
      assert.equal(here.reads.length, reads, 'nothing is read afterwards')
      return [turns, (await proof).type]
    }
    const wrongSecret = await turnsUntilAnswer(keyOf(credential, 9))
    assert.deepEqual(await turnsUntilAnswer(keyOf(absent, 1)), wrongSecret)
    assert.equal(wrongSecret[1], 'refused')
  })

  it('that is right waits for nothing', async () => {
    const here = new Installation()
    const { key } = here.issue()
    const proof = await prove(here, key, { pace: () => new Promise(() => {}) })
    assert.equal(proof.type, 'proven')
  })

  it('is compared with every version, also after one matched', async () => {
    const here = new Installation()
    const bare = aCredential()
    const versions = [1, 2, 3].map((version) => here.version(bare, version))
    here.issue({ versions })
    let opened = 0
    const { sealingKeys } = here.verifier
    const counting = {
      ...sealingKeys,
      key: (id: string) => {
        opened += 1
        return sealingKeys.key(id)
      },
    }
    for (const version of [1, 2, 3, 9]) {
      opened = 0
      const change = { sealingKeys: counting, reading: FROM_STORE }
      const proof = await prove(here, keyOf(bare, version), change)
      assert.equal(
        proof.type === 'proven' ? proof.version : proof.code,
        version === 9 ? 'BAD_SECRET' : version,
      )
      assert.equal(opened, MAX_VERSIONS)
    }
  })

  it('with another prefix than it was issued with is BAD_SECRET', async () => {
    const here = new Installation()
    const { credential } = here.issue()
    assert.equal(await codeOf(here, keyOf({ ...credential, keyPrefix: 'crd_test' }, 1)), 'BAD_SECRET')
    assert.equal(await codeOf(here, keyOf(credential, 1)), 'version 1')
  })

  it('damaged in any one character is refused without a read', async () => {
    const here = new Installation()
    const { key } = here.issue()
    const start = key.lastIndexOf('_') + 1
    for (let index = start; index < key.length; index += 1) {
      const damaged = `${key.slice(0, index)}${key[index] === 'A' ? 'B' : 'A'}${key.slice(index + 1)}`
      assert.equal(await codeOf(here, damaged), 'MALFORMED')
    }
    assert.deepEqual(here.reads, [])
  })

  it('does not pass with the secret of another kind of credential', async () => {
    const here = new Installation()
    const { credential } = here.issue({ kind: 'client_secret' })
    assert.equal(await codeOf(here, keyOf(credential, 1)), 'BAD_SECRET')
  })

  it('does not pass with a digest that was moved from another row', async () => {
    const here = new Installation()
    const thief = aCredential({ id: 'BBBBBBBBBBB5' })
    const victim = here.issue().credential
    here.put('credential', { ...victim, versions: [here.version(thief, 1)] })
    const secret = keyOf(thief, 1).slice(-38, -6)
    assert.equal(await codeOf(here, formatKey(victim.keyPrefix, victim.id, secret)), 'BAD_SECRET')
  })

  it('claims what has the form of a key, bare, as Bearer or beside a DPoP proof, and nothing else', () => {
    const value = formatKey(
      'crd_live',
      absent.id,
      generateSecret((size) => new Uint8Array(size).fill(7)),
    )
    assert.ok(apiKeyKind.recognizes({ scheme: 'bearer', value }))
    assert.ok(
      apiKeyKind.recognizes({ scheme: 'key', value: `${value.slice(0, -1)}x` }),
      'damaged is still its own',
    )
    for (const prefix of ['crd_live_cs', 'crd_live_at']) {
      const ofAnotherKind = formatKey(prefix, absent.id, value.slice(-38, -6))
      assert.ok(!apiKeyKind.recognizes({ scheme: 'bearer', value: ofAnotherKind }), prefix)
    }
    assert.ok(!apiKeyKind.recognizes({ scheme: 'basic', value }))
    assert.ok(apiKeyKind.recognizes({ scheme: 'dpop', value }), 'whether it is bound is asked later')
    assert.ok(!apiKeyKind.recognizes({ scheme: 'key', value: value.slice(1, -1) }))
  })
})
