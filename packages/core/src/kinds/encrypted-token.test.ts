import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type DecryptionKey, readDecryptionKey } from '../decryption-key.ts'
import { JWE_ENCRYPTION_NAMES, type JweAlgorithmName } from '../jwe-algorithm.ts'
import type { IssuerRecord } from '../records.ts'
import { decryptionJwk, encryptDirectly, encryptJwe } from '../testing/jwe-samples.ts'
import { sampleKey } from '../testing/jws-samples.ts'
import { aDpopProof, aPresenter, boundTo } from '../testing/presenter.ts'
import { anApi } from '../testing/records.ts'
import { anIssuer, type Trusting, trusting } from '../testing/trusting-installation.ts'

type KeyJwk = Readonly<Record<string, unknown>>

const ecdh = decryptionJwk('ECDH-ES+A256KW')
const direct = decryptionJwk('dir', { kid: 'd2' })

function keyOf(jwk: KeyJwk): DecryptionKey {
  const reading = readDecryptionKey(jwk)
  assert.ok(reading.ok, JSON.stringify(reading))
  return reading.key
}

/** An issuer, or what is changed of the usual one, that is set up for these keys. */
function decrypting(keys: readonly KeyJwk[], over: Partial<IssuerRecord> = {}): IssuerRecord {
  const shown = keys.map((jwk) => keyOf(jwk).shown)
  const decryption = { sealed: 'k1.AA', keys: shown, encryptions: JWE_ENCRYPTION_NAMES }
  return anIssuer({ decryption, ...over })
}

function setUp(keys: readonly KeyJwk[], over: Partial<IssuerRecord> = {}): Trusting {
  const here = trusting(decrypting(keys, over))
  here.decryptionKeys.set(here.known[0]!.id, keys.map(keyOf))
  return here
}

function addIssuer(here: Trusting, keys: readonly KeyJwk[], over: Partial<IssuerRecord>): void {
  const issuer = decrypting(keys, over)
  here.trust(issuer)
  here.decryptionKeys.set(issuer.id, keys.map(keyOf))
}

const OTHER = { id: 'iss_000000000002', name: 'other', issuer: 'urn:other' } as const

describe('an encrypted token', () => {
  it('is what its content is, where its issuer is set up for it', async () => {
    const here = setUp([ecdh, direct])
    for (const jwk of [ecdh, direct]) {
      assert.equal(await here.codeOf(await encryptJwe(here.token(), jwk, 'A256GCM')), 'VALID')
      assert.equal(
        await here.codeOf(await encryptJwe(here.token({ aud: 'urn:else' }), jwk, 'A256GCM')),
        'WRONG_AUDIENCE',
      )
      const exp = Math.floor(here.nowMs / 1000)
      assert.equal(await here.codeOf(await encryptJwe(here.token({ exp }), jwk, 'A256GCM')), 'EXPIRED')
    }
    assert.equal(await here.codeOf(here.token()), 'VALID', 'and so is one that is signed alone')
  })

  it('is decrypted once, and then neither decrypted nor verified as long as nothing changed', async () => {
    const here = setUp([ecdh])
    const token = await encryptJwe(here.token(), ecdh, 'A256GCM')
    for (let i = 0; i < 10; i++) assert.equal(await here.codeOf(token), 'VALID')
    assert.deepEqual([here.decryptionKeysAsked, here.keysAsked], [1, 1])
    here.change('issuer', decrypting([ecdh], { revision: 2 }))
    assert.equal(await here.codeOf(token), 'VALID')
    assert.deepEqual([here.decryptionKeysAsked, here.keysAsked], [2, 2])
  })

  it('counts no more once the keys are gone from the record, though it was proven before', async () => {
    const here = setUp([ecdh])
    const token = await encryptJwe(here.token(), ecdh, 'A256GCM')
    for (let i = 0; i < 2; i++) assert.equal(await here.codeOf(token), 'VALID')
    here.change('issuer', anIssuer({ revision: 2 }))
    assert.equal(await here.codeOf(token), 'BAD_SIGNATURE')
  })

  it('is refused where no issuer is set up for it, and where it names a key that nobody has', async () => {
    const here = trusting()
    const token = await encryptJwe(here.token(), ecdh, 'A256GCM')
    assert.equal(await here.codeOf(token), 'BAD_SIGNATURE')
    const other = setUp([direct])
    assert.equal(await other.codeOf(token), 'BAD_SIGNATURE')
  })

  it('is refused where the keys that it needs cannot be read, as something that nobody knows', async () => {
    const here = setUp([ecdh])
    here.decryptionKeys.set(here.known[0]!.id, null)
    assert.equal(await here.codeOf(await encryptJwe(here.token(), ecdh, 'A256GCM')), 'UNAVAILABLE')
  })

  it('is refused with an algorithm or encryption that was not set up', async () => {
    const here = trusting(
      anIssuer({ decryption: { sealed: 'k1.AA', keys: [keyOf(ecdh).shown], encryptions: ['A128GCM'] } }),
    )
    here.decryptionKeys.set(here.known[0]!.id, [keyOf(ecdh)])
    assert.equal(await here.codeOf(await encryptJwe(here.token(), ecdh, 'A128GCM')), 'VALID')
    assert.equal(await here.codeOf(await encryptJwe(here.token(), ecdh, 'A256GCM')), 'BAD_SIGNATURE')
    const wrong: readonly JweAlgorithmName[] = ['ECDH-ES', 'ECDH-ES+A128KW']
    for (const alg of wrong) {
      const token = await encryptJwe(here.token(), { ...ecdh, alg }, 'A128GCM')
      assert.equal(await here.codeOf(token), 'BAD_SIGNATURE', alg)
    }
  })

  it('that is not there without the store is UNAVAILABLE, never refused', async () => {
    const here = setUp([ecdh])
    here.isReachable = false
    assert.equal(await here.codeOf(await encryptJwe(here.token(), ecdh, 'A256GCM')), 'UNAVAILABLE')
  })
})

describe('the content of an encrypted token', () => {
  const secret = Buffer.from(String(direct.k), 'base64url')
  const header = { alg: 'dir', enc: 'A256GCM', kid: 'd2' }

  it('must be signed: to encrypt shows nothing about who did', async () => {
    const here = setUp([ecdh, direct])
    const claims = Buffer.from(here.token().split('.')[1]!, 'base64url').toString()
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${here.token().split('.')[1]}`
    const contents: [string, string][] = [
      ['bare claims', claims],
      ['alg none without a signature', `${none}.`],
      ['alg none with one', `${none}.AA`],
      ['nothing that has parts', 'x'],
      ['a line end behind it', `${here.token()}\n`],
    ]
    for (const [what, content] of contents) {
      assert.equal(await here.codeOf(encryptDirectly(content, secret, header)), 'BAD_SIGNATURE', what)
    }
    assert.equal(await here.codeOf(encryptDirectly(here.token(), secret, header)), 'VALID', 'the control')
  })

  it('must be signed by a key of the issuer, as any other token', async () => {
    const here = setUp([direct])
    const [head, payload, signature] = here.token().split('.') as [string, string, string]
    const other = here.token({ jti: 'x' }).split('.')[2]!
    assert.equal(
      await here.codeOf(encryptDirectly(`${head}.${payload}.${other}`, secret, header)),
      'BAD_SIGNATURE',
    )
    assert.equal(
      await here.codeOf(encryptDirectly(`${head}.${payload}.${signature}`, secret, header)),
      'VALID',
    )
  })

  it('is not encrypted once more', async () => {
    const here = setUp([ecdh, direct])
    const inner = await encryptJwe(here.token(), ecdh, 'A256GCM')
    assert.equal(await here.codeOf(inner), 'VALID')
    assert.equal(await here.codeOf(encryptDirectly(inner, secret, header)), 'BAD_SIGNATURE')
  })

  it('is a token of the issuer whose key decrypted it, and of no other', async () => {
    const here = setUp([direct])
    addIssuer(here, [ecdh], OTHER)
    const token = here.token()
    const ofOther = here.token({ iss: 'urn:other' })
    assert.equal(await here.codeOf(encryptDirectly(token, secret, header)), 'VALID')
    assert.equal(await here.codeOf(encryptDirectly(ofOther, secret, header)), 'UNTRUSTED_ISSUER')
    assert.equal(await here.codeOf(await encryptJwe(ofOther, ecdh, 'A256GCM')), 'VALID')
    assert.equal(await here.codeOf(await encryptJwe(token, ecdh, 'A256GCM')), 'UNTRUSTED_ISSUER')
  })
})

describe('an encrypted token that is bound to a key', () => {
  it('counts beside a proof of that key, made for what was presented and not for what is inside', async () => {
    const here = setUp([ecdh])
    // The memory of proofs begins when it is made, and takes what was made before for old.
    here.nowMs += 60_000
    const key = sampleKey('ES256')
    const binding = boundTo('dpop', key)
    const inner = here.token({ cnf: { jkt: binding.thumbprint } })
    const token = await encryptJwe(inner, ecdh, 'A256GCM')
    const codeWith = async (scheme: string, proof: string | null) => {
      const headers = ['Authorization', `${scheme} ${token}`, ...(proof === null ? [] : ['DPoP', proof])]
      return here.codeOf(token, { headers, presenter: aPresenter() })
    }
    assert.equal(await codeWith('Bearer', null), 'BINDING_REQUIRED')
    assert.equal(await codeWith('DPoP', aDpopProof(key, inner, here.nowMs, {})), 'BINDING_MISMATCH')
    assert.equal(await codeWith('DPoP', aDpopProof(key, token, here.nowMs, {})), 'VALID')
  })
})

describe('claims that the header repeats', () => {
  it('must be those of the token', async () => {
    const here = setUp([ecdh])
    const codeWith = async (over: object) =>
      here.codeOf(await encryptJwe(here.token(), ecdh, 'A256GCM', { ...over }))
    assert.equal(await codeWith({ iss: 'urn:sso', aud: 'urn:orders' }), 'VALID')
    for (const over of [{ iss: 'urn:other' }, { sub: 'admin' }, { aud: ['urn:orders'] }, { sub: null }]) {
      assert.equal(await codeWith(over), 'MALFORMED', JSON.stringify(over))
    }
  })
})

describe('the key of an encrypted token', () => {
  it('is the one of its kid, and without a kid the only one that fits', async () => {
    const here = setUp([ecdh, direct])
    const unnamed = { kid: undefined }
    for (const jwk of [ecdh, direct]) {
      assert.equal(await here.codeOf(await encryptJwe(here.token(), jwk, 'A256GCM', unnamed)), 'VALID')
    }
    addIssuer(here, [decryptionJwk('ECDH-ES+A256KW', { which: 'second', kid: 'd3' })], OTHER)
    const token = await encryptJwe(here.token(), ecdh, 'A256GCM', unnamed)
    const { code, detail } = await here.decide(token)
    assert.equal(code, 'BAD_SIGNATURE')
    assert.match(detail ?? '', /none is tried/)
  })

  it('is none where two issuers gave one name to different keys: neither is tried because the other failed', async () => {
    const here = setUp([ecdh])
    const second = decryptionJwk('ECDH-ES+A256KW', { which: 'second' })
    const token = await encryptJwe(here.token(), ecdh, 'A256GCM')
    assert.equal(await here.codeOf(token), 'VALID')
    addIssuer(here, [second], OTHER)
    assert.equal(
      await here.codeOf(await encryptJwe(here.token({ jti: 'b' }), ecdh, 'A256GCM')),
      'BAD_SIGNATURE',
    )
  })

  it('may be that of several issuers, as of one iss that is trusted for two audiences', async () => {
    const here = setUp([ecdh])
    addIssuer(here, [ecdh], { id: 'iss_000000000003', name: 'second', audience: 'urn:second' })
    for (const aud of ['urn:orders', 'urn:second']) {
      assert.equal(await here.codeOf(await encryptJwe(here.token({ aud }), ecdh, 'A256GCM')), 'VALID', aud)
    }
  })

  it('is that of an issuer of this API alone', async () => {
    const here = setUp([ecdh])
    const api = here.put('api', anApi({ id: 'api_000000000009', name: 'second', accepts: ['jwt'] }))
    const token = await encryptJwe(here.token(), ecdh, 'A256GCM')
    assert.equal(await here.codeOf(token), 'VALID')
    assert.equal(await here.codeOf(token, { api }), 'BAD_SIGNATURE')
  })

  it('is no key of this API where the record says otherwise than the directory, which may be older', async () => {
    const here = setUp([ecdh])
    here.put('issuer', decrypting([ecdh], { apiId: 'api_000000000009' }))
    const token = await encryptJwe(here.token(), ecdh, 'A256GCM')
    const { code, detail } = await here.decide(token)
    assert.equal(code, 'BAD_SIGNATURE')
    assert.match(detail ?? '', /has a key/)
  })
})
