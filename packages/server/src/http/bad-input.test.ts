import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

interface Problem {
  readonly code: string
  readonly detail: string
  readonly errors: readonly { readonly field: string; readonly detail: string }[]
}

const API = { name: 'orders', audience: 'urn:orders' }
const PRINCIPAL = { name: 'billing', type: 'service' }

describe('bad input', () => {
  let server: TestServer
  before(async () => {
    server = await startTestServer()
  })
  after(() => server.close())

  /** Body, and the fields that the answer must name; each is its own case, and none may write anything. */
  const CASES: readonly [area: string, body: object, fields: readonly string[]][] = [
    ['apis', {}, ['name', 'audience']],
    ['apis', { ...API, id: 'api_000000000000' }, ['id']],
    ['apis', { ...API, workspace_id: 'ws_000000000000' }, ['workspace_id']],
    [
      'apis',
      { ...API, built_in: true, revision: 7, created_at: 'x' },
      ['built_in', 'revision', 'created_at'],
    ],
    ['apis', { ...API, name: 'Orders' }, ['name']],
    ['apis', { ...API, name: 'a'.repeat(64) }, ['name', 'name']],
    ['apis', { ...API, name: 7 }, ['name']],
    ['apis', { ...API, audience: 'orders' }, ['audience']],
    ['apis', { ...API, audience: 'https://orders.example/#part' }, ['audience']],
    ['apis', { ...API, audience: 'urn:a\u0000b' }, ['audience']],
    ['apis', { ...API, audience: 'urn:\u202eabc' }, ['audience']],
    ['apis', { ...API, audience: 'urn:\ud800' }, ['audience']],
    ['apis', { ...API, scopes: ['orders:*'] }, ['scopes[0]']],
    ['apis', { ...API, scopes: [1, null] }, ['scopes[0]', 'scopes[1]']],
    ['apis', { ...API, accepts: [] }, ['accepts']],
    ['apis', { ...API, accepts: ['basic'] }, ['accepts[0]']],
    ['apis', { ...API, routes: [{ method: 'get', path: '/a' }] }, ['routes[0].method']],
    ['apis', { ...API, routes: [{ method: 'GET', path: 'a' }] }, ['routes[0].path']],
    ['apis', { ...API, routes: [{ method: 'GET', path: '/a/../b' }] }, ['routes[0].path']],
    ['apis', { ...API, routes: [{ method: 'GET', path: '/a', scopes: 'a b' }] }, ['routes[0].scopes']],
    [
      'apis',
      { ...API, routes: [{ method: 'GET', path: '/a', scopes: ['a OR b', 'c'] }] },
      ['routes[0].scopes'],
    ],
    ['apis', { ...API, routes: [{ method: 'GET', path: '/a', scopes: [] }] }, ['routes[0].scopes']],
    [
      'apis',
      { ...API, routes: [{ method: 'GET', path: '/a', scopes: 'a', public: true }] },
      ['routes[0].scopes'],
    ],
    [
      'apis',
      { ...API, scopes: ['b'], routes: [{ method: 'GET', path: '/a', scopes: 'a' }] },
      ['routes[0].scopes'],
    ],
    ['apis', { ...API, routes: [{ method: 'GET', path: '/a', cost: -1 }] }, ['routes[0].cost']],
    ['apis', { ...API, upstream: 'http://169.254.169.254' }, ['upstream']],
    ['apis', { ...API, upstream: 'http://10.1.2.3:80' }, ['upstream']],
    ['apis', { ...API, upstream: 'http://127.0.0.1:9/path' }, ['upstream']],
    ['apis', { ...API, upstream: 'http://user:pass@127.0.0.1:9' }, ['upstream']],
    ['apis', { ...API, upstream: 'file:///etc/passwd' }, ['upstream']],
    ['apis', { ...API, base_path: 'orders' }, ['base_path']],
    ['apis', { ...API, base_path: '/a/*' }, ['base_path']],
    ['apis', { ...API, base_path: '/a//b' }, ['base_path']],
    ['apis', { ...API, base_path: '/%61' }, ['base_path']],
    ['apis', { ...API, host: 'a.example:80' }, ['host']],
    ['apis', { ...API, cors: { origins: ['https://a.example/'] } }, ['cors.origins[0]']],
    ['apis', { ...API, key_prefix: 'Acme' }, ['key_prefix']],
    ['apis', { ...API, key_prefix: 'acme_cs' }, ['key_prefix']],
    ['apis', { ...API, key_prefix: 'acme_at' }, ['key_prefix']],
    ['workspaces', { name: 'acme', prefix: 'acme_cs' }, ['prefix']],
    ['apis', { ...API, credential_header: 'Cookie' }, ['credential_header']],
    ['apis', { ...API, credential_header: 'X-Credence-Principal' }, ['credential_header']],
    ['apis', { ...API, credential_header: 'transfer-encoding' }, ['credential_header']],
    ['apis', { ...API, query_parameter: 'a&b' }, ['query_parameter']],
    ['apis', { ...API, max_lifetime_seconds: 0 }, ['max_lifetime_seconds']],
    ['apis', { ...API, max_lifetime_seconds: 1.5 }, ['max_lifetime_seconds']],
    ['apis', { ...API, outage_grace_seconds: -1 }, ['outage_grace_seconds']],
    ['apis', { ...API, outage_grace_seconds: 86_401 }, ['outage_grace_seconds']],
    ['apis', { ...API, limits: [{ name: 'a', limit: -1, window_seconds: 1 }] }, ['limits[0].limit']],
    ['apis', { ...API, limits: [{ name: 'a', limit: 1e15, window_seconds: 1 }] }, ['limits[0].limit']],
    ['apis', { ...API, limits: [{ name: 'a', limit: '5', window_seconds: 1 }] }, ['limits[0].limit']],
    [
      'apis',
      { ...API, limits: [{ name: 'a', type: 'quota', limit: 5, window_seconds: 1 }] },
      ['limits[0].window_seconds'],
    ],
    [
      'apis',
      { ...API, limits: Array.from({ length: 11 }, (_, i) => ({ name: `l${i}`, limit: 1 })) },
      ['limits'],
    ],
    ['apis', { ...API, metadata: { a: 1 } }, ['metadata.a']],
    [
      'apis',
      { ...API, metadata: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`k${i}`, 'v'])) },
      ['metadata'],
    ],
    ['apis', { ...API, metadata: { a: 'v'.repeat(513) } }, ['metadata.a']],
    ['principals', { ...PRINCIPAL, type: 'robot' }, ['type']],
    ['principals', { ...PRINCIPAL, name: 'prn_000000000000' }, ['name']],
    ['principals', { ...PRINCIPAL, name: '' }, ['name']],
    ['principals', { ...PRINCIPAL, name: 'a\nb' }, ['name']],
    ['principals', { ...PRINCIPAL, name: 'x'.repeat(129) }, ['name']],
    ['principals', { ...PRINCIPAL, disabled: 'no' }, ['disabled']],
    ['principals', { ...PRINCIPAL, disabled_at: 5 }, ['disabled_at']],
    [
      'principals',
      { ...PRINCIPAL, ceiling: [{ api: 'credence', scopes: ['credentials:write'] }] },
      ['ceiling[0].scopes[0]'],
    ],
    ['principals', { ...PRINCIPAL, ceiling: [{ api: 'nothing', roles: ['x'] }] }, ['ceiling[0].api']],
    ['roles', { name: 'a', api: 'credence', scopes: ['orders:read'] }, ['scopes[0]']],
    ['roles', { name: 'a', api: 'credence', scopes: ['a b'] }, ['scopes[0]']],
    ['workspaces', { name: 'test', prefix: 'CRD' }, ['prefix']],
    ['workspaces', { name: 'ws_000000000000' }, ['name']],
  ]

  for (const [area, body, fields] of CASES) {
    it(`POST /v1/${area} ${JSON.stringify(body).slice(0, 90)} is refused naming ${fields}`, async () => {
      const position = await server.context.store.position()
      const response = await server.request<Problem>('POST', `/v1/${area}`, body)
      assert.equal(response.status, 422, response.text)
      assert.equal(response.headers.get('content-type'), 'application/problem+json')
      assert.equal(response.body.code, 'VALIDATION_FAILED')
      assert.deepEqual(response.body.errors.map(({ field }) => field).sort(), [...fields].sort())
      assert.equal(await server.context.store.position(), position)
    })
  }

  const TEXTS: readonly [text: string, status: number, code: string][] = [
    ['{"name":"a","name":"b","audience":"urn:a"}', 400, 'INVALID_JSON'],
    ['{"name":"a","\\u006eame":"b","audience":"urn:a"}', 400, 'INVALID_JSON'],
    ['{"__proto__":{"name":"a"},"audience":"urn:a"}', 400, 'INVALID_JSON'],
    ['{"name":"a","audience":"urn:a","metadata":{"__proto__":"x"}}', 400, 'INVALID_JSON'],
    ['{"name":"a",', 400, 'INVALID_JSON'],
    ['[]', 422, 'VALIDATION_FAILED'],
    ['null', 422, 'VALIDATION_FAILED'],
    ['"text"', 422, 'VALIDATION_FAILED'],
    ['{"name":"a","audience":"urn:a","max_lifetime_seconds":1e309}', 422, 'VALIDATION_FAILED'],
    ['{"name":"a","audience":"urn:a","max_lifetime_seconds":-1}', 422, 'VALIDATION_FAILED'],
    ['{"name":"a","audience":"urn:a","max_lifetime_seconds":NaN}', 400, 'INVALID_JSON'],
    ['{"name":"a","audience":"urn:a","max_lifetime_seconds":9007199254740993}', 422, 'VALIDATION_FAILED'],
    [`{"name":"a","audience":"urn:a","scopes":[${'"s",'.repeat(60_000)}"s"]}`, 422, 'VALIDATION_FAILED'],
    [`{"name":"a","audience":"urn:a","scopes":[${'1,'.repeat(100_000)}1]}`, 422, 'VALIDATION_FAILED'],
    [`{"name":"a","audience":"urn:a","metadata":{"a":"${'x'.repeat(300_000)}"}}`, 413, 'BODY_TOO_LARGE'],
    [`${'{"a":'.repeat(40)}1${'}'.repeat(40)}`, 400, 'INVALID_JSON'],
  ]

  for (const [text, status, code] of TEXTS) {
    it(`a body of ${text.length} bytes, ${text.slice(0, 70)}, is ${status} ${code}`, async () => {
      const position = await server.context.store.position()
      const response = await server.request<Problem>('POST', '/v1/apis', text)
      assert.equal(response.status, status, response.text.slice(0, 300))
      assert.equal(response.body.code, code)
      assert.ok(response.text.length < 20_000)
      assert.equal(await server.context.store.position(), position)
    })
  }

  it('a body that is not JSON by its type is 415', async () => {
    const headers = { 'content-type': 'text/plain' }
    assert.equal((await server.request('POST', '/v1/apis', '{}', headers)).status, 415)
  })

  for (const query of [
    'limit=0',
    'limit=101',
    'limit=-1',
    'limit=x',
    'limit=1&limit=2',
    'what=1',
    'cursor=',
  ]) {
    it(`GET /v1/apis?${query} is 422 and names the parameter`, async () => {
      const response = await server.request<Problem>('GET', `/v1/apis?${query}`)
      assert.equal(response.status, 422)
      assert.equal(response.body.errors[0]?.field, query.split('=')[0])
    })
  }

  for (const path of [
    '/v1/apis/%00',
    '/v1/apis/__proto__',
    '/v1/principals/%E2%80%AE',
    `/v1/roles/${'a'.repeat(400)}`,
    '/v1/apis/%zz',
    '/v1/principals/%ff',
  ]) {
    it(`GET ${path.slice(0, 40)} is a refusal, not a fault`, async () => {
      const { status, headers } = await server.request('GET', path)
      assert.ok([400, 404, 422].includes(status), String(status))
      assert.equal(headers.get('content-type'), 'application/problem+json')
    })
  }
})
