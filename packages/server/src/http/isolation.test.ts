import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { parseIpRange } from '@credence/core'
import { otherWorkspace } from '../testing/admin-keys.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

interface Resource {
  readonly id: string
}

describe('isolation of workspaces', () => {
  let server: TestServer
  let stranger: { authorization: string }
  /** Paths of everything in `default`, by id and by name, each with a twin that never was. */
  const targets: { readonly path: string; readonly absent: string }[] = []
  before(async () => {
    // Every workspace may forward to this machine here, which the owner has to allow.
    const upstreamAllow = [parseIpRange('127.0.0.0/8')!]
    server = await startTestServer({ config: { upstreamAllow } })
    stranger = await otherWorkspace(server)
    const make = async (area: string, body: object) =>
      (await server.request<Resource>('POST', `/v1/${area}`, body)).body.id
    const api = await make('apis', { name: 'orders', audience: 'urn:orders', scopes: ['orders:read'] })
    const role = await make('roles', { name: 'reader', api: 'orders', scopes: ['orders:read'] })
    const principal = await make('principals', { name: 'billing', type: 'service' })
    const { defaultWorkspaceId } = server.context
    targets.push(
      { path: `/v1/apis/${api}`, absent: '/v1/apis/api_000000000000' },
      { path: '/v1/apis/orders', absent: '/v1/apis/nothing' },
      { path: `/v1/roles/${role}`, absent: '/v1/roles/rol_000000000000' },
      { path: '/v1/roles/reader', absent: '/v1/roles/nothing' },
      { path: `/v1/principals/${principal}`, absent: '/v1/principals/prn_000000000000' },
      { path: '/v1/principals/billing', absent: '/v1/principals/nothing' },
      { path: `/v1/workspaces/${defaultWorkspaceId}`, absent: '/v1/workspaces/ws_000000000000' },
      { path: '/v1/workspaces/default', absent: '/v1/workspaces/nothing' },
    )
  })
  after(() => server.close())

  for (const method of ['GET', 'PATCH', 'DELETE']) {
    it(`${method} of another workspace's id or name answers like one that never was, and changes nothing`, async () => {
      for (const { path, absent } of targets) {
        const before = await server.request('GET', path)
        const body = method === 'PATCH' ? {} : undefined
        const foreign = await server.request<Record<string, unknown>>(method, path, body, stranger)
        const unknown = await server.request<Record<string, unknown>>(method, absent, body, stranger)
        assert.equal(foreign.status, 404, path)
        const refOf = (url: string) => url.split('/').at(-1)!
        const comparable = (text: string, url: string) =>
          text.replaceAll(refOf(url), 'REF').replace(/"request_id":"[^"]*"/, '')
        assert.equal(comparable(foreign.text, path), comparable(unknown.text, absent))
        assert.equal((await server.request('GET', path)).text, before.text)
      }
    })
  }

  it('references in bodies do not reach into another workspace', async () => {
    const [api] = targets
    const apiId = api!.path.split('/').at(-1)
    for (const ref of [apiId, 'orders']) {
      const role = await server.request<{ errors: unknown }>(
        'POST',
        '/v1/roles',
        { name: 'spy', api: ref, scopes: [] },
        stranger,
      )
      assert.equal(role.status, 422)
      assert.deepEqual(role.body.errors, [{ field: 'api', detail: `no API "${ref}"` }])
      const ceiling = [{ api: ref, scopes: ['orders:read'] }]
      const body = { name: 'spy', type: 'user', ceiling }
      const principal = await server.request<{ errors: unknown }>('POST', '/v1/principals', body, stranger)
      assert.deepEqual(principal.body.errors, [{ field: 'ceiling[0].api', detail: `no API "${ref}"` }])
    }
  })

  it('lists show the own workspace only, and the workspace default sees all workspaces', async () => {
    type List = { items: { name: string }[] }
    const names = async (path: string, headers?: { authorization: string }) =>
      (await server.request<List>('GET', path, undefined, headers)).body.items.map(({ name }) => name)
    assert.deepEqual(await names('/v1/apis', stranger), ['credence'])
    assert.deepEqual(await names('/v1/principals', stranger), ['administrator'])
    assert.deepEqual(await names('/v1/roles', stranger), [])
    assert.deepEqual(await names('/v1/workspaces', stranger), ['other'])
    assert.deepEqual((await names('/v1/workspaces')).sort(), ['default', 'other'])
  })

  it('another workspace cannot mount under the traffic of the workspace default, nor on a host that it uses', async () => {
    const upstream = 'http://127.0.0.1:9'
    const shop = { name: 'shop', audience: 'https://shop.example', upstream, host: 'shop.example' }
    assert.equal((await server.request('POST', '/v1/apis', shop)).status, 201)
    for (const host of [null, 'shop.example', 'SHOP.example']) {
      const trap = { name: 'trap', audience: 'https://trap.example', upstream, host, base_path: '/orders' }
      const refused = await server.request<{ errors: { field: string }[] }>(
        'POST',
        '/v1/apis',
        trap,
        stranger,
      )
      assert.equal(refused.status, 422)
      assert.deepEqual(
        refused.body.errors.map(({ field }) => field),
        ['host'],
      )
    }
    const own = { name: 'own', audience: 'https://own.example', upstream, host: 'own.example' }
    assert.equal((await server.request('POST', '/v1/apis', own, stranger)).status, 201)
    const moved = await server.request('PATCH', '/v1/apis/own', { host: 'shop.example' }, stranger)
    assert.equal(moved.status, 422)
    assert.equal((await server.request('DELETE', '/v1/apis/own', undefined, stranger)).status, 204)
    assert.equal((await server.request('DELETE', '/v1/apis/shop')).status, 204)
  })

  it('another workspace makes and deletes no workspaces, not even with every scope', async () => {
    const made = await server.request('POST', '/v1/workspaces', { name: 'third' }, stranger)
    assert.equal(made.status, 403)
    assert.equal((await server.request('DELETE', '/v1/workspaces/other', undefined, stranger)).status, 403)
    assert.equal((await server.request('GET', '/v1/workspaces/third')).status, 404)
  })
})
