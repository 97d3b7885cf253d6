import assert from 'node:assert/strict'
import { METHODS } from 'node:http'
import { test } from 'node:test'
import { type ApiRecord, parseIpRange } from '@credence/core'
import type { Config } from '../config.ts'
import { createApp } from '../http/app.ts'
import { newId } from '../ids.ts'
import { closedAfter } from '../testing/closed-after.ts'
import { listen, route, sendRaw } from '../testing/gateway-fixture.ts'
import { type ProtectedApiOptions, protectApi, putRecords } from '../testing/protected-api.ts'
import { createTestContext } from '../testing/test-context.ts'
import { registerForwardAuth } from './forward-auth.ts'

const LOOPBACK = [parseIpRange('127.0.0.0/8')!]
const ROUTES = [
  route('GET /orders/*=orders:read'),
  route('POST /orders/*=orders:write'),
  route('GET /open/**=public'),
]

/** All that Credence says about a caller, as the guides list it. */
const IDENTITY = 'principal principal-name external-id credential scopes workspace stale'.split(' ')

interface Answer {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly text: string
  readonly code: string | undefined
}

async function startAuthorize(config: Partial<Config> = {}, options: ProtectedApiOptions = {}) {
  const made = await createTestContext({ config: { leaseMs: 60_000, trustedProxies: LOOPBACK, ...config } })
  const { context } = made
  const protectedApi = await protectApi(context, { ...options, api: { routes: ROUTES, ...options.api } })
  const app = createApp(context)
  registerForwardAuth(app, context)
  await app.ready()
  const port = await listen(app.server)
  const ask = async (
    lines: string[],
    path = '/v1/authorize/orders',
    method = 'GET',
    body = '',
  ): Promise<Answer> => {
    const head = [`${method} ${path} HTTP/1.1`, 'Host: credence', 'Connection: close', ...lines]
    return parseAnswer(await sendRaw(port, `${head.join('\r\n')}\r\n\r\n${body}`))
  }
  const close = closedAfter(async () => {
    await app.close()
    await made.close()
  })
  return { ...protectedApi, context, port, ask, close }
}

function parseAnswer(answer: string): Answer {
  const end = answer.indexOf('\r\n\r\n')
  const [status, ...lines] = answer.slice(0, end).split('\r\n')
  const headers = new Map(
    lines.map((line) => [line.split(':')[0]!.toLowerCase(), line.slice(line.indexOf(':') + 2)]),
  )
  const text = answer.slice(end + 4)
  const code = text.startsWith('{') ? (JSON.parse(text) as { code: string }).code : undefined
  return { status: Number(status?.split(' ')[1]), headers, text, code }
}

function forwardedLines(method = 'GET', uri = '/orders/7', ip = '203.0.113.9'): string[] {
  return [`X-Forwarded-Method: ${method}`, `X-Forwarded-Uri: ${uri}`, `X-Forwarded-For: ${ip}`]
}

test('an allowed request gets 200, nothing in it, and who is calling in the headers', async () => {
  const { ask, key, principal, credential, context, close } = await startAuthorize(
    {},
    {
      principal: { name: 'Zoë', externalId: 'cus 42' },
      credential: { limits: [{ type: 'rate', name: 'default', limit: 5, windowSeconds: 60 }] },
    },
  )
  const { status, headers, text } = await ask([...forwardedLines(), `Authorization: Bearer ${key}`])
  assert.equal(status, 200)
  assert.equal(text, '')
  assert.equal(headers.get('x-credence-principal'), principal.id)
  assert.equal(headers.get('x-credence-principal-name'), 'Zo%C3%AB')
  assert.equal(headers.get('x-credence-external-id'), 'cus%2042')
  assert.equal(headers.get('x-credence-credential'), credential.id)
  assert.equal(headers.get('x-credence-scopes'), 'orders:read')
  assert.equal(headers.get('x-credence-workspace'), context.defaultWorkspaceId)
  assert.equal(headers.get('x-credence-request-id'), headers.get('credence-request-id'))
  assert.match(headers.get('ratelimit')!, /^"default";r=4;t=\d+$/)
  assert.equal(headers.get('ratelimit-policy'), '"default";q=5;w=60')
  assert.equal(headers.get('cache-control'), 'no-store')
  assert.equal(headers.get('content-length'), '0')
  for (const name of IDENTITY) assert.notEqual(headers.get(`x-credence-${name}`), undefined, name)
  await close()
})

test('a refusal has the status, challenge and body of its verdict, and can be asked about by its id', async () => {
  const { ask, key, context, close } = await startAuthorize()
  const missing = await ask(forwardedLines())
  assert.deepEqual([missing.status, missing.code], [401, 'MISSING'])
  assert.equal(missing.headers.get('www-authenticate'), 'Bearer realm="orders"')
  assert.equal(missing.headers.get('x-credence-principal'), undefined)
  const requestId = missing.headers.get('credence-request-id')!
  assert.equal(context.decisions.get(context.defaultWorkspaceId, requestId)?.decision.code, 'MISSING')
  const auth = `X-API-Key: ${key}`
  const scope = await ask([...forwardedLines('POST'), auth])
  assert.deepEqual([scope.status, scope.code], [403, 'INSUFFICIENT_SCOPE'])
  const unknown = await ask([...forwardedLines('DELETE'), auth])
  assert.deepEqual([unknown.status, unknown.code], [403, 'ROUTE_UNKNOWN'])
  const twice = await ask([...forwardedLines(), auth, `Authorization: Bearer ${key}x`])
  assert.deepEqual([twice.status, twice.code], [400, 'AMBIGUOUS'])
  for (const uri of [
    '/open/../orders/7',
    '/open/%2e%2e/orders/7',
    '/open//x',
    'http://a/open/x',
    'open/x',
    '*',
    '/open/%00',
  ]) {
    const answer = await ask([...forwardedLines('GET', uri), auth])
    assert.deepEqual([answer.status, answer.code], [400, 'BAD_REQUEST'], uri)
  }
  await close()
})

test('on a public route identity headers are there and empty, so that a proxy overwrites forged ones', async () => {
  const { ask, close } = await startAuthorize({}, { api: { corsOrigins: ['https://app.example'] } })
  const preflight = ['Origin: https://app.example', 'Access-Control-Request-Method: POST']
  for (const lines of [forwardedLines('GET', '/open/x'), [...forwardedLines('OPTIONS'), ...preflight]]) {
    const { status, headers } = await ask([...lines, 'X-Credence-Principal: forged'])
    assert.equal(status, 200)
    for (const name of IDENTITY) assert.equal(headers.get(`x-credence-${name}`), '', name)
  }
  assert.equal((await ask([...forwardedLines('OPTIONS'), preflight[0]!])).status, 403)
  assert.equal((await ask([...forwardedLines('OPTIONS', '/nowhere'), ...preflight])).status, 403)
  await close()
})

test('nobody but a trusted proxy may ask, and the default trusts none', async () => {
  const { ask, key, context, close } = await startAuthorize({ trustedProxies: [] })
  const lines: string[] = []
  Object.assign(context.log, { warn: (_fields: unknown, message: string) => lines.push(message) })
  for (let i = 0; i < 2; i += 1) {
    const answer = await ask([...forwardedLines(), `X-API-Key: ${key}`])
    assert.deepEqual([answer.status, answer.code], [403, 'PROXY_UNTRUSTED'])
  }
  assert.equal(lines.length, 1, 'told once')
  assert.match(lines[0]!, /127\.0\.0\.1.*CREDENCE_TRUSTED_PROXIES=127\.0\.0\.1/)
  await close()
})

test('missing or repeated headers of the style are refused, and those of other styles are not read', async () => {
  const { ask, key, close } = await startAuthorize()
  const auth = `X-API-Key: ${key}`
  const [method, uri] = forwardedLines()
  for (const lines of [
    [],
    [method!],
    [uri!],
    [method!, uri!, uri!],
    [method!, method!, uri!],
    ['X-Forwarded-Method: ', uri!],
    ['X-Forwarded-Method: G ET', uri!],
    [method!, 'X-Forwarded-Uri: '],
    ['X-Original-Method: GET', 'X-Original-URI: /orders/7'],
  ]) {
    const answer = await ask([...lines, auth])
    assert.deepEqual([answer.status, answer.code], [400, 'BAD_REQUEST'], lines.join())
  }
  const other = await ask([method!, uri!, auth, 'X-Original-URI: /admin', 'X-Original-Method: DELETE'])
  assert.equal(other.status, 200)
  await close()
})

test('style nginx reads X-Original-*, and sends as 403 what nginx would make a 500 of', async () => {
  const limits = [{ type: 'rate', name: 'default', limit: 1, windowSeconds: 60 }] as const
  const { ask, key, close } = await startAuthorize({ forwardStyle: 'nginx' }, { credential: { limits } })
  const original = ['X-Original-Method: GET', 'X-Original-URI: /orders/7?a=1', 'X-Forwarded-For: 203.0.113.9']
  const auth = `Authorization: Bearer ${key}`
  assert.equal((await ask([...original, auth])).status, 200)
  const limited = await ask([...original, auth])
  assert.deepEqual([limited.status, limited.code], [403, 'RATE_LIMITED'])
  assert.equal(limited.headers.get('x-credence-status'), '429')
  assert.match(limited.headers.get('retry-after')!, /^\d+$/)
  const bad = await ask([...forwardedLines(), auth])
  assert.equal(bad.status, 403)
  assert.equal(bad.headers.get('x-credence-status'), '400')
  const missing = await ask(original)
  assert.equal(missing.status, 401)
  assert.equal(missing.headers.get('x-credence-status'), '401')
  assert.ok(missing.headers.get('www-authenticate'))
  for (const refused of [limited, bad, missing]) {
    assert.equal(refused.headers.get('x-credence-problem'), refused.text)
  }
  await close()
})

test('style envoy takes the method, and the rest of the path with its query', async () => {
  const { ask, key, api, context, close } = await startAuthorize(
    { forwardStyle: 'envoy' },
    { api: { queryParameter: 'key' } },
  )
  const auth = `Authorization: Bearer ${key}`
  assert.equal((await ask([auth], '/v1/authorize/orders/orders/7')).status, 200)
  assert.equal((await ask([], `/v1/authorize/orders/orders/7?key=${key}`)).status, 200)
  assert.equal((await ask([auth], `/v1/authorize/${api.id}/orders/7`)).status, 200)
  assert.equal((await ask([auth], '/v1/authorize/default%2Forders/orders/7')).status, 200)
  assert.equal((await ask([auth], '/v1/authorize/orders/orders/7', 'POST')).code, 'INSUFFICIENT_SCOPE')
  assert.equal((await ask([auth], '/v1/authorize/orders/')).code, 'ROUTE_UNKNOWN')
  assert.equal((await ask([auth], '/v1/authorize/orders?x')).code, 'ROUTE_UNKNOWN')
  assert.equal((await ask([auth], '/v1/authorize/orders')).code, 'BAD_REQUEST')
  assert.equal((await ask([auth], '/v1/authorize/orders/open/..%2forders/7')).code, 'BAD_REQUEST')
  assert.equal(
    (await ask([auth, ...forwardedLines('GET', '/open/x')], '/v1/authorize/orders/admin')).code,
    'ROUTE_UNKNOWN',
  )
  const long = `/open/${'x'.repeat(3000)}`
  assert.equal((await ask([], `/v1/authorize/orders${long}`)).status, 200)
  assert.equal(
    context.decisions
      .list({ workspaceId: context.defaultWorkspaceId, limit: 1 })[0]!
      .path!.startsWith('/open/x'),
    true,
  )
  await close()
})

test('every method may be asked about and may ask, and no body is read, whatever it claims to be', async () => {
  const { ask, key, close } = await startAuthorize({}, { api: { routes: [route('* /any=orders:read')] } })
  const auth = `Authorization: Bearer ${key}`
  for (const method of METHODS.filter((name) => name !== 'CONNECT')) {
    const answer = await ask([...forwardedLines(method, '/any'), auth], '/v1/authorize/orders', method)
    assert.equal(answer.status, 200, method)
  }
  const custom = await ask([...forwardedLines('FROBNICATE', '/any'), auth])
  assert.equal(custom.status, 200)
  for (const type of ['application/json', 'text/plain', 'multipart/form-data', 'no type at all']) {
    const lines = [...forwardedLines('GET', '/any'), auth, `Content-Type: ${type}`, 'Content-Length: 9']
    assert.equal((await ask(lines, '/v1/authorize/orders', 'POST', '{"broken"')).status, 200, type)
  }
  await close()
})

test('an API is found by name, by id, and in another workspace by both names', async () => {
  const { ask, api, key, context, close } = await startAuthorize()
  const workspaceId = newId('workspace', context.randomBytes)
  const row = { workspaceId, revision: 1, createdAtMs: 1, updatedAtMs: 1 }
  await putRecords(context, [
    { table: 'workspace', record: { ...row, id: workspaceId, name: 'acme', keyPrefix: 'acme' } },
  ])
  const theirs: ApiRecord = {
    ...api,
    ...row,
    id: newId('api', context.randomBytes),
    name: 'sales',
    audience: 'https://s.example',
    routes: [{ method: '*', path: '/**', scopes: null, public: false, accepts: null, cost: 1 }],
  }
  await putRecords(context, [{ table: 'api', record: theirs }])
  const lines = [...forwardedLines(), `X-API-Key: ${key}`]
  assert.equal((await ask(lines, `/v1/authorize/${api.id}`)).status, 200)
  assert.equal((await ask(lines, '/v1/authorize/default/orders')).status, 200)
  assert.equal((await ask(lines, '/v1/authorize/default%2forders')).status, 200)
  // A key of another workspace is not known there; what is asked about is theirs all the same.
  for (const ref of ['acme/sales', 'acme/sales', 'acme%2Fsales', theirs.id]) {
    assert.deepEqual((await ask(lines, `/v1/authorize/${ref}`)).code, 'NOT_FOUND', ref)
  }
  for (const ref of [
    'sales',
    'acme/orders',
    'nobody/orders',
    'default',
    '',
    'orders/',
    '/orders',
    'a/b/c',
    'api_000000000000',
    'x'.repeat(500),
  ]) {
    const answer = await ask(lines, `/v1/authorize/${ref}`)
    assert.deepEqual([answer.status, answer.code], [403, 'ROUTE_UNKNOWN'], ref.slice(0, 20))
  }
  await close()
})

test("the caller's address is the one a trusted proxy vouches for, and unknown without one", async () => {
  const conditions = { ipRanges: ['203.0.113.9', '127.0.0.1'], methods: null, paths: null, timeWindow: null }
  const { ask, key, close } = await startAuthorize({}, { credential: { conditions } })
  const auth = `X-API-Key: ${key}`
  assert.equal((await ask([...forwardedLines('GET', '/orders/7', '203.0.113.9'), auth])).status, 200)
  assert.equal(
    (await ask([...forwardedLines('GET', '/orders/7', '203.0.113.9, 198.51.100.1'), auth])).code,
    'CONDITION_FAILED',
  )
  assert.equal((await ask([...forwardedLines().slice(0, 2), auth])).code, 'CONDITION_FAILED')
  await close()
})

test('what the proxy says of TLS decides for an API that requires it', async () => {
  const { ask, key, close } = await startAuthorize({}, { api: { requiresTls: true } })
  const lines = [...forwardedLines(), `X-API-Key: ${key}`]
  assert.equal((await ask(lines)).code, 'TLS_REQUIRED')
  assert.equal((await ask([...lines, 'X-Forwarded-Proto: http'])).code, 'TLS_REQUIRED')
  assert.equal(
    (await ask([...lines, 'X-Forwarded-Proto: https', 'X-Forwarded-Proto: http'])).code,
    'TLS_REQUIRED',
  )
  assert.equal((await ask([...lines, 'X-Forwarded-Proto: https'])).status, 200)
  await close()
})

test('a store that cannot be read denies', async () => {
  const { ask, key, context, close } = await startAuthorize()
  context.lookup.clear()
  const { store } = context
  const { read, readByName } = store
  store.read = store.readByName = async () => {
    throw new Error('the disk is gone')
  }
  const answer = await ask([...forwardedLines(), `X-API-Key: ${key}`])
  assert.deepEqual([answer.status, answer.code, answer.headers.get('retry-after')], [503, 'UNAVAILABLE', '1'])
  Object.assign(store, { read, readByName })
  assert.equal((await ask([...forwardedLines(), `X-API-Key: ${key}`])).status, 200)
  await close()
})
