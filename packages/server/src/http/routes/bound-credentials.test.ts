import assert from 'node:assert/strict'
import { test } from 'node:test'
import { certificateThumbprint, parseIpRange } from '@credence/core'
import type { Config } from '../../config.ts'
import { registerForwardAuth } from '../../forward-auth/forward-auth.ts'
import { type DpopClient, dpopClient, signingClient } from '../../testing/bound-clients.ts'
import { closedAfter } from '../../testing/closed-after.ts'
import { listen, route } from '../../testing/gateway-fixture.ts'
import { type ProtectedApiOptions, protectApi } from '../../testing/protected-api.ts'
import { selfSigned } from '../../testing/self-signed.ts'
import { createTestContext } from '../../testing/test-context.ts'
import { startTestServer, type TestServer } from '../../testing/test-server.ts'
import { createApp } from '../app.ts'
import { derFrom } from '../certificate-text.ts'

const LOOPBACK = [parseIpRange('127.0.0.0/8')!]
const CLIENT = selfSigned('client')
const CLIENT_DER = Buffer.from(derFrom(CLIENT.cert)!)
const CLIENT_THUMBPRINT = certificateThumbprint(CLIENT_DER)

/** The memory of used proofs begins with the process; these tests begin a while later. */
function laterClock() {
  let aheadMs = 0
  const clock = () => Date.now() + aheadMs
  const goOn = () => {
    aheadMs = 20_000
  }
  return { clock, goOn }
}

async function startForwardAuth(options: ProtectedApiOptions, config: Partial<Config> = {}) {
  const { clock, goOn } = laterClock()
  const made = await createTestContext({
    config: { leaseMs: 60_000, trustedProxies: LOOPBACK, ...config },
    clock,
  })
  const routes = [route('GET /orders/*=orders:read'), route('POST /orders/*=orders:read')]
  const { key } = await protectApi(made.context, { ...options, api: { routes, ...options.api } })
  const app = createApp(made.context)
  registerForwardAuth(app, made.context)
  await app.ready()
  const port = await listen(app.server)
  goOn()
  const ask = async (headers: Record<string, string>, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${port}/v1/authorize/orders`, {
      headers: {
        'x-forwarded-method': method,
        'x-forwarded-uri': '/orders/7?page=2',
        'x-forwarded-proto': 'https',
        'x-api-key': key,
        ...headers,
      },
    })
    const text = await response.text()
    const code = response.status === 200 ? '200' : (JSON.parse(text) as { code: string }).code
    return { code, headers: response.headers }
  }
  const close = closedAfter(async () => {
    await app.close()
    await made.close()
  })
  return { ask, key, clock, close }
}

test('forward-auth: the URI is what the proxy was asked; its X-Forwarded-Host must be the host of the API', async () => {
  const client = await dpopClient()
  const binding = client.binding
  for (const host of [null, 'orders.example']) {
    const { ask, key, clock, close } = await startForwardAuth({ credential: { binding }, api: { host } })
    const dpop = (uri: string) => client.proof('GET', uri, key, clock())
    const at = { 'x-forwarded-host': 'orders.example' }
    const right = await ask({ ...at, dpop: await dpop('https://orders.example/orders/7') })
    assert.equal(right.code, '200')
    const elsewhere = await ask({ ...at, dpop: await dpop('https://evil.example/orders/7') })
    assert.equal(elsewhere.code, 'BINDING_MISMATCH')
    // A proof that its client made for another server, which now calls here under that one's name.
    const stolen = await ask({
      'x-forwarded-host': 'evil.example',
      dpop: await dpop('https://evil.example/orders/7'),
    })
    assert.equal(stolen.code, host === null ? '200' : 'BINDING_MISMATCH')
    const untold = await ask({ dpop: await dpop('https://orders.example/orders/7') })
    assert.equal(untold.code, host === null ? 'BINDING_MISMATCH' : '200')
    const withPort = { 'x-forwarded-host': 'orders.example:8443' }
    const ported = await ask({ ...withPort, dpop: await dpop('https://orders.example:8443/orders/7') })
    assert.equal(ported.code, '200')
    assert.equal((await ask(at)).code, 'BINDING_REQUIRED')
    await close()
  }
})

test('forward-auth: nonces go out in DPoP-Nonce, with refusals and with what passes', async () => {
  const client = await dpopClient()
  const { ask, key, clock, close } = await startForwardAuth(
    { credential: { binding: client.binding }, api: { host: 'orders.example' } },
    { dpopNonces: true },
  )
  const first = await ask({})
  const nonce = first.headers.get('dpop-nonce')
  const uri = 'https://orders.example/orders/7'
  const second = await ask({ dpop: await client.proof('GET', uri, key, clock(), { nonce }) })
  assert.deepEqual([second.code, second.headers.get('dpop-nonce')], ['200', nonce])
  await close()
})

test('forward-auth: Client-Cert of the proxy counts where it is set to, and the proxy’s own certificate never', async () => {
  const binding = { type: 'mtls', thumbprint: CLIENT_THUMBPRINT } as const
  const header = { 'client-cert': `:${CLIENT_DER.toString('base64')}:` }
  for (const proxyClientCert of [true, false]) {
    const { ask, close } = await startForwardAuth({ credential: { binding } }, { proxyClientCert })
    assert.equal((await ask(header)).code, proxyClientCert ? '200' : 'BINDING_REQUIRED')
    assert.equal((await ask({})).code, 'BINDING_REQUIRED')
    await close()
  }
})

test('forward-auth: a signature counts for what has no content, since none is shown; with content it is refused', async () => {
  const client = await signingClient()
  const { ask, key, clock, close } = await startForwardAuth({
    credential: { binding: client.binding },
    api: { host: 'orders.example' },
  })
  const url = 'https://orders.example/orders/7?page=2'
  const signed = (method: string, content?: string) =>
    client.headers({ method, url, key, nowMs: clock(), ...(content !== undefined && { content }) })
  assert.equal((await ask(await signed('GET'))).code, '200')
  assert.equal((await ask(await signed('POST', '{}'), 'POST')).code, 'BINDING_MISMATCH')
  assert.equal((await ask(await signed('POST'), 'POST')).code, 'BINDING_MISMATCH')
  await close()
})

interface Issued {
  readonly credential: { readonly id: string; readonly binding: Record<string, unknown> | null }
  readonly secret: string
}

async function startAdministered(
  config: Partial<Config> = {},
): Promise<TestServer & { clock: () => number }> {
  const { clock, goOn } = laterClock()
  const server = await startTestServer({ clock, config: { leaseMs: 60_000, ...config } })
  goOn()
  const api = { name: 'orders', audience: 'https://orders.example', scopes: ['orders:read'] }
  assert.equal((await server.request('POST', '/v1/apis', api)).status, 201)
  return { ...server, clock }
}

function issue(server: TestServer, binding: unknown, more: Record<string, unknown> = {}) {
  const body = { kind: 'api_key', api: 'orders', scopes: ['orders:read'], principal: 'billing', ...more }
  return server.request<Issued & { errors?: unknown[] }>('POST', '/v1/credentials', { ...body, binding })
}

test('a key is bound when it is issued, shown so, bound otherwise and unbound by PATCH, and audited', async () => {
  const server = await startAdministered()
  const { jwk, binding } = await dpopClient()
  const issued = await issue(server, { type: 'dpop', jwk: { ...jwk, kid: 'till' } })
  assert.equal(issued.status, 201)
  const { id } = issued.body.credential
  const shown = await server.request<Issued['credential']>('GET', `/v1/credentials/${id}`)
  const expected = { type: 'dpop', jwk_thumbprint: binding.thumbprint }
  assert.deepEqual(shown.body.binding, expected)
  const patched = async (change: unknown) => {
    const { body } = await server.request<Issued['credential']>('PATCH', `/v1/credentials/${id}`, change)
    return body.binding
  }
  assert.deepEqual(await patched({ name: 'till' }), expected, 'what is not said stays')
  const certificate = { type: 'mtls', certificate_thumbprint: CLIENT_THUMBPRINT }
  assert.deepEqual(await patched({ binding: { type: 'mtls', certificate: CLIENT.cert } }), certificate)
  assert.deepEqual(await patched({ binding: certificate }), certificate)
  const signing = await signingClient()
  const signature = { type: 'signature', jwk_thumbprint: signing.binding.thumbprint, jwk: signing.jwk }
  assert.deepEqual(await patched({ binding: { type: 'signature', jwk: signing.jwk } }), signature)
  assert.equal(await patched({ binding: null }), null)
  const audit = await server.request<{ items: { action: string; detail: Record<string, unknown> }[] }>(
    'GET',
    '/v1/audit',
  )
  const entries = audit.body.items.filter(({ action }) => action.startsWith('credential.'))
  assert.equal(entries.at(-1)?.detail.to, binding.thumbprint)
  assert.deepEqual(entries[0]?.detail, { changed: ['binding'] })
  await server.close()
})

test('what is no key to be bound to is refused by field, and never quoted', async () => {
  const server = await startAdministered()
  const { jwk } = await dpopClient()
  const wrong: [unknown, string, RegExp][] = [
    [{ type: 'dpop', jwk: { ...jwk, d: 'c2VjcmV0LXNlY3JldA' } }, 'binding.jwk', /holds d, .* known now/],
    [{ type: 'dpop', jwk: { kty: 'oct', k: 'c2VjcmV0LXNlY3JldA' } }, 'binding.jwk', /holds k/],
    [{ type: 'dpop', jwk: { ...jwk, y: jwk.x } }, 'binding.jwk', /no point of the curve/],
    [{ type: 'dpop', jwk: { kty: 'EC', crv: 'P-521' } }, 'binding.jwk', /x or y/],
    [{ type: 'dpop', jwk_thumbprint: 'c2VjcmV0LXNlY3JldA' }, 'binding.jwk_thumbprint', /43 characters/],
    [{ type: 'dpop', certificate: CLIENT.cert }, 'binding.certificate', /does not go with/],
    [{ type: 'dpop', jwk, jwk_thumbprint: 'x' }, 'binding', /jwk_thumbprint or jwk/],
    [{ type: 'signature' }, 'binding', /takes jwk/],
    [{ type: 'mtls', certificate: CLIENT.key }, 'binding.certificate', /one X\.509 certificate/],
    [{ type: 'mtls', certificate: CLIENT.cert + CLIENT.cert }, 'binding.certificate', /one X\.509/],
  ]
  for (const [binding, field, detail] of wrong) {
    const refused = await issue(server, binding)
    assert.equal(refused.status, 422, JSON.stringify(binding))
    const [error] = refused.body.errors as { field: string; detail: string }[]
    assert.equal(error?.field, field)
    assert.match(error.detail, detail)
    assert.doesNotMatch(refused.text, /c2VjcmV0/)
  }
  assert.equal((await issue(server, { type: 'dpop', jwk })).status, 201, 'the control')
  await server.close()
})

test('an API that requires binding says so, and takes no key that is bound to none', async () => {
  const server = await startAdministered()
  const { jwk } = await dpopClient()
  const changed = await server.request('PATCH', '/v1/apis/orders', { requires_binding: true })
  assert.equal(changed.body.requires_binding, true)
  const { secret } = (await issue(server, null)).body
  const verdictOn = async (credential: string) =>
    (await server.request('POST', '/v1/verify', { api: 'orders', credential })).body
  assert.equal((await verdictOn(secret)).code, 'BINDING_REQUIRED')
  const bound = (await issue(server, { type: 'dpop', jwk })).body.secret
  assert.match(String((await verdictOn(bound)).challenge), /^DPoP realm="orders"/)
  await server.close()
})

test('a key in the query is warned of when it is allowed', async () => {
  const server = await startAdministered()
  const changed = await server.request('PATCH', '/v1/apis/orders', { query_parameter: 'key' })
  assert.match(String(changed.body.warnings), /logs, histories and Referer/)
  assert.deepEqual((await server.request('PATCH', '/v1/apis/orders', { metadata: {} })).body.warnings, [])
  await server.close()
})

async function verifyTold(server: TestServer, request: Record<string, unknown>) {
  return (await server.request('POST', '/v1/verify', { api: 'orders', request })).body
}

test('POST /v1/verify holds proofs against what it is told of the request, and against nothing else', async () => {
  const server = await startAdministered()
  const client = await dpopClient()
  const { secret } = (await issue(server, { type: 'dpop', jwk: client.jwk })).body
  const uri = 'https://orders.example/orders/7?page=2'
  const told = async (change: Record<string, unknown> = {}, scheme = 'DPoP') => {
    const dpop = await client.proof('GET', 'https://orders.example/orders/7', secret, server.clock())
    const headers = [
      ['Authorization', `${scheme} ${secret}`],
      ['DPoP', dpop],
      ['Host', 'orders.example'],
    ]
    return verifyTold(server, { method: 'GET', path: '/orders/7?page=2', headers, uri, ...change })
  }
  assert.equal((await told()).code, 'VALID')
  assert.equal((await told({}, 'Bearer')).code, 'BINDING_MISMATCH')
  assert.equal((await told({ method: 'POST' })).code, 'BINDING_MISMATCH')
  assert.equal((await told({ uri: 'https://other.example/orders/7' })).code, 'BINDING_MISMATCH')
  const untold = await told({ uri: undefined })
  assert.equal(untold.code, 'BINDING_MISMATCH')
  assert.match(String(untold.detail), /request\.uri/)
  const { status } = await server.request('POST', '/v1/verify', {
    api: 'orders',
    request: { uri: '/orders' },
  })
  assert.equal(status, 422)
  await server.close()
})

test('POST /v1/verify takes the certificate that it is told, and believes no Client-Cert among the headers', async () => {
  const server = await startAdministered()
  const { secret } = (await issue(server, { type: 'mtls', certificate: CLIENT.cert })).body
  const told = (change: Record<string, unknown>) =>
    verifyTold(server, { headers: { 'x-api-key': secret }, ...change })
  assert.equal((await told({ client_certificate: CLIENT.cert })).code, 'VALID')
  assert.equal((await told({ client_certificate: CLIENT_DER.toString('base64') })).code, 'VALID')
  assert.equal((await told({ client_certificate: selfSigned('x').cert })).code, 'BINDING_MISMATCH')
  const forged = { 'x-api-key': secret, 'client-cert': `:${CLIENT_DER.toString('base64')}:` }
  assert.equal((await told({ headers: forged })).code, 'BINDING_REQUIRED')
  await server.close()
})

test('POST /v1/verify digests the content that it is told, and takes no word for it', async () => {
  const server = await startAdministered()
  const client = await signingClient()
  const { secret } = (await issue(server, { type: 'signature', jwk: client.jwk })).body
  const uri = 'https://orders.example/orders'
  let ageMs = 0
  const told = async (content: string | undefined) => {
    ageMs += 1000
    const nowMs = server.clock() - ageMs
    const headers = await client.headers({ method: 'POST', url: uri, key: secret, nowMs, content: '{"n":7}' })
    const encoded = content === undefined ? {} : { content: Buffer.from(content).toString('base64') }
    return verifyTold(server, { method: 'POST', headers, uri, ...encoded })
  }
  assert.equal((await told('{"n":7}')).code, 'VALID')
  assert.equal((await told('{"n":8}')).code, 'BINDING_MISMATCH')
  assert.match(String((await told(undefined)).detail), /request\.content/)
  await server.close()
})

test('an administrator’s own key may be bound: then administration asks for the proof, at CREDENCE_PUBLIC_URL', async () => {
  const server = await startAdministered({ publicUrl: 'https://credence.example' })
  const client: DpopClient = await dpopClient()
  const grant = { api: 'credence', scopes: ['apis:read'] }
  const { secret } = (await issue(server, { type: 'dpop', jwk: client.jwk }, grant)).body
  const proof = (uri: string) => client.proof('GET', uri, secret, server.clock())
  const ask = async (dpop: string | null, path = '/v1/apis') => {
    const headers = { authorization: `DPoP ${secret}`, ...(dpop !== null && { dpop }) }
    return server.request('GET', path, undefined, headers)
  }
  assert.equal((await ask(await proof('https://credence.example/v1/apis'))).status, 200)
  assert.equal((await ask(await proof(`${server.url}/v1/apis`))).body.code, 'BINDING_MISMATCH')
  const bare = await ask(null)
  assert.equal(bare.body.code, 'BINDING_REQUIRED')
  assert.match(bare.headers.get('www-authenticate')!, /^DPoP realm="credence"/)
  const self = '/v1/credentials/self'
  assert.equal((await ask(null, self)).status, 401)
  assert.equal((await ask(await proof(`https://credence.example${self}`), self)).status, 200)
  await server.close()
})

test('a username with its password, and a client with its secret, can be bound like any other credential', async () => {
  const server = await startAdministered()
  const accepts = { accepts: ['api_key', 'basic', 'client_secret'] }
  assert.equal((await server.request('PATCH', '/v1/apis/orders', accepts)).status, 200)
  const client = await dpopClient()
  const uri = 'https://orders.example/orders/7'
  const binding = { type: 'dpop', jwk: client.jwk }
  const basic = await issue(server, binding, { kind: 'basic', username: 'till' })
  const secret = await issue(server, binding, { kind: 'client_secret' })
  const { client_id } = secret.body.credential as unknown as { client_id: string }
  for (const userid of [`till:${basic.body.secret}`, `${client_id}:${secret.body.secret}`]) {
    const presented = Buffer.from(userid).toString('base64')
    const told = async (dpop: Record<string, string>) => {
      const headers = { authorization: `Basic ${presented}`, ...dpop }
      return (await verifyTold(server, { method: 'GET', uri, headers, secure: true })).code
    }
    const proof = async () => ({ dpop: await client.proof('GET', uri, presented, server.clock()) })
    // The second time it is known already.
    for (let i = 0; i < 2; i++) {
      assert.equal(await told(await proof()), 'VALID')
      assert.equal(await told({}), 'BINDING_REQUIRED')
    }
  }
  await server.close()
})
