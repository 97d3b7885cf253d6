import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ADMIN_SCOPES } from '../operations/admin-scopes.ts'
import { keyWith } from '../testing/admin-keys.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

/** Every route of these areas, with the one scope that opens it. */
const ROUTES = ['workspaces', 'apis', 'principals', 'roles'].flatMap((area) => [
  { method: 'POST', path: `/v1/${area}`, scope: `${area}:write` },
  { method: 'GET', path: `/v1/${area}`, scope: `${area}:read` },
  { method: 'GET', path: `/v1/${area}/nothing`, scope: `${area}:read` },
  { method: 'PATCH', path: `/v1/${area}/nothing`, scope: `${area}:write` },
  { method: 'DELETE', path: `/v1/${area}/nothing`, scope: `${area}:write` },
])

describe('scopes of administration', () => {
  let server: TestServer
  before(async () => {
    server = await startTestServer()
  })
  after(() => server.close())

  async function statusOf(method: string, path: string, headers: Record<string, string>): Promise<number> {
    const isBodied = method === 'POST' || method === 'PATCH'
    return (await server.request(method, path, isBodied ? { nothing: 1 } : undefined, headers)).status
  }

  for (const held of [...ADMIN_SCOPES, 'apis:*', '*']) {
    it(`${held} opens its routes and no other`, async () => {
      const headers = await keyWith(server, held)
      for (const { method, path, scope } of ROUTES) {
        const [area] = held.split(':')
        const isOpen = held === '*' || held === scope || (held.endsWith(':*') && area === scope.split(':')[0])
        const status = await statusOf(method, path, headers)
        if (isOpen) assert.ok([200, 404, 422].includes(status), `${method} ${path}: ${status}`)
        else assert.equal(status, 403, `${method} ${path}`)
      }
    })
  }

  it('without a credential every route answers 401 with a bare challenge, before it looks at the body', async () => {
    for (const { method, path } of ROUTES) {
      const init = { method, headers: { 'content-type': 'application/json' } }
      const response = await fetch(server.url + path, method === 'GET' ? init : { ...init, body: '{' })
      assert.equal(response.status, 401, `${method} ${path}`)
      assert.equal(response.headers.get('www-authenticate'), 'Bearer realm="credence"')
      assert.equal(((await response.json()) as { code: string }).code, 'MISSING')
    }
  })
})
