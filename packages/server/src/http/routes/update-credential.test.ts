import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import {
  bearer,
  type CredentialBody,
  fieldsOf,
  issue,
  makeAdmin,
  makeApi,
  type ProblemBody,
  show,
  verify,
} from '../../testing/issuing.ts'
import { startTestServer, type TestResponse, type TestServer } from '../../testing/test-server.ts'

let server: TestServer
let nowMs = Date.UTC(2026, 5, 1)
let credential: CredentialBody
let secret: string

before(async () => {
  server = await startTestServer({ clock: () => nowMs })
  await makeApi(server, 'orders')
  await makeApi(server, 'reports', { max_lifetime_seconds: 3600 })
})
after(() => server.close())
beforeEach(async () => {
  ;({ credential, secret } = await issue(server, {
    api: 'orders',
    scopes: ['orders:read'],
    name: 'before',
    tags: ['a'],
    metadata: { k: 'v' },
  }))
})

function patch(body: unknown, headers = {}): Promise<TestResponse<CredentialBody & ProblemBody>> {
  return server.request('PATCH', `/v1/credentials/${credential.id}`, body, headers)
}

function inMs(ms: number): string {
  return new Date(nowMs + ms).toISOString()
}

test('what is given changes, what is left out stays, and null takes away', async () => {
  const changed = await patch({ name: 'after', expires_at: inMs(1000) })
  assert.equal(changed.status, 200, changed.text)
  assert.equal(changed.body.name, 'after')
  assert.deepEqual(changed.body.tags, ['a'])
  assert.deepEqual(changed.body.metadata, { k: 'v' })
  assert.equal(changed.body.revision, 2)
  assert.equal(changed.headers.get('etag'), '"2"')
  const cleared = await patch({ name: null, expires_at: null, tags: [], metadata: {} })
  assert.equal(cleared.body.name, null)
  assert.equal(cleared.body.expires_at, null)
  assert.deepEqual([cleared.body.tags, cleared.body.metadata], [[], {}])
})

test('a change of nothing writes nothing', async () => {
  const same = await patch({})
  assert.equal(same.status, 200)
  assert.equal(same.body.revision, 1)
  assert.equal(same.headers.get('credence-revision'), null)
})

test('a scope that is added or removed counts from the next request on', async () => {
  const needs = { api: 'orders', credential: secret, scopes: 'orders:write' }
  assert.equal((await verify(server, needs)).code, 'INSUFFICIENT_SCOPE')
  assert.equal((await patch({ add_scopes: ['orders:write'] })).status, 200)
  assert.equal((await verify(server, needs)).code, 'VALID')
  const less = await patch({ remove_scopes: ['orders:write'] })
  assert.deepEqual(less.body.grants[0]?.scopes, ['orders:read'])
  assert.equal((await verify(server, needs)).code, 'INSUFFICIENT_SCOPE')
})

test('with grants for several APIs the one meant is named', async () => {
  const added = await patch({ api: 'reports', add_scopes: ['reports:read'], expires_at: inMs(60_000) })
  assert.equal(added.status, 200, added.text)
  assert.deepEqual(
    added.body.grants.map(({ api, scopes }) => [api, scopes]),
    [
      ['orders', ['orders:read']],
      ['reports', ['reports:read']],
    ],
  )
  assert.deepEqual(fieldsOf(await patch({ add_scopes: ['orders:write'] })), ['api'])
  assert.deepEqual(fieldsOf(await patch({ api: 'orders', name: 'x' })), ['api'])
  assert.deepEqual(fieldsOf(await patch({ api: 'nowhere', add_scopes: ['x'] })), ['api'])
})

test('what cannot be granted, or is not there to be removed, is named', async () => {
  assert.deepEqual(fieldsOf(await patch({ add_scopes: ['orders:nope'], remove_scopes: ['orders:write'] })), [
    'add_scopes[0]',
    'remove_scopes[0]',
  ])
  assert.deepEqual(fieldsOf(await patch({ grants: [{ api: 'orders' }], add_scopes: ['orders:read'] })), [
    'grants',
  ])
})

test('replacing the grants takes the old ones away', async () => {
  const moved = await patch({ grants: [{ api: 'reports' }], expires_at: inMs(60_000) })
  assert.equal(moved.status, 200, moved.text)
  assert.equal((await verify(server, { api: 'orders', credential: secret })).code, 'WRONG_AUDIENCE')
  assert.equal((await verify(server, { api: 'reports', credential: secret })).code, 'VALID')
})

test('the longest life of an API counts from when the credential was made, not from each change', async () => {
  assert.deepEqual(fieldsOf(await patch({ grants: [{ api: 'reports' }] })), ['expires_at'])
  assert.equal((await patch({ grants: [{ api: 'reports' }], expires_at: inMs(3_600_000) })).status, 200)
  nowMs += 1_800_000
  assert.deepEqual(fieldsOf(await patch({ expires_at: inMs(3_600_000) })), ['expires_at'])
})

test('an expired credential may be renamed, and lives again with a later end', async () => {
  await patch({ expires_at: inMs(1000) })
  nowMs += 2000
  assert.equal((await patch({ name: 'late' })).status, 200)
  assert.equal((await show(server, credential.id)).status, 'expired')
  assert.equal((await patch({ expires_at: inMs(60_000) })).body.status, 'active')
  assert.deepEqual(fieldsOf(await patch({ expires_at: inMs(-1) })), ['expires_at'])
})

test('conditions count from the next request on, and are shown as they were given', async () => {
  const conditions = {
    ip_ranges: ['192.0.2.0/24'],
    methods: ['GET'],
    paths: ['/orders/**'],
    time_window: { days: [1, 2, 3, 4, 5, 6, 7], start: '00:00', end: '24:00', time_zone: 'UTC' },
  }
  const changed = await patch({ conditions })
  assert.deepEqual(changed.body.conditions, conditions)
  const request = { method: 'GET', path: '/orders/7', ip: '192.0.2.9' }
  assert.equal((await verify(server, { api: 'orders', credential: secret, request })).code, 'VALID')
  const away = { ...request, ip: '198.51.100.1' }
  assert.equal(
    (await verify(server, { api: 'orders', credential: secret, request: away })).code,
    'CONDITION_FAILED',
  )
  assert.equal((await patch({ conditions: null })).body.conditions, null)
})

test('If-Match: a change on another revision than the one seen is 412 and changes nothing', async () => {
  assert.equal((await patch({ name: 'one' }, { 'if-match': '"1"' })).status, 200)
  const stale = await patch({ name: 'two' }, { 'if-match': '"1"' })
  assert.equal(stale.status, 412, stale.text)
  assert.equal(stale.body.code, 'PRECONDITION_FAILED')
  assert.equal((await show(server, credential.id)).name, 'one')
  for (const tag of ['W/"2"', '2', '"x"'])
    assert.equal((await patch({ name: 'three' }, { 'if-match': tag })).status, 412)
  assert.equal((await patch({ name: 'three' }, { 'if-match': '"1","2"' })).status, 200)
  assert.equal((await patch({ name: 'four' }, { 'if-match': '*' })).status, 200)
  const deleted = await server.request('DELETE', `/v1/credentials/${credential.id}`, undefined, {
    'if-match': '"1"',
  })
  assert.equal(deleted.status, 412)
})

test('of ten changes at once that name the revision they saw, one is made', async () => {
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, n) => patch({ name: `n${n}` }, { 'if-match': '"1"' })),
  )
  const made = answers.filter(({ status }) => status === 200)
  assert.equal(made.length, 1)
  for (const { status } of answers) assert.ok(status === 200 || status === 412, String(status))
  assert.equal((await show(server, credential.id)).revision, 2)
})

test('changes at once that name no revision are made one after the other', async () => {
  const answers = await Promise.all([
    patch({ name: 'x' }),
    patch({ tags: ['y'] }),
    patch({ metadata: { z: '1' } }),
  ])
  for (const { status, text } of answers) assert.equal(status, 200, text)
  const { name, tags, metadata, revision } = await show(server, credential.id)
  assert.deepEqual(
    { name, tags, metadata, revision },
    { name: 'x', tags: ['y'], metadata: { z: '1' }, revision: 4 },
  )
})

test('a key of administration that is narrowed is narrower for its very next request', async () => {
  const admin = await makeAdmin(server, ['audit:read', 'status:read'])
  const ask = () => server.request('GET', '/v1/audit', undefined, bearer(admin.secret))
  assert.equal((await ask()).status, 200)
  const path = `/v1/credentials/${admin.credential.id}`
  assert.equal((await server.request('PATCH', path, { remove_scopes: ['audit:read'] })).status, 200)
  assert.equal((await ask()).status, 403)
})
