import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { parseIpRange } from '@credence/core'
import fc from 'fast-check'
import { type Surfaces, startSurfaces } from '../testing/surfaces.ts'
import {
  hmacToken,
  type LocalIssuer,
  type SigningKey,
  signingKey,
  signToken,
  startLocalIssuer,
} from './testing/local-issuer.ts'

const AUDIENCE = 'https://orders.example'
const [first, second, foreign, rsa] = [
  signingKey('k1'),
  signingKey('k2'),
  signingKey('k1'),
  signingKey('r1', 'RS256'),
]
const SECRET = createHash('sha256').update('a secret').digest()

let surfaces: Surfaces
let issuer: LocalIssuer
let nowMs = Date.now()

before(async () => {
  issuer = await startLocalIssuer(first)
  // Forward-auth takes what a proxy says of a request from a trusted one only.
  const config = { trustedProxies: [parseIpRange('127.0.0.1')!] }
  surfaces = await startSurfaces({ clock: () => nowMs, config })
  await call('POST', '/v1/principals', { name: 'ci', type: 'service' })
  await call('POST', '/v1/principals', { name: 'robot', type: 'service', external_id: 'repo:acme/shop' })
  await call('POST', '/v1/apis', {
    name: 'orders',
    audience: AUDIENCE,
    scopes: ['orders:read', 'orders:write'],
    routes: [{ method: 'GET', path: '/orders/*', scopes: 'orders:read' }],
    upstream: surfaces.upstream,
    base_path: '/shop',
    strip_base_path: true,
  })
  await trust('local', { jwks_uri: `${issuer.url}/jwks`, issuer: issuer.url })
  await trust('inline-rsa', { issuer: 'urn:rsa', algorithms: ['RS256'], jwks: { keys: [rsa.jwk] } })
  await trust('shared', {
    issuer: 'urn:shared',
    algorithms: ['HS256'],
    jwks: { keys: [{ kty: 'oct', k: SECRET.toString('base64url') }] },
  })
})

after(async () => {
  await surfaces.close()
  await issuer.close()
})

async function call(method: string, path: string, body?: unknown, key = surfaces.adminKey) {
  const response = await fetch(surfaces.api + path, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  // Tests know what they asked for; a wrong guess fails in their assertions.
  return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Record<string, never> }
}

async function trust(name: string, over: object) {
  const given = { name, api: 'orders', audience: AUDIENCE, algorithms: ['ES256'], ...over }
  const made = await call('POST', '/v1/issuers', given)
  assert.equal(made.status, 201, JSON.stringify(made.body))
  return made.body as Record<string, unknown>
}

const seconds = () => Math.floor(nowMs / 1000)

function claimsOf(over: object = {}): object {
  const times = { iat: seconds(), exp: seconds() + 300 }
  return { iss: issuer.url, sub: 'ci', aud: AUDIENCE, scope: 'orders:read', ...times, ...over }
}

interface Verdict {
  readonly valid: boolean
  readonly code: string
  readonly status: number
  readonly scopes: string[]
  readonly principal: { readonly name: string } | null
  readonly credential: { readonly kind: string } | null
}

async function verdictOn(credential: string, over: object = {}): Promise<Verdict> {
  const { status, body } = await call('POST', '/v1/verify', { api: 'orders', credential, ...over })
  assert.equal(status, 200, JSON.stringify(body))
  return body as unknown as Verdict
}

/** What the operator is told: the code before it is made public. */
async function codeOf(credential: string): Promise<string> {
  await verdictOn(credential)
  const { body } = await call('GET', '/v1/decisions?limit=5')
  const { items } = body as unknown as { items: { code: string; via: string }[] }
  return items.find(({ via }) => via === 'verify')!.code
}

describe('a token of a trusted issuer', () => {
  it('is VALID at verify, gateway and forward-auth, as the principal and with the scopes that it names', async () => {
    const token = signToken(first, claimsOf({ scope: 'orders:read admin:all' }))
    const verdict = await verdictOn(token, { scopes: 'orders:read' })
    assert.equal(verdict.code, 'VALID')
    assert.equal(verdict.principal?.name, 'ci')
    assert.equal(verdict.credential?.kind, 'jwt')
    assert.deepEqual(verdict.scopes, ['orders:read'], 'what the API does not have is no scope')
    const headers = { authorization: `Bearer ${token}` }
    const passed = await fetch(`${surfaces.gateway}/shop/orders/1`, { headers })
    assert.equal(passed.status, 200)
    assert.equal(await passed.text(), 'upstream')
    const forward = { ...headers, 'x-forwarded-method': 'GET', 'x-forwarded-uri': '/orders/1' }
    const authorized = await fetch(`${surfaces.api}/v1/authorize/orders`, { headers: forward })
    assert.ok([200, 204].includes(authorized.status), String(authorized.status))
    assert.equal((await verdictOn(token, { scopes: 'orders:write' })).code, 'INSUFFICIENT_SCOPE')
  })

  it('is that of a principal with this external id where no name is so', async () => {
    const verdict = await verdictOn(signToken(first, claimsOf({ sub: 'repo:acme/shop' })))
    assert.equal(verdict.principal?.name, 'robot')
    assert.equal(await codeOf(signToken(first, claimsOf({ sub: 'nobody' }))), 'NOT_FOUND')
  })

  it('counts with a shared secret where an issuer is set up with one, which is never shown again', async () => {
    const claims = claimsOf({ iss: 'urn:shared' })
    assert.equal((await verdictOn(hmacToken(SECRET, claims))).code, 'VALID')
    assert.equal(await codeOf(hmacToken(Buffer.alloc(32, 8), claims)), 'BAD_SIGNATURE')
    const { body } = await call('GET', '/v1/issuers/shared')
    assert.ok(!JSON.stringify(body).includes(SECRET.toString('base64url')))
  })

  it('that is hostile is refused, each with its code', async () => {
    const claims = claimsOf()
    const unsigned = (alg: string) =>
      `${Buffer.from(JSON.stringify({ alg })).toString('base64url')}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.AA`
    const pem = rsa.privateKey && JSON.stringify(rsa.jwk)
    const withHeader = (over: object) => signToken(first, claims, { alg: 'ES256', kid: 'k1', ...over })
    const good = signToken(first, claims)
    const hostile: readonly [string, string, string][] = [
      ['alg none', unsigned('none'), 'BAD_SIGNATURE'],
      ['alg nOnE', unsigned('nOnE'), 'BAD_SIGNATURE'],
      [
        'a public key as a secret',
        hmacToken(pem, claimsOf({ iss: 'urn:rsa' }), { alg: 'HS256', kid: 'r1' }),
        'BAD_SIGNATURE',
      ],
      ['another key of the same kid', signToken(foreign, claims), 'BAD_SIGNATURE'],
      ['a kid of another issuer', signToken(rsa, claims), 'BAD_SIGNATURE'],
      ['jwk in the header', signToken(foreign, claims, { alg: 'ES256', jwk: foreign.jwk }), 'BAD_SIGNATURE'],
      [
        'jku',
        signToken(foreign, claims, { alg: 'ES256', kid: 'k1', jku: `${issuer.url}/evil` }),
        'BAD_SIGNATURE',
      ],
      [
        'x5u',
        signToken(foreign, claims, { alg: 'ES256', kid: 'k1', x5u: `${issuer.url}/evil` }),
        'BAD_SIGNATURE',
      ],
      ['crit', withHeader({ crit: ['exp'] }), 'MALFORMED'],
      [
        'a kid that is a path',
        signToken(foreign, claims, { alg: 'ES256', kid: '../../etc/passwd' }),
        'BAD_SIGNATURE',
      ],
      ['typ of another kind', withHeader({ typ: 'dpop+jwt' }), 'MALFORMED'],
      [
        'a member twice',
        signToken(first, JSON.stringify(claims).replace('{', '{"sub":"robot",')),
        'MALFORMED',
      ],
      ['__proto__', signToken(first, JSON.stringify(claims).replace('{', '{"__proto__":{},')), 'MALFORMED'],
      ['expired', signToken(first, claimsOf({ exp: seconds() - 61 })), 'EXPIRED'],
      ['no exp', signToken(first, claimsOf({ exp: undefined })), 'MALFORMED'],
      ['not yet valid', signToken(first, claimsOf({ nbf: seconds() + 61 })), 'NOT_YET_VALID'],
      ['for somebody else', signToken(first, claimsOf({ aud: 'https://other.example' })), 'WRONG_AUDIENCE'],
      ['of nobody', signToken(first, claimsOf({ iss: 'https://evil.example' })), 'UNTRUSTED_ISSUER'],
      ['padded', `${good}=`, 'MALFORMED'],
      ['five parts', `${good}.a.b`, 'MALFORMED'],
    ]
    for (const [what, token, code] of hostile) assert.equal(await codeOf(token), code, what)
    assert.equal(await codeOf(good), 'VALID', 'the control')
    assert.ok(!issuer.asked.includes('/evil'))
  })

  it('that is longer than any credential is refused at every door, not read', async () => {
    const token = signToken(first, claimsOf(), { alg: 'ES256', kid: 'k1', x: 'x'.repeat(20_000) })
    const { status } = await call('POST', '/v1/verify', { api: 'orders', credential: token })
    assert.equal(status, 422)
    const headers = { authorization: `Bearer ${token}` }
    const response = await fetch(`${surfaces.gateway}/shop/orders/1`, { headers })
    assert.ok([401, 431].includes(response.status), String(response.status))
  })

  it('never gets a 5xx, whatever it is', async () => {
    const part = fc.oneof(
      fc.string({ unit: 'grapheme-ascii', maxLength: 40 }),
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
      fc.constantFrom(...signToken(first, claimsOf()).split('.')),
    )
    const anyToken = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('.'))
    const anyClaims = fc.json().map((text) => {
      const extra = JSON.parse(text) as unknown
      const isPlain = typeof extra === 'object' && extra !== null && !Array.isArray(extra)
      return signToken(first, isPlain ? { ...claimsOf(), ...extra } : text)
    })
    await fc.assert(
      fc.asyncProperty(fc.oneof(anyToken, anyClaims), async (token) => {
        const { status, body } = await call('POST', '/v1/verify', { api: 'orders', credential: token })
        assert.ok(status === 200 || status === 422, `${status}`)
        if (status === 200) assert.ok(Number(body.status) < 500, JSON.stringify(body))
      }),
      { numRuns: 150 },
    )
  })
})

describe('what is proven of a token', () => {
  it('is over at once when the issuer is disabled, and counts again when it is not', async () => {
    const token = signToken(first, claimsOf({ jti: 'warm' }))
    for (let i = 0; i < 3; i++) assert.equal(await codeOf(token), 'VALID')
    await call('PATCH', '/v1/issuers/local', { disabled: true })
    assert.equal(await codeOf(token), 'DISABLED')
    await call('PATCH', '/v1/issuers/local', { disabled: false })
    assert.equal(await codeOf(token), 'VALID')
  })

  it('ends with its exp, to the leeway', async () => {
    const token = signToken(first, claimsOf({ exp: seconds() + 10 }))
    assert.equal(await codeOf(token), 'VALID')
    nowMs += 69_000
    assert.equal(await codeOf(token), 'VALID')
    nowMs += 2_000
    assert.equal(await codeOf(token), 'EXPIRED')
  })

  it('is over when the principal is disabled or called otherwise', async () => {
    await call('POST', '/v1/principals', { name: 'passing', type: 'service' })
    const token = signToken(first, claimsOf({ sub: 'passing' }))
    for (let i = 0; i < 2; i++) assert.equal(await codeOf(token), 'VALID')
    await call('PATCH', '/v1/principals/passing', { disabled: true })
    assert.equal(await codeOf(token), 'DISABLED')
    await call('PATCH', '/v1/principals/passing', { disabled: false, name: 'renamed' })
    assert.equal(await codeOf(token), 'NOT_FOUND')
  })
})

describe('revoking tokens', () => {
  it('takes one by its jti, and no other', async () => {
    const [one, other] = ['a', 'b'].map((jti) => signToken(first, claimsOf({ jti })))
    for (const token of [one!, other!]) assert.equal(await codeOf(token), 'VALID')
    const revoked = await call('POST', '/v1/issuers/local/revoke', { jti: 'a', reason: 'leaked' })
    assert.equal(revoked.status, 200, JSON.stringify(revoked.body))
    assert.equal(await codeOf(one!), 'REVOKED')
    assert.equal(await codeOf(other!), 'VALID')
  })

  it('is explained to the operator as everything else is', async () => {
    for (const over of [{}, { jti: 'a' }, { aud: 'urn:other' }, { exp: seconds() - 3600 }]) {
      await verdictOn(signToken(first, claimsOf(over)))
      const { body } = await call('GET', '/v1/decisions?limit=5')
      const { items } = body as unknown as { items: { request_id: string; via: string }[] }
      const { request_id: id } = items.find(({ via }) => via === 'verify')!
      const why = await call('GET', `/v1/decisions/${id}`)
      assert.equal(why.status, 200, JSON.stringify(why.body))
    }
  })

  it('takes all of a principal, or of the issuer, from before a moment', async () => {
    const ci = signToken(first, claimsOf())
    const robot = signToken(first, claimsOf({ sub: 'repo:acme/shop' }))
    for (const token of [ci, robot]) assert.equal(await codeOf(token), 'VALID')
    nowMs += 5_000
    const before = new Date(nowMs).toISOString()
    const ofOne = await call('POST', '/v1/issuers/local/revoke', { before, principal: 'ci' })
    assert.equal(ofOne.status, 200)
    assert.equal(await codeOf(ci), 'REVOKED')
    assert.equal(await codeOf(robot), 'VALID')
    await call('POST', '/v1/issuers/local/revoke', { before })
    assert.equal(await codeOf(robot), 'REVOKED')
    assert.equal(await codeOf(signToken(first, claimsOf({ iat: undefined }))), 'REVOKED', 'of unknown age')
    nowMs += 5_000
    assert.equal(await codeOf(signToken(first, claimsOf())), 'VALID')
  })
})

describe('the keys of an issuer', () => {
  it('are fetched anew for an unknown kid, once in a while, and old ones count no more', async () => {
    const old = signToken(first, claimsOf())
    assert.equal(await codeOf(old), 'VALID')
    issuer.keys = [second]
    nowMs += 31_000
    const asked = issuer.asked.length
    assert.equal(await codeOf(signToken(second, claimsOf())), 'VALID')
    assert.equal(issuer.asked.length, asked + 1)
    for (let i = 0; i < 5; i++) {
      const token = signToken(foreign, claimsOf({ jti: String(i) }), { alg: 'ES256', kid: `x${i}` })
      assert.equal(await codeOf(token), 'BAD_SIGNATURE')
    }
    assert.equal(issuer.asked.length, asked + 1, 'whoever makes kids up has nobody asked')
    assert.equal(await codeOf(old), 'BAD_SIGNATURE', 'a key that was taken away')
    issuer.keys = [first, second]
  })

  it('that cannot be had make UNAVAILABLE, and whoever had some goes on with them', async () => {
    const broken: readonly [string, LocalIssuer['answer']][] = [
      ['error', (_path, response) => response.writeHead(500).end()],
      [
        'a redirect',
        (_path, response) => response.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
      ],
      ['a bomb', (_path, response) => response.end(`{"keys":[${'{},'.repeat(200_000)}{}]}`)],
      ['no JSON', (_path, response) => response.end('<html>')],
      ['a member twice', (_path, response) => response.end('{"keys":[],"keys":[]}')],
      ['no keys', (_path, response) => response.end('{"keys":[]}')],
    ]
    const other = await startLocalIssuer(first)
    try {
      const made = await trust('shaky', { jwks_uri: `${other.url}/jwks`, issuer: 'urn:shaky' })
      for (const [what, answer] of broken) {
        other.answer = answer
        nowMs += 11_000
        const token = signToken(first, claimsOf({ iss: 'urn:shaky' }))
        assert.equal(await codeOf(token), 'UNAVAILABLE', what)
      }
      other.answer = null
      nowMs += 11_000
      assert.equal(await codeOf(signToken(first, claimsOf({ iss: 'urn:shaky' }))), 'VALID')
      other.answer = (_path, response) => response.writeHead(500).end()
      nowMs += 2 * 3_600_000
      assert.equal(
        await codeOf(signToken(first, claimsOf({ iss: 'urn:shaky' }))),
        'VALID',
        'the last good set',
      )
      nowMs += 24 * 3_600_000
      assert.equal(await codeOf(signToken(first, claimsOf({ iss: 'urn:shaky' }))), 'UNAVAILABLE')
      await call('DELETE', `/v1/issuers/${String(made.id)}`)
      assert.equal(await codeOf(signToken(first, claimsOf({ iss: 'urn:shaky' }))), 'UNTRUSTED_ISSUER')
    } finally {
      await other.close()
    }
  })

  it('are found by the discovery document, which must be of this very issuer', async () => {
    const other = await startLocalIssuer(first)
    try {
      await trust('discovered', { issuer: other.url, discovery: true })
      assert.equal(await codeOf(signToken(first, claimsOf({ iss: other.url }))), 'VALID')
      const uri = `${other.url}/.well-known/openid-configuration`
      await trust('claimed', { issuer: 'urn:claimed', discovery: uri })
      assert.equal(await codeOf(signToken(first, claimsOf({ iss: 'urn:claimed' }))), 'UNAVAILABLE')
    } finally {
      await other.close()
    }
  })
})

describe('setting an issuer up', () => {
  const oct = (bytes: number) => ({ kty: 'oct', k: SECRET.subarray(0, bytes).toString('base64url') })
  const privateJwk = (key: SigningKey) => ({ ...key.jwk, ...key.privateKey.export({ format: 'jwk' }) })
  const wrong: readonly [string, object, string][] = [
    ['no keys', {}, 'jwks'],
    ['two sources', { jwks: { keys: [first.jwk] }, discovery: true }, 'discovery'],
    ['the metadata address', { jwks_uri: 'https://169.254.169.254/latest' }, 'jwks_uri'],
    ['http elsewhere', { jwks_uri: 'http://issuer.example/jwks' }, 'jwks_uri'],
    ['a user in the URL', { jwks_uri: 'https://u:p@issuer.example/jwks' }, 'jwks_uri'],
    ['a private key', { jwks: { keys: [privateJwk(first)] } }, 'jwks.keys[0]'],
    ['a short secret', { algorithms: ['HS256'], jwks: { keys: [oct(31)] } }, 'jwks.keys[0]'],
    [
      'a secret of a few bytes',
      { algorithms: ['HS256'], jwks: { keys: [{ ...oct(32), k: 'A'.repeat(43) }] } },
      'jwks.keys[0]',
    ],
    ['a secret for public keys', { jwks: { keys: [oct(32)] } }, 'jwks.keys[0]'],
    ['both sorts', { algorithms: ['HS256', 'ES256'], jwks: { keys: [first.jwk] } }, 'algorithms'],
    ['published secrets', { algorithms: ['HS256'], jwks_uri: 'https://issuer.example/jwks' }, 'algorithms'],
    ['a key of another algorithm', { jwks: { keys: [rsa.jwk] } }, 'jwks.keys[0]'],
    ['alg none', { algorithms: ['none'], jwks: { keys: [first.jwk] } }, 'algorithms[0]'],
    ['no such API', { api: 'nothing', jwks: { keys: [first.jwk] } }, 'api'],
    [
      'a pointer that is none',
      { claims: { principal: '/~2' }, jwks: { keys: [first.jwk] } },
      'claims.principal',
    ],
    [
      'a scope of elsewhere',
      { claims: { scopes: ['x:y'] }, jwks: { keys: [first.jwk] } },
      'claims.scopes[0]',
    ],
    ['too much leeway', { clock_skew_seconds: 301, jwks: { keys: [first.jwk] } }, 'clock_skew_seconds'],
  ]
  for (const [what, over, field] of wrong) {
    it(`is refused with ${what}, naming ${field}`, async () => {
      const body = {
        name: 'wrong',
        api: 'orders',
        issuer: 'urn:wrong',
        audience: AUDIENCE,
        algorithms: ['ES256'],
      }
      const { status, body: problem } = await call('POST', '/v1/issuers', { ...body, ...over })
      assert.equal(status, 422, JSON.stringify(problem))
      const fields = (problem as unknown as { errors: { field: string }[] }).errors.map((one) => one.field)
      assert.ok(fields.includes(field), JSON.stringify(problem))
    })
  }

  it('is shown as it was set up, and changed in part', async () => {
    const claims = {
      ...{
        principal: '/acme~1who/id',
        principal_prefix: 'acme:',
        scopes: ['orders:read'],
        scopes_prefix: '',
      },
      required: { ref: ['a', 'b'], protected: [true], level: [1, 2.5] },
    }
    const given = {
      ...{
        issuer: 'urn:shown',
        algorithms: ['ES256', 'EdDSA'],
        jwks: { keys: [{ ...first.jwk, x5c: ['AA'] }] },
      },
      ...{ claims, types: ['at+jwt'], clock_skew_seconds: 0, max_age_seconds: 60 },
      limits: [{ name: 'default', type: 'rate', limit: 5, window_seconds: 60 }],
    }
    const made = await trust('shown', given)
    const shown = await call('GET', '/v1/issuers/shown')
    assert.deepEqual(shown.body, made)
    for (const [name, value] of Object.entries(given)) assert.deepEqual(made[name], value, name)
    const changed = await call('PATCH', '/v1/issuers/shown', {
      types: null,
      discovery: 'https://a.example/x',
    })
    assert.equal(changed.status, 200, JSON.stringify(changed.body))
    const { types, jwks, discovery, claims: kept } = changed.body as Record<string, unknown>
    assert.deepEqual([types, jwks, discovery, kept], [null, null, 'https://a.example/x', claims])
    const listed = (await call('GET', '/v1/issuers?api=orders&limit=1')).body as unknown as {
      items: object[]
    }
    assert.equal(listed.items.length, 1)
    assert.equal((await call('PATCH', '/v1/issuers/shown', { algorithms: ['HS256'] })).status, 422)
  })

  it('takes the same iss and audience once for an API', async () => {
    const given = {
      name: 'again',
      api: 'orders',
      issuer: 'urn:rsa',
      audience: AUDIENCE,
      algorithms: ['ES256'],
    }
    const { status } = await call('POST', '/v1/issuers', { ...given, jwks: { keys: [first.jwk] } })
    assert.equal(status, 409)
  })
})

describe('administration without a stored key', () => {
  it('is open to tokens of an issuer of the API credence, for what the mapping gives and no more', async () => {
    await trust('pipeline', {
      api: 'credence',
      issuer: 'urn:pipeline',
      audience: 'credence',
      jwks: { keys: [first.jwk] },
      claims: { scopes: ['principals:read'], required: { repository: ['acme/shop'] } },
    })
    const claims = { iss: 'urn:pipeline', aud: 'credence', repository: 'acme/shop' }
    const token = signToken(first, claimsOf(claims))
    for (let i = 0; i < 2; i++) {
      assert.equal((await call('GET', '/v1/principals', undefined, token)).status, 200)
      assert.equal((await call('GET', '/v1/apis', undefined, token)).status, 403)
    }
    const other = signToken(first, claimsOf({ ...claims, repository: 'evil/shop' }))
    assert.equal((await call('GET', '/v1/principals', undefined, other)).status, 401)
    const self = await call('GET', '/v1/credentials/self', undefined, token)
    assert.ok(self.status < 500, JSON.stringify(self.body))
  })

  it('acts in the workspace whose id the audience holds, and nobody claims the tokens of another', async () => {
    const made = await call('POST', '/v1/workspaces', { name: 'second', prefix: 'crd_two' })
    assert.equal(made.status, 201, JSON.stringify(made.body))
    const { workspace, admin_key } = made.body as unknown as {
      workspace: { id: string }
      admin_key: { secret: string }
    }
    const given = {
      ...{ name: 'theirs', api: 'credence', issuer: 'urn:pipeline', algorithms: ['ES256'] },
      ...{ jwks: { keys: [foreign.jwk] }, claims: { principal: 'who', scopes: ['principals:read'] } },
    }
    const claimed = await call('POST', '/v1/issuers', { ...given, audience: 'credence' }, admin_key.secret)
    assert.equal(claimed.status, 422)
    const audience = `credence-${workspace.id}`
    const ok = await call('POST', '/v1/issuers', { ...given, audience }, admin_key.secret)
    assert.equal(ok.status, 201, JSON.stringify(ok.body))
    await call('POST', '/v1/principals', { name: 'their-ci', type: 'service' }, admin_key.secret)
    const token = signToken(foreign, claimsOf({ iss: 'urn:pipeline', aud: audience, who: 'their-ci' }))
    const seen = await call('GET', '/v1/principals', undefined, token)
    assert.equal(seen.status, 200, JSON.stringify(seen.body))
    assert.ok(JSON.stringify(seen.body).includes('their-ci') && !JSON.stringify(seen.body).includes('robot'))
    const stolen = signToken(foreign, claimsOf({ iss: 'urn:pipeline', aud: 'credence', who: 'their-ci' }))
    assert.equal((await call('GET', '/v1/principals', undefined, stolen)).status, 401)
    assert.equal((await call('GET', `/v1/issuers/${String(ok.body.id)}`)).status, 404)
  })

  it('takes whoever trusts an issuer there to have what it gives', async () => {
    const { body } = await call('POST', '/v1/credentials', {
      kind: 'api_key',
      principal: 'ci',
      grants: [{ api: 'credence', scopes: ['issuers:write', 'credentials:write:credence'] }],
    })
    const { secret } = body as unknown as { secret: string }
    const given = {
      ...{ name: 'escalation', api: 'credence', issuer: 'urn:escalation', audience: 'credence' },
      ...{ algorithms: ['ES256'], jwks: { keys: [first.jwk] } },
    }
    for (const claims of [{}, { scopes: ['audit:read'] }]) {
      const { status } = await call('POST', '/v1/issuers', { ...given, claims }, secret)
      assert.equal(status, 403)
    }
  })
})
