import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { keyWith } from '../testing/admin-keys.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

describe('power on the API credence', () => {
  let server: TestServer
  before(async () => {
    server = await startTestServer()
  })
  after(() => server.close())

  const made = async (area: string, body: object) => {
    const answer = await server.request<{ id: string; secret: string }>('POST', `/v1/${area}`, body)
    assert.equal(answer.status, 201, answer.text)
    return answer.body
  }

  it('a role on credence holds no more than its maker has, when made and when widened', async () => {
    const headers = await keyWith(server, 'roles:write', 'apis:read')
    const make = (name: string, scopes: string[]) =>
      server.request('POST', '/v1/roles', { name, api: 'credence', scopes }, headers)
    for (const scopes of [['*'], ['apis:write'], ['apis:*'], ['apis:read', 'audit:read']]) {
      const refused = await make('too-much', scopes)
      assert.equal(refused.status, 403, String(scopes))
      assert.match(refused.headers.get('www-authenticate') ?? '', /error="insufficient_scope"/)
    }
    assert.equal((await make('enough', ['apis:read'])).status, 201)
    const widen = (scopes: string[]) => server.request('PATCH', '/v1/roles/enough', { scopes }, headers)
    assert.equal((await widen(['apis:read', 'apis:write'])).status, 403)
    assert.equal((await widen(['apis:read', 'roles:write'])).status, 200)
    assert.equal((await widen([])).status, 200)
  })

  it('a role that others widened keeps what its changer lacks, and gains nothing that the changer lacks', async () => {
    await made('roles', { name: 'wide', api: 'credence', scopes: ['audit:read'] })
    const headers = await keyWith(server, 'roles:write', 'status:read')
    const change = (scopes: string[]) => server.request('PATCH', '/v1/roles/wide', { scopes }, headers)
    assert.equal((await change(['audit:read', 'status:read'])).status, 200)
    assert.equal((await change(['audit:*', 'status:read'])).status, 403)
  })

  it('a ceiling on credence is raised and lifted only by who has what that gives back', async () => {
    const ceiling = [{ api: 'credence', scopes: ['apis:read'] }]
    await made('principals', { name: 'capped', type: 'service', ceiling })
    await made('credentials', { kind: 'api_key', api: 'credence', scopes: ['*'], principal: 'capped' })
    const headers = await keyWith(server, 'principals:write', 'apis:read')
    const change = (body: object) => server.request('PATCH', '/v1/principals/capped', body, headers)
    assert.equal((await change({ ceiling: [{ api: 'credence', scopes: ['apis:*'] }] })).status, 403)
    assert.equal((await change({ ceiling: null })).status, 403)
    assert.equal((await change({ ceiling: [] })).status, 200)
    assert.equal((await change({ ceiling })).status, 200)
    assert.equal((await change({ contact: 'a@example.org' })).status, 200)
    assert.equal((await server.request('PATCH', '/v1/principals/capped', { ceiling: null })).status, 200)
  })

  it('a ceiling does not reach a wider role either', async () => {
    await made('roles', { name: 'owner', api: 'credence', scopes: ['*'] })
    const headers = await keyWith(server, 'principals:write')
    const ceiling = [{ api: 'credence', roles: ['owner'] }]
    const answer = await server.request(
      'POST',
      '/v1/principals',
      { name: 'p', type: 'user', ceiling },
      headers,
    )
    assert.equal(answer.status, 403)
  })

  it('a disabled principal is enabled only by who has what its credentials have', async () => {
    await made('principals', { name: 'parked', type: 'service' })
    const issued = { kind: 'api_key', api: 'credence', scopes: ['audit:read'], principal: 'parked' }
    const { secret } = await made('credentials', issued)
    const parked = { authorization: `Bearer ${secret}` }
    const lesser = await keyWith(server, 'principals:write')
    const greater = await keyWith(server, 'principals:write', 'audit:read')
    const set = (disabled: boolean, headers: { authorization: string }) =>
      server.request('PATCH', '/v1/principals/parked', { disabled }, headers)
    assert.equal((await set(true, lesser)).status, 200)
    assert.equal((await server.request('GET', '/v1/apis', undefined, parked)).status, 401)
    assert.equal((await set(false, lesser)).status, 403)
    assert.equal((await set(false, greater)).status, 200)
    assert.equal((await server.request('GET', '/v1/apis', undefined, parked)).status, 403)
  })

  it('a credential with an end or a condition gives no standing power and makes no workspace', async () => {
    const base = { kind: 'api_key', api: 'credence', scopes: ['*'], principal: 'bounded' }
    const bounded = [
      { ...base, expires_at: new Date(Date.now() + 3_600_000).toISOString() },
      { ...base, conditions: { ip_ranges: ['127.0.0.0/8'] } },
    ]
    for (const body of bounded) {
      const { secret } = await made('credentials', body)
      const headers = { authorization: `Bearer ${secret}` }
      const role = { name: 'mine', api: 'credence', scopes: ['apis:read'] }
      assert.equal((await server.request('POST', '/v1/roles', role, headers)).status, 403)
      const workspace = await server.request('POST', '/v1/workspaces', { name: 'mine' }, headers)
      assert.ok([403, 422].includes(workspace.status), workspace.text)
      assert.equal((await server.request('GET', '/v1/workspaces/mine')).status, 404)
    }
  })
})
