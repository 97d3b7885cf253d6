import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import {
  type CredentialBody,
  type IssuedBody,
  issue,
  makeApi,
  type ProblemBody,
  show,
  verify,
} from '../../testing/issuing.ts'
import { startTestServer, type TestResponse, type TestServer } from '../../testing/test-server.ts'

interface ChangedBody extends ProblemBody {
  readonly credential: CredentialBody
  readonly propagation: {
    readonly nodes: number
    readonly confirmed: number
    readonly after_ms: number
    readonly bound_ms: number
  }
}

let server: TestServer
let nowMs = Date.UTC(2026, 5, 1)
let credential: CredentialBody
let secret: string

before(async () => {
  server = await startTestServer({ clock: () => nowMs })
  await makeApi(server, 'orders')
})
after(() => server.close())
beforeEach(async () => {
  ;({ credential, secret } = await issue(server, { api: 'orders', scopes: ['orders:read'] }))
})

function post(step: string, body?: unknown): Promise<TestResponse<ChangedBody & IssuedBody>> {
  return server.request('POST', `/v1/credentials/${credential.id}/${step}`, body)
}

async function codeOf(key: string): Promise<string> {
  return (await verify(server, { api: 'orders', credential: key })).code
}

test('after a rotation without overlap the new secret works at once and the old one no longer', async () => {
  const rotated = await post('rotate', {})
  assert.equal(rotated.status, 200, rotated.text)
  assert.equal(rotated.headers.get('cache-control'), 'no-store')
  assert.equal(rotated.body.secret_shown, false)
  assert.equal(await codeOf(rotated.body.secret!), 'VALID')
  assert.equal(await codeOf(secret), 'EXPIRED')
  assert.deepEqual(
    rotated.body.credential.versions.map(({ version, status }) => ({ version, status })),
    [
      { version: 1, status: 'ended' },
      { version: 2, status: 'current' },
    ],
  )
})

test('during the overlap both secrets work; at its end, to the millisecond, only the new one', async () => {
  const rotated = await post('rotate', { overlap_seconds: 60 })
  const newer = rotated.body.secret!
  nowMs += 59_999
  assert.equal(await codeOf(secret), 'VALID')
  assert.equal(await codeOf(newer), 'VALID')
  nowMs += 1
  assert.equal(await codeOf(secret), 'EXPIRED')
  assert.equal(await codeOf(newer), 'VALID')
})

test('rotating needs no body; an overlap beyond 30 days, negative or not whole is refused', async () => {
  assert.equal((await post('rotate')).status, 200)
  assert.equal((await post('rotate', '')).status, 200)
  assert.equal((await post('rotate', { overlap_seconds: 2_592_000 })).status, 200)
  for (const overlap_seconds of [-1, 2_592_001, 1.5, '60', null, 1e300]) {
    assert.equal((await post('rotate', { overlap_seconds })).status, 422, String(overlap_seconds))
  }
})

test('a credential that is revoked or disabled is not rotated', async () => {
  await post('disable', {})
  assert.equal((await post('rotate', {})).status, 409)
  await post('revoke', {})
  const refused = await post('rotate', {})
  assert.equal(refused.status, 409)
  assert.equal(refused.body.code, 'CONFLICT')
})

test('five living versions are the most; revoking one makes room', async () => {
  for (let n = 0; n < 4; n++) assert.equal((await post('rotate', { overlap_seconds: 600 })).status, 200)
  assert.equal((await post('rotate', { overlap_seconds: 600 })).status, 409)
  assert.equal((await post('versions/1/revoke')).status, 200)
  assert.equal((await post('rotate', { overlap_seconds: 600 })).status, 200)
})

test('a revoked credential is refused by the next request, and the answer says how far the news has come', async () => {
  assert.equal(await codeOf(secret), 'VALID')
  const revoked = await post('revoke', { reason: 'leaked' })
  assert.equal(revoked.status, 200, revoked.text)
  assert.equal(await codeOf(secret), 'REVOKED')
  const { nodes, confirmed, after_ms, bound_ms } = revoked.body.propagation
  assert.deepEqual({ nodes, confirmed, bound_ms }, { nodes: 1, confirmed: 1, bound_ms: 1000 })
  assert.ok(after_ms >= 0)
  assert.equal(revoked.body.credential.status, 'revoked')
  assert.equal(revoked.body.credential.reason, 'leaked')
  assert.match(revoked.headers.get('credence-revision') ?? '', /^\d+$/)
})

test('revoking again answers 200, keeps the first reason and writes nothing', async () => {
  await post('revoke', { reason: 'first' })
  const position = await server.context.store.position()
  const again = await post('revoke', { reason: 'second' })
  assert.equal(again.status, 200)
  assert.equal(again.body.credential.reason, 'first')
  assert.equal(await server.context.store.position(), position)
  assert.equal(again.headers.get('credence-revision'), null)
})

test('what was revoked is never enabled, disabled or changed again', async () => {
  await post('revoke')
  for (const step of ['enable', 'disable']) assert.equal((await post(step, {})).status, 409)
  const patched = await server.request('PATCH', `/v1/credentials/${credential.id}`, { name: 'x' })
  assert.equal(patched.status, 409)
  assert.equal((await show(server, credential.id)).status, 'revoked')
})

test('disable and enable act on the next request', async () => {
  assert.equal((await post('disable', { reason: 'holiday' })).status, 200)
  assert.equal(await codeOf(secret), 'DISABLED')
  assert.equal((await show(server, credential.id)).reason, 'holiday')
  const on = await post('enable')
  assert.equal(on.body.credential.status, 'active')
  assert.equal(on.body.credential.reason, null)
  assert.equal(await codeOf(secret), 'VALID')
})

test('one version is revoked alone; the others go on', async () => {
  const newer = (await post('rotate', { overlap_seconds: 600 })).body.secret!
  const revoked = await post('versions/1/revoke', { reason: 'in a log' })
  assert.equal(revoked.status, 200, revoked.text)
  assert.equal(revoked.body.credential.versions[0]?.status, 'revoked')
  assert.equal(await codeOf(secret), 'REVOKED')
  assert.equal(await codeOf(newer), 'VALID')
  assert.equal((await post('versions/9/revoke')).status, 404)
  for (const bad of ['0', 'x', '-1', '1e9', '99999999999']) {
    assert.equal((await post(`versions/${bad}/revoke`)).status, 422, bad)
  }
})

test('a deleted credential is unknown at once, to verify and to administration', async () => {
  const path = `/v1/credentials/${credential.id}`
  const deleted = await server.request('DELETE', path)
  assert.equal(deleted.status, 204)
  assert.equal(deleted.text, '')
  assert.equal(await codeOf(secret), 'NOT_FOUND')
  assert.equal((await server.request('GET', path)).status, 404)
  assert.equal((await server.request('DELETE', path)).status, 404)
})

test('every change is in the trail with its reason, and no entry holds a secret', async () => {
  const rotated = await post('rotate', { overlap_seconds: 5 })
  await post('disable', { reason: 'a' })
  await post('enable')
  await post('versions/1/revoke', { reason: 'b' })
  await post('revoke', { reason: 'c' })
  const trail = await server.request<{
    items: { action: string; target: { id: string }; detail: { reason?: string } }[]
  }>('GET', '/v1/audit?limit=6')
  assert.deepEqual(
    trail.body.items.map(({ action, detail }) => [action, detail.reason ?? null]),
    [
      ['credential.revoke', 'c'],
      ['credential.revoke_version', 'b'],
      ['credential.enable', null],
      ['credential.disable', 'a'],
      ['credential.rotate', null],
      ['credential.issue', null],
    ],
  )
  for (const key of [secret, rotated.body.secret!]) assert.ok(!trail.text.includes(key.slice(-38)))
})

test('a reason is text of at most 500 characters without control characters', async () => {
  for (const reason of ['', 'x'.repeat(501), 'a\nb', '\u001b[31m', 7]) {
    assert.equal((await post('revoke', { reason })).status, 422, JSON.stringify(reason))
  }
  assert.equal((await post('revoke', { reasons: 'x' })).status, 422)
  assert.equal((await show(server, credential.id)).status, 'active')
})
