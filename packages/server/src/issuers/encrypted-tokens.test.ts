import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { type IssuerRecord, parseIpRange, readDecryptionKey } from '@credence/core'
import { decryptionJwk, encryptDirectly, encryptJwe } from '@credence/core/testing/jwe-samples'
import { checkAsyncProperty } from '@credence/core/testing/rounds'
import fc from 'fast-check'
import { type Surfaces, startSurfaces } from '../testing/surfaces.ts'
import { openDecryptionKeys, openSecrets, sealDecryptionKeys, sealSecrets } from './sealed-secrets.ts'
import { hmacToken, signingKey, signToken } from './testing/local-issuer.ts'

const AUDIENCE = 'https://orders.example'
const signer = signingKey('s1')
const ecdh = decryptionJwk('ECDH-ES+A256KW', { kid: 'enc-1' })
const rsa = decryptionJwk('RSA-OAEP-256', { kid: 'enc-2' })
const direct = decryptionJwk('dir', { kid: 'enc-3' })
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']

type KeyJwk = Readonly<Record<string, unknown>>
interface Shown {
  readonly jwks: { readonly keys: readonly KeyJwk[] }
  readonly encryptions: readonly string[]
}

let surfaces: Surfaces
/** Every body that was answered, so that none can have held a key. */
const answers: string[] = []

before(async () => {
  // Forward-auth takes what a proxy says of a request from a trusted one only.
  surfaces = await startSurfaces({ config: { trustedProxies: [parseIpRange('127.0.0.1')!] } })
  await call('POST', '/v1/principals', { name: 'ci', type: 'service' })
  await call('POST', '/v1/apis', {
    ...{ name: 'orders', audience: AUDIENCE, scopes: ['orders:read'], upstream: surfaces.upstream },
    ...{ base_path: '/shop', strip_base_path: true },
    routes: [{ method: 'GET', path: '/orders/*', scopes: 'orders:read' }],
  })
  await trust('several', {
    jwks: { keys: [ecdh, rsa, direct] },
    encryptions: ['A256GCM', 'A128GCM'],
  })
})

after(() => surfaces.close())

async function call<Body = Record<string, unknown>>(
  method: string,
  path: string,
  body?: unknown,
  key = surfaces.adminKey,
): Promise<{ status: number; body: Body }> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  const response = await fetch(surfaces.api + path, {
    method,
    headers,
    body: body === undefined ? null : JSON.stringify(body),
  })
  const text = await response.text()
  answers.push(text)
  // Tests know what they asked for; a wrong guess fails in their assertions.
  return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Body }
}

function given(name: string, decryption: unknown, over: object = {}): object {
  const jwks = { keys: [signer.jwk] }
  const whose = { name, api: 'orders', issuer: `urn:${name}`, audience: AUDIENCE }
  return { ...whose, algorithms: ['ES256'], jwks, decryption, ...over }
}

async function trust(name: string, decryption: unknown, over: object = {}): Promise<Shown> {
  const made = await call('POST', '/v1/issuers', given(name, decryption, over))
  assert.equal(made.status, 201, JSON.stringify(made.body))
  return shownOf(made)
}

function shownOf({ body }: { readonly body: unknown }): Shown {
  return (body as { decryption: Shown }).decryption
}

function claimsOf(over: object = {}): object {
  const seconds = Math.floor(Date.now() / 1000)
  const times = { iat: seconds, exp: seconds + 300 }
  return { iss: 'urn:several', sub: 'ci', aud: AUDIENCE, scope: 'orders:read', ...times, ...over }
}

const signed = (over: object = {}) => signToken(signer, claimsOf(over))

/** What the operator is told: the code before it is made public. */
async function codeOf(credential: string): Promise<string> {
  const { status, body } = await call('POST', '/v1/verify', { api: 'orders', credential })
  assert.equal(status, 200, JSON.stringify(body))
  const decisions = await call<{ items: { code: string; via: string }[] }>('GET', '/v1/decisions?limit=5')
  return decisions.body.items.find(({ via }) => via === 'verify')!.code
}

/** What `credence why` says of it, which explains every decision. */
async function whyOf(credential: string): Promise<string> {
  const { body } = await call<{ request_id: string }>('POST', '/v1/verify', { api: 'orders', credential })
  const why = await call('GET', `/v1/decisions/${body.request_id}`)
  assert.equal(why.status, 200)
  return JSON.stringify(why.body)
}

describe('an encrypted token', () => {
  it('is VALID at verify, gateway and forward-auth by each key that its issuer was given', async () => {
    for (const jwk of [ecdh, rsa, direct]) {
      const token = await encryptJwe(signed({ jti: String(jwk.kid) }), jwk, 'A256GCM')
      for (let i = 0; i < 3; i++) assert.equal(await codeOf(token), 'VALID', String(jwk.kid))
      const headers = { authorization: `Bearer ${token}` }
      assert.equal((await fetch(`${surfaces.gateway}/shop/orders/1`, { headers })).status, 200)
      const asked = { ...headers, 'x-forwarded-method': 'GET', 'x-forwarded-uri': '/orders/1' }
      const authorized = await fetch(`${surfaces.api}/v1/authorize/orders`, { headers: asked })
      assert.ok([200, 204].includes(authorized.status), String(authorized.status))
    }
    assert.equal(await codeOf(signed()), 'VALID')
  })

  it('is refused in one and the same way, whatever is wrong with its encryption', async () => {
    const good = await encryptJwe(signed(), rsa, 'A256GCM')
    const parts = good.split('.')
    const changed = (index: number) => {
      const bytes = Buffer.from(parts[index]!, 'base64url')
      bytes[0]! ^= 1
      return parts.toSpliced(index, 1, bytes.toString('base64url')).join('.')
    }
    const wrong = [
      ...[1, 2, 3, 4].map(changed),
      await encryptJwe(
        signed(),
        { ...decryptionJwk('RSA-OAEP-256', { which: 'second' }), kid: 'enc-2' },
        'A256GCM',
      ),
      await encryptJwe(signed(), rsa, 'A256GCM', { kid: 'nobody' }),
      await encryptJwe(signed(), rsa, 'A128CBC-HS256'),
      await encryptJwe(JSON.stringify(claimsOf()), rsa, 'A256GCM'),
    ]
    const publicAnswers = new Set<string>()
    for (const token of wrong) {
      assert.equal(await codeOf(token), 'BAD_SIGNATURE')
      assert.match(await whyOf(token), /BAD_SIGNATURE/)
      const { body } = await call('POST', '/v1/verify', { api: 'orders', credential: token })
      publicAnswers.add(JSON.stringify({ ...body, request_id: '' }))
    }
    assert.equal(publicAnswers.size, 1, [...publicAnswers].join('\n'))
    assert.equal(await codeOf(good), 'VALID', 'the control')
  })

  it('that is hostile is refused, each with its code', async () => {
    const secret = Buffer.from(String(direct.k), 'base64url')
    const header = { alg: 'dir', enc: 'A256GCM', kid: 'enc-3' }
    const good = encryptDirectly(signed(), secret, header)
    const nested = await encryptJwe(good, ecdh, 'A256GCM')
    const hostile: readonly [string, string, string][] = [
      ['crit', encryptDirectly(signed(), secret, { ...header, crit: ['x'], x: 1 }), 'MALFORMED'],
      ['zip', encryptDirectly(signed(), secret, { ...header, zip: 'DEF' }), 'MALFORMED'],
      [
        'a member twice',
        encryptDirectly(signed(), secret, '{"alg":"dir","alg":"dir","enc":"A256GCM"}'),
        'MALFORMED',
      ],
      ['padding', `${good}=`, 'MALFORMED'],
      ['six parts', `${good}.AA`, 'MALFORMED'],
      ['RSA1_5', good.replace(/^[^.]+/, encoded({ ...header, alg: 'RSA1_5' })), 'BAD_SIGNATURE'],
      [
        'PBES2',
        good.replace(
          /^[^.]+/,
          encoded({ ...header, alg: 'PBES2-HS256+A128KW', p2c: 2e9, p2s: 'AAAAAAAAAAA' }),
        ),
        'BAD_SIGNATURE',
      ],
      ['twice encrypted', nested, 'BAD_SIGNATURE'],
      [
        'the signature of another',
        encryptDirectly(signToken(signingKey('s1'), claimsOf()), secret, header),
        'BAD_SIGNATURE',
      ],
      [
        'an HS token by the secret that decrypts',
        encryptDirectly(hmacToken(secret, claimsOf()), secret, header),
        'BAD_SIGNATURE',
      ],
      [
        'of an issuer that is not there',
        encryptDirectly(signed({ iss: 'urn:x' }), secret, header),
        'UNTRUSTED_ISSUER',
      ],
    ]
    for (const [what, token, code] of hostile) assert.equal(await codeOf(token), code, what)
    assert.equal(await codeOf(good), 'VALID', 'the control')
  })

  it('is refused for an issuer that is not set up for it, and oversize at every door', async () => {
    await trust('plain', undefined)
    assert.equal(await codeOf(signed({ iss: 'urn:plain' })), 'VALID')
    assert.equal(
      await codeOf(await encryptJwe(signed({ iss: 'urn:plain' }), ecdh, 'A256GCM')),
      'UNTRUSTED_ISSUER',
      'whose key it is not',
    )
    const big = await encryptJwe(signed({ x: 'x'.repeat(20_000) }), ecdh, 'A256GCM')
    const { status } = await call('POST', '/v1/verify', { api: 'orders', credential: big })
    assert.equal(status, 422)
  })

  it('never gets a 5xx, whatever it is', async () => {
    const good = (await encryptJwe(signed(), ecdh, 'A256GCM')).split('.')
    const header = fc
      .record(
        {
          alg: fc.oneof(fc.constantFrom('dir', 'RSA-OAEP-256', 'ECDH-ES+A256KW', 'A256KW'), fc.jsonValue()),
          enc: fc.oneof(fc.constantFrom('A256GCM', 'A128CBC-HS256'), fc.jsonValue()),
          kid: fc.oneof(fc.constantFrom('enc-1', 'enc-2', 'enc-3'), fc.jsonValue()),
          epk: fc.jsonValue(),
          apu: fc.jsonValue(),
        },
        { requiredKeys: ['alg', 'enc'] },
      )
      .map(encoded)
    const bytes = fc.uint8Array({ maxLength: 300 }).map((one) => Buffer.from(one).toString('base64url'))
    const token = fc
      .tuple(
        fc.oneof(header, fc.constant(good[0]!)),
        ...[1, 2, 3, 4].map((index) => fc.oneof(bytes, fc.constant(good[index]!))),
      )
      .map((parts) => parts.join('.'))
      .filter((text) => text !== good.join('.'))
    await checkAsyncProperty(
      'encrypted tokens at verify',
      100,
      fc.asyncProperty(token, async (credential) => {
        const { status, body } = await call('POST', '/v1/verify', { api: 'orders', credential })
        assert.equal(status, 200, JSON.stringify(body))
        assert.ok(Number(body.status) < 500 && body.valid === false, JSON.stringify(body))
      }),
    )
  })
})

function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

describe('setting an issuer up for encryption', () => {
  const shared = decryptionJwk('dir', { kid: 'd', bytes: 32 })
  const wrong: readonly [string, unknown, string][] = [
    ['no key at all', {}, 'decryption'],
    ['a public key', { jwks: { keys: [{ ...ecdh, d: undefined }] } }, 'decryption.jwks.keys[0]'],
    ['a key without kid', { jwks: { keys: [{ ...ecdh, kid: undefined }] } }, 'decryption.jwks.keys[0]'],
    ['a key for RSA1_5', { jwks: { keys: [ecdh, { ...rsa, alg: 'RSA1_5' }] } }, 'decryption.jwks.keys[1]'],
    ['a kid twice', { jwks: { keys: [ecdh, { ...rsa, kid: 'enc-1' }] } }, 'decryption.jwks.keys[1]'],
    [
      'a secret of a few bytes',
      { jwks: { keys: [{ ...direct, k: 'A'.repeat(43) }] } },
      'decryption.jwks.keys[0]',
    ],
    ['a secret that goes with two encryptions', { jwks: { keys: [shared] } }, 'decryption.jwks.keys[0]'],
    [
      'a secret that goes with none',
      { jwks: { keys: [shared] }, encryptions: ['A128GCM'] },
      'decryption.jwks.keys[0]',
    ],
    ['a key that it never had', { keep: ['enc-9'] }, 'decryption.keep[0]'],
    ['a made secret', { generate: 'dir' }, 'decryption.generate'],
    [
      'an encryption that there is not',
      { jwks: { keys: [ecdh] }, encryptions: ['A192GCM'] },
      'decryption.encryptions[0]',
    ],
    [
      'eleven keys',
      { jwks: { keys: Array.from({ length: 11 }, (_, i) => ({ ...ecdh, kid: `k${i}` })) } },
      'decryption.jwks.keys',
    ],
  ]
  for (const [what, decryption, field] of wrong) {
    it(`is refused with ${what}, naming ${field}`, async () => {
      const { status, body } = await call('POST', '/v1/issuers', given('wrong', decryption))
      assert.equal(status, 422, JSON.stringify(body))
      const fields = (body as unknown as { errors: { field: string }[] }).errors.map((one) => one.field)
      assert.ok(fields.includes(field), JSON.stringify(body))
    })
  }

  it('shows the public half of what it was given, or that there is a secret, and nothing more', async () => {
    const { body } = await call('GET', '/v1/issuers/several')
    const { jwks, encryptions } = shownOf({ body })
    assert.deepEqual(encryptions, ['A256GCM', 'A128GCM'])
    assert.deepEqual(
      jwks.keys.map(({ kid, alg, kty, use }) => [kid, alg, kty, use]),
      [
        ['enc-1', 'ECDH-ES+A256KW', 'EC', 'enc'],
        ['enc-2', 'RSA-OAEP-256', 'RSA', 'enc'],
        ['enc-3', 'dir', 'oct', 'enc'],
      ],
    )
    assert.deepEqual([jwks.keys[0]!.x, jwks.keys[0]!.y], [ecdh.x, ecdh.y])
  })

  it('makes a key pair whose public half the issuer encrypts with, and lets the one before go on for as long as it is kept', async () => {
    for (const [index, alg] of ['ECDH-ES+A256KW', 'ECDH-ES', 'RSA-OAEP-256'].entries()) {
      const name = `made-${index}`
      const { jwks } = await trust(name, { generate: alg })
      const [first] = jwks.keys
      assert.deepEqual([jwks.keys.length, first!.alg], [1, alg])
      const tokenBy = (jwk: KeyJwk, jti: string) =>
        encryptJwe(signed({ iss: `urn:${name}`, jti }), jwk, 'A256GCM')
      assert.equal(await codeOf(await tokenBy(first!, 'a')), 'VALID')
      const decryption = { generate: alg, keep: [first!.kid] }
      const changed = await call('PATCH', `/v1/issuers/${name}`, { decryption })
      assert.equal(changed.status, 200, JSON.stringify(changed.body))
      const { keys } = shownOf(changed).jwks
      assert.equal(keys.length, 2)
      const [second] = keys
      for (const jwk of keys) assert.equal(await codeOf(await tokenBy(jwk, 'b')), 'VALID')
      const old = await tokenBy(first!, 'c')
      assert.equal(await codeOf(old), 'VALID')
      await call('PATCH', `/v1/issuers/${name}`, { decryption: { keep: [second!.kid] } })
      assert.equal(await codeOf(old), 'BAD_SIGNATURE', 'also what was proven before')
      assert.equal(await codeOf(await tokenBy(second!, 'd')), 'VALID')
    }
  })

  it('is kept by changes to all else, and ends with null', async () => {
    await trust('kept', { jwks: { keys: [{ ...ecdh, kid: 'kept' }] } })
    const token = await encryptJwe(signed({ iss: 'urn:kept' }), { ...ecdh, kid: 'kept' }, 'A256GCM')
    const before = await call('GET', '/v1/issuers/kept')
    const patched = await call('PATCH', '/v1/issuers/kept', { clock_skew_seconds: 30 })
    assert.deepEqual(patched.body.decryption, before.body.decryption)
    assert.equal(await codeOf(token), 'VALID')
    const ended = await call('PATCH', '/v1/issuers/kept', { decryption: null })
    assert.equal(ended.body.decryption, null)
    assert.equal(await codeOf(token), 'BAD_SIGNATURE')
  })

  it('lets no private member out, in any answer of this test', () => {
    for (const jwk of [ecdh, rsa, direct]) {
      for (const member of PRIVATE_MEMBERS) {
        const value = (jwk as Record<string, string>)[member]
        if (value === undefined) continue
        assert.ok(!answers.some((text) => text.includes(value)), member)
      }
    }
    const shown = answers.filter((text) => text.includes('"decryption":{'))
    assert.ok(shown.length > 5, 'the control: keys were shown')
    for (const text of shown) assert.ok(!/"(?:d|p|q|dp|dq|qi|k)":"/.test(text))
  })

  it('is sealed for this issuer and this purpose: what verifies and what decrypts never stand for each other', async () => {
    const { sealingKeys, store } = surfaces.context
    const { id } = (await call<{ id: string }>('GET', '/v1/issuers/several')).body
    const issuer: IssuerRecord = (await store.read('issuer', id))!
    const { sealed } = issuer.decryption!
    assert.equal(openDecryptionKeys(issuer, sealed, sealingKeys)?.length, 3, 'the control')
    assert.equal(openSecrets(issuer, sealed, sealingKeys), null)
    assert.equal(openDecryptionKeys({ ...issuer, id: 'iss_000000000009' }, sealed, sealingKeys), null)
    assert.equal(openDecryptionKeys({ ...issuer, workspaceId: 'ws_2' }, sealed, sealingKeys), null)
    const secrets = sealSecrets(issuer, [direct], sealingKeys, randomBytes)
    assert.equal(openDecryptionKeys(issuer, secrets, sealingKeys), null)
    const again = sealDecryptionKeys(issuer, [direct], sealingKeys, randomBytes)
    assert.ok(readDecryptionKey(openDecryptionKeys(issuer, again, sealingKeys)?.[0]).ok)
    for (const member of PRIVATE_MEMBERS) {
      const value = (rsa as Record<string, string>)[member]
      if (value !== undefined) assert.ok(!JSON.stringify(issuer).includes(value), member)
    }
  })
})

describe('an issuer of the API credence', () => {
  it('is told by the kid, which holds the workspace where that is not the first', async () => {
    const made = await call('POST', '/v1/workspaces', { name: 'second', prefix: 'crd_two' })
    const { workspace, admin_key } = made.body as unknown as {
      workspace: { id: string }
      admin_key: { secret: string }
    }
    const over = { api: 'credence', claims: { scopes: ['principals:read'] } }
    const theirs = { ...over, audience: `credence-${workspace.id}` }
    const key = { ...ecdh, kid: 'admin' }
    await trust('pipeline', { jwks: { keys: [key] } }, { ...over, audience: 'credence' })
    const claimed = given('pipeline', { jwks: { keys: [{ ...rsa, alg: 'RSA-OAEP', kid: 'admin' }] } }, theirs)
    const refused = await call('POST', '/v1/issuers', claimed, admin_key.secret)
    assert.equal(refused.status, 422, JSON.stringify(refused.body))
    const generated = given('pipeline', { generate: 'ECDH-ES' }, theirs)
    const ok = await call('POST', '/v1/issuers', generated, admin_key.secret)
    assert.equal(ok.status, 201, JSON.stringify(ok.body))
    await call('POST', '/v1/principals', { name: 'their-ci', type: 'service' }, admin_key.secret)
    const [theirKey] = shownOf(ok).jwks.keys
    const aud = theirs.audience
    const statusOf = async (token: string) => (await call('GET', '/v1/principals', undefined, token)).status
    const token = signed({ iss: 'urn:pipeline', aud: 'credence' })
    assert.equal(await statusOf(await encryptJwe(token, key, 'A256GCM')), 200)
    assert.equal(await statusOf(await encryptJwe(token, key, 'A256GCM', { kid: undefined })), 401)
    const their = signed({ iss: 'urn:pipeline', aud, sub: 'their-ci' })
    assert.equal(await statusOf(await encryptJwe(their, theirKey!, 'A256GCM')), 200)
    assert.equal(await statusOf(await encryptJwe(token, theirKey!, 'A256GCM')), 401)
  })
})
