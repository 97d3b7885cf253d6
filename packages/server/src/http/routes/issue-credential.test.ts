import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  bearer,
  fieldsOf,
  issue,
  makeAdmin,
  makeApi,
  type ProblemBody,
  show,
  tryIssue,
  verify,
} from '../../testing/issuing.ts'
import { startTestServer, type TestServer } from '../../testing/test-server.ts'

let server: TestServer
const DAY_MS = 86_400_000

before(async () => {
  server = await startTestServer()
  await makeApi(server, 'orders')
  await makeApi(server, 'invoices', { key_prefix: 'inv_live', max_lifetime_seconds: 3600 })
})
after(() => server.close())

function inMs(ms: number): string {
  return new Date(server.context.clock() + ms).toISOString()
}

test('a credential is issued with its secret once, a new application as its principal, and its grants', async () => {
  const made = await tryIssue(server, {
    api: 'orders',
    principal: 'shop',
    external_id: 'cus_42',
    scopes: ['orders:read'],
    name: 'nightly export',
    expires_at: inMs(DAY_MS),
    limits: [{ name: 'default', limit: 100, window_seconds: 60 }],
    conditions: { ip_ranges: ['127.0.0.0/8'] },
    metadata: { team: 'payments' },
    tags: ['production', 'production'],
  })
  assert.equal(made.status, 201, made.text)
  assert.equal(made.headers.get('cache-control'), 'no-store')
  assert.match(made.headers.get('credence-revision') ?? '', /^[1-9]\d*$/)
  assert.equal(made.headers.get('etag'), '"1"')
  const { credential, secret, secret_shown } = made.body
  assert.equal(secret_shown, false)
  assert.match(secret ?? '', new RegExp(`^crd_live_${credential.id}[0-9A-Za-z]{38}$`))
  assert.equal(credential.status, 'active')
  assert.equal(credential.principal.external_id, 'cus_42')
  assert.deepEqual(credential.tags, ['production'])
  assert.deepEqual(credential.metadata, { team: 'payments' })
  assert.deepEqual(
    credential.grants.map(({ api, scopes, roles }) => ({ api, scopes, roles })),
    [{ api: 'orders', scopes: ['orders:read'], roles: [] }],
  )
  const principal = await server.request<{ type: string }>('GET', '/v1/principals/shop')
  assert.equal(principal.body.type, 'application')

  const shown = await server.request('GET', `/v1/credentials/${credential.id}`)
  assert.equal(shown.status, 200)
  assert.ok(!shown.text.includes(secret!.slice(-38)), 'the secret is in the first answer only')
  assert.ok(!shown.text.includes('sealed'), 'and its digest is in none')
  assert.deepEqual(shown.body, credential)
})

test('the key is of the API’s prefix where it has one, else of the workspace’s', async () => {
  const { secret } = await issue(server, { api: 'invoices', scopes: [], expires_at: inMs(60_000) })
  assert.match(secret, /^inv_live_/)
})

test('an existing principal is used, by name or id, and keeps its external id', async () => {
  const first = await issue(server, { api: 'orders', principal: 'keeper', external_id: 'k1' })
  const again = await issue(server, { api: 'orders', principal: first.credential.principal.id })
  assert.equal(again.credential.principal.name, 'keeper')
  const same = await issue(server, { api: 'orders', principal: 'keeper', external_id: 'k1' })
  assert.equal(same.credential.principal.id, first.credential.principal.id)
  const other = await tryIssue(server, { api: 'orders', principal: 'keeper', external_id: 'k2' })
  assert.equal(other.status, 409, other.text)
  assert.equal(other.body.errors?.[0]?.field, 'external_id')
  assert.equal((await show(server, first.credential.id)).principal.external_id, 'k1')
})

test('a principal id that does not exist is refused, not made', async () => {
  const made = await tryIssue(server, { api: 'orders', principal: 'prn_000000000000' })
  assert.deepEqual(fieldsOf(made), ['principal'])
})

test('scopes are the API’s own; patterns are granted where they cover one of them', async () => {
  const ok = await issue(server, { api: 'orders', scopes: ['orders:*'] })
  assert.deepEqual(ok.credential.grants[0]?.scopes, ['orders:*'])
  const bad = await tryIssue(server, {
    api: 'orders',
    scopes: ['orders:read', 'orders:delete', 'invoices:*', 'a b', 'orders:'],
  })
  assert.deepEqual(fieldsOf(bad), ['scopes[1]', 'scopes[2]', 'scopes[3]', 'scopes[4]'])
})

test('several grants, each named in the errors; an API twice or unknown is refused', async () => {
  const both = await issue(server, {
    grants: [{ api: 'orders', scopes: ['orders:read'] }, { api: 'invoices' }],
    expires_at: inMs(60_000),
  })
  assert.deepEqual(
    both.credential.grants.map(({ api }) => api),
    ['orders', 'invoices'],
  )
  const bad = await tryIssue(server, {
    grants: [{ api: 'orders', scopes: ['x'] }, { api: 'orders' }, { api: 'nowhere' }],
  })
  assert.deepEqual(fieldsOf(bad), ['grants[0].scopes[0]', 'grants[1].api', 'grants[2].api'])
  assert.deepEqual(fieldsOf(await tryIssue(server, { api: 'orders', grants: [{ api: 'orders' }] })), ['api'])
  assert.deepEqual(fieldsOf(await tryIssue(server, {})), ['api'])
  assert.deepEqual(fieldsOf(await tryIssue(server, { grants: [] })), ['grants'])
})

test('roles are granted by name and give their scopes; a role of another API is refused', async () => {
  const role = { name: 'reader', api: 'orders', scopes: ['orders:read'] }
  assert.equal((await server.request('POST', '/v1/roles', role)).status, 201)
  const { secret, credential } = await issue(server, { api: 'orders', roles: ['reader'] })
  assert.deepEqual(credential.grants[0]?.roles, ['reader'])
  assert.deepEqual(await show(server, credential.id), credential)
  assert.deepEqual((await verify(server, { credential: secret, api: 'orders' })).scopes, ['orders:read'])
  const foreign = await tryIssue(server, { api: 'invoices', roles: ['reader'], expires_at: inMs(60_000) })
  assert.deepEqual(fieldsOf(foreign), ['roles[0]'])
})

test('an end lies in the future, before the year 9999, and after the beginning', async () => {
  for (const expires_at of [inMs(-1), '1970-01-01T00:00:00Z']) {
    assert.deepEqual(fieldsOf(await tryIssue(server, { api: 'orders', expires_at })), ['expires_at'])
  }
  for (const expires_at of ['+012026-01-01T00:00:00Z', '2027-02-30T00:00:00Z', 'tomorrow', '']) {
    const fields = new Set(fieldsOf(await tryIssue(server, { api: 'orders', expires_at })))
    assert.deepEqual([...fields], ['expires_at'])
  }
  const reversed = await tryIssue(server, {
    api: 'orders',
    not_before: inMs(2000_000),
    expires_at: inMs(1000_000),
  })
  assert.deepEqual(fieldsOf(reversed), ['not_before'])
})

test('an API with a longest life demands an end, and bounds it', async () => {
  assert.deepEqual(fieldsOf(await tryIssue(server, { api: 'invoices' })), ['expires_at'])
  const long = await tryIssue(server, { api: 'invoices', expires_at: inMs(3700_000) })
  assert.deepEqual(fieldsOf(long), ['expires_at'])
  assert.match(long.body.errors?.[0]?.detail ?? '', /3600 s/)
  await issue(server, { api: 'invoices', expires_at: inMs(3500_000) })
})

test('all that cannot be converted is told at once', async () => {
  const bad = await tryIssue(server, {
    api: 'orders',
    limits: [{ name: 'a', limit: 5, window_seconds: 60, period: 'day' }],
    conditions: { ip_ranges: ['10.0.0.1/8'] },
  })
  assert.deepEqual(fieldsOf(bad).sort(), ['conditions.ip_ranges[0]', 'limits[0].period'])
})

test('a bare credentials:write or credentials:verify is refused with the advice to name the API', async () => {
  for (const scope of ['credentials:write', 'credentials:verify']) {
    const bad = await tryIssue(server, { api: 'credence', scopes: [scope] })
    assert.deepEqual(fieldsOf(bad), ['scopes[0]'])
    assert.match(bad.body.errors?.[0]?.detail ?? '', /name the API/)
  }
  assert.deepEqual(
    fieldsOf(await tryIssue(server, { api: 'credence', scopes: ['credentials:verify:nowhere'] })),
    ['scopes[0]'],
  )
  await makeAdmin(server, ['credentials:verify:orders', 'credentials:write:*', 'credentials:read'])
})

test('issuing needs credentials:write for every API granted', async () => {
  const { secret } = await makeAdmin(server, ['credentials:write:orders'])
  await issue(server, { api: 'orders' }, bearer(secret))
  const other = await tryIssue(server, { api: 'invoices', expires_at: inMs(60_000) }, bearer(secret))
  assert.equal(other.status, 403)
  assert.equal(other.body.code, 'INSUFFICIENT_SCOPE')
  assert.equal(other.body.required, 'credentials:write:invoices')
  assert.match(other.headers.get('www-authenticate') ?? '', /scope="credentials:write:invoices"/)
  const both = await tryIssue(server, { grants: [{ api: 'orders' }, { api: 'invoices' }] }, bearer(secret))
  assert.equal(both.status, 403)
})

test('an API that the caller may not write for is told from one that does not exist by nothing', async () => {
  const { secret } = await makeAdmin(server, ['credentials:write:orders'])
  const real = await tryIssue(server, { api: 'invoices', scopes: ['x'] }, bearer(secret))
  const unreal = await tryIssue(server, { api: 'phantoms', scopes: ['x'] }, bearer(secret))
  const shape = (body: ProblemBody) =>
    JSON.stringify({ ...body, request_id: '' }).replaceAll(/invoices|phantoms/g, 'NAME')
  assert.equal(shape(real.body), shape(unreal.body))
})

test('whoever issued a credential is on it and in the trail', async () => {
  const admin = await makeAdmin(server, ['credentials:write:orders'])
  const { credential } = await issue(server, { api: 'orders' }, bearer(admin.secret))
  assert.equal(credential.issued_by, admin.credential.id)
  const trail = await server.request<{
    items: { action: string; target: { id: string }; actor: { credential: string } }[]
  }>('GET', '/v1/audit?limit=1')
  assert.equal(trail.body.items[0]?.action, 'credential.issue')
  assert.equal(trail.body.items[0]?.target.id, credential.id)
  assert.equal(trail.body.items[0]?.actor.credential, admin.credential.id)
})

test('bad input of every kind is 4xx problem+json, and makes nothing', async () => {
  const count = async () =>
    (await server.request<{ items: unknown[] }>('GET', '/v1/credentials?limit=100')).body.items.length
  const before = await count()
  const bodies: [unknown, number][] = [
    ['{"kind":"api_key","kind":"api_key"}', 400],
    ['{"__proto__":{"a":1}}', 400],
    ['[]', 422],
    ['null', 422],
    ['{', 400],
    [{ kind: 'jwt', api: 'orders', principal: 'x' }, 422],
    [{ kind: 'api_key', api: 'orders', principal: 'a\u0000b' }, 422],
    [{ kind: 'api_key', api: 'orders', principal: '\u202eevil' }, 422],
    [{ kind: 'api_key', api: 'orders', principal: '' }, 422],
    [{ kind: 'api_key', api: 'orders', principal: 'x', unknown: 1 }, 422],
    [{ kind: 'api_key', api: 'orders', principal: 'x', scopes: Array(100_000).fill('a') }, 413],
    [{ kind: 'api_key', api: 'orders', principal: 'x', scopes: Array(10_000).fill('a') }, 422],
    [
      {
        kind: 'api_key',
        api: 'orders',
        principal: 'x',
        limits: [{ name: 'a', limit: -1, window_seconds: 1 }],
      },
      422,
    ],
    [
      '{"kind":"api_key","api":"orders","principal":"x","limits":[{"name":"a","limit":1e309,"window_seconds":1}]}',
      422,
    ],
  ]
  for (const [body, status] of bodies) {
    const answer = await server.request<ProblemBody>('POST', '/v1/credentials', body)
    assert.equal(answer.status, status, `${JSON.stringify(body).slice(0, 100)} ${answer.text.slice(0, 300)}`)
    assert.equal(answer.headers.get('content-type'), 'application/problem+json')
  }
  assert.equal(await count(), before)
})
