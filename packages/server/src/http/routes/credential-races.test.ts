import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { issue, makeApi, show, tryIssue } from '../../testing/issuing.ts'
import { type MeddledStore, openMeddledStore } from '../../testing/meddled-store.ts'
import { startTestServer, type TestServer } from '../../testing/test-server.ts'

let meddled: MeddledStore
let server: TestServer
let id: string

before(async () => {
  meddled = openMeddledStore()
  server = await startTestServer({ store: meddled.store })
  await makeApi(server, 'orders')
})
after(() => server.close())
beforeEach(async () => {
  id = (await issue(server, { api: 'orders', scopes: ['orders:read'] })).credential.id
})

function post(path: string, body: object = {}) {
  return server.request<Record<string, unknown>>('POST', `/v1/credentials/${id}/${path}`, body)
}

test('a principal that somebody else makes in between is used, not refused as taken', async () => {
  meddled.before('credential.issue', () =>
    server.request('POST', '/v1/principals', { name: 'newcomer', type: 'service' }),
  )
  const { credential } = await issue(server, { api: 'orders', principal: 'newcomer' })
  const principal = await server.request<{ id: string; type: string }>('GET', '/v1/principals/newcomer')
  assert.deepEqual([credential.principal.id, principal.body.type], [principal.body.id, 'service'])
})

test('an API that loses a scope in between does not get a credential that holds it', async () => {
  await makeApi(server, 'shrinking')
  meddled.before('credential.issue', () =>
    server.request('PATCH', '/v1/apis/shrinking', { scopes: ['shrinking:read'] }),
  )
  const answer = await tryIssue(server, { api: 'shrinking', scopes: ['shrinking:write'] })
  assert.equal(answer.status, 422, answer.text)
})

test('a change in between is kept: the later one is made on top of it', async () => {
  meddled.before('credential.update', () =>
    server.request('PATCH', `/v1/credentials/${id}`, { tags: ['first'] }),
  )
  const second = await server.request('PATCH', `/v1/credentials/${id}`, { name: 'second' })
  assert.equal(second.status, 200, second.text)
  const { name, tags, revision } = await show(server, id)
  assert.deepEqual({ name, tags, revision }, { name: 'second', tags: ['first'], revision: 3 })
})

test('with If-Match a change in between is 412', async () => {
  meddled.before('credential.update', () =>
    server.request('PATCH', `/v1/credentials/${id}`, { tags: ['first'] }),
  )
  const headers = { 'if-match': '"1"' }
  const second = await server.request('PATCH', `/v1/credentials/${id}`, { name: 'second' }, headers)
  assert.equal(second.status, 412, second.text)
  assert.equal((await show(server, id)).name, null)
})

test('a revocation in between wins over a rotation, an enable and a change', async () => {
  const later: [string, () => Promise<{ status: number }>][] = [
    ['credential.rotate', () => post('rotate')],
    ['credential.enable', () => post('enable')],
    ['credential.update', () => server.request('PATCH', `/v1/credentials/${id}`, { name: 'x' })],
  ]
  for (const [action, change] of later) {
    id = (await issue(server, { api: 'orders' })).credential.id
    if (action === 'credential.enable') await post('disable')
    meddled.before(action, () => post('revoke', { reason: 'in between' }))
    assert.equal((await change()).status, 409, action)
    const { status, reason, versions } = await show(server, id)
    assert.deepEqual([status, reason, versions.length], ['revoked', 'in between', 1])
  }
})

test('a rotation in between does not keep a revocation from happening', async () => {
  meddled.before('credential.revoke', () => post('rotate', { overlap_seconds: 60 }))
  assert.equal((await post('revoke')).status, 200)
  const { status, versions } = await show(server, id)
  assert.deepEqual([status, versions.length], ['revoked', 2])
})

test('the same Idempotency-Key sent again in the middle of the first request is answered once with a secret', async () => {
  const body = { kind: 'api_key', api: 'orders', principal: 'billing' }
  const headers = { 'idempotency-key': 'overtaken' }
  interface Body {
    readonly credential: { readonly id: string }
    readonly secret: string | null
  }
  let overtaking: Body | null = null
  meddled.before('credential.issue', async () => {
    overtaking = (await server.request<Body>('POST', '/v1/credentials', body, headers)).body
  })
  const first = await server.request<Body>('POST', '/v1/credentials', body, headers)
  assert.equal(first.status, 201, first.text)
  const second = overtaking as Body | null
  assert.equal(first.body.credential.id, second?.credential.id)
  assert.deepEqual([first.body.secret, typeof second?.secret], [null, 'string'])
})
