import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openMemoryStore } from '../../store/memory.ts'
import type { Store } from '../../store/port.ts'
import { openSqliteStore } from '../../store/sqlite.ts'
import {
  bearer,
  type CredentialBody,
  type IssuedBody,
  issue,
  makeAdmin,
  makeApi,
  type ProblemBody,
  show,
  verify,
} from '../../testing/issuing.ts'
import { startTestServer, type TestResponse, type TestServer } from '../../testing/test-server.ts'

type Answer = TestResponse<IssuedBody & ProblemBody>

const STORES = ['memory', 'sqlite'] as const

/** Runs a test against a server on each store, since races end in the store. */
function testOnStores(name: string, body: (server: TestServer) => Promise<void>): void {
  for (const kind of STORES) {
    test(`${name} (${kind})`, async (t) => {
      let store: Store
      if (kind === 'memory') store = openMemoryStore()
      else {
        const folder = await mkdtemp(join(tmpdir(), 'credence-'))
        t.after(() => rm(folder, { recursive: true, force: true }))
        store = await openSqliteStore({ path: join(folder, 'credence.db'), migrate: 'auto', clock: Date.now })
      }
      const server = await startTestServer({ store })
      t.after(() => server.close())
      await makeApi(server, 'orders')
      await body(server)
    })
  }
}

const BODY = { kind: 'api_key', api: 'orders', principal: 'billing', scopes: ['orders:read'] }

async function allCredentials(server: TestServer): Promise<CredentialBody[]> {
  const page = await server.request<{ items: CredentialBody[] }>(
    'GET',
    '/v1/credentials?limit=100&api=orders',
  )
  return page.body.items
}

testOnStores(
  '50 requests at once with one key make one credential, and one of them is given its secret',
  async (server) => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, () =>
        server.request<IssuedBody & ProblemBody>('POST', '/v1/credentials', BODY, {
          'idempotency-key': 'one',
        }),
      ),
    )
    for (const answer of answers) assert.equal(answer.status, 201, answer.text)
    assert.equal(new Set(answers.map(({ body }) => body.credential.id)).size, 1)
    const shown = answers.filter(({ body }) => body.secret !== null)
    assert.equal(shown.length, 1)
    for (const { body } of answers) assert.equal(body.secret_shown, body.secret === null)
    assert.equal((await allCredentials(server)).length, 1)
    const verdict = await verify(server, { api: 'orders', credential: shown[0]!.body.secret })
    assert.equal(verdict.code, 'VALID')
  },
)

testOnStores(
  '50 rotations at once with one key make one version, and one of them is given its secret',
  async (server) => {
    const { credential } = await issue(server, BODY)
    const answers: Answer[] = await Promise.all(
      Array.from({ length: 50 }, () =>
        server.request<IssuedBody & ProblemBody>(
          'POST',
          `/v1/credentials/${credential.id}/rotate`,
          {},
          { 'idempotency-key': 'r' },
        ),
      ),
    )
    for (const answer of answers) assert.equal(answer.status, 200, answer.text)
    assert.equal(answers.filter(({ body }) => body.secret !== null).length, 1)
    assert.deepEqual(
      (await show(server, credential.id)).versions.map(({ version }) => version),
      [1, 2],
    )
  },
)

testOnStores('20 credentials at once for one new principal make one principal', async (server) => {
  const made = await Promise.all(
    Array.from({ length: 20 }, () => issue(server, { ...BODY, principal: 'newcomer' })),
  )
  assert.equal(new Set(made.map(({ credential }) => credential.principal.id)).size, 1)
  assert.equal(new Set(made.map(({ credential }) => credential.id)).size, 20)
})

testOnStores(
  'a replay answers with the credential as it is now and without the secret; it writes nothing',
  async (server) => {
    const headers = { 'idempotency-key': 'again' }
    const first: Answer = await server.request('POST', '/v1/credentials', BODY, headers)
    await server.request('POST', `/v1/credentials/${first.body.credential.id}/revoke`, {})
    const position = await server.context.store.position()
    const second: Answer = await server.request('POST', '/v1/credentials', BODY, headers)
    assert.equal(second.status, 201)
    assert.equal(second.body.credential.id, first.body.credential.id)
    assert.equal(second.body.credential.status, 'revoked')
    assert.equal(second.body.secret, null)
    assert.equal(second.body.secret_shown, true)
    assert.equal(await server.context.store.position(), position)
  },
)

testOnStores('the same key with another body, path or method is refused with 422', async (server) => {
  const headers = { 'idempotency-key': 'k' }
  const first: Answer = await server.request('POST', '/v1/credentials', BODY, headers)
  assert.equal(first.status, 201)
  const other: Answer = await server.request('POST', '/v1/credentials', { ...BODY, name: 'x' }, headers)
  assert.equal(other.status, 422)
  assert.equal(other.body.code, 'IDEMPOTENCY_MISMATCH')
  const path = `/v1/credentials/${first.body.credential.id}/rotate`
  const rotated: Answer = await server.request('POST', path, BODY, headers)
  assert.equal(rotated.status, 422)
  assert.equal((await allCredentials(server)).length, 1)
})

testOnStores(
  'a key belongs to the credential that used it: another caller’s is another key',
  async (server) => {
    const headers = { 'idempotency-key': 'shared' }
    const { secret } = await makeAdmin(server, ['credentials:write:orders'])
    const first: Answer = await server.request('POST', '/v1/credentials', BODY, headers)
    const second: Answer = await server.request('POST', '/v1/credentials', BODY, {
      ...headers,
      ...bearer(secret),
    })
    assert.equal(second.status, 201)
    assert.notEqual(second.body.credential.id, first.body.credential.id)
    assert.notEqual(second.body.secret, null)
  },
)

testOnStores('a request that was refused does not use its key up', async (server) => {
  const headers = { 'idempotency-key': 'later' }
  const role = { kind: 'api_key', api: 'orders', principal: 'billing', roles: ['reader'] }
  assert.equal((await server.request('POST', '/v1/credentials', role, headers)).status, 422)
  await server.request('POST', '/v1/roles', { name: 'reader', api: 'orders', scopes: ['orders:read'] })
  assert.equal((await server.request('POST', '/v1/credentials', role, headers)).status, 201)
})

testOnStores('a replay shows nothing to a caller that may no longer write the credential', async (server) => {
  const headers = { 'idempotency-key': 'narrowed' }
  const admin = await makeAdmin(server, ['credentials:write:orders', 'audit:read'])
  const first = await server.request('POST', '/v1/credentials', BODY, { ...headers, ...bearer(admin.secret) })
  assert.equal(first.status, 201)
  const narrower = { api: 'credence', remove_scopes: ['credentials:write:orders'] }
  const patched = await server.request('PATCH', `/v1/credentials/${admin.credential.id}`, narrower)
  assert.equal(patched.status, 200, patched.text)
  const again = await server.request('POST', '/v1/credentials', BODY, { ...headers, ...bearer(admin.secret) })
  assert.equal(again.status, 403)
})

test('a key is of visible ASCII, at most 255 characters', async (t) => {
  const server = await startTestServer()
  t.after(() => server.close())
  await makeApi(server, 'orders')
  for (const key of ['a b', 'ä', 'x'.repeat(256)]) {
    const answer = await server.request<ProblemBody>('POST', '/v1/credentials', BODY, {
      'idempotency-key': key,
    })
    assert.equal(answer.status, 422, key)
  }
})

testOnStores('what was made with a key and deleted since is not made again: 409', async (server) => {
  const role = { name: 'reader', api: 'orders', scopes: ['orders:read'] }
  for (const [path, body] of [
    ['/v1/workspaces', { name: 'test', prefix: 'crd_test' }],
    ['/v1/roles', role],
  ] as const) {
    const headers = { 'idempotency-key': body.name }
    const make = () => server.request<ProblemBody>('POST', path, body, headers)
    assert.equal((await make()).status, 201)
    const removed = await server.request('DELETE', `${path}/${body.name}`)
    assert.equal(removed.status, 204, removed.text)
    const again = await make()
    assert.deepEqual([again.status, again.body.code], [409, 'CONFLICT'])
  }
})
