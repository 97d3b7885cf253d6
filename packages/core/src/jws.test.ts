import assert from 'node:assert/strict'
import { createHmac, createPublicKey } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { CompactSign, importJWK } from 'jose'
import type { Jwk } from './jwk.ts'
import { JWS_REASONS, type JwsReason, MAX_JWS_LENGTH, parseUnverifiedJws, verifyCompactJws } from './jws.ts'
import { JWS_ALGORITHM_NAMES, JWS_ALGORITHMS, type JwsAlgorithmName } from './jws-algorithm.ts'
import { JwsKeys } from './jws-keys.ts'
import { encode, sampleKey, signJws } from './testing/jws-samples.ts'
import { checkProperty, refutes } from './testing/rounds.ts'

const PAYLOAD = { sub: 'somebody', text: 'Grüße' }

function reasonOf(token: unknown, keys: unknown, algorithms: readonly string[]): JwsReason | 'accepted' {
  const result = verifyCompactJws(token, { keys: keys as readonly Jwk[], algorithms })
  return result.ok ? 'accepted' : result.reason
}

function tokenOf(name: JwsAlgorithmName, header?: unknown): string {
  return signJws(name, sampleKey(name).signer, PAYLOAD, header)
}

/** The reason that a token of this header, rightly signed, is refused for. */
function reasonForHeader(header: unknown): JwsReason | 'accepted' {
  return reasonOf(tokenOf('ES256', header), [sampleKey('ES256').jwk], ['ES256'])
}

describe('a valid token', () => {
  for (const name of JWS_ALGORITHM_NAMES) {
    test(`of ${name} is accepted, and gives back header and payload as they were signed`, () => {
      const header = { alg: name, kid: 'k', typ: 'JWT', 'x-own': [1] }
      const { jwk } = sampleKey(name)
      const options = { keys: [{ ...jwk, kid: 'k', use: 'sig', alg: name }], algorithms: [name] }
      const result = verifyCompactJws(tokenOf(name, header), options)
      assert.ok(result.ok)
      assert.deepEqual(result.header, header)
      assert.deepEqual(result.payload, new Uint8Array(Buffer.from(JSON.stringify(PAYLOAD))))
    })
  }

  test('may have an empty payload, white space in its header and a header that nobody reads', () => {
    const { jwk, signer } = sampleKey('ES256')
    assert.equal(reasonOf(signJws('ES256', signer, ''), [jwk], ['ES256']), 'accepted')
    for (const header of [
      '{ "alg" :\t"ES256"\r\n}',
      '{"alg":"ES256","zip":"DEF","x5t":"aa","":null}',
      '{"alg":"ES256","b64":true}',
    ]) {
      assert.equal(reasonForHeader(header), 'accepted', header)
    }
  })

  test('of another implementation is accepted: jose signs, with every algorithm', async () => {
    for (const name of JWS_ALGORITHM_NAMES) {
      const { jwk, signer } = sampleKey(name)
      const key = Buffer.isBuffer(signer) ? signer : await importJWK(signer.export({ format: 'jwk' }), name)
      const token = await new CompactSign(Buffer.from('hello')).setProtectedHeader({ alg: name }).sign(key)
      assert.equal(reasonOf(token, [jwk], [name]), 'accepted', name)
    }
  })
})

describe('the form of a token', () => {
  const valid = tokenOf('HS256')
  const [header, payload, signature] = valid.split('.') as [string, string, string]
  const { jwk } = sampleKey('HS256')
  const rows: [what: string, token: unknown, reason: JwsReason][] = [
    ['nothing', undefined, 'not_compact'],
    ['a number', 7, 'not_compact'],
    ['a String object', Object(valid), 'not_compact'],
    ['bytes', Buffer.from(valid), 'not_compact'],
    ['an array of one', [valid], 'not_compact'],
    ['the empty text', '', 'not_compact'],
    ['dots alone', '..', 'not_compact'],
    ['one part', header, 'not_compact'],
    ['two parts', `${header}.${payload}`, 'not_compact'],
    ['no signature', `${header}.${payload}.`, 'not_compact'],
    ['no header', `.${payload}.${signature}`, 'not_compact'],
    ['a fourth part', `${valid}.`, 'not_compact'],
    ['five parts, as a JWE has', `${valid}.a.b`, 'not_compact'],
    ['JSON serialization', JSON.stringify({ payload, protected: header, signature }), 'not_compact'],
    ['padding', `${valid}=`, 'not_base64url'],
    ['white space before', ` ${valid}`, 'not_base64url'],
    ['white space behind', `${valid}\n`, 'not_base64url'],
    ['white space inside', `${header}. ${payload}.${signature}`, 'not_base64url'],
    ['a character of no alphabet', `${header}.${payload}?.${signature}`, 'not_base64url'],
    ['plain base64', `${header}.${payload}.${signature.slice(0, -2)}+/`, 'not_base64url'],
    ['a NUL', `${valid}\u0000`, 'not_base64url'],
    ['a wide character', `${valid.slice(0, -1)}Ā`, 'not_base64url'],
    [
      'another signature of the right length',
      `${header}.${payload}.${'A'.repeat(signature.length)}`,
      'bad_signature',
    ],
    ['a signature cut short', `${header}.${payload}.${signature.slice(0, -3)}`, 'bad_signature'],
    ['another payload', `${header}.${encode('{}')}.${signature}`, 'bad_signature'],
    ['no payload', `${header}..${signature}`, 'bad_signature'],
  ]
  for (const [what, token, reason] of rows) {
    test(`${what}: ${reason}`, () => assert.equal(reasonOf(token, [jwk], ['HS256']), reason))
  }

  test('a token is accepted up to the longest length and refused beyond, before anything of it is read', () => {
    const { signer } = sampleKey('HS256')
    const bare = signJws('HS256', signer, '').length
    const ofLength = (length: number) =>
      signJws('HS256', signer, 'x'.repeat(Math.floor(((length - bare) * 3) / 4)))
    const longest = ofLength(MAX_JWS_LENGTH)
    assert.ok(longest.length > MAX_JWS_LENGTH - 4 && longest.length <= MAX_JWS_LENGTH, String(longest.length))
    assert.equal(reasonOf(longest, [jwk], ['HS256']), 'accepted')
    assert.equal(reasonOf(ofLength(MAX_JWS_LENGTH + 8), [jwk], ['HS256']), 'too_long')
    assert.equal(reasonOf('.'.repeat(50_000_000), [jwk], ['HS256']), 'too_long')
  })
})

describe('the header', () => {
  test('is a JSON object in UTF-8 in which no member stands twice', () => {
    const refused = [
      '"ES256"',
      '[]',
      'null',
      '{}',
      '{"alg":"ES256"',
      '{"alg":"ES256"}x',
      "{'alg':'ES256'}",
      '{"alg":"ES256","alg":"ES256"}',
      '{"alg":"ES256","\\u0061lg":"none"}',
      '{"alg":"ES256","kid":"a","kid":"b"}',
      '{"alg":"ES256","x":{"y":1,"y":2}}',
      '{"alg":"ES256","__proto__":{"kid":"a"}}',
      `{"alg":"ES256","x":${'['.repeat(40)}${']'.repeat(40)}}`,
      '\ufeff{"alg":"ES256"}',
      Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    ]
    for (const header of refused) assert.equal(reasonForHeader(header), 'bad_header', String(header))
  })

  test('has alg, kid, typ and cty as text or not at all', () => {
    for (const value of [1, null, true, ['ES256'], { a: 1 }]) {
      for (const name of ['alg', 'kid', 'typ', 'cty']) {
        const header = { alg: 'ES256', [name]: value }
        assert.equal(reasonForHeader(header), 'bad_header', JSON.stringify(header))
      }
    }
  })

  test('demands no extension: crit is refused whatever it holds, and so is a payload that is not encoded', () => {
    const critical = [
      { crit: ['exp'], exp: 1 },
      { crit: [] },
      { crit: null },
      { crit: 'b64' },
      { crit: ['alg'] },
    ]
    const unencoded = [{ b64: false }, { b64: false, crit: ['b64'] }, { b64: 'false' }, { b64: null }]
    for (const extension of [...critical, ...unencoded]) {
      assert.equal(
        reasonForHeader({ alg: 'ES256', ...extension }),
        'critical_header',
        JSON.stringify(extension),
      )
    }
  })

  test('brings no key along: a token signed by the key in its own jwk, jku, x5c or x5u is refused, one by a given key accepted', () => {
    const { jwk, signer } = sampleKey('ES256', 'attacker')
    const x5c = [
      createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'der' }).toString('base64'),
    ]
    for (const extra of [
      { jwk },
      { jwk: { ...jwk, kid: 'k' }, kid: 'k' },
      { x5c },
      { jku: 'https://evil.example/jwks' },
      { x5u: 'https://evil.example/x' },
    ]) {
      const header = { alg: 'ES256', ...extra }
      const keys = [{ ...sampleKey('ES256').jwk, kid: 'k' }]
      assert.equal(reasonOf(signJws('ES256', signer, PAYLOAD, header), keys, ['ES256']), 'bad_signature')
      assert.equal(reasonForHeader(header), 'accepted')
    }
  })
})

describe('the algorithm', () => {
  test('counts only where it is allowed by its exact name, whatever the key and the signature say', () => {
    for (const name of JWS_ALGORITHM_NAMES) {
      const { jwk } = sampleKey(name)
      const token = tokenOf(name)
      const others = JWS_ALGORITHM_NAMES.filter((other) => other !== name)
      assert.equal(reasonOf(token, [jwk], [name]), 'accepted')
      for (const allowed of [[], others, [name.toLowerCase()], [`${name} `], ['*'], ['none']]) {
        assert.equal(reasonOf(token, [jwk], allowed), 'algorithm_not_allowed', `${name} under ${allowed}`)
      }
    }
  })

  test('in another case, or of an unknown name, is none: not even where somebody allows it', () => {
    const names = [
      'none',
      'None',
      'NONE',
      'nOnE',
      '',
      'es256',
      'Es256',
      'ES256K',
      'RS1',
      'HS1',
      'ES256 ',
      'ES521',
      'toString',
      '__proto__',
      'constructor',
    ]
    for (const alg of names) {
      const token = tokenOf('ES256', { alg })
      assert.equal(reasonOf(token, [sampleKey('ES256').jwk], [alg, 'ES256']), 'algorithm_not_allowed', alg)
    }
  })

  test('none is refused without a signature and with one', () => {
    for (const alg of ['none', 'None', 'NONE']) {
      const input = `${encode({ alg })}.${encode(PAYLOAD)}`
      for (const keys of [[], [{ kty: 'oct', k: '' }], [sampleKey('HS256').jwk]]) {
        assert.equal(reasonOf(`${input}.`, keys, [alg]), 'not_compact')
        assert.equal(reasonOf(`${input}.AA`, keys, [alg]), 'algorithm_not_allowed')
      }
    }
  })

  test('a public key is never the secret of an HMAC, in any of the forms that verifiers have taken it in', () => {
    for (const name of ['RS256', 'ES256', 'EdDSA'] as const) {
      const { jwk } = sampleKey(name)
      const key = createPublicKey({ key: jwk, format: 'jwk' })
      const pem = key.export({ type: 'spki', format: 'pem' }).toString()
      const raw = [jwk.n, jwk.x].filter((text) => text !== undefined)
      const secrets = [pem, pem.trim(), key.export({ type: 'spki', format: 'der' }), JSON.stringify(jwk), '']
      for (const secret of [...secrets, ...raw, ...raw.map((text) => Buffer.from(text, 'base64url'))]) {
        const bytes = Buffer.from(secret)
        const token = signJws('HS256', bytes, PAYLOAD)
        assert.equal(reasonOf(token, [jwk], ['HS256', name]), 'key_unsuitable')
        // The attack is one: a verifier that takes any key as bytes lets it pass.
        const [input, mac] = [token.slice(0, token.lastIndexOf('.')), token.slice(token.lastIndexOf('.') + 1)]
        assert.equal(createHmac('sha256', bytes).update(input).digest('base64url'), mac)
      }
    }
  })

  test('goes with its own kind of key: under every other algorithm the same token and key are refused', () => {
    for (const name of JWS_ALGORITHM_NAMES) {
      for (const other of JWS_ALGORITHM_NAMES) {
        if (JWS_ALGORITHMS[other] === JWS_ALGORITHMS[name]) continue
        const token = signJws(name, sampleKey(name).signer, PAYLOAD, { alg: other })
        const keys = [sampleKey(name).jwk]
        const reason = reasonOf(token, keys, JWS_ALGORITHM_NAMES)
        assert.ok(reason === 'bad_signature' || reason === 'key_unsuitable', `${name} as ${other}: ${reason}`)
        assert.equal(reasonOf(tokenOf(name), [sampleKey(name, 'second').jwk], [name]), 'bad_signature')
      }
    }
  })

  test('EdDSA and Ed25519 are two names of one algorithm, and each must be allowed itself', () => {
    const { jwk } = sampleKey('EdDSA')
    assert.equal(reasonOf(tokenOf('Ed25519'), [jwk], ['Ed25519']), 'accepted')
    assert.equal(reasonOf(tokenOf('Ed25519'), [jwk], ['EdDSA']), 'algorithm_not_allowed')
    assert.equal(
      reasonOf(tokenOf('EdDSA'), [{ ...jwk, alg: 'Ed25519' }], ['EdDSA', 'Ed25519']),
      'key_unsuitable',
    )
  })
})

describe('whatever is sent', () => {
  test('a token with one byte changed, taken away or put in is refused', () => {
    for (const name of ['ES256', 'RS256', 'PS256', 'EdDSA', 'HS256'] as const) {
      const token = tokenOf(name)
      const keys = new JwsKeys([sampleKey(name).jwk])
      checkProperty(
        `damaged ${name} tokens are refused`,
        500,
        damaged(token, (text) => verifyCompactJws(text, { keys, algorithms: [name] }).ok),
      )
    }
  })

  test('a verifier that decodes leniently is found out by the same property', () => {
    const token = tokenOf('HS256')
    const { signer } = sampleKey('HS256')
    const lenient = (text: string) => {
      const [header = '', payload = '', signature = ''] = text
        .split('.')
        .map((part) => Buffer.from(part, 'base64url').toString('base64url'))
      const mac = createHmac('sha256', signer as Buffer)
        .update(`${header}.${payload}`)
        .digest('base64url')
      return mac === signature
    }
    assert.ok(refutes(500, damaged(token, lenient)))
  })

  test('nothing is thrown, and nothing accepted, whatever token, keys and allow-list are', () => {
    const member = fc.constantFrom('kty', 'crv', 'alg', 'use', 'key_ops', 'kid', 'k', 'n', 'e', 'x', 'y', 'd')
    const text = fc.oneof(
      fc.constantFrom('EC', 'RSA', 'OKP', 'oct', 'P-256', 'Ed25519', 'sig', 'ES256', 'AQAB', ''),
      fc.string(),
      fc.base64String(),
    )
    const jwk = fc.dictionary(member, fc.oneof(text, fc.anything()))
    const part = fc.oneof(
      fc.string(),
      fc.base64String(),
      fc.json().map(encode),
      fc
        .dictionary(fc.constantFrom('alg', 'kid', 'crit', 'typ'), fc.oneof(text, fc.anything()))
        .map((value) => encode(JSON.stringify(value) ?? '')),
    )
    const token = fc.oneof(
      fc.anything(),
      fc.string(),
      fc.array(part, { maxLength: 6 }).map((parts) => parts.join('.')),
    )
    const keys = fc.oneof(fc.array(fc.oneof(jwk, fc.anything())), fc.anything())
    checkProperty(
      'garbage is refused with a reason',
      5000,
      fc.property(token, keys, fc.oneof(fc.constant(JWS_ALGORITHM_NAMES), fc.anything()), (...input) => {
        const [token, keys, algorithms] = input as [unknown, readonly Jwk[], readonly string[]]
        const result = verifyCompactJws(token, { keys, algorithms })
        assert.ok(!result.ok && Object.hasOwn(JWS_REASONS, result.reason))
        assert.ok(JSON.stringify(result.detail).length < 500)
      }),
    )
  })

  test('a header of any JSON under a right signature is accepted only with the algorithm that it was signed with', () => {
    const { jwk, signer } = sampleKey('HS256')
    const keys = new JwsKeys([jwk])
    const extra = fc.dictionary(
      fc.oneof(fc.constantFrom('kid', 'crit', 'b64', 'typ'), fc.string()),
      fc.jsonValue(),
    )
    checkProperty(
      'any header',
      2000,
      fc.property(
        extra,
        fc.oneof(fc.constantFrom('HS256', 'HS512', 'none'), fc.jsonValue()),
        (extra, alg) => {
          const header = { ...extra, alg }
          const result = verifyCompactJws(signJws('HS256', signer, 'x', header), {
            keys,
            algorithms: ['HS256', 'HS512'],
          })
          if (!result.ok) return
          assert.deepEqual(JSON.parse(JSON.stringify(result.header)), JSON.parse(JSON.stringify(header)))
          assert.equal(result.header.alg, 'HS256')
          assert.ok(!Object.hasOwn(header, 'crit'))
        },
      ),
    )
  })

  test('the payload has memory of its own, and no key or payload is in what a refusal says', () => {
    const token = tokenOf('HS256')
    const parsed = parseUnverifiedJws(token)
    assert.ok(parsed.ok)
    assert.equal(parsed.payload.byteLength, parsed.payload.buffer.byteLength)
    const short = { kty: 'oct', k: encode('canary-secret'), kid: 'k' }
    const result = verifyCompactJws(tokenOf('HS256', { alg: 'HS256', kid: 'k' }), {
      keys: [short],
      algorithms: ['HS256'],
    })
    assert.ok(!result.ok)
    assert.equal(result.reason, 'key_unsuitable')
    for (const secret of [short.k, 'canary-secret', 'somebody', token])
      assert.ok(!result.detail.includes(secret))
  })
})

/** One character of the token replaced, dropped, doubled or put in. */
function damaged(token: string, accepts: (text: string) => boolean) {
  const character = fc.oneof(fc.constantFrom(...'AQgw_-=. +/\n'), fc.string({ minLength: 1, maxLength: 1 }))
  const place = fc.oneof(fc.nat(token.length - 1), fc.constant(token.length - 1))
  return fc.property(place, character, fc.constantFrom(0, 1), (at, by, drop) => {
    const text = token.slice(0, at) + by + token.slice(at + drop)
    return text === token || !accepts(text)
  })
}
