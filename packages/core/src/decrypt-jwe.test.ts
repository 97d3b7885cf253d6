import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createECDH, generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, test } from 'node:test'
import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { CompactEncrypt, compactDecrypt, FlattenedEncrypt, importJWK } from 'jose'
import { decryptJwe } from './decrypt-jwe.ts'
import { readDecryptionKey } from './decryption-key.ts'
import { parseUnverifiedJwe } from './jwe.ts'
import {
  JWE_ALGORITHM_NAMES,
  JWE_ALGORITHMS,
  JWE_ENCRYPTION_NAMES,
  JWE_ENCRYPTIONS,
  type JweEncryptionName,
} from './jwe-algorithm.ts'
import { encryptByHand } from './testing/jwe-by-hand.ts'
import { decryptionJwk, encryptDirectly, encryptionJwk, encryptJwe } from './testing/jwe-samples.ts'
import { encode } from './testing/jws-samples.ts'
import { checkAsyncProperty, refutesAsync } from './testing/rounds.ts'

const CONTENT = 'aGVhZGVy.cGF5bG9hZA.c2lnbmF0dXJl'

/** What comes of a token: its content, or the reason for which it is refused. */
async function openedBy(
  jwk: unknown,
  token: string,
  encryptions: readonly JweEncryptionName[] = JWE_ENCRYPTION_NAMES,
): Promise<string> {
  const reading = readDecryptionKey(jwk)
  assert.ok(reading.ok, JSON.stringify(reading))
  const jwe = parseUnverifiedJwe(token)
  if (!jwe.ok) return jwe.reason
  const result = await decryptJwe(jwe, { key: reading.key, encryptions })
  return result.ok ? Buffer.from(result.plaintext).toString() : result.reason
}

/** A token with one part replaced. */
function withPart(token: string, index: number, part: string): string {
  return token.split('.').toSpliced(index, 1, part).join('.')
}

function partOf(token: string, index: number): Buffer {
  return Buffer.from(token.split('.')[index]!, 'base64url')
}

describe('a token that the library, or nothing but primitives, encrypted', () => {
  for (const alg of JWE_ALGORITHM_NAMES) {
    for (const enc of JWE_ENCRYPTION_NAMES) {
      test(`with ${alg} and ${enc} is decrypted, and with another key or enc it is not`, async () => {
        const bytes = JWE_ENCRYPTIONS[enc].keyBytes
        const jwk = decryptionJwk(alg, { bytes })
        const token = await encryptJwe(CONTENT, jwk, enc)
        assert.equal(await openedBy(jwk, token), CONTENT)
        assert.equal(await openedBy(jwk, encryptByHand(CONTENT, jwk, enc)), CONTENT)
        const other = decryptionJwk(alg, { bytes, which: 'second' })
        assert.equal(await openedBy(other, token), 'undecryptable')
        const others = JWE_ENCRYPTION_NAMES.filter((name) => name !== enc)
        assert.equal(await openedBy(jwk, token, others), 'algorithm_not_allowed')
      })
    }
  }

  for (const curve of ['P-256', 'P-384', 'P-521', 'X25519'] as const) {
    test(`by a key on ${curve} is decrypted, with the parties' names`, async () => {
      for (const alg of ['ECDH-ES', 'ECDH-ES+A256KW'] as const) {
        const jwk = decryptionJwk(alg, { curve })
        const key = await importJWK(encryptionJwk(jwk), alg)
        const token = await new CompactEncrypt(Buffer.from(CONTENT))
          .setProtectedHeader({ alg, enc: 'A256GCM' })
          .setKeyManagementParameters({ apu: Buffer.from('Alice'), apv: Buffer.from('Bob') })
          .encrypt(key)
        assert.equal(await openedBy(jwk, token), CONTENT)
        assert.equal(await openedBy(jwk, encryptByHand(CONTENT, jwk, 'A256CBC-HS512')), CONTENT)
      }
    })
  }
})

interface CookbookCase {
  readonly title: string
  readonly input: { readonly plaintext: string; readonly key: object; readonly alg: string }
  readonly output: { readonly compact?: string }
}

test('the library is loaded for the first token that may decrypt, not for lengths and curves that tell at once that it cannot', () => {
  const script = `
    import { registerHooks } from 'node:module'
    const asked = []
    registerHooks({
      resolve(specifier, context, next) {
        if (specifier.startsWith('jose')) asked.push(specifier)
        return next(specifier, context)
      },
    })
    const { readDecryptionKey } = await import(${JSON.stringify(new URL('index.ts', import.meta.url).href)})
    const { parseUnverifiedJwe } = await import(${JSON.stringify(new URL('jwe.ts', import.meta.url).href)})
    const { decryptJwe } = await import(${JSON.stringify(new URL('decrypt-jwe.ts', import.meta.url).href)})
    const keys = JSON.parse(process.argv[1]).map((jwk) => readDecryptionKey(jwk).key)
    const decrypts = async (token) => {
      const jwe = parseUnverifiedJwe(token)
      const key = keys.find(({ algorithm }) => algorithm === jwe.header.alg)
      return (await decryptJwe(jwe, { key, encryptions: ['A256GCM'] })).ok
    }
    const [good, ...hopeless] = JSON.parse(process.argv[2])
    for (const token of hopeless) if (await decrypts(token)) throw new Error(token)
    const before = [...asked]
    const ok = await decrypts(good)
    console.log(JSON.stringify({ before, after: asked, ok }))
  `
  const jwks = (['dir', 'A256KW', 'RSA-OAEP-256', 'ECDH-ES'] as const).map((alg) => decryptionJwk(alg))
  const [good, wrapped, rsa, agreed] = jwks.map((jwk) => encryptByHand(CONTENT, jwk, 'A256GCM'))
  const offCurve = encryptByHand(CONTENT, jwks[3]!, 'A256GCM', (header) => {
    const epk = header.epk as object
    return { ...header, epk: { ...epk, y: 'A'.repeat(43) } }
  })
  const hopeless = [
    ...[2, 4].map((index) => withPart(good!, index, 'AAAA')),
    ...[good!, wrapped!, rsa!, agreed!].map((token) => withPart(token, 1, 'AAAA')),
    offCurve,
  ]
  const args = [JSON.stringify(jwks), JSON.stringify([good, ...hopeless])]
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script, ...args], {
    encoding: 'utf8',
  })
  assert.deepEqual(JSON.parse(stdout || `"${stderr}"`), {
    before: [],
    after: ['jose/jwe/compact/decrypt'],
    ok: true,
  })
})

describe('the examples of RFC 7520 section 5', () => {
  const folder = resolve(import.meta.dirname, '../../../../shared/vectors/rfc7520-cookbook/jwe')
  const files = existsSync(folder) ? readdirSync(folder) : []
  const good = ['5_2', '5_4', '5_5', '5_6', '5_8']
  const refused: [string, string][] = [
    ['5_1', 'algorithm_not_allowed'],
    ['5_3', 'bad_header'],
    ['5_7', 'algorithm_not_allowed'],
    ['5_9', 'compressed'],
  ]
  const read = (section: string): CookbookCase => {
    const name = files.find((file) => file.startsWith(`${section}.`))!
    return JSON.parse(readFileSync(resolve(folder, name), 'utf8')) as CookbookCase
  }

  test('are decrypted where their algorithms may be set up', async (t) => {
    if (files.length === 0) return t.diagnostic(`NOT RUN: no vectors at ${folder}`)
    for (const section of good) {
      const { input, output, title } = read(section)
      const jwk = { ...input.key, alg: input.alg }
      assert.equal(await openedBy(jwk, output.compact!), input.plaintext, title)
    }
  })

  test('give the signed token of section 6, which is nested in an encrypted one', async (t) => {
    const file = resolve(folder, '../6.nesting_signatures_and_encryption.json')
    if (!existsSync(file)) return t.diagnostic(`NOT RUN: no vectors at ${file}`)
    const { sign, encrypt } = JSON.parse(readFileSync(file, 'utf8')) as {
      sign: { output: { compact: string } }
      encrypt: CookbookCase
    }
    const jwk = { ...encrypt.input.key, alg: encrypt.input.alg }
    assert.equal(await openedBy(jwk, encrypt.output.compact!), sign.output.compact)
  })

  test('are refused where they need what is never set up: RSA1_5, PBES2, AES-GCM key wrapping, compression', async (t) => {
    if (files.length === 0) return t.diagnostic(`NOT RUN: no vectors at ${folder}`)
    for (const [section, reason] of refused) {
      const { output, title } = read(section)
      assert.equal(await openedBy(decryptionJwk('A256KW'), output.compact!), reason, title)
    }
  })
})

describe('a hostile token', () => {
  const ecdh = decryptionJwk('ECDH-ES')
  const wrap = decryptionJwk('A256KW')
  const rsa = decryptionJwk('RSA-OAEP-256')
  const direct = decryptionJwk('dir')
  const secret = Buffer.from(String(direct.k), 'base64url')

  test('by PBES2 with two billion rounds is refused before the first', async () => {
    const header = { alg: 'PBES2-HS256+A128KW', enc: 'A256GCM', p2s: 'c2FsdHNhbHQ', p2c: 2_000_000_000 }
    const token = [encode(header), 'A'.repeat(54), 'A'.repeat(16), 'AAAA', `${'A'.repeat(21)}A`].join('.')
    const startedAtMs = performance.now()
    for (const jwk of [wrap, direct]) assert.equal(await openedBy(jwk, token), 'algorithm_not_allowed')
    assert.ok(performance.now() - startedAtMs < 1000)
  })

  test('that holds a bomb is not decompressed', async () => {
    const bomb = deflateRawSync(Buffer.alloc(50_000_000))
    assert.equal(
      await openedBy(
        direct,
        encryptDirectly(bomb.subarray(0, 8000), secret, { alg: 'dir', enc: 'A256GCM', zip: 'DEF' }),
      ),
      'compressed',
    )
    assert.equal(
      await openedBy(direct, encryptDirectly('x', secret, { alg: 'dir', enc: 'A256GCM' })),
      'x',
      'the control',
    )
  })

  test('of dir is refused where the secret is as long as the key of another encryption', async () => {
    const short = decryptionJwk('dir', { bytes: 16 })
    const token = await encryptJwe(CONTENT, short, 'A128GCM')
    for (const enc of JWE_ENCRYPTION_NAMES) {
      const expected = enc === 'A128GCM' ? CONTENT : 'undecryptable'
      const said = enc === 'A128GCM' ? token : withPart(token, 0, encode({ alg: 'dir', enc }))
      assert.equal(await openedBy(short, said), expected, enc)
    }
  })

  test('whose key is for another algorithm is refused, though the secret is the same', async () => {
    const asWrap = { ...direct, alg: 'A256KW' }
    assert.equal(await openedBy(asWrap, await encryptJwe(CONTENT, asWrap, 'A256GCM')), CONTENT)
    assert.equal(
      await openedBy(direct, await encryptJwe(CONTENT, asWrap, 'A256GCM')),
      'algorithm_not_allowed',
    )
    const oaep = { ...rsa, alg: 'RSA-OAEP' }
    assert.equal(await openedBy(rsa, await encryptJwe(CONTENT, oaep, 'A256GCM')), 'algorithm_not_allowed')
  })

  test('with an encrypted key where none belongs, or without one where one does, is refused', async () => {
    for (const jwk of [direct, ecdh]) {
      const token = await encryptJwe(CONTENT, jwk, 'A256GCM')
      assert.equal(await openedBy(jwk, withPart(token, 1, 'AAAA')), 'undecryptable')
    }
    for (const jwk of [wrap, rsa]) {
      const token = await encryptJwe(CONTENT, jwk, 'A256GCM')
      assert.equal(await openedBy(jwk, withPart(token, 1, '')), 'undecryptable')
    }
  })

  test('gets one answer, whichever step fails: unwrapping, padding, tag, iv', async () => {
    for (const alg of JWE_ALGORITHM_NAMES) {
      for (const enc of ['A256GCM', 'A128CBC-HS256'] as const) {
        const jwk = decryptionJwk(alg)
        const token = await encryptJwe(CONTENT, jwk, enc)
        const broken = [1, 2, 3, 4].flatMap((index) => {
          const bytes = partOf(token, index)
          if (bytes.length === 0) return []
          const shorter = withPart(token, index, bytes.subarray(0, -1).toString('base64url'))
          bytes[0]! ^= 1
          return [shorter, withPart(token, index, bytes.toString('base64url'))]
        })
        for (const one of broken) assert.equal(await openedBy(jwk, one), 'undecryptable', `${alg} ${enc}`)
        assert.equal(await openedBy(jwk, token), CONTENT, 'the control')
      }
    }
  })

  test('with a key of content that is too short inside the wrapping is refused in the same way', async () => {
    const key = await importJWK(encryptionJwk(rsa), 'RSA-OAEP-256')
    const token = await new CompactEncrypt(Buffer.from(CONTENT))
      .setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A128GCM' })
      .encrypt(key)
    const said = withPart(token, 0, encode({ alg: 'RSA-OAEP-256', enc: 'A256GCM' }))
    assert.equal(await openedBy(rsa, said), 'undecryptable')
  })

  test('with an ephemeral key that is no point of the curve is refused before the private number is used', async () => {
    const token = await encryptJwe(CONTENT, ecdh, 'A256GCM')
    const { epk, ...others } = JSON.parse(partOf(token, 0).toString()) as { epk: Record<string, string> }
    const p256 = (over: object) => ({ ...epk, ...over })
    const pointOf = (curve: string, size: number) => {
      const ecdhKeys = createECDH(curve)
      const point = ecdhKeys.generateKeys()
      return {
        x: point.subarray(1, 1 + size).toString('base64url'),
        y: point.subarray(1 + size).toString('base64url'),
      }
    }
    const other = pointOf('prime256v1', 32)
    const hostile: [string, unknown][] = [
      ['none', undefined],
      ['a text', 'epk'],
      ['a list', [epk]],
      ['off the curve', p256({ y: other.y })],
      ['of another curve of the same size', p256(pointOf('secp256k1', 32))],
      ['of another curve', { kty: 'EC', crv: 'P-384', ...pointOf('secp384r1', 48) }],
      ['zero', p256({ x: 'A'.repeat(43), y: 'A'.repeat(43) })],
      ['of the wrong size', p256({ x: `AA${String(epk.x)}` })],
      ['with a private member', p256({ d: epk.x })],
      ['of another kind', p256({ kty: 'OKP' })],
      ['on X25519', { kty: 'OKP', crv: 'X25519', x: epk.x }],
    ]
    for (const [what, said] of hostile) {
      const one = withPart(token, 0, encode({ ...others, epk: said }))
      assert.equal(await openedBy(ecdh, one), 'undecryptable', what)
    }
    for (const over of [{ apu: 7 }, { apv: 'a b' }, { apu: 'AA', apv: 'AA' }]) {
      const one = withPart(token, 0, encode({ ...others, epk, ...over }))
      assert.equal(await openedBy(ecdh, one), 'undecryptable', JSON.stringify(over))
    }
    assert.equal(await openedBy(ecdh, token), CONTENT, 'the control')
  })

  test('whose ephemeral key has a second spelling is refused, which the library takes: the control', async () => {
    const token = encryptByHand(CONTENT, ecdh, 'A256GCM', (header) => {
      const epk = header.epk as Record<string, string>
      return { ...header, epk: { ...epk, x: `${epk.x}=` } }
    })
    const { plaintext } = await compactDecrypt(token, await importJWK(ecdh, 'ECDH-ES'))
    assert.equal(Buffer.from(plaintext).toString(), CONTENT)
    assert.equal(await openedBy(ecdh, token), 'undecryptable')
    assert.equal(await openedBy(ecdh, encryptByHand(CONTENT, ecdh, 'A256GCM')), CONTENT)
  })

  test('with a point of low order on X25519 is refused, whose result anybody would know', async () => {
    const jwk = decryptionJwk('ECDH-ES', { curve: 'X25519' })
    const lowOrder = [
      '00'.repeat(32),
      `01${'00'.repeat(31)}`,
      `e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800`,
    ]
    for (const hex of lowOrder) {
      const epk = { kty: 'OKP', crv: 'X25519', x: Buffer.from(hex, 'hex').toString('base64url') }
      const token = await encryptJwe(CONTENT, jwk, 'A256GCM')
      const header = { alg: 'ECDH-ES', enc: 'A256GCM', epk }
      assert.equal(await openedBy(jwk, withPart(token, 0, encode(header))), 'undecryptable', hex)
    }
  })

  test('that brings its own key along is not listened to', async () => {
    const mine = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
    const token = await encryptJwe(CONTENT, { ...mine, alg: 'ECDH-ES', kid: 'd1' }, 'A256GCM', { jwk: mine })
    assert.equal(await openedBy(ecdh, token), 'undecryptable')
  })

  test('in another serialization is no token', async () => {
    const key = await importJWK(encryptionJwk(wrap), 'A256KW')
    const json = await new FlattenedEncrypt(Buffer.from(CONTENT))
      .setProtectedHeader({ alg: 'A256KW', enc: 'A256GCM' })
      .encrypt(key)
    assert.equal(await openedBy(wrap, JSON.stringify(json)), 'not_compact')
  })
})

describe('a token in which one character was changed', () => {
  const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_. ='

  test('is refused, wherever that is, for every algorithm', async () => {
    for (const alg of JWE_ALGORITHM_NAMES) {
      const jwk = decryptionJwk(alg)
      const token = await encryptJwe(CONTENT, jwk, 'A128CBC-HS256')
      for (let at = 0; at < token.length; at++) {
        const swapped = token[at] === 'A' ? 'B' : 'A'
        const changed = token.slice(0, at) + swapped + token.slice(at + 1)
        assert.notEqual(await openedBy(jwk, changed), CONTENT, `${alg} at ${at}`)
      }
    }
  })

  const changedToken = fc.record({
    alg: fc.constantFrom(...JWE_ALGORITHM_NAMES),
    enc: fc.constantFrom('A256GCM' as const, 'A128CBC-HS256' as const),
    at: fc.nat(4000),
    by: fc.constantFrom(...ALPHABET),
    how: fc.constantFrom('replaced', 'inserted', 'removed', 'cut'),
  })
  const tokens = new Map<string, string>()

  async function changed({
    alg,
    enc,
    at,
    by,
    how,
  }: typeof changedToken extends fc.Arbitrary<infer T> ? T : never) {
    const jwk = decryptionJwk(alg)
    const token = tokens.get(alg + enc) ?? (await encryptJwe(CONTENT, jwk, enc))
    tokens.set(alg + enc, token)
    const place = at % token.length
    const tail = how === 'cut' ? '' : token.slice(how === 'inserted' ? place : place + 1)
    const text = token.slice(0, place) + (how === 'replaced' || how === 'inserted' ? by : '') + tail
    return { jwk, text, isSame: text === token }
  }

  test('is refused, however it was changed', async () => {
    await checkAsyncProperty(
      'changed encrypted tokens',
      400,
      fc.asyncProperty(changedToken, async (one) => {
        const { jwk, text, isSame } = await changed(one)
        if (!isSame) assert.notEqual(await openedBy(jwk, text), CONTENT)
      }),
    )
  })

  test('would be found out by this: the control, one who looks at the form alone', async () => {
    const lenient = fc.asyncProperty(changedToken, async (one) => {
      const { text, isSame } = await changed(one)
      if (!isSame) assert.ok(!parseUnverifiedJwe(text).ok)
    })
    assert.ok(await refutesAsync(100, lenient))
  })

  test('is refused also where the change is of random bytes and all five parts stay well-formed', async () => {
    for (const alg of JWE_ALGORITHM_NAMES) {
      const { encryptedKey } = JWE_ALGORITHMS[alg]
      const jwk = decryptionJwk(alg)
      const token = await encryptJwe(CONTENT, jwk, 'A256GCM')
      for (const index of encryptedKey === 'none' ? [2, 3, 4] : [1, 2, 3, 4]) {
        const random = randomBytes(partOf(token, index).length).toString('base64url')
        assert.equal(await openedBy(jwk, withPart(token, index, random)), 'undecryptable', `${alg} ${index}`)
      }
    }
  })
})
