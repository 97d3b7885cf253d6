import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type Jwk, readJwk } from './jwk.ts'
import { JWS_ALGORITHM_NAMES } from './jws-algorithm.ts'
import { rsaKeyProblem } from './rsa-key.ts'
import { sampleKey } from './testing/jws-samples.ts'
import { checkProperty, refutes } from './testing/rounds.ts'

/** What is wrong with a JWK, or null. */
function problemOf(jwk: unknown): string | null {
  const reading = readJwk(jwk)
  return reading.ok ? null : reading.problem
}

function algorithmsOf(jwk: unknown): readonly string[] | string {
  const reading = readJwk(jwk)
  return reading.ok ? reading.key.algorithms : reading.problem
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
const ec = sampleKey('ES256').jwk as Jwk
const rsa = sampleKey('RS256').jwk as Jwk
const ed = sampleKey('EdDSA').jwk as Jwk
const oct = sampleKey('HS256').jwk as Jwk

describe('what a key may verify', () => {
  test('is what its kind, curve and length allow', () => {
    assert.deepEqual(algorithmsOf(ec), ['ES256'])
    assert.deepEqual(algorithmsOf(sampleKey('ES384').jwk), ['ES384'])
    assert.deepEqual(algorithmsOf(sampleKey('ES512').jwk), ['ES512'])
    assert.deepEqual(algorithmsOf(rsa), ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'])
    assert.deepEqual(algorithmsOf(ed), ['EdDSA', 'Ed25519'])
    assert.deepEqual(algorithmsOf(oct), ['HS256', 'HS384', 'HS512'])
  })

  test('is the one that its alg names, and none where that does not go with the key', () => {
    assert.deepEqual(algorithmsOf({ ...rsa, alg: 'PS384' }), ['PS384'])
    for (const alg of [
      'ES384',
      'RS256',
      'HS256',
      'none',
      'es256',
      'ES521',
      'ES256K',
      'ECDH-ES',
      '',
      null,
      256,
      ['ES256'],
    ]) {
      assert.match(algorithmsOf({ ...ec, alg }) as string, /^alg /, String(alg))
    }
    for (const alg of ['A256GCM', 'A256KW', 'dir', 'RS256'])
      assert.match(algorithmsOf({ ...oct, alg }) as string, /^alg /)
    assert.match(algorithmsOf({ ...rsa, alg: 'RSA-OAEP' }) as string, /^alg /)
  })

  test('is nothing where use or key_ops say that it is for something else', () => {
    for (const use of ['enc', 'SIG', '', null, ['sig'], 'tls'])
      assert.match(problemOf({ ...ec, use })!, /^use /)
    const refused: unknown[] = [
      [],
      ['sign'],
      ['encrypt', 'decrypt'],
      ['Verify'],
      'verify',
      null,
      {},
      ['verify', 1],
      ['verify', 'verify'],
    ]
    for (const operations of refused) {
      assert.match(problemOf({ ...ec, key_ops: operations })!, /^key_ops /, JSON.stringify(operations))
    }
    assert.match(problemOf({ ...ec, use: 'sig', key_ops: ['verify', 'encrypt'] })!, /contradict/)
    for (const operations of [['verify'], ['sign', 'verify']]) {
      assert.equal(problemOf({ ...ec, use: 'sig', key_ops: operations }), null)
    }
  })

  test('does not depend on private members, which are never read, nor on members that nobody knows', () => {
    for (const extra of [
      { d: 'AQ', p: 'AQ', q: 7 },
      { d: null },
      { ext: true, x5c: ['!'], 'x5t#S256': 1, iat: 1 },
    ]) {
      assert.equal(problemOf({ ...rsa, ...extra }), null)
      assert.equal(problemOf({ ...ec, ...extra }), null)
    }
    const reading = readJwk({ ...generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }) })
    assert.ok(reading.ok)
    assert.equal(reading.key.key.type, 'public')
  })

  test('is nothing where a member comes from a prototype', () => {
    assert.match(problemOf(Object.create(ec))!, /^kty /)
    assert.match(
      problemOf(Object.assign(Object.create({ x: ec.x }), { kty: 'EC', crv: 'P-256', y: ec.y }))!,
      /^x or y/,
    )
  })
})

describe('no key at all', () => {
  test('is whatever is not an object, or of a kind that is not known', () => {
    for (const jwk of [undefined, null, 7, 'EC', [], [ec], () => ec]) assert.notEqual(problemOf(jwk), null)
    for (const kty of [undefined, null, '', 'ec', 'AKP', 'rsa', 'OCT', ['EC'], '__proto__']) {
      assert.match(problemOf({ ...ec, kty })!, /^kty /, String(kty))
    }
    assert.match(problemOf({ ...ec, kty: 'RSA' })!, /^n or e /)
    for (const kid of [null, 1, ['a'], {}]) assert.match(problemOf({ ...ec, kid })!, /^kid /)
  })

  test('is an elliptic key off its curve, of another curve, or with a coordinate of another length', () => {
    const y = Buffer.from(String(ec.y), 'base64url')
    const off = Buffer.from(y)
    off[31]! ^= 1
    const short = text(y.subarray(1))
    for (const jwk of [
      ...[undefined, null, '', 'P-224', 'p-256', 'secp256k1', 'Ed25519', 'P-384', 'P-521'].map((crv) => ({
        ...ec,
        crv,
      })),
      ...[
        text(off),
        short,
        text(Buffer.concat([Buffer.alloc(1), y])),
        `${ec.y}=`,
        ` ${ec.y}`,
        '',
        null,
        7,
      ].map((y) => ({ ...ec, y })),
      { ...ec, x: text(Buffer.alloc(32)), y: text(Buffer.alloc(32)) },
      { ...ec, x: text(Buffer.alloc(32, 0xff)) },
      { ...ec, x: undefined },
    ]) {
      assert.notEqual(problemOf(jwk), null, JSON.stringify(jwk))
    }
  })

  test('is an Ed25519 key of low order, or one that is not written in its one form', () => {
    // RFC 7748's birational map makes them; each is checked here by doubling it down to the neutral element.
    const p = 2n ** 255n - 19n
    const d = (-121665n * power(121666n, p - 2n, p)) % p
    const lowOrder = [0n, 1n, p - 1n, ...orderEightY(p, d)]
    assert.equal(lowOrder.length, 5)
    const spellings = lowOrder.flatMap((y) => [y, y + p]).filter((y) => y < 2n ** 255n)
    for (const y of spellings.flatMap((y) => [y, y + 2n ** 255n])) {
      const x = text(Buffer.from(y.toString(16).padStart(64, '0'), 'hex').reverse())
      assert.match(problemOf({ kty: 'OKP', crv: 'Ed25519', x })!, /low order|one form/, y.toString(16))
    }
    for (const crv of ['Ed448', 'X25519', 'ed25519', undefined, null])
      assert.match(problemOf({ ...ed, crv })!, /^crv /)
    for (const x of ['', text(Buffer.alloc(31, 3)), text(Buffer.alloc(33, 3)), null, `${ed.x}=`]) {
      assert.match(problemOf({ ...ed, x })!, /^x /)
    }
  })

  test('is a secret shorter than any hash; a longer one serves the HMACs that are no longer than it', () => {
    for (const k of ['', 'AA', text(randomBytes(31)), null, 7, `${text(randomBytes(32))}=`, 'A']) {
      assert.match(problemOf({ kty: 'oct', k })!, /^k /)
    }
    const ofLength = (bytes: number) => algorithmsOf({ kty: 'oct', k: text(randomBytes(bytes)) })
    assert.deepEqual(ofLength(32), ['HS256'])
    assert.deepEqual(ofLength(47), ['HS256'])
    assert.deepEqual(ofLength(48), ['HS256', 'HS384'])
    assert.deepEqual(ofLength(63), ['HS256', 'HS384'])
    assert.deepEqual(ofLength(64), ['HS256', 'HS384', 'HS512'])
    assert.deepEqual(ofLength(1000), ['HS256', 'HS384', 'HS512'])
    assert.match(algorithmsOf({ kty: 'oct', k: text(randomBytes(32)), alg: 'HS512' }) as string, /^alg /)
  })

  test('is an RSA key that is too short or too long, even, with a bad exponent, or written otherwise', () => {
    const n = Buffer.from(String(rsa.n), 'base64url')
    const with0 = (bytes: Buffer) => text(Buffer.concat([Buffer.alloc(1), bytes]))
    const even = Buffer.from(n)
    even[255]! &= 0xfe
    const bits = (count: number) =>
      text(
        Buffer.from(
          `${(2n ** BigInt(count) - 1n).toString(16)}`.padStart(2 * Math.ceil(count / 8), '0'),
          'hex',
        ),
      )
    for (const n of [
      '',
      text(even),
      with0(Buffer.from(String(rsa.n), 'base64url')),
      bits(1024),
      bits(2047),
      bits(8193),
      text(Buffer.alloc(256)),
      null,
      `${rsa.n}=`,
    ]) {
      assert.match(problemOf({ ...rsa, n })!, /^n /, String(n).slice(0, 20))
    }
    assert.equal(problemOf({ ...rsa, n: bits(2048) }), null)
    assert.equal(problemOf({ ...rsa, n: bits(8192) }), null)
    const exponents = [
      '',
      'AQ',
      'Aw',
      'EQ',
      '__8',
      'AQAA',
      with0(Buffer.from('AQAB', 'base64url')),
      text(Buffer.alloc(9, 0xff)),
      null,
      65537,
      'AQAB=',
    ]
    for (const e of exponents) assert.match(problemOf({ ...rsa, e })!, /^(e|n or e) /, String(e))
    for (const e of ['AQAB', 'AQAD', text(Buffer.alloc(8, 0xff))])
      assert.equal(problemOf({ ...rsa, e }), null)
  })

  test('is an RSA key of the generator of CVE-2017-15361, of which others are told apart', () => {
    const primes = [
      2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101,
      103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
    ]
    const m = primes.reduce((product, prime) => product * BigInt(prime), 1n)
    for (let round = 0; round < 50; round += 1) {
      const prime = () =>
        (2n ** 1024n / m + BigInt(`0x${randomBytes(64).toString('hex')}`)) * m +
        power(65537n, BigInt(1 + round), m)
      const n = (prime() * prime()).toString(16)
      assert.match(
        problemOf({ ...rsa, n: text(Buffer.from(n.padStart(n.length + (n.length % 2), '0'), 'hex')) })!,
        /ROCA/,
      )
    }
    const other = fc
      .uint8Array({ minLength: 256, maxLength: 256 })
      .map((bytes) => bytes.with(0, 0x80 | bytes[0]!).with(255, 1 | bytes[255]!))
    checkProperty(
      'random moduli are not of that generator',
      2000,
      fc.property(other, (n) => rsaKeyProblem(n, Buffer.from('AQAB', 'base64url')) === null),
    )
  })

  test('is what any member is that the kind of key needs, once it is damaged: nothing of it is guessed', () => {
    const damagedMember = (read: (jwk: Jwk) => boolean) =>
      fc.property(
        fc.constantFrom<[Jwk, string]>(
          [ec, 'x'],
          [ec, 'y'],
          [ec, 'crv'],
          [rsa, 'kty'],
          [ed, 'crv'],
          [oct, 'kty'],
        ),
        fc.anything(),
        ([jwk, name], value) => value === jwk[name] || !read({ ...jwk, [name]: value }),
      )
    checkProperty(
      'damaged JWKs are refused',
      3000,
      damagedMember((jwk) => readJwk(jwk).ok),
    )
    assert.ok(
      refutes(
        3000,
        damagedMember(() => true),
      ),
    )
  })
})

test('a refusal of a JWK quotes none of its values', () => {
  const secret = text(randomBytes(20))
  for (const jwk of [
    { kty: 'oct', k: secret },
    { kty: secret },
    { ...ec, x: secret },
    { ...ec, use: secret },
    { ...ec, alg: secret },
    { ...rsa, n: secret },
  ]) {
    assert.ok(!problemOf(jwk)!.includes(secret))
  }
})

test('every algorithm has a key that is read, and that Node reads in the same way', () => {
  for (const name of JWS_ALGORITHM_NAMES) {
    const { jwk } = sampleKey(name)
    const reading = readJwk(jwk)
    assert.ok(reading.ok && reading.key.algorithms.includes(name))
    if (jwk.kty !== 'oct') assert.ok(reading.key.key.equals(createPublicKey({ key: jwk, format: 'jwk' })))
  }
})

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n
  for (let square = base % modulus, rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus
    square = (square * square) % modulus
  }
  return result
}

/**
 * Where doubling gives a point of y = 0, order 4: then y² = -x², which with -x² + y² = 1 + d x² y² is
 * d y⁴ + 2 y² - 1 = 0. Of its two roots in y² one is a square.
 */
function orderEightY(p: bigint, d: bigint): bigint[] {
  const mod = (value: bigint) => ((value % p) + p) % p
  const root = (square: bigint) => {
    const candidate = power(mod(square), (p + 3n) / 8n, p)
    const turned = (candidate * power(2n, (p - 1n) / 4n, p)) % p
    return [candidate, turned].find((value) => (value * value) % p === mod(square))
  }
  const halves = root(1n + d)!
  const squares = [halves, -halves].map((half) => mod((half - 1n) * power(mod(d), p - 2n, p)))
  return squares.flatMap((square) => {
    const y = root(square)
    return y === undefined ? [] : [y, p - y]
  })
}
