import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runAgainst } from '../testing/run-against.ts'
import { sampleApi } from '../testing/sample-resources.ts'

test('apis create sends its routes and tells what was made, with the warnings', async () => {
  const api = sampleApi({ warnings: ['nothing answers at http://127.0.0.1:9000 yet'] })
  const result = await runAgainst({ 'POST /v1/apis': { status: 201, body: api } }, [
    ...[
      'apis',
      'create',
      'orders',
      '--audience',
      'https://orders.example',
      '--upstream',
      'http://127.0.0.1:9000',
    ],
    ...[
      '--route',
      'GET /healthz=public',
      '--route',
      'GET /orders/*=orders:read',
      '--route',
      'POST /orders/*=orders:write',
    ],
  ])
  assert.equal(result.exitCode, 0)
  assert.equal(result.stdout, '')
  assert.equal(
    result.stderr,
    '✓ API orders: 3 routes, 2 scopes, http://127.0.0.1:6750/\n! nothing answers at http://127.0.0.1:9000 yet\n',
  )
  assert.deepEqual(result.requests[0]?.body, {
    name: 'orders',
    audience: 'https://orders.example',
    upstream: 'http://127.0.0.1:9000',
    routes: [
      { method: 'GET', path: '/healthz', public: true },
      { method: 'GET', path: '/orders/*', scopes: 'orders:read' },
      { method: 'POST', path: '/orders/*', scopes: 'orders:write' },
    ],
  })
})

test('every flag of apis create reaches the request', async () => {
  const result = await runAgainst({ 'POST /v1/apis': { status: 201, body: sampleApi() } }, [
    ...[
      'apis',
      'create',
      'orders',
      '--audience',
      'urn:orders',
      '--host',
      'orders.example',
      '--base-path',
      '/o',
    ],
    ...[
      '--strip-base-path',
      '--scope',
      'a,b',
      '--scope',
      'c',
      '--accepts',
      'api_key',
      '--cors-origin',
      'https://app.example',
    ],
    ...[
      '--requires-tls',
      '--requires-binding',
      '--limit',
      '1000/1m',
      '--limit',
      '5/day',
      '--exact-limits',
      '--metadata',
      'team=x',
    ],
    ...['--outage-grace', '2m', '--identity-token'],
  ])
  assert.deepEqual(result.requests[0]?.body, {
    name: 'orders',
    audience: 'urn:orders',
    host: 'orders.example',
    base_path: '/o',
    strip_base_path: true,
    scopes: ['a', 'b', 'c'],
    accepts: ['api_key'],
    cors: { origins: ['https://app.example'] },
    requires_tls: true,
    requires_binding: true,
    limits: [
      { type: 'rate', name: 'default', limit: 1000, window_seconds: 60 },
      { type: 'quota', name: 'day', limit: 5, period: 'day' },
    ],
    outage_grace_seconds: 120,
    exact_limits: true,
    identity_token: true,
    metadata: { team: 'x' },
  })
})

test('a route is added and removed on what was read, so that no other change is lost', async () => {
  const routes = {
    'GET /v1/apis/orders': { body: sampleApi() },
    'PATCH /v1/apis/orders': { body: sampleApi() },
  }
  const result = await runAgainst(routes, [
    ...[
      'apis',
      'update',
      'orders',
      '--remove-route',
      'GET /healthz',
      '--add-route',
      'GET /orders/*=orders:list',
    ],
    ...['--add-scope', 'orders:list', '--remove-scope', 'orders:read', '--no-requires-tls'],
    '--no-requires-binding',
    ...['--no-exact-limits', '--no-identity-token'],
  ])
  assert.equal(result.exitCode, 0)
  assert.equal(result.requests[1]?.headers['if-match'], '"4"')
  assert.deepEqual(result.requests[1]?.body, {
    requires_tls: false,
    requires_binding: false,
    exact_limits: false,
    identity_token: false,
    routes: [
      { method: 'POST', path: '/orders/*', scopes: 'orders:write', public: false },
      { method: 'GET', path: '/orders/*', scopes: 'orders:list' },
    ],
    scopes: ['orders:write', 'orders:list'],
  })
})

test('a plain update sends only what is named, and demands no revision', async () => {
  const routes = { 'PATCH /v1/apis/orders': { body: sampleApi() } }
  const result = await runAgainst(routes, ['apis', 'update', 'orders', '--upstream', 'http://127.0.0.1:9001'])
  assert.deepEqual(result.requests[0]?.body, { upstream: 'http://127.0.0.1:9001' })
  assert.equal(result.requests[0]?.headers['if-match'], undefined)
})

test('a route that is not there cannot be removed', async () => {
  const routes = { 'GET /v1/apis/orders': { body: sampleApi() } }
  const result = await runAgainst(routes, ['apis', 'update', 'orders', '--remove-route', 'GET /nowhere'])
  assert.equal(result.exitCode, 2)
  assert.match(result.stderr, /no route GET \/nowhere/)
})

test('show lists the routes in the form in which they are typed', async () => {
  const routes = { 'GET /v1/apis/orders': { body: sampleApi() } }
  const result = await runAgainst(routes, ['apis', 'show', 'orders', '--no-json'])
  assert.match(result.stdout, /^name {6}orders$/m)
  assert.match(result.stdout, /^route {2}GET \/healthz=public$/m)
  assert.match(result.stdout, /^route {2}POST \/orders\/\*=orders:write$/m)
})

test('--json prints the API that was made', async () => {
  const line = ['apis', 'create', 'orders', '--audience', 'urn:orders', '--json']
  const result = await runAgainst({ 'POST /v1/apis': { status: 201, body: sampleApi() } }, line)
  assert.deepEqual(JSON.parse(result.stdout), sampleApi())
})

test('an API that is deleted, and one that is not there', async () => {
  const routes = { 'DELETE /v1/apis/orders': { status: 204 } }
  assert.equal((await runAgainst(routes, ['apis', 'delete', 'orders'])).exitCode, 0)
  const missing = await runAgainst(routes, ['apis', 'delete', 'others'])
  assert.equal(missing.exitCode, 4)
  assert.match(missing.stderr, /request r404/)
})
