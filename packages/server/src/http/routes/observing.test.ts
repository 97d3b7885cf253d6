import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  bearer,
  fieldsOf,
  issue,
  makeAdmin,
  makeApi,
  type ProblemBody,
  verify,
} from '../../testing/issuing.ts'
import { startTestServer, type TestServer } from '../../testing/test-server.ts'

interface DecisionBody {
  readonly request_id: string
  readonly code: string
  readonly via: string
  readonly credential: { readonly id: string } | null
  readonly checks: readonly { readonly name: string; readonly outcome: string; readonly detail?: string }[]
  readonly to_allow: string | null
}

interface Items<T> extends ProblemBody {
  readonly items: readonly T[]
  readonly next_cursor: string | null
}

interface AuditBody {
  readonly position: number
  readonly action: string
  readonly hash: string
  readonly actor: { readonly credential: string } | null
  readonly request_id: string | null
}

let server: TestServer
let otherKey: string

before(async () => {
  server = await startTestServer()
  await makeApi(server, 'orders', {
    routes: [{ method: 'POST', path: '/orders/*', scopes: 'orders:write' }],
  })
  const made = await server.request<{ admin_key: { secret: string } }>('POST', '/v1/workspaces', {
    name: 'other',
  })
  otherKey = made.body.admin_key.secret
})
after(() => server.close())

test('a refusal is explained check by check, with the command that would allow it', async () => {
  const { secret, credential } = await issue(server, { api: 'orders', scopes: ['orders:read'] })
  const request = { method: 'POST', path: '/orders/7' }
  const { request_id } = await verify(server, { api: 'orders', credential: secret, request })
  const why = await server.request<DecisionBody>('GET', `/v1/decisions/${request_id}`)
  assert.equal(why.status, 200, why.text)
  assert.equal(why.body.code, 'INSUFFICIENT_SCOPE')
  assert.equal(why.body.via, 'verify')
  const failed = why.body.checks.filter(({ outcome }) => outcome === 'failed')
  assert.deepEqual(
    failed.map(({ name }) => name),
    ['scopes'],
  )
  assert.match(failed[0]?.detail ?? '', /route POST \/orders\/\* needs orders:write; has orders:read/)
  assert.equal(why.body.to_allow, `npx credence credentials update ${credential.id} --add-scope orders:write`)
  const listed = await server.request<Items<DecisionBody>>('GET', `/v1/decisions?credential=${credential.id}`)
  assert.deepEqual(
    listed.body.items.map(({ request_id: one }) => one),
    [request_id],
  )
})

test('decisions are filtered by code, credential and API, newest first', async () => {
  for (let n = 0; n < 3; n++) await verify(server, { api: 'orders' })
  const missing = await server.request<Items<DecisionBody>>(
    'GET',
    '/v1/decisions?code=MISSING&api=orders&limit=2',
  )
  assert.deepEqual(
    missing.body.items.map(({ code }) => code),
    ['MISSING', 'MISSING'],
  )
  assert.equal(missing.body.next_cursor, null)
  assert.deepEqual(fieldsOf(await server.request('GET', '/v1/decisions?api=nowhere')), ['api'])
  assert.deepEqual(fieldsOf(await server.request('GET', '/v1/decisions?code=NOPE')), ['code'])
})

test('another workspace sees none of them: its decisions and trail are its own', async () => {
  const { request_id } = await verify(server, { api: 'orders' })
  const own = await server.request('GET', `/v1/decisions/${request_id}`)
  assert.equal(own.status, 200)
  const foreign = await server.request<ProblemBody & { request_id: string }>(
    'GET',
    `/v1/decisions/${request_id}`,
    undefined,
    bearer(otherKey),
  )
  const unknown = await server.request<ProblemBody & { request_id: string }>(
    'GET',
    '/v1/decisions/rnone',
    undefined,
    bearer(otherKey),
  )
  assert.equal(foreign.status, 404)
  assert.deepEqual({ ...foreign.body, request_id: '' }, { ...unknown.body, request_id: '' })
  const trail = await server.request<Items<AuditBody>>('GET', '/v1/audit', undefined, bearer(otherKey))
  assert.ok(
    trail.body.items.every(({ action }) => action.startsWith('workspace.')),
    trail.text,
  )
})

test('the trail pages by position: every entry once, newest first, each chained to the one before', async () => {
  for (let n = 0; n < 5; n++) await issue(server, { api: 'orders' })
  const seen: AuditBody[] = []
  let cursor: string | null = null
  do {
    const query: string = cursor === null ? '' : `&cursor=${cursor}`
    const page = await server.request<Items<AuditBody>>('GET', `/v1/audit?limit=3${query}`)
    assert.equal(page.status, 200, page.text)
    assert.ok(page.body.items.length <= 3)
    seen.push(...page.body.items)
    cursor = page.body.next_cursor
    // What is written meanwhile is newer than where the next page begins.
    await issue(server, { api: 'orders' })
  } while (cursor !== null)
  const positions = seen.map(({ position }) => position)
  assert.deepEqual(
    positions,
    [...new Set(positions)].sort((a, b) => b - a),
  )
  assert.equal(seen.filter(({ action }) => action === 'api.create').length, 1)
  assert.ok(seen.every(({ hash }) => /^[0-9a-f]{64}$/.test(hash)))
  assert.equal(seen.at(-1)?.actor, null, 'the first entry is of the host itself')
  assert.equal((await server.request('GET', '/v1/audit?cursor=x')).status, 422)
})

test('a write that was refused leaves no entry', async () => {
  const newest = async () =>
    (await server.request<Items<AuditBody>>('GET', '/v1/audit?limit=1')).body.items[0]?.position
  const before = await newest()
  await server.request('POST', '/v1/credentials', {
    kind: 'api_key',
    api: 'orders',
    principal: 'new',
    scopes: ['no'],
  })
  assert.equal(await newest(), before)
})

test('the status names version, store, feed, usage and listeners', async () => {
  const { secret } = await makeAdmin(server, ['status:read'])
  const answer = await server.request<Record<string, Record<string, unknown>>>(
    'GET',
    '/v1/status',
    undefined,
    bearer(secret),
  )
  assert.equal(answer.status, 200, answer.text)
  const { version, workers, store, feed, usage, listeners, counts, nodes, processes } = answer.body
  assert.match(String(version), /^\d+\.\d+\.\d+/)
  assert.equal(workers, 1)
  assert.equal(store?.name, 'memory')
  assert.equal(feed?.position, await server.context.store.position())
  assert.equal(feed?.bound_ms, 1000)
  assert.deepEqual(Object.keys(usage ?? {}), ['queued', 'dropped'])
  assert.equal((listeners as unknown as { name: string }[])[0]?.name, 'api')
  assert.deepEqual(counts, { apis: 1 })
  assert.equal(nodes, 1)
  const [process, ...others] = processes as unknown as Record<string, unknown>[]
  assert.deepEqual([process?.node, process?.worker, process?.version], ['test', null, version])
  assert.deepEqual(others, [])
  const foreign = await server.request<{ counts: unknown }>('GET', '/v1/status', undefined, bearer(otherKey))
  assert.deepEqual(foreign.body.counts, { apis: 0 })
})
