import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { openSigningKey, type SigningKey, signJwt } from '@credence/core'
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify, SignJWT } from 'jose'
import { keepSigningKeys } from '../../operations/signing-keys.ts'
import { bearer, fieldsOf, issue, makeApi, type ProblemBody, verify } from '../../testing/issuing.ts'
import { startTestServer, type TestServer } from '../../testing/test-server.ts'

const ISSUER = 'https://credence.example/auth'
const DAY_MS = 86_400_000

let server: TestServer
/** jose looks at the real clock, so the server's begins there. */
let nowMs = Math.floor(Date.now() / 1000) * 1000

before(async () => {
  server = await startTestServer({ clock: () => nowMs, config: { publicUrl: ISSUER } })
  await keep()
  await makeApi(server, 'orders')
  await makeApi(server, 'stock')
})
after(() => server.close())

async function keep(): Promise<void> {
  await keepSigningKeys(server.context)
  await server.context.follower.poll()
}

interface TokenBody extends ProblemBody {
  readonly access_token: string
  readonly id: string
}

function ask(key: string, body: Readonly<Record<string, unknown>> = {}) {
  const asked = { api: 'orders', format: 'jwt', ...body }
  return server.request<TokenBody>('POST', '/v1/tokens', asked, bearer(key))
}

async function tokenFor(key: string, body: Readonly<Record<string, unknown>> = {}): Promise<TokenBody> {
  const answer = await ask(key, body)
  assert.equal(answer.status, 200, answer.text)
  return answer.body
}

const aKey = (more: object = {}) =>
  issue(server, { api: 'orders', scopes: ['orders:read', 'orders:write'], ...more })

async function codeOf(credential: string, api = 'orders', more: object = {}): Promise<string> {
  return (await verify(server, { api, credential, ...more })).code
}

/** Our own key, so that a forgery lacks nothing but what the test takes from it. */
async function ourKey(): Promise<SigningKey> {
  const { kid } = server.context.publishedKeys.signer!
  const record = await server.context.store.read('signing_key', kid)
  return openSigningKey(record!, server.context.sealingKeys)!
}

async function whyOf(credential: string, api = 'orders'): Promise<string> {
  const { request_id } = await verify(server, { api, credential })
  const { body } = await server.request<{ checks: { outcome: string; detail?: string }[] }>(
    ...(['GET', `/v1/decisions/${request_id}`] as const),
  )
  return body.checks.find(({ outcome }) => outcome === 'failed')?.detail ?? 'passed'
}

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

describe('an access token as a JWT', () => {
  it('is what RFC 9068 says, and verifies by jose with the published keys, for one audience alone', async () => {
    const { secret, credential } = await aKey()
    const { access_token, id } = await tokenFor(secret, { scopes: ['orders:read'], expires_in: 300 })
    const header = decodeProtectedHeader(access_token)
    assert.deepEqual(header, { alg: 'ES256', typ: 'at+jwt', kid: server.context.publishedKeys.signer!.kid })
    const iat = nowMs / 1000
    assert.deepEqual(decodeJwt(access_token), {
      ...{ iss: ISSUER, aud: 'https://orders.example', scope: 'orders:read', jti: id },
      ...{ sub: credential.principal.id, client_id: credential.principal.id, iat, exp: iat + 300 },
    })
    const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', server.url))
    const options = { issuer: ISSUER, audience: 'https://orders.example', typ: 'at+jwt' }
    assert.equal((await jwtVerify(access_token, keys, options)).payload.jti, id)
    await assert.rejects(
      jwtVerify(access_token, keys, { ...options, audience: 'https://stock.example' }),
      /aud/,
    )
    const verdict = await verify(server, { api: 'orders', credential: access_token })
    assert.deepEqual([verdict.code, verdict.credential?.id, verdict.scopes], ['VALID', id, ['orders:read']])
  })

  it('is refused without a public URL to name as its issuer, by the name of the setting', async (t) => {
    const bare = await startTestServer()
    t.after(() => bare.close())
    await makeApi(bare, 'orders')
    const { secret } = await issue(bare, { api: 'orders', scopes: ['orders:read'] })
    const body = { api: 'orders', format: 'jwt' }
    const answer = await bare.request<ProblemBody>('POST', '/v1/tokens', body, bearer(secret))
    assert.deepEqual(fieldsOf(answer), ['format'])
    assert.match(answer.body.detail!, /CREDENCE_PUBLIC_URL/)
  })

  it('says in cnf which key it is bound to, as the credential that it came from is', async () => {
    const { secret, credential } = await aKey()
    const record = (await server.context.store.read('credential', credential.id))!
    const { signedToken } = await import('../../operations/issue-token.ts')
    const api = (await server.context.store.readByName('api', record.workspaceId, 'orders'))!
    const signer = { key: await ourKey(), issuer: ISSUER }
    const said = (binding: typeof record.binding) =>
      decodeJwt(signedToken(signer, { ...record, binding, expiresAtMs: nowMs }, api, nowMs)).cnf
    assert.deepEqual(said({ type: 'dpop', thumbprint: 'T' }), { jkt: 'T' })
    assert.deepEqual(said({ type: 'mtls', thumbprint: 'T' }), { 'x5t#S256': 'T' })
    const key = { kty: 'OKP' }
    assert.deepEqual(said({ type: 'signature', thumbprint: 'T', key }), { jwk: key })
    assert.equal(said(null), undefined)
    assert.equal(await codeOf(secret), 'VALID')
  })

  it('is taken back at once: by its id, with its credential, with the secret that it was asked with', async () => {
    const { secret, credential } = await aKey()
    const [one, other] = [await tokenFor(secret), await tokenFor(secret)]
    for (let i = 0; i < 3; i++) assert.equal(await codeOf(one.access_token), 'VALID')
    await server.request('POST', `/v1/credentials/${one.id}/revoke`, {})
    assert.equal(await codeOf(one.access_token), 'REVOKED')
    assert.equal(await codeOf(other.access_token), 'VALID')
    const rotated = await server.request<{ secret: string }>(
      ...(['POST', `/v1/credentials/${credential.id}/rotate`, { overlap_seconds: 60 }] as const),
    )
    const newer = await tokenFor(rotated.body.secret)
    await server.request('POST', `/v1/credentials/${credential.id}/versions/1/revoke`, {})
    assert.equal(await codeOf(other.access_token), 'REVOKED')
    assert.equal(await codeOf(newer.access_token), 'VALID')
    await server.request('POST', `/v1/credentials/${credential.id}/revoke`, {})
    assert.equal(await codeOf(newer.access_token), 'REVOKED')
  })

  it('is narrowed as any token is, and gives no wider one', async () => {
    const { secret } = await aKey()
    const { access_token } = await tokenFor(secret, { scopes: ['orders:read'] })
    assert.equal((await ask(access_token, { scopes: ['orders:write'] })).status, 403)
    assert.equal((await ask(access_token, { api: 'stock' })).status, 422)
    const { access_token: opaque } = await tokenFor(access_token, { format: 'opaque' })
    assert.match(opaque, /^crd_live_at_/)
    assert.equal(await codeOf(opaque), 'VALID')
  })

  it('of our own key, but of another type, audience, time or without a record, is refused', async () => {
    const { secret } = await aKey()
    const { access_token } = await tokenFor(secret)
    const claims = decodeJwt(access_token)
    const key = await ourKey()
    const forged = (change: object, type = 'at+jwt') => codeOf(signJwt(key, type, { ...claims, ...change }))
    assert.equal(await forged({}), 'VALID', 'the control: nothing was changed')
    for (const type of ['JWT', 'id_token+jwt', 'dpop+jwt', 'logout+jwt']) {
      assert.equal(await forged({}, type), 'MALFORMED', type)
    }
    assert.equal(await codeOf(access_token, 'stock'), 'WRONG_AUDIENCE')
    assert.equal(await forged({ aud: 'https://stock.example' }), 'WRONG_AUDIENCE')
    assert.equal(await forged({ exp: nowMs / 1000 }), 'EXPIRED')
    assert.equal(await forged({ nbf: nowMs / 1000 + 1 }), 'NOT_YET_VALID')
    assert.equal(await forged({ jti: 'ZZZZZZZZZZZZ' }), 'NOT_FOUND')
    assert.match(
      await whyOf(signJwt(key, 'at+jwt', { ...claims, jti: undefined })),
      /no token of ours has this jti/,
    )
  })

  it('that our key did not sign is refused, whatever its header says', async () => {
    const { secret } = await aKey()
    const { access_token } = await tokenFor(secret)
    const [header, payload, signature] = access_token.split('.')
    const said = decodeProtectedHeader(access_token)
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const theirs = (change: object) =>
      new SignJWT(decodeJwt(access_token))
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: said.kid!, ...change })
        .sign(privateKey)
    const jwk = publicKey.export({ format: 'jwk' })
    const hmacInput = `${part({ ...said, alg: 'HS256' })}.${payload}`
    const pem = (await ourKey()).publicJwk
    const hmac = createHmac('sha256', JSON.stringify(pem)).update(hmacInput).digest('base64url')
    for (const [name, token] of Object.entries({
      'another key under our kid': await theirs({}),
      'their key in the header': await theirs({ jwk }),
      'their key at a URL': await theirs({ jku: 'https://evil.example/jwks', x5u: 'https://evil.example' }),
      'a kid that is none': await theirs({ kid: 'x'.repeat(43) }),
      'a kid that is a path': await theirs({ kid: '../../../dev/null' }),
      'a kid that is SQL': await theirs({ kid: "' OR 1=1 --" }),
      'no kid': await theirs({ kid: undefined }),
      'alg none': `${part({ ...said, alg: 'none' })}.${payload}.`,
      'alg none with a signature': `${part({ ...said, alg: 'None' })}.${payload}.${signature}`,
      'the public key as a secret': `${hmacInput}.${hmac}`,
      'a claim changed': `${header}.${part({ ...decodeJwt(access_token), scope: 'orders:*' })}.${signature}`,
      'a header changed': `${part({ ...said, crit: ['b64'], b64: false })}.${payload}.${signature}`,
    })) {
      const code = await codeOf(token)
      assert.ok(['BAD_SIGNATURE', 'MALFORMED'].includes(code), `${name}: ${code}`)
    }
    assert.equal(await codeOf(access_token), 'VALID')
  })

  it('of another workspace, though its API has the same audience, is nothing here', async () => {
    const made = await server.request<{ workspace: { id: string }; admin_key: { secret: string } }>(
      ...(['POST', '/v1/workspaces', { name: 'acme' }] as const),
    )
    const headers = bearer(made.body.admin_key.secret)
    const acme = await makeApi(
      ...([server, 'orders', { base_path: '/acme' }, made.body.admin_key.secret] as const),
    )
    const { secret } = await issue(server, { api: 'orders', scopes: ['orders:read'] }, headers)
    const { access_token } = await tokenFor(secret)
    const { iss } = decodeJwt(access_token)
    assert.equal(iss, `${ISSUER}/workspaces/${made.body.workspace.id}`)
    assert.equal((await verify(server, { api: acme, credential: access_token }, headers)).code, 'VALID')
    assert.equal(await codeOf(access_token), 'NOT_FOUND')
    // Nor does it become one of ours by saying so: what it came from is of the other workspace.
    const renamed = signJwt(await ourKey(), 'at+jwt', { ...decodeJwt(access_token), iss: ISSUER })
    assert.equal(await codeOf(renamed), 'NOT_FOUND')
  })

  it('of a key that retired counts to its end, and no key that is gone makes another one', async () => {
    const { secret } = await aKey()
    const old = await ourKey()
    const { access_token } = await tokenFor(secret, { expires_in: 86_400 })
    nowMs += DAY_MS - 1000
    const early = await server.request('POST', '/v1/signing-keys/rotate')
    assert.equal(early.status, 409)
    nowMs += 1000
    const rotated = await server.request('POST', '/v1/signing-keys/rotate')
    assert.equal(rotated.status, 200, rotated.text)
    const during = await tokenFor(secret)
    assert.notEqual(decodeProtectedHeader(during.access_token).kid, old.kid)
    const forged = async () => {
      const claims = { ...decodeJwt(during.access_token), exp: nowMs / 1000 + 60, iat: nowMs / 1000 }
      return codeOf(signJwt(old, 'at+jwt', claims))
    }
    assert.equal(await codeOf(access_token), 'EXPIRED', 'after a day')
    assert.equal(await forged(), 'VALID', 'the control: it is trusted still')
    nowMs += DAY_MS + 300_000
    assert.equal(await forged(), 'BAD_SIGNATURE', 'over, and not swept yet')
    await keep()
    assert.equal(await server.context.store.read('signing_key', old.kid), undefined)
    assert.equal(await forged(), 'BAD_SIGNATURE')
  })

  it('of a key that was revoked counts no more at once, however warm it was', async () => {
    const { secret } = await aKey()
    const { access_token } = await tokenFor(secret)
    for (let i = 0; i < 3; i++) assert.equal(await codeOf(access_token), 'VALID')
    const rotated = await server.request('POST', '/v1/signing-keys/rotate', { now: true })
    assert.equal(rotated.status, 200, rotated.text)
    assert.equal(await codeOf(access_token), 'BAD_SIGNATURE')
    assert.match(await whyOf(access_token), /counts no more: it is revoked/)
    assert.equal(await codeOf((await tokenFor(secret)).access_token), 'VALID')
  })

  it('shows and takes back itself, and does not administer', async () => {
    const { secret } = await aKey()
    const { access_token, id } = await tokenFor(secret)
    const shown = await server.request<{ id: string }>(
      'GET',
      '/v1/credentials/self',
      undefined,
      bearer(access_token),
    )
    assert.deepEqual([shown.status, shown.body.id], [200, id])
    const admin = await server.request<ProblemBody>('GET', '/v1/apis', undefined, bearer(access_token))
    assert.deepEqual([admin.status, admin.body.code], [401, 'WRONG_AUDIENCE'])
    const revoked = await server.request('POST', '/v1/credentials/self/revoke', {}, bearer(access_token))
    assert.equal(revoked.status, 200, revoked.text)
    assert.equal(await codeOf(access_token), 'REVOKED')
  })
})
