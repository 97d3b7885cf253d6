import assert from 'node:assert/strict'
import { test } from 'node:test'
import { certificateThumbprint, parseIpRange } from '@credence/core'
import type { Config } from '../../config.ts'
import { registerForwardAuth } from '../../forward-auth/forward-auth.ts'
import { assertionClient } from '../../testing/assertion-client.ts'
import { dpopClient } from '../../testing/bound-clients.ts'
import { closedAfter } from '../../testing/closed-after.ts'
import { listen } from '../../testing/gateway-fixture.ts'
import { protectApi } from '../../testing/protected-api.ts'
import { selfSigned } from '../../testing/self-signed.ts'
import { createTestContext } from '../../testing/test-context.ts'
import { startTestServer, type TestServer } from '../../testing/test-server.ts'
import { createApp } from '../app.ts'
import { derFrom } from '../certificate-text.ts'

const CLIENT = selfSigned('client')
const OTHER = selfSigned('other')
const CLIENT_DER = Buffer.from(derFrom(CLIENT.cert)!)
const THUMBPRINT = certificateThumbprint(CLIENT_DER)
const AUDIENCE = 'https://orders.example'

interface Credential {
  readonly id: string
  readonly client_id: string | null
  readonly binding: Record<string, unknown> | null
  readonly revision: number
  readonly versions: readonly {
    readonly version: number
    readonly status: string
    readonly last_used_at: string | null
  }[]
}

interface Answer {
  readonly credential: Credential
  readonly secret: string | null
  readonly secret_shown: boolean
  readonly detail?: string
  readonly errors?: readonly { readonly field: string; readonly detail: string }[]
}

/** The memory of what was used begins with the process; these tests begin a while later. */
function laterClock() {
  let aheadMs = 0
  const goOn = () => {
    aheadMs = 20_000
  }
  return { clock: () => Date.now() + aheadMs, goOn }
}

async function start(config: Partial<Config> = {}): Promise<TestServer & { readonly clock: () => number }> {
  const { clock, goOn } = laterClock()
  const server = await startTestServer({ clock, config: { leaseMs: 60_000, ...config } })
  goOn()
  const api = { name: 'orders', audience: AUDIENCE, scopes: ['orders:read'] }
  assert.equal((await server.request('POST', '/v1/apis', api)).status, 201)
  const accepts = ['api_key', 'client_key', 'access_token']
  assert.equal((await server.request('PATCH', '/v1/apis/orders', { accepts })).status, 200)
  return { ...server, clock }
}

function issue(
  server: TestServer,
  binding: unknown,
  more: object = {},
  headers: Record<string, string> = {},
) {
  const body = { kind: 'client_key', api: 'orders', scopes: ['orders:read'], principal: 'billing' }
  return server.request<Answer>('POST', '/v1/credentials', { ...body, binding, ...more }, headers)
}

async function verdictOn(server: TestServer, request: object, credential?: string) {
  const asked = { api: 'orders', request, ...(credential !== undefined && { credential }) }
  return (await server.request('POST', '/v1/verify', asked)).body
}

test('a client key is issued without a secret, shown with its client id and key, and listed by its kind', async () => {
  const server = await start()
  const { jwk, binding } = await assertionClient()
  const issued = await issue(server, { type: 'signature', jwk })
  assert.equal(issued.status, 201)
  const { credential, secret, secret_shown } = issued.body
  assert.deepEqual([secret, secret_shown], [null, false])
  const shown = await server.request<Credential>('GET', `/v1/credentials/${credential.id}`)
  assert.deepEqual(shown.body.binding, { type: 'signature', jwk_thumbprint: binding.thumbprint, jwk })
  assert.match(shown.body.client_id!, /^cli_[0-9A-Za-z]{12}$/)
  assert.deepEqual(
    shown.body.versions.map(({ version, status }) => [version, status]),
    [[1, 'current']],
  )
  const listed = await server.request<{ items: { id: string }[] }>(
    'GET',
    '/v1/credentials?kind=client_key&principal=billing',
  )
  assert.deepEqual(
    listed.body.items.map(({ id }) => id),
    [credential.id],
  )
  await server.close()
})

test('the same Idempotency-Key gives the same one, as it is now, and speaks of no secret that was shown', async () => {
  const server = await start()
  const { jwk, assertion } = await assertionClient()
  const ask = () => issue(server, { type: 'signature', jwk }, {}, { 'idempotency-key': 'once' })
  const first = await ask()
  const clientId = first.body.credential.client_id!
  const used = await assertion({ clientId, audience: AUDIENCE, nowMs: server.clock() })
  assert.equal((await verdictOn(server, {}, used)).code, 'VALID')
  const again = await ask()
  assert.equal(again.status, 201)
  assert.equal(again.body.credential.id, first.body.credential.id)
  assert.deepEqual([again.body.secret, again.body.secret_shown], [null, false])
  assert.deepEqual(
    [first, again].map(({ body }) => body.credential.versions[0]!.last_used_at !== null),
    [false, true],
  )
  await server.close()
})

test('what is no client key is refused by field, with what is', async () => {
  const server = await start()
  const { jwk } = await assertionClient()
  const signature = { type: 'signature', jwk }
  const wrong: [unknown, object, string, RegExp][] = [
    [undefined, {}, 'binding', /type signature with the jwk .* or mtls/],
    [null, {}, 'binding', /type signature/],
    [{ type: 'dpop', jwk: (await dpopClient()).jwk }, {}, 'binding.type', /signature .* or mtls/],
    [{ type: 'signature', jwk: { kty: 'oct', k: 'c2VjcmV0' } }, {}, 'binding.jwk', /holds k/],
    [{ type: 'signature', jwk: { ...jwk, d: 'c2VjcmV0' } }, {}, 'binding.jwk', /holds d/],
    [{ type: 'signature', jwk: { ...jwk, use: 'enc' } }, {}, 'binding.jwk', /use is not sig/],
    [signature, { username: 'ann' }, 'username', /of kind basic, and this one is of kind client_key/],
    [
      signature,
      { password: 'hurdle vex quib gnaw' },
      'password',
      /of kind basic, and this one is of kind client_key/,
    ],
    [signature, { api: 'credence', scopes: ['apis:read'] }, 'api', /accepts no client keys/],
  ]
  for (const [binding, more, field, detail] of wrong) {
    const refused = await issue(server, binding, more)
    assert.equal(refused.status, 422, field)
    const error = refused.body.errors?.find((one) => one.field === field)
    assert.match(error?.detail ?? '', detail, field)
    assert.doesNotMatch(refused.text, /c2VjcmV0|hurdle/)
  }
  assert.equal((await issue(server, signature)).status, 201, 'the control')
  await server.close()
})

test('a key by an algorithm that signs no requests is one for assertions, and none to sign requests by', async () => {
  const server = await start()
  const { jwk } = await assertionClient('PS256')
  assert.equal((await issue(server, { type: 'signature', jwk }, { kind: 'api_key' })).status, 422)
  assert.equal((await issue(server, { type: 'signature', jwk })).status, 201)
  await server.close()
})

test('a key is one credential’s in its workspace, until that is revoked; a replaced key is free again', async () => {
  const server = await start()
  const [first, second] = [await assertionClient(), await assertionClient()]
  const bound = ({ jwk }: typeof first) => ({ type: 'signature', jwk })
  const one = (await issue(server, bound(first))).body.credential
  const taken = await issue(server, bound(first), { principal: 'other' })
  assert.equal(taken.status, 409)
  assert.deepEqual(taken.body.errors, [{ field: 'binding', detail: 'is taken' }])
  const two = (await issue(server, bound(second))).body.credential
  const path = `/v1/credentials/${two.id}`
  const patch = (change: object) => server.request<Answer>('PATCH', path, change)
  const collided = await patch({ binding: bound(first) })
  assert.deepEqual([collided.status, collided.body.errors?.[0]?.field], [409, 'binding'])
  for (const binding of [null, { type: 'dpop', jwk: first.jwk }]) {
    assert.equal((await patch({ binding })).status, 422)
  }
  assert.equal((await patch({ name: 'nightly' })).status, 200, 'what is not said stays')
  assert.equal((await server.request('POST', `/v1/credentials/${one.id}/revoke`, {})).status, 200)
  assert.equal((await patch({ binding: bound(first) })).status, 200)
  assert.equal((await issue(server, bound(second), { principal: 'other' })).status, 201)
  const mtls = { type: 'mtls', certificate_thumbprint: THUMBPRINT }
  assert.equal((await patch({ binding: mtls })).status, 200, 'a client may go over to certificates')
  await server.close()
})

test('it is not rotated: the answer says what to do instead', async () => {
  const server = await start()
  const { id } = (await issue(server, { type: 'mtls', certificate: CLIENT.cert })).body.credential
  const rotated = await server.request<Answer>('POST', `/v1/credentials/${id}/rotate`, {})
  assert.equal(rotated.status, 409)
  assert.match(rotated.body.detail!, /issue another one .* and revoke this, or change its binding/)
  await server.close()
})

test('POST /v1/verify: an assertion counts once, by the new key from when it is patched, and never once it is revoked', async () => {
  const server = await start()
  const [first, second] = [await assertionClient(), await assertionClient()]
  const { credential } = (await issue(server, { type: 'signature', jwk: first.jwk })).body
  const clientId = credential.client_id!
  const told = async (client: typeof first, jti?: string) => {
    const said = { clientId, audience: AUDIENCE, nowMs: server.clock() }
    const token = await client.assertion({ ...said, ...(jti !== undefined && { jti }) })
    return (await verdictOn(server, { headers: { authorization: `Bearer ${token}` } })).code
  }
  assert.equal(await told(first, 'one'), 'VALID')
  assert.equal(await told(first, 'one'), 'REPLAYED')
  assert.equal(await told(second), 'NOT_FOUND')
  const path = `/v1/credentials/${credential.id}`
  const binding = { type: 'signature', jwk: second.jwk }
  assert.equal((await server.request('PATCH', path, { binding })).status, 200)
  assert.equal(await told(first), 'NOT_FOUND')
  assert.equal(await told(second), 'VALID')
  assert.equal((await server.request('POST', `${path}/revoke`, {})).status, 200)
  assert.equal(await told(second), 'REVOKED')
  await server.close()
})

test('POST /v1/verify: a certificate that is told is the credential, and a Client-Cert among the headers is not', async () => {
  const server = await start()
  const { credential } = (await issue(server, { type: 'mtls', certificate: CLIENT.cert })).body
  const valid = await verdictOn(server, { client_certificate: CLIENT.cert })
  assert.equal(valid.code, 'VALID')
  assert.equal((valid.credential as { id: string }).id, credential.id)
  assert.equal((await verdictOn(server, { client_certificate: OTHER.cert })).code, 'NOT_FOUND')
  const forged = { headers: { 'client-cert': `:${CLIENT_DER.toString('base64')}:` } }
  assert.equal((await verdictOn(server, forged)).code, 'MISSING')
  const { secret } = (await issue(server, null, { kind: 'api_key' })).body
  const beside = { headers: { 'x-api-key': secret! }, client_certificate: CLIENT.cert }
  const proof = await verdictOn(server, beside)
  assert.equal(proof.code, 'VALID')
  assert.notEqual((proof.credential as { id: string }).id, credential.id, 'it is no second credential')
  assert.equal((await server.request('POST', `/v1/credentials/${credential.id}/revoke`, {})).status, 200)
  assert.equal((await verdictOn(server, { client_certificate: CLIENT.cert })).code, 'NOT_FOUND')
  await server.close()
})

test('administration takes no client key, and no issuer may be called as a client is', async () => {
  const server = await start()
  const client = await assertionClient()
  const { credential } = (await issue(server, { type: 'signature', jwk: client.jwk })).body
  const claims = { clientId: credential.client_id!, audience: AUDIENCE, nowMs: server.clock() }
  const authorization = `Bearer ${await client.assertion(claims)}`
  const refused = await server.request('GET', '/v1/apis', undefined, { authorization })
  assert.deepEqual([refused.status, refused.body.code], [401, 'KIND_NOT_ACCEPTED'])
  assert.equal((await server.request('PATCH', '/v1/apis/orders', { accepts: ['jwt'] })).status, 200)
  const named = (issuer: string) =>
    server.request<Answer>('POST', '/v1/issuers', {
      ...{ name: 'sso', issuer, audience: AUDIENCE, api: 'orders', algorithms: ['ES256'] },
      jwks: { keys: [{ ...client.jwk, kid: 'k1' }] },
    })
  const called = await named(credential.client_id!)
  assert.equal(called.status, 422)
  assert.deepEqual(called.body.errors, [
    { field: 'issuer', detail: 'must not begin with cli_, as ids of clients do' },
  ])
  assert.equal((await named('urn:cli_sso')).status, 201, 'the control')
  await server.close()
})

test('forward-auth: Client-Cert of a trusted proxy is the credential where client keys are taken', async () => {
  for (const [accepts, proxyClientCert, expected] of [
    [['client_key'], true, '200'],
    [['client_key'], false, 'MISSING'],
    [['api_key'], true, 'MISSING'],
  ] as const) {
    const made = await createTestContext({
      config: { leaseMs: 60_000, trustedProxies: [parseIpRange('127.0.0.0/8')!], proxyClientCert },
    })
    const version = { version: 1, sealedDigest: '', createdAtMs: 0, endsAtMs: null, revokedAtMs: null }
    const { key } = await protectApi(made.context, {
      api: { accepts },
      credential: {
        ...{ kind: 'client_key', keyPrefix: '', handle: THUMBPRINT, versions: [version] },
        binding: { type: 'mtls', thumbprint: THUMBPRINT },
      },
    })
    const app = createApp(made.context)
    registerForwardAuth(app, made.context)
    await app.ready()
    const port = await listen(app.server)
    const ask = async (headers: Record<string, string>) => {
      const asked = {
        'x-forwarded-method': 'GET',
        'x-forwarded-uri': '/orders/7',
        'x-forwarded-proto': 'https',
      }
      const url = `http://127.0.0.1:${port}/v1/authorize/orders`
      const response = await fetch(url, { headers: { ...asked, ...headers } })
      const text = await response.text()
      return response.status === 200 ? '200' : (JSON.parse(text) as { code: string }).code
    }
    const shown = { 'client-cert': `:${CLIENT_DER.toString('base64')}:` }
    assert.equal(await ask(shown), expected)
    assert.equal(await ask({}), 'MISSING')
    assert.notEqual(await ask({ ...shown, 'x-api-key': key }), '200', 'nor beside a key that is none')
    const other = { 'client-cert': `:${Buffer.from(derFrom(OTHER.cert)!).toString('base64')}:` }
    assert.equal(await ask(other), expected === '200' ? 'NOT_FOUND' : 'MISSING')
    await closedAfter(async () => {
      await app.close()
      await made.close()
    })()
  }
})

interface TokenAnswer {
  readonly access_token: string
  readonly token_type: string
  readonly code?: string
  readonly detail?: string
}

const ISSUER = 'https://credence.example'

function tokenFor(server: TestServer, headers: Record<string, string>, api = 'orders') {
  return server.request<TokenAnswer>('POST', '/v1/tokens', { api }, headers)
}

test('POST /v1/tokens: an assertion that is made out to us gets one bearer token, and one made out to the API none', async () => {
  const server = await start({ publicUrl: ISSUER })
  const client = await assertionClient('PS256')
  const { credential } = (await issue(server, { type: 'signature', jwk: client.jwk })).body
  const presented = async (audience: string) => {
    const claims = { clientId: credential.client_id!, audience, nowMs: server.clock() }
    return { authorization: `Bearer ${await client.assertion(claims)}` }
  }
  const headers = await presented(ISSUER)
  const answer = await tokenFor(server, headers)
  assert.deepEqual([answer.status, answer.body.token_type], [200, 'Bearer'], answer.text)
  assert.equal((await verdictOn(server, {}, answer.body.access_token)).code, 'VALID')
  const again = await tokenFor(server, headers)
  assert.deepEqual([again.status, again.body.code], [401, 'REPLAYED'])
  const forApi = await tokenFor(server, await presented(AUDIENCE))
  assert.deepEqual([forApi.status, forApi.body.code], [401, 'WRONG_AUDIENCE'])
  const forUs = await presented(ISSUER)
  assert.equal(
    (await verdictOn(server, { headers: forUs })).code,
    'WRONG_AUDIENCE',
    'nor the other way round',
  )
  const stranger = await assertionClient('PS256')
  const claims = { clientId: credential.client_id!, audience: ISSUER, nowMs: server.clock() }
  const forged = await tokenFor(server, { authorization: `Bearer ${await stranger.assertion(claims)}` })
  assert.deepEqual([forged.status, forged.body.code], [401, 'NOT_FOUND'])
  const revoked = await server.request('POST', `/v1/credentials/${credential.id}/revoke`, {})
  assert.equal(revoked.status, 200)
  assert.equal((await verdictOn(server, {}, answer.body.access_token)).code, 'REVOKED', 'and its tokens')
  await server.close()
})

test('POST /v1/tokens: without an issuer to name, no assertion is made out to us', async () => {
  const server = await start()
  const client = await assertionClient()
  const { credential } = (await issue(server, { type: 'signature', jwk: client.jwk })).body
  const claims = { clientId: credential.client_id!, audience: ISSUER, nowMs: server.clock() }
  const refused = await tokenFor(server, { authorization: `Bearer ${await client.assertion(claims)}` })
  assert.deepEqual([refused.status, refused.body.code], [401, 'KIND_NOT_ACCEPTED'])
  await server.close()
})

test('POST /v1/tokens: a certificate gets a token that is bound to it; an unknown one, and none, get nothing', async () => {
  const proxy = { trustedProxies: [parseIpRange('127.0.0.0/8')!], proxyClientCert: true }
  const server = await start({ publicUrl: ISSUER, ...proxy })
  const api = await server.request<{ id: string }>('GET', '/v1/apis/orders')
  assert.equal((await issue(server, { type: 'mtls', certificate: CLIENT.cert })).status, 201)
  // Without the Authorization that the test server's own requests have.
  const ask = async (der: Uint8Array | null, name = 'orders') => {
    const cert = der && { 'client-cert': `:${Buffer.from(der).toString('base64')}:` }
    const headers = { 'content-type': 'application/json', ...cert }
    const response = await fetch(`${server.url}/v1/tokens`, {
      ...{ method: 'POST', headers, body: JSON.stringify({ api: name }) },
    })
    return { status: response.status, body: (await response.json()) as TokenAnswer }
  }
  for (const name of ['orders', api.body.id]) {
    const answer = await ask(CLIENT_DER, name)
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    const { access_token: token } = answer.body
    assert.equal((await verdictOn(server, {}, token)).code, 'BINDING_REQUIRED')
    assert.equal((await verdictOn(server, { client_certificate: CLIENT.cert }, token)).code, 'VALID')
    assert.equal(
      (await verdictOn(server, { client_certificate: OTHER.cert }, token)).code,
      'BINDING_MISMATCH',
    )
  }
  assert.equal((await ask(derFrom(OTHER.cert)!)).body.code, 'NOT_FOUND')
  assert.equal((await ask(null)).body.code, 'MISSING')
  const elsewhere = await ask(CLIENT_DER, 'api_00000000000Z')
  assert.deepEqual([elsewhere.status, elsewhere.body.code], [401, 'KIND_NOT_ACCEPTED'])
  await server.close()
})
