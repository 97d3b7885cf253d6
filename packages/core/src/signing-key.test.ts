import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync, randomBytes, verify } from 'node:crypto'
import { describe, it } from 'node:test'
import type { Jwk } from './jwk.ts'
import { verifyCompactJws } from './jws.ts'
import type { JwsAlgorithmName } from './jws-algorithm.ts'
import { signJwt } from './jws-sign.ts'
import type { SigningKeyRecord } from './records.ts'
import type { SealingKeys } from './seal.ts'
import { isTrusted, openSigningKey, publicJwkOf, sealSigningKey } from './signing-key.ts'

const PAIRS = {
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
} as const
const ALGORITHMS = Object.keys(PAIRS) as (keyof typeof PAIRS)[]
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

const secret = randomBytes(32)
const sealingKeys: SealingKeys = { currentId: 'k1', key: (id) => (id === 'k1' ? secret : undefined) }

function aSigningKey(algorithm: keyof typeof PAIRS): { jwk: Jwk; record: SigningKeyRecord } {
  const jwk = { ...PAIRS[algorithm]().privateKey.export({ format: 'jwk' }) }
  const id = publicJwkOf(jwk, algorithm)!.kid as string
  const owner = { id, workspaceId: 'ws_000000000001' }
  const record: SigningKeyRecord = {
    ...owner,
    ...{ revision: 1, createdAtMs: 1000, updatedAtMs: 1000, algorithm },
    ...{ state: 'current', stateChangedAtMs: 1000, trustedUntilMs: null },
    sealedKey: sealSigningKey(owner, { jwk, algorithm }, sealingKeys, randomBytes),
  }
  return { jwk, record }
}

describe('a signing key', () => {
  for (const algorithm of ALGORITHMS) {
    it(`of ${algorithm} signs what its published half verifies, and nothing that was changed since`, () => {
      const { jwk, record } = aSigningKey(algorithm)
      const key = openSigningKey(record, sealingKeys)!
      const token = signJwt(key, 'at+jwt', { iss: 'https://credence.example', jti: 'a' })
      const options = { keys: [key.publicJwk], algorithms: [algorithm] }
      const verified = verifyCompactJws(token, options)
      assert.ok(verified.ok)
      assert.deepEqual(verified.header, { alg: algorithm, typ: 'at+jwt', kid: record.id })
      const [header, , signature] = token.split('.')
      const other = Buffer.from('{"jti":"b"}').toString('base64url')
      assert.equal(verifyCompactJws(`${header}.${other}.${signature}`, options).ok, false)
      // By Node alone, which knows nothing of our table.
      const node = createPublicKey({ key: { ...jwk }, format: 'jwk' })
      const input = Buffer.from(token.slice(0, token.lastIndexOf('.')))
      const hash = algorithm === 'EdDSA' ? null : 'sha256'
      const with_ = { key: node, dsaEncoding: 'ieee-p1363' } as const
      assert.ok(verify(hash, input, with_, Buffer.from(signature!, 'base64url')))
    })

    it(`of ${algorithm} is published without any private member`, () => {
      const { jwk, record } = aSigningKey(algorithm)
      assert.ok(
        PRIVATE_MEMBERS.some((name) => name in jwk),
        'the control: the key itself has some',
      )
      const { publicJwk } = openSigningKey(record, sealingKeys)!
      assert.deepEqual(
        PRIVATE_MEMBERS.filter((name) => name in publicJwk),
        [],
      )
      assert.equal(publicJwk.use, 'sig')
      assert.equal(publicJwk.alg, algorithm)
    })
  }

  it('does not open in the row of another key, under another algorithm, or sealed by somebody else', () => {
    const [mine, other] = [aSigningKey('ES256').record, aSigningKey('ES256').record]
    assert.ok(openSigningKey(mine, sealingKeys))
    const alien = randomBytes(32)
    const theirs: SealingKeys = { currentId: 'k1', key: () => alien }
    const { jwk } = aSigningKey('ES256')
    const planted = sealSigningKey(mine, { jwk, algorithm: 'ES256' }, theirs, randomBytes)
    for (const tampered of [
      { ...mine, sealedKey: other.sealedKey },
      { ...mine, id: other.id },
      { ...mine, workspaceId: 'ws_000000000002' },
      { ...mine, algorithm: 'EdDSA' as JwsAlgorithmName },
      { ...mine, sealedKey: planted },
      { ...mine, sealedKey: JSON.stringify(jwk) },
    ]) {
      assert.equal(openSigningKey(tampered, sealingKeys), null)
    }
  })

  it('that was sealed for a row but is not the key of that row’s thumbprint is none', () => {
    const { record } = aSigningKey('ES256')
    const { jwk } = aSigningKey('ES256')
    const sealedKey = sealSigningKey(record, { jwk, algorithm: 'ES256' }, sealingKeys, randomBytes)
    assert.equal(openSigningKey({ ...record, sealedKey }, sealingKeys), null)
  })

  it('of which only the public half was kept verifies, and signs no more', () => {
    const { jwk, record } = aSigningKey('ES256')
    const token = signJwt(openSigningKey(record, sealingKeys)!, 'at+jwt', { jti: 'a' })
    const half = publicJwkOf(jwk, 'ES256')!
    const sealedKey = sealSigningKey(record, { jwk: half, algorithm: 'ES256' }, sealingKeys, randomBytes)
    const retired = openSigningKey({ ...record, sealedKey }, sealingKeys)!
    assert.ok(verifyCompactJws(token, { keys: retired.verification, algorithms: ['ES256'] }).ok)
    assert.throws(() => signJwt(retired, 'at+jwt', {}), /signs no more/)
  })

  it('counts while it is next, current or retired and not over, and never again once revoked', () => {
    const at = (state: SigningKeyRecord['state'], trustedUntilMs: number | null) =>
      [1, 2].map((nowMs) => isTrusted({ state, trustedUntilMs }, nowMs))
    assert.deepEqual(at('next', null), [true, true])
    assert.deepEqual(at('current', null), [true, true])
    assert.deepEqual(at('retired', 2), [true, false])
    assert.deepEqual(at('revoked', null), [false, false])
    assert.deepEqual(at('revoked', 9), [false, false])
  })
})
