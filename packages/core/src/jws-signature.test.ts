import assert from 'node:assert/strict'
import {
  constants,
  createHash,
  generateKeyPairSync,
  type KeyObject,
  privateEncrypt,
  sign,
  verify,
} from 'node:crypto'
import { describe, test } from 'node:test'
import { type Jwk, readJwk } from './jwk.ts'
import { verifyCompactJws } from './jws.ts'
import { JWS_ALGORITHM_NAMES, JWS_ALGORITHMS, type JwsAlgorithmName } from './jws-algorithm.ts'
import { signatureVerifies } from './jws-signature.ts'
import { encode, sampleKey, signBytes } from './testing/jws-samples.ts'

function inputOf(name: JwsAlgorithmName, payload = 'x'): string {
  return `${encode({ alg: name })}.${encode(payload)}`
}

/** Whether these bytes count as the signature of the input under the sample key. */
function accepts(name: JwsAlgorithmName, signature: Uint8Array, input = inputOf(name)): boolean {
  const token = `${input}.${Buffer.from(signature).toString('base64url')}`
  const result = verifyCompactJws(token, { keys: [sampleKey(name).jwk as Jwk], algorithms: [name] })
  assert.ok(result.ok || result.reason === 'bad_signature' || signature.length === 0)
  return result.ok
}

function signatureOf(name: JwsAlgorithmName, input = inputOf(name)): Buffer {
  return signBytes(name, sampleKey(name).signer, Buffer.from(input))
}

const bytesOf = (value: bigint, length: number) =>
  Buffer.from(value.toString(16).padStart(2 * length, '0'), 'hex')
const numberOf = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`)

describe('ECDSA', () => {
  const curves = [
    ['ES256', 32, 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n],
    [
      'ES384',
      48,
      0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    ],
    [
      'ES512',
      66,
      0x1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
    ],
  ] as const

  for (const [name, size, order] of curves) {
    test(`${name}: r and s outside of 1 to n - 1 are refused, though they are the same modulo n`, () => {
      const signature = signatureOf(name)
      const [r, s] = [numberOf(signature.subarray(0, size)), numberOf(signature.subarray(size))]
      const pair = (r: bigint, s: bigint) => Buffer.concat([bytesOf(r, size), bytesOf(s, size)])
      assert.ok(accepts(name, pair(r, s)))
      assert.ok(accepts(name, pair(r, order - s)), 'both signs of s are signatures (FIPS 186-5)')
      const most = 256n ** BigInt(size) - 1n
      const edges = [0n, 1n, order - 1n, order, order + 1n, most]
      for (const a of edges) for (const b of [...edges, s]) assert.ok(!accepts(name, pair(a, b)), `${a} ${b}`)
      for (const b of edges) assert.ok(!accepts(name, pair(r, b)), `r ${b}`)
      for (const [a, b] of [
        [r + order, s],
        [r, s + order],
        [r + order, s + order],
      ] as const) {
        if (a <= most && b <= most) assert.ok(!accepts(name, pair(a, b)))
      }
    })

    test(`${name}: a signature of another length or in another form is refused`, () => {
      const signature = signatureOf(name)
      const [r, s] = [signature.subarray(0, size), signature.subarray(size)]
      const zero = Buffer.alloc(1)
      const { signer } = sampleKey(name)
      const der = sign(`sha${name.slice(2)}`, Buffer.from(inputOf(name)), signer as KeyObject)
      for (const bytes of [
        Buffer.alloc(0),
        r,
        signature.subarray(1),
        signature.subarray(0, -1),
        Buffer.concat([zero, signature]),
        Buffer.concat([signature, zero]),
        Buffer.concat([zero, r, zero, s]),
        Buffer.concat([r, zero, s, zero]),
        Buffer.concat([s, r]),
        Buffer.concat([signature, signature]),
        Buffer.alloc(2 * size),
        der,
      ]) {
        assert.ok(!accepts(name, bytes), bytes.toString('hex'))
      }
    })
  }

  test('coordinates shorter than their field are signed and read with their leading zeros', () => {
    for (let round = 0, found = false; !found; round += 1) {
      assert.ok(round < 20_000)
      const input = inputOf('ES256', String(round))
      const signature = signatureOf('ES256', input)
      found = signature[0] === 0
      if (!found) continue
      assert.ok(accepts('ES256', signature, input))
      assert.ok(!accepts('ES256', Buffer.concat([signature.subarray(1), Buffer.alloc(1)]), input))
    }
  })
})

describe('Ed25519', () => {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n
  const littleEndian = (value: bigint) => bytesOf(value, 32).reverse()

  test('S not below the order is refused, though it is the same modulo it: a signature has one form', () => {
    const signature = signatureOf('EdDSA')
    const r = signature.subarray(0, 32)
    const s = numberOf(Buffer.from(signature.subarray(32)).reverse())
    assert.ok(accepts('EdDSA', Buffer.concat([r, littleEndian(s)])))
    for (let other = s + order; other < 2n ** 256n; other += order) {
      assert.ok(!accepts('EdDSA', Buffer.concat([r, littleEndian(other)])))
    }
    for (const bit of [253n, 254n, 255n]) {
      assert.ok(!accepts('EdDSA', Buffer.concat([r, littleEndian(s | (1n << bit))])))
    }
    for (const edge of [0n, 1n, order - 1n, order, order - s]) {
      assert.ok(!accepts('EdDSA', Buffer.concat([r, littleEndian(edge)])))
    }
  })

  test('another R, another length and a signature by Ed448 are refused', () => {
    const signature = signatureOf('EdDSA')
    const s = signature.subarray(32)
    const p = 2n ** 255n - 19n
    for (const r of [0n, 1n, p - 1n, p, p + 1n, 2n ** 255n, 2n ** 256n - 1n]) {
      assert.ok(!accepts('EdDSA', Buffer.concat([littleEndian(r), s])))
      assert.ok(!accepts('EdDSA', Buffer.concat([littleEndian(r), Buffer.alloc(32)])))
    }
    const flipped = Buffer.from(signature)
    flipped[31]! ^= 0x80
    const longer = Buffer.concat([signature, Buffer.alloc(1)])
    const ed448 = sign(null, Buffer.from(inputOf('EdDSA')), generateKeyPairSync('ed448').privateKey)
    for (const bytes of [
      flipped,
      signature.subarray(1),
      signature.subarray(0, 63),
      longer,
      Buffer.alloc(64),
      ed448,
    ]) {
      assert.ok(!accepts('EdDSA', bytes))
    }
  })
})

test('a key of another kind verifies nothing, whoever chose it: a public key least of all as a secret', () => {
  const input = Buffer.from(inputOf('HS256'))
  for (const name of JWS_ALGORITHM_NAMES) {
    for (const other of JWS_ALGORITHM_NAMES) {
      const reading = readJwk(sampleKey(other).jwk)
      assert.ok(reading.ok)
      const length = JWS_ALGORITHMS[name].signatureBytes ?? reading.key.signatureBytes ?? 64
      assert.equal(
        signatureVerifies(name, reading.key, input, Buffer.alloc(length)),
        false,
        `${name} with ${other}`,
      )
    }
  }
})

describe('HMAC', () => {
  test('is compared whole: cut, longer and of another hash it is refused', () => {
    const mac = signatureOf('HS256')
    const long = signBytes('HS512', sampleKey('HS256').signer, Buffer.from(inputOf('HS256')))
    for (const bytes of [
      Buffer.alloc(0),
      mac.subarray(0, 16),
      mac.subarray(0, 31),
      Buffer.concat([mac, Buffer.alloc(1)]),
      long,
      long.subarray(0, 32),
      Buffer.alloc(32),
    ]) {
      assert.ok(!accepts('HS256', bytes))
    }
  })
})

const MODULUS_BYTES = 256
/** DER of the AlgorithmIdentifier's OIDs (RFC 8017 appendix B.1). */
const OIDS = {
  sha1: '06052b0e03021a',
  sha256: '0609608648016503040201',
  sha512: '0609608648016503040203',
} as const

/** The private key's own operation on an encoded message, padding and all. */
function rawSignature(encoded: Buffer): Buffer {
  const key = sampleKey('RS256').signer as KeyObject
  return privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, encoded)
}

describe('RSASSA-PKCS1-v1_5', () => {
  const digest = createHash('sha256').update(inputOf('RS256')).digest()
  const tlv = (tag: number, body: Buffer) => Buffer.concat([Buffer.from([tag, body.length]), body])
  const info = (oid: string, parameters: string, hash: Buffer) =>
    tlv(0x30, Buffer.concat([tlv(0x30, Buffer.from(oid + parameters, 'hex')), tlv(0x04, hash)]))
  const right = info(OIDS.sha256, '0500', digest)
  const padded = (body: Buffer, head = '0001', fill = 0xff, tail = Buffer.alloc(0)) => {
    const length = MODULUS_BYTES - 3 - body.length - tail.length
    return Buffer.concat([Buffer.from(head, 'hex'), Buffer.alloc(length, fill), Buffer.alloc(1), body, tail])
  }

  test('accepts the one encoding of RFC 8017, which is how these signatures are made', () => {
    assert.ok(accepts('RS256', rawSignature(padded(right))))
    assert.deepEqual(rawSignature(padded(right)), signatureOf('RS256'))
  })

  test('refuses every other encoding of the same hash', () => {
    const garbage = Buffer.alloc(MODULUS_BYTES - 3 - 8 - right.length, 0xab)
    const holed = padded(right)
    holed[20] = 0xfe
    const longLength = Buffer.concat([Buffer.from('308131', 'hex'), right.subarray(2)])
    const variants: Record<string, Buffer> = {
      'no parameters': padded(info(OIDS.sha256, '', digest)),
      'other parameters': padded(info(OIDS.sha256, '0400', digest)),
      'two parameters': padded(info(OIDS.sha256, '05000500', digest)),
      'another hash named': padded(info(OIDS.sha512, '0500', digest)),
      'another hash': padded(
        info(OIDS.sha512, '0500', createHash('sha512').update(inputOf('RS256')).digest()),
      ),
      'SHA-1': padded(info(OIDS.sha1, '0500', createHash('sha1').update(inputOf('RS256')).digest())),
      'the hash alone': padded(digest),
      'garbage behind': padded(right, '0001', 0xff, garbage),
      'a byte behind': padded(right, '0001', 0xff, Buffer.alloc(1)),
      'garbage in the hash': padded(info(OIDS.sha256, '0500', Buffer.concat([digest, Buffer.alloc(1)]))),
      'a hash cut short': padded(info(OIDS.sha256, '0500', digest.subarray(0, 31))),
      'a length in its long form': padded(longLength),
      'block type 0': padded(right, '0000'),
      'block type 2': padded(right, '0002'),
      'padding of zeros': padded(right, '0001', 0),
      'a hole in the padding': holed,
      'no padding': Buffer.concat([
        Buffer.from('000100', 'hex'),
        right,
        Buffer.alloc(MODULUS_BYTES - 3 - right.length),
      ]),
      'no first zero': Buffer.concat([padded(right).subarray(1), Buffer.alloc(1)]),
    }
    for (const [what, encoded] of Object.entries(variants))
      assert.ok(!accepts('RS256', rawSignature(encoded)), what)
  })

  test('refuses a number that is not below the modulus, and one of another length', () => {
    const modulus = numberOf(Buffer.from(sampleKey('RS256').jwk.n!, 'base64url'))
    let seen = 0
    for (let round = 0; round < 50; round += 1) {
      const input = inputOf('RS256', String(round))
      const signature = signatureOf('RS256', input)
      const other = numberOf(signature) + modulus
      assert.ok(!accepts('RS256', Buffer.concat([Buffer.alloc(1), signature]), input))
      assert.ok(!accepts('RS256', Buffer.concat([signature, Buffer.alloc(1)]), input))
      assert.ok(!accepts('RS256', signature.subarray(0, -1), input))
      if (other >= 256n ** 256n) continue
      seen += 1
      assert.ok(!accepts('RS256', bytesOf(other, MODULUS_BYTES), input))
    }
    assert.ok(seen > 0, 'some signature plus the modulus fits')
    for (const value of [0n, 1n, modulus - 1n, modulus, 256n ** 256n - 1n]) {
      assert.ok(!accepts('RS256', bytesOf(value, MODULUS_BYTES)))
    }
  })

  test('refuses a signature whose leading zero was left out, and accepts it with it', () => {
    for (let round = 0, found = false; !found; round += 1) {
      assert.ok(round < 20_000)
      const input = inputOf('RS256', String(round))
      const signature = signatureOf('RS256', input)
      found = signature[0] === 0
      if (!found) continue
      assert.ok(accepts('RS256', signature, input))
      assert.ok(!accepts('RS256', signature.subarray(1), input))
    }
  })
})

describe('RSASSA-PSS', () => {
  type Hash = 'sha1' | 'sha256' | 'sha512'

  test('accepts the encoding of RFC 8017 with a salt as long as the hash, which is how these signatures are made', () => {
    assert.ok(accepts('PS256', rawSignature(pss({}))))
    assert.ok(accepts('PS256', rawSignature(pss({ salt: Buffer.alloc(32, 7) }))))
  })

  test('refuses another length of salt, another mask or hash, and damaged encodings', () => {
    const variants: Record<string, Buffer> = {
      'no salt': pss({ salt: Buffer.alloc(0) }),
      'a salt of SHA-1': pss({ salt: Buffer.alloc(20) }),
      'a byte less of salt': pss({ salt: Buffer.alloc(31) }),
      'a byte more of salt': pss({ salt: Buffer.alloc(33) }),
      'the longest salt': pss({ salt: Buffer.alloc(MODULUS_BYTES - 32 - 2) }),
      'a mask by SHA-1': pss({ mask: 'sha1' }),
      'a mask by SHA-512': pss({ mask: 'sha512' }),
      'hashes of SHA-1': pss({ hash: 'sha1', mask: 'sha1', salt: Buffer.alloc(20) }),
      'hashes of SHA-512': pss({ hash: 'sha512', mask: 'sha512', salt: Buffer.alloc(64) }),
      'another trailer': pss({ trailer: 'cc' }),
      'a hole in the padding': pss({ hole: true }),
    }
    for (const [what, encoded] of Object.entries(variants))
      assert.ok(!accepts('PS256', rawSignature(encoded)), what)
    // They are signatures to a verifier that takes any length of salt.
    const { signer } = sampleKey('PS256')
    const lenient = {
      key: signer as KeyObject,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_AUTO,
    }
    assert.ok(verify('sha256', Buffer.from(inputOf('PS256')), lenient, rawSignature(variants['no salt']!)))
  })

  test('PKCS #1 and PSS do not pass for each other', () => {
    assert.ok(!accepts('RS256', signBytes('PS256', sampleKey('PS256').signer, Buffer.from(inputOf('RS256')))))
    assert.ok(!accepts('PS256', signBytes('RS256', sampleKey('RS256').signer, Buffer.from(inputOf('PS256')))))
  })

  /** EMSA-PSS-ENCODE of RFC 8017 section 9.1.1, step by step, for a modulus of 2048 bits. */
  function pss(options: {
    hash?: Hash
    mask?: Hash
    salt?: Buffer
    trailer?: string
    hole?: boolean
  }): Buffer {
    const {
      hash = 'sha256',
      mask = 'sha256',
      salt = Buffer.alloc(32, 1),
      trailer = 'bc',
      hole = false,
    } = options
    const digest = (...parts: Buffer[]) => createHash(hash).update(Buffer.concat(parts)).digest()
    const h = digest(Buffer.alloc(8), digest(Buffer.from(inputOf('PS256'))), salt)
    const db = Buffer.concat([
      Buffer.alloc(MODULUS_BYTES - salt.length - h.length - 2),
      Buffer.from([1]),
      salt,
    ])
    if (hole) db[5] = 1
    const masked = xor(db, mgf1(mask, h, db.length))
    masked[0]! &= 0x7f
    return Buffer.concat([masked, h, Buffer.from(trailer, 'hex')])
  }

  function mgf1(hash: Hash, seed: Buffer, length: number): Buffer {
    const blocks: Buffer[] = []
    for (let counter = 0; blocks.length * 20 < length + 64; counter += 1) {
      const count = Buffer.alloc(4)
      count.writeUInt32BE(counter)
      blocks.push(createHash(hash).update(seed).update(count).digest())
    }
    return Buffer.concat(blocks).subarray(0, length)
  }

  function xor(a: Buffer, b: Buffer): Buffer {
    return Buffer.from(a.map((byte, index) => byte ^ b[index]!))
  }
})
