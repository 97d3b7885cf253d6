import assert from 'node:assert/strict'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { readDecryptionKey } from './decryption-key.ts'
import { JWE_ALGORITHM_NAMES } from './jwe-algorithm.ts'
import { decryptionJwk } from './testing/jwe-samples.ts'
import { checkProperty } from './testing/rounds.ts'

const CURVES = ['P-256', 'P-384', 'P-521', 'X25519'] as const
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']

function problemOf(jwk: unknown): string | null {
  const reading = readDecryptionKey(jwk)
  return reading.ok ? null : reading.problem
}

describe('a key to decrypt with', () => {
  for (const name of JWE_ALGORITHM_NAMES) {
    test(`for ${name} is read, and what may be shown of it holds nothing private`, () => {
      const reading = readDecryptionKey(decryptionJwk(name))
      assert.ok(reading.ok, JSON.stringify(reading))
      assert.equal(reading.key.algorithm, name)
      assert.deepEqual(
        [reading.key.shown.kid, reading.key.shown.alg, reading.key.shown.use],
        ['d1', name, 'enc'],
      )
      for (const member of PRIVATE) assert.ok(!Object.hasOwn(reading.key.shown, member), member)
    })
  }

  for (const curve of CURVES) {
    test(`is read on ${curve}`, () => {
      const reading = readDecryptionKey(decryptionJwk('ECDH-ES', { curve }))
      assert.ok(reading.ok)
      assert.equal(reading.key.crv, curve)
    })
  }

  const ec = decryptionJwk('ECDH-ES')
  const otherEc = decryptionJwk('ECDH-ES', { which: 'second' })
  const x25519 = decryptionJwk('ECDH-ES', { curve: 'X25519' })
  const otherX25519 = decryptionJwk('ECDH-ES', { curve: 'X25519', which: 'second' })
  const rsa = decryptionJwk('RSA-OAEP-256')
  const otherRsa = decryptionJwk('RSA-OAEP-256', { which: 'second' })
  const wrap = decryptionJwk('A256KW')
  const long = generateKeyPairSync('rsa', { modulusLength: 4104 }).privateKey.export({ format: 'jwk' })
  const rows: [what: string, jwk: unknown, named: RegExp][] = [
    ['nothing', null, /JSON object/],
    ['without kid', { ...ec, kid: undefined }, /kid/],
    ['with an empty kid', { ...ec, kid: '' }, /kid/],
    ['with an endless kid', { ...ec, kid: 'k'.repeat(257) }, /kid/],
    ['without alg', { ...ec, alg: undefined }, /alg/],
    ['for RSA1_5', { ...rsa, alg: 'RSA1_5' }, /alg/],
    ['for PBES2', { ...wrap, alg: 'PBES2-HS256+A128KW' }, /alg/],
    ['for signatures', { ...ec, alg: 'ES256' }, /alg/],
    ['whose alg only an inherited member of the table has', { ...ec, alg: 'toString' }, /alg/],
    ['whose use is sig', { ...ec, use: 'sig' }, /use/],
    ['that may only sign', { ...ec, key_ops: ['sign'] }, /key_ops/],
    ['of another kind than its alg', { ...ec, alg: 'RSA-OAEP' }, /kty/],
    ['of another kind than ECDH', { ...rsa, alg: 'ECDH-ES' }, /kty/],
    ['public', { ...ec, d: undefined }, /lacks/],
    ['public, of RSA', { ...rsa, d: undefined }, /lacks/],
    ['of RSA without its primes', { ...rsa, p: undefined }, /lacks/],
    [
      'of RSA with the exponents of another',
      { ...rsa, d: otherRsa.d, dp: otherRsa.dp, dq: otherRsa.dq },
      /do not go/,
    ],
    ['of RSA with the primes of another', { ...rsa, p: otherRsa.p, q: otherRsa.q }, /do not go/],
    ['of RSA with 4,104 bits', { ...long, kid: 'd1', alg: 'RSA-OAEP' }, /4096 bits/],
    ['with the private number of another', { ...ec, d: otherEc.d }, /does not go/],
    ['on X25519 with that of another', { ...x25519, d: otherX25519.d }, /does not go/],
    ['off its curve', { ...ec, y: otherEc.y }, /does not go/],
    ['on a curve that is not taken', { ...ec, crv: 'secp256k1' }, /crv/],
    ['on Ed25519', { ...x25519, crv: 'Ed25519' }, /crv/],
    ['written with padding', { ...ec, x: `${String(ec.x)}=` }, /base64url/],
    ['one byte short', { ...wrap, k: randomBytes(31).toString('base64url') }, /32 bytes/],
    ['as long as no key', { ...wrap, alg: 'dir', k: randomBytes(33).toString('base64url') }, /64 bytes/],
    ['whose k is no text', { ...wrap, k: 7 }, /base64url/],
  ]
  for (const [what, jwk, named] of rows) {
    test(`${what} is refused, and why is said without quoting it`, () => {
      const problem = problemOf(jwk)
      assert.match(problem ?? 'accepted', named)
      for (const member of PRIVATE) {
        const value = (jwk as Record<string, unknown> | null)?.[member]
        if (typeof value === 'string') assert.ok(!problem?.includes(value.slice(0, 12)), member)
      }
    })
  }

  test('may say what it is for', () => {
    assert.equal(problemOf({ ...ec, use: 'enc', key_ops: ['deriveBits'] }), null)
    assert.equal(problemOf({ ...rsa, key_ops: ['unwrapKey', 'decrypt'] }), null)
  })

  test('is read from anything without throwing', () => {
    const members = fc.constantFrom(
      'kty',
      'crv',
      'x',
      'y',
      'd',
      'n',
      'e',
      'p',
      'k',
      'kid',
      'alg',
      'use',
      'key_ops',
    )
    const value = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom('EC', 'RSA', 'oct', 'OKP', 'P-256', 'X25519', 'AQAB'),
    )
    checkProperty(
      'keys to decrypt with',
      200,
      fc.property(fc.constantFrom(ec, rsa, wrap, x25519), fc.dictionary(members, value), (jwk, over) => {
        assert.equal(typeof readDecryptionKey({ ...jwk, ...over }).ok, 'boolean')
      }),
    )
  })
})
