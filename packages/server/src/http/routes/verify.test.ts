import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  bearer,
  fieldsOf,
  issue,
  makeAdmin,
  makeApi,
  type ProblemBody,
  type VerdictBody,
  verify,
} from '../../testing/issuing.ts'
import { startTestServer, type TestServer } from '../../testing/test-server.ts'

let server: TestServer
let nowMs = Date.UTC(2026, 5, 1, 12)
let key: string
let id: string

before(async () => {
  server = await startTestServer({ clock: () => nowMs })
  await makeApi(server, 'orders', {
    routes: [
      { method: 'GET', path: '/healthz', public: true, scopes: null },
      { method: 'GET', path: '/orders/*', scopes: 'orders:read' },
      { method: 'POST', path: '/orders/*', scopes: ['orders:read', 'orders:write'], cost: 5 },
    ],
  })
  await makeApi(server, 'plain', { scopes: ['plain:use'] })
  const made = await issue(server, {
    api: 'orders',
    scopes: ['orders:read'],
    external_id: 'cus_42',
    metadata: { plan: 'gold' },
    tags: ['t'],
  })
  key = made.secret
  id = made.credential.id
})
after(() => server.close())

test('an allowed request: who it is, what it may do, and the request id of the answer', async () => {
  const answer = await server.request<VerdictBody>('POST', '/v1/verify', {
    api: 'orders',
    credential: key,
    request: { method: 'GET', path: '/orders/7?page=2', ip: '192.0.2.1' },
  })
  const { request_id, principal, ...rest } = answer.body
  assert.equal(answer.headers.get('credence-request-id'), request_id)
  const { id: _, ...who } = principal as unknown as Record<string, unknown>
  assert.deepEqual(who, { name: 'billing', type: 'application', external_id: 'cus_42', metadata: {} })
  assert.deepEqual(rest, {
    valid: true,
    code: 'VALID',
    credential: {
      id,
      kind: 'api_key',
      name: null,
      version: 1,
      tags: ['t'],
      metadata: { plan: 'gold' },
      expires_at: null,
    },
    scopes: ['orders:read'],
    required: 'orders:read',
    limits: [],
    retry_after_seconds: null,
    stale_seconds: null,
    challenge: null,
    dpop_nonce: null,
    status: 200,
  })
})

test('the credential may stand in the headers of the request, as an object or as pairs', async () => {
  const authorization = `Bearer ${key}`
  for (const headers of [{ authorization }, { 'X-API-Key': key }, [['Authorization', authorization]]]) {
    assert.equal((await verify(server, { api: 'orders', request: { headers } })).code, 'VALID')
  }
  const twice = [
    ['Authorization', authorization],
    ['authorization', authorization],
  ]
  assert.equal((await verify(server, { api: 'orders', request: { headers: twice } })).code, 'MALFORMED')
})

test('two different credentials are AMBIGUOUS, wherever they stand; the same one twice is not', async () => {
  const other = (await issue(server, { api: 'orders' })).secret
  const headers = { authorization: `Bearer ${other}` }
  const both = await verify(server, { api: 'orders', credential: key, request: { headers } })
  assert.deepEqual([both.code, both.status], ['AMBIGUOUS', 400])
  const inHeaders = { authorization: `Bearer ${key}`, 'x-api-key': other }
  assert.equal((await verify(server, { api: 'orders', request: { headers: inHeaders } })).code, 'AMBIGUOUS')
  const same = { authorization: `Bearer ${key}` }
  assert.equal(
    (await verify(server, { api: 'orders', credential: key, request: { headers: same } })).code,
    'VALID',
  )
})

test('no credential is a bare challenge without an error', async () => {
  const verdict = await verify(server, { api: 'orders' })
  assert.deepEqual(
    [verdict.code, verdict.status, verdict.challenge],
    ['MISSING', 401, 'Bearer realm="orders"'],
  )
})

test('what cannot be a credential is MALFORMED', async () => {
  for (const credential of [
    '',
    'hello',
    'a b',
    `${key}x`,
    key.slice(0, -1),
    `${key.slice(0, -1)}_`,
    'x'.repeat(8192),
  ]) {
    assert.equal(
      (await verify(server, { api: 'orders', credential })).code,
      'MALFORMED',
      credential.slice(0, 60),
    )
  }
})

test('routes decide: public, unknown, and the scopes that are missing are named', async () => {
  const at = (method: string, path: string) =>
    verify(server, { api: 'orders', credential: key, request: { method, path } })
  const open = await verify(server, { api: 'orders', request: { method: 'GET', path: '/healthz' } })
  assert.deepEqual([open.code, open.credential], ['VALID', null])
  const unknown = await at('DELETE', '/orders/7')
  assert.deepEqual([unknown.code, unknown.status], ['ROUTE_UNKNOWN', 403])
  const missing = await at('POST', '/orders/7')
  assert.deepEqual([missing.code, missing.status], ['INSUFFICIENT_SCOPE', 403])
  assert.equal(missing.required, 'orders:read AND orders:write')
  assert.match(missing.challenge ?? '', /error="insufficient_scope"/)
  assert.equal(missing.credential?.id, id, 'the secret is proven, so the guard may know who it was')
})

test('a target that two parsers could read differently is BAD_REQUEST', async () => {
  for (const path of [
    '/orders/../admin',
    '/orders/%2e%2e/x',
    '//orders/7',
    '/orders/7;a=b',
    '/orders%2f7',
    '/orders/\u0000',
    '/ö',
    'orders/7',
    '/orders/7#x',
  ]) {
    const verdict = await verify(server, { api: 'orders', credential: key, request: { method: 'GET', path } })
    assert.deepEqual([verdict.code, verdict.status], ['BAD_REQUEST', 400], path)
  }
})

test('scopes in the call are needed besides: an expression, or a list of which all', async () => {
  const ask = (scopes: unknown) => verify(server, { api: 'orders', credential: key, scopes })
  assert.equal((await ask('orders:read OR orders:write')).code, 'VALID')
  assert.equal((await ask(['orders:read'])).code, 'VALID')
  assert.equal((await ask([])).code, 'VALID')
  const all = await ask(['orders:read', 'orders:write OR orders:read'])
  assert.equal(all.code, 'VALID')
  assert.equal((await ask(['orders:read', 'orders:write'])).code, 'INSUFFICIENT_SCOPE')
  const request = { method: 'GET', path: '/orders/7' }
  const more = await verify(server, { api: 'orders', credential: key, request, scopes: 'orders:write' })
  assert.deepEqual([more.code, more.required], ['INSUFFICIENT_SCOPE', 'orders:write'])
})

test('an expression that cannot be read is a mistake of the caller, named', async () => {
  const ask = (scopes: unknown) =>
    server.request<ProblemBody>('POST', '/v1/verify', { api: 'orders', credential: key, scopes })
  assert.deepEqual(fieldsOf(await ask('orders:read orders:write')), ['scopes'])
  assert.deepEqual(fieldsOf(await ask(['orders:read', 'orders:*', '('])), ['scopes[1]', 'scopes[2]'])
  const ip = await server.request<ProblemBody>('POST', '/v1/verify', {
    api: 'orders',
    request: { ip: '1.2.3' },
  })
  assert.deepEqual(fieldsOf(ip), ['request.ip'])
})

test('limits are taken as the cost says, shown tightest first, and a refusal takes nothing', async () => {
  const limits = [
    { name: 'burst', limit: 6, window_seconds: 60 },
    { name: 'daily', limit: 100, period: 'day' },
  ]
  const { secret } = await issue(server, {
    api: 'orders',
    scopes: ['orders:*'],
    principal: 'limited',
    limits,
  })
  const at = (body: object) => verify(server, { api: 'orders', credential: secret, ...body })
  const first = await at({ request: { method: 'POST', path: '/orders/7' } })
  assert.deepEqual(
    first.limits.map(({ name, owner, remaining }) => [name, owner, remaining]),
    [
      ['burst', 'credential', 1],
      ['daily', 'credential', 95],
    ],
  )
  const refused = await at({ request: { method: 'POST', path: '/orders/7' } })
  assert.deepEqual([refused.code, refused.status], ['RATE_LIMITED', 429])
  assert.ok((refused.retry_after_seconds ?? 0) > 0)
  assert.equal((await at({ cost: 0 })).limits.find(({ name }) => name === 'daily')?.remaining, 95)
  assert.equal((await at({ cost: 1 })).code, 'VALID')
  nowMs += 60_000
  assert.equal((await at({ cost: 96 })).code, 'RATE_LIMITED')
})

test('addresses of the request count, in their one form, for the conditions of the credential', async () => {
  const conditions = { ip_ranges: ['192.0.2.0/24'] }
  const { secret } = await issue(server, { api: 'plain', conditions })
  const from = async (request: object) =>
    (await verify(server, { api: 'plain', credential: secret, request })).code
  assert.equal(await from({ ip: '192.0.2.1' }), 'VALID')
  assert.equal(await from({ ip: '::ffff:192.0.2.1' }), 'VALID')
  assert.equal(await from({ ip: '198.51.100.1' }), 'CONDITION_FAILED')
  assert.equal(await from({}), 'CONDITION_FAILED')
})

test('an API that demands TLS is told so, and refuses what is not known to have come over it', async () => {
  await makeApi(server, 'sealed', { requires_tls: true, scopes: ['s'] })
  const { secret } = await issue(server, { api: 'sealed' })
  const over = async (request: object) =>
    (await verify(server, { api: 'sealed', credential: secret, request })).code
  assert.equal(await over({ secure: true }), 'VALID')
  assert.equal(await over({ secure: false }), 'TLS_REQUIRED')
  assert.equal(await over({}), 'TLS_REQUIRED')
})

test('times: not yet valid, valid, expired', async () => {
  const at = (ms: number) => new Date(nowMs + ms).toISOString()
  const { secret } = await issue(server, { api: 'plain', not_before: at(1000), expires_at: at(2000) })
  const code = async () => (await verify(server, { api: 'plain', credential: secret })).code
  assert.equal(await code(), 'NOT_YET_VALID')
  nowMs += 1000
  assert.equal(await code(), 'VALID')
  nowMs += 1000
  assert.equal(await code(), 'EXPIRED')
})

test('the API is found by name, by id and by workspace and name; another workspace’s is unknown', async () => {
  const api = (await server.request<{ id: string }>('GET', '/v1/apis/orders')).body.id
  for (const reference of ['orders', api, 'default/orders']) {
    assert.equal((await verify(server, { api: reference, credential: key })).code, 'VALID', reference)
  }
  const made = await server.request<{ admin_key: { secret: string } }>('POST', '/v1/workspaces', {
    name: 'elsewhere',
  })
  const headers = bearer(made.body.admin_key.secret)
  const ask = async (reference: string) => {
    const answer = await server.request<ProblemBody>(
      'POST',
      '/v1/verify',
      { api: reference, credential: key },
      headers,
    )
    assert.equal(answer.status, 404, reference)
    return JSON.stringify({ ...answer.body, request_id: '' }).replace(reference, 'REF')
  }
  const bodies = await Promise.all(['orders', api, 'default/orders', 'api_000000000000', 'no/such'].map(ask))
  assert.equal(new Set(bodies).size, 1)
})

test('a key of another workspace is unknown to the caller, while the operator’s log says whose it is', async () => {
  const made = await server.request<{ admin_key: { secret: string } }>('POST', '/v1/workspaces', {
    name: 'test-env',
  })
  const foreign = made.body.admin_key.secret
  const verdict = await verify(server, { api: 'orders', credential: foreign })
  assert.equal(verdict.code, 'NOT_FOUND')
  assert.equal(verdict.detail, undefined)
  assert.equal(verdict.credential, null)
  const why = await server.request<{ checks: { detail?: string }[] }>(
    'GET',
    `/v1/decisions/${verdict.request_id}`,
  )
  assert.match(JSON.stringify(why.body.checks), /belongs to workspace/)
})

test('asking needs credentials:verify for the very API', async () => {
  const { secret } = await makeAdmin(server, ['credentials:verify:orders'])
  assert.equal((await verify(server, { api: 'orders', credential: key }, bearer(secret))).code, 'VALID')
  const other = await server.request<ProblemBody>(
    'POST',
    '/v1/verify',
    { api: 'plain', credential: key },
    bearer(secret),
  )
  assert.equal(other.status, 403)
  assert.equal(other.body.required, 'credentials:verify:plain')
})

test('read your writes: with at_least a verify sees the write though the feed was not read since', async () => {
  const { secret, credential } = await issue(server, { api: 'orders' })
  const body = { api: 'orders', credential: secret }
  assert.equal((await verify(server, body)).code, 'VALID')
  const record = await server.context.store.read('credential', credential.id)
  // Another node revokes it: committed to the store, while this node is not nudged and has not polled yet.
  await server.context.members.leave()
  const committed = await server.context.store.commit({
    workspaceId: record!.workspaceId,
    puts: [{ table: 'credential', record: { ...record!, state: 'revoked', revision: record!.revision + 1 } }],
    deletes: [],
    expects: [],
    settings: [],
    idempotency: null,
    audit: {
      atMs: nowMs,
      action: 'credential.revoke',
      targetTable: 'credential',
      targetId: credential.id,
      actorCredentialId: null,
      actorPrincipalId: null,
      requestId: null,
      ip: null,
      detail: {},
    },
  })
  assert.ok(committed.ok)
  await verify(server, { api: 'orders', credential: key })
  assert.equal((await verify(server, body)).code, 'VALID', 'within the lease, what is cached still counts')
  assert.equal((await verify(server, { ...body, at_least: committed.position })).code, 'REVOKED')
  assert.equal((await verify(server, { ...body, at_least: String(committed.position) })).code, 'REVOKED')
})

test('unknown members, wrong types and odd sizes are 422 by name', async () => {
  const bodies: [object, string][] = [
    [{ credential: key }, 'api'],
    [{ api: 'orders', extra: 1 }, 'extra'],
    [{ api: 'orders', cost: -1 }, 'cost'],
    [{ api: 'orders', cost: 1.5 }, 'cost'],
    [{ api: 'orders', credential: 7 }, 'credential'],
    [{ api: 'orders', credential: 'x'.repeat(8193) }, 'credential'],
    [{ api: 'orders', request: { method: 'get' } }, 'request.method'],
    [{ api: 'orders', request: { url: '/' } }, 'request.url'],
  ]
  for (const [body, field] of bodies) {
    assert.deepEqual(fieldsOf(await server.request<ProblemBody>('POST', '/v1/verify', body)), [field])
  }
})
