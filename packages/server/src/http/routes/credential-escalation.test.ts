import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { bearer, issue, makeAdmin, makeApi, type ProblemBody, tryIssue } from '../../testing/issuing.ts'
import { openMeddledStore } from '../../testing/meddled-store.ts'
import { startTestServer, type TestResponse, type TestServer } from '../../testing/test-server.ts'

let server: TestServer
const HOUR_MS = 3_600_000

before(async () => {
  server = await startTestServer()
  await makeApi(server, 'orders')
})
after(() => server.close())

function inMs(ms: number): string {
  return new Date(server.context.clock() + ms).toISOString()
}

function assertForbidden(answer: TestResponse<ProblemBody>): void {
  assert.equal(answer.status, 403, answer.text)
  assert.equal(answer.body.code, 'INSUFFICIENT_SCOPE')
}

/** May write credentials of `credence`, and read them: nothing else. */
const WRITER = ['credentials:write:credence', 'credentials:read']

function post(path: string, body: unknown, key: string): Promise<TestResponse<ProblemBody>> {
  return server.request('POST', path, body, bearer(key))
}

function patch(id: string, body: unknown, key: string): Promise<TestResponse<ProblemBody>> {
  return server.request('PATCH', `/v1/credentials/${id}`, body, bearer(key))
}

test('a key of administration issues what it has, and no more', async () => {
  const { secret } = await makeAdmin(server, [...WRITER, 'apis:*'])
  const headers = bearer(secret)
  await issue(server, { api: 'credence', scopes: ['apis:read', 'credentials:read'] }, headers)
  for (const scopes of [
    ['*'],
    ['roles:read'],
    ['apis:read', 'workspaces:write'],
    ['*:read'],
    ['credentials:*'],
  ]) {
    assertForbidden(await tryIssue(server, { api: 'credence', scopes }, headers))
  }
})

test('a role cannot carry more into a credential than its issuer has', async () => {
  const role = { name: 'almighty', api: 'credence', scopes: ['*'] }
  assert.equal((await server.request('POST', '/v1/roles', role)).status, 201)
  const { secret } = await makeAdmin(server, WRITER)
  assertForbidden(await tryIssue(server, { api: 'credence', roles: ['almighty'] }, bearer(secret)))
})

test('the scopes that the issuer has by a role count for it', async () => {
  const role = { name: 'auditors', api: 'credence', scopes: ['audit:read', 'credentials:write:credence'] }
  assert.equal((await server.request('POST', '/v1/roles', role)).status, 201)
  const { secret } = await makeAdmin(server, [], { roles: ['auditors'] })
  await issue(server, { api: 'credence', scopes: ['audit:read'] }, bearer(secret))
  assertForbidden(await tryIssue(server, { api: 'credence', scopes: ['status:read'] }, bearer(secret)))
})

test('the ceiling of the issuer’s principal bounds what it can issue', async () => {
  const ceiling = [{ api: 'credence', scopes: ['credentials:write:credence', 'apis:read'] }]
  const made = await server.request('POST', '/v1/principals', { name: 'bounded', type: 'service', ceiling })
  assert.equal(made.status, 201, made.text)
  const { secret } = await makeAdmin(server, ['*'], { principal: 'bounded' })
  assertForbidden(await tryIssue(server, { api: 'credence', scopes: ['apis:write'] }, bearer(secret)))
  await issue(server, { api: 'credence', scopes: ['apis:read'] }, bearer(secret))
})

test('a ceiling on the new credential’s principal is no excuse: it may be lifted later', async () => {
  const made = await server.request('POST', '/v1/principals', {
    name: 'nobody',
    type: 'service',
    ceiling: [],
  })
  assert.equal(made.status, 201, made.text)
  const { secret } = await makeAdmin(server, WRITER)
  assertForbidden(
    await tryIssue(server, { api: 'credence', principal: 'nobody', scopes: ['*'] }, bearer(secret)),
  )
})

test('a stronger key cannot be stolen by rotating it', async () => {
  const strong = await makeAdmin(server, ['*'])
  const { secret } = await makeAdmin(server, WRITER)
  assertForbidden(await post(`/v1/credentials/${strong.credential.id}/rotate`, {}, secret))
  const self = await server.request('GET', '/v1/credentials/self', undefined, bearer(strong.secret))
  assert.equal(self.status, 200, 'its secret still works')
})

test('a stronger key that is disabled cannot be enabled', async () => {
  const strong = await makeAdmin(server, ['*'])
  assert.equal(
    (await server.request('POST', `/v1/credentials/${strong.credential.id}/disable`, {})).status,
    200,
  )
  const { secret } = await makeAdmin(server, WRITER)
  assertForbidden(await post(`/v1/credentials/${strong.credential.id}/enable`, {}, secret))
})

test('a stronger key can be neither widened nor freed of its conditions, end or limits', async () => {
  const strong = await makeAdmin(server, ['*'], {
    conditions: { ip_ranges: ['192.0.2.1'] },
    expires_at: inMs(HOUR_MS),
  })
  const { secret } = await makeAdmin(server, WRITER)
  const { id } = strong.credential
  for (const change of [
    { conditions: null },
    { expires_at: null },
    { limits: [] },
    { name: 'mine' },
    { tags: [] },
  ]) {
    assertForbidden(await patch(id, change, secret))
  }
})

test('nobody widens a credential, its own included, beyond itself', async () => {
  const weak = await makeAdmin(server, WRITER)
  for (const id of [weak.credential.id, (await makeAdmin(server, WRITER)).credential.id]) {
    assertForbidden(await patch(id, { add_scopes: ['workspaces:write'] }, weak.secret))
    assertForbidden(await patch(id, { grants: [{ api: 'credence', scopes: ['*'] }] }, weak.secret))
    assertForbidden(await patch(id, { add_scopes: ['orders:read'], api: 'orders' }, weak.secret))
  }
})

test('a credential of another API cannot be given power on credence by who may not write there', async () => {
  const { credential } = await issue(server, { api: 'orders' })
  const { secret } = await makeAdmin(server, ['credentials:write:orders', 'apis:read'])
  assertForbidden(await patch(credential.id, { api: 'credence', add_scopes: ['apis:read'] }, secret))
})

test('a key that ends issues none on credence that outlives it, and cannot extend itself or another', async () => {
  const ending = await makeAdmin(server, WRITER, { expires_at: inMs(HOUR_MS) })
  const body = { api: 'credence', scopes: ['credentials:read'] }
  for (const expires_at of [null, inMs(2 * HOUR_MS)]) {
    const answer = await tryIssue(server, { ...body, expires_at }, bearer(ending.secret))
    assert.equal(answer.status, 422, answer.text)
    assert.equal(answer.body.errors?.[0]?.field, 'expires_at')
  }
  await issue(server, { ...body, expires_at: inMs(HOUR_MS / 2) }, bearer(ending.secret))
  assert.equal((await patch(ending.credential.id, { expires_at: null }, ending.secret)).status, 422)

  const endless = await makeAdmin(server, ['credentials:read'])
  const rotated = await post(`/v1/credentials/${endless.credential.id}/rotate`, {}, ending.secret)
  assert.equal(rotated.status, 422, 'rotating one without an end would be a life without an end')
  const off = await makeAdmin(server, ['credentials:read'])
  await server.request('POST', `/v1/credentials/${off.credential.id}/disable`, {})
  assert.equal((await post(`/v1/credentials/${off.credential.id}/enable`, {}, ending.secret)).status, 422)
})

test('a key with conditions hands out nothing on credence, which would escape them', async () => {
  const bound = await makeAdmin(server, WRITER, { conditions: { ip_ranges: ['127.0.0.0/8', '::1'] } })
  const issuing = { api: 'credence', scopes: ['credentials:read'] }
  assertForbidden(await tryIssue(server, issuing, bearer(bound.secret)))
  assertForbidden(await patch(bound.credential.id, { conditions: null }, bound.secret))
  const free = await makeAdmin(server, ['credentials:read'])
  assertForbidden(await post(`/v1/credentials/${free.credential.id}/rotate`, {}, bound.secret))
})

test('who may write credentials of one API touches none that reaches another API too', async () => {
  await makeApi(server, 'reports')
  const both = await issue(server, { grants: [{ api: 'orders' }, { api: 'reports' }] })
  const { secret } = await makeAdmin(server, ['credentials:write:orders'])
  const { id } = both.credential
  for (const step of ['rotate', 'revoke', 'disable', 'enable', 'versions/1/revoke']) {
    assertForbidden(await post(`/v1/credentials/${id}/${step}`, {}, secret))
  }
  assertForbidden(await patch(id, { name: 'x' }, secret))
  assertForbidden(await patch(id, { grants: [{ api: 'orders' }] }, secret))
  const deleted = await server.request<ProblemBody>(
    'DELETE',
    `/v1/credentials/${id}`,
    undefined,
    bearer(secret),
  )
  assertForbidden(deleted)
})

test('members that a caller does not decide are not taken from the body', async () => {
  for (const member of [
    'id',
    'state',
    'status',
    'revision',
    'issued_by',
    'key_prefix',
    'workspace_id',
    'versions',
  ]) {
    const answer = await tryIssue(server, { api: 'orders', [member]: 'x' })
    assert.equal(answer.status, 422, member)
    assert.deepEqual(
      answer.body.errors?.map(({ field }) => field),
      [member],
    )
  }
})

interface Step {
  readonly name: string
  readonly method: string
  readonly path: string
  readonly body?: unknown
  /** Scopes that let it pass. */
  readonly with: readonly string[]
}

test('role × verb: each route passes with its own scope and with no other', async () => {
  const write = ['credentials:write:orders', 'credentials:write:*', 'credentials:*', '*']
  const read = ['credentials:read', '*:read', 'credentials:*', '*']
  const verifying = ['credentials:verify:orders', 'credentials:verify:*', 'credentials:*', '*']
  const steps: Step[] = [
    {
      name: 'issue',
      method: 'POST',
      path: '',
      body: { kind: 'api_key', api: 'orders', principal: 'p' },
      with: write,
    },
    { name: 'list', method: 'GET', path: '', with: read },
    { name: 'show', method: 'GET', path: '/ID', with: read },
    { name: 'update', method: 'PATCH', path: '/ID', body: { name: 'n' }, with: write },
    { name: 'rotate', method: 'POST', path: '/ID/rotate', body: {}, with: write },
    { name: 'disable', method: 'POST', path: '/ID/disable', body: {}, with: write },
    { name: 'enable', method: 'POST', path: '/ID/enable', body: {}, with: write },
    { name: 'revoke version', method: 'POST', path: '/ID/versions/1/revoke', body: {}, with: write },
    { name: 'revoke', method: 'POST', path: '/ID/revoke', body: {}, with: write },
    { name: 'delete', method: 'DELETE', path: '/ID', with: write },
    { name: 'verify', method: 'POST', path: '/v1/verify', body: { api: 'orders' }, with: verifying },
    { name: 'decisions', method: 'GET', path: '/v1/decisions', with: ['decisions:read', '*:read', '*'] },
    { name: 'audit', method: 'GET', path: '/v1/audit', with: ['audit:read', '*:read', '*'] },
    { name: 'status', method: 'GET', path: '/v1/status', with: ['status:read', '*:read', '*'] },
  ]
  const all = [
    ...new Set([...steps.flatMap((step) => step.with), 'apis:write', 'credentials:write:credence']),
  ]
  for (const scope of all) {
    const { secret } = await makeAdmin(server, [scope])
    for (const { name, method, path, body, with: passing } of steps) {
      const target = path.includes('ID') ? (await issue(server, { api: 'orders' })).credential.id : ''
      const url = path.startsWith('/v1') ? path : `/v1/credentials${path.replace('ID', target)}`
      const { status } = await server.request(method, url, body, bearer(secret))
      if (passing.includes(scope)) assert.ok(status < 300, `${scope} lets ${name} pass, not ${status}`)
      else assert.equal(status, 403, `${scope} refuses ${name}`)
    }
  }
  for (const { name, method, path, body } of steps) {
    const url = path.startsWith('/v1') ? path : `/v1/credentials${path.replace('ID', '000000000000')}`
    const { status } = await server.request(method, url, body, { authorization: 'Bearer ' })
    assert.equal(status, 401, `${name} without a credential`)
  }
})

test('a credential of another API, however wide, administers nothing', async () => {
  const { secret } = await issue(server, { api: 'orders', scopes: ['orders:*'] })
  const answer = await server.request<ProblemBody>('GET', '/v1/credentials', undefined, bearer(secret))
  assert.equal(answer.status, 401)
  assert.equal(answer.body.code, 'WRONG_AUDIENCE')
})

test('nothing crosses a workspace: another one’s credential is as unknown as none, to every verb', async () => {
  const made = await server.request<{ admin_key: { secret: string } }>('POST', '/v1/workspaces', {
    name: 'other',
  })
  assert.equal(made.status, 201, made.text)
  const key = made.body.admin_key.secret
  const { credential } = await issue(server, { api: 'orders' })
  const verbs: [string, string, unknown][] = [
    ['GET', '', undefined],
    ['PATCH', '', { name: 'x' }],
    ['POST', '/rotate', {}],
    ['POST', '/revoke', {}],
    ['POST', '/disable', {}],
    ['POST', '/enable', {}],
    ['POST', '/versions/1/revoke', {}],
    ['DELETE', '', undefined],
  ]
  for (const [method, path, body] of verbs) {
    const ask = async (id: string) => {
      const answer = await server.request<ProblemBody>(
        method,
        `/v1/credentials/${id}${path}`,
        body,
        bearer(key),
      )
      assert.equal(answer.status, 404, `${method} ${path}`)
      return JSON.stringify({ ...answer.body, request_id: '' }).replace(id, 'ID')
    }
    assert.equal(await ask(credential.id), await ask('000000000000'))
  }
  const list = await server.request<{ items: { id: string }[] }>(
    'GET',
    '/v1/credentials',
    undefined,
    bearer(key),
  )
  assert.ok(list.body.items.every(({ id }) => id !== credential.id))
  assert.equal((await server.request('GET', `/v1/credentials/${credential.id}`)).status, 200)
})

test('a role that is widened between the check and the write is seen: what was checked is what is written', async (t) => {
  const meddled = openMeddledStore()
  const racing = await startTestServer({ store: meddled.store })
  t.after(() => racing.close())
  const made = await racing.request<{ id: string }>('POST', '/v1/roles', {
    name: 'growing',
    api: 'credence',
    scopes: ['audit:read'],
  })
  const { secret } = await makeAdmin(racing, ['credentials:write:credence', 'audit:read'])
  const body = { api: 'credence', roles: ['growing'] }
  await issue(racing, body, bearer(secret))
  meddled.before('credential.issue', async () => {
    const widened = await racing.request('PATCH', `/v1/roles/${made.body.id}`, { scopes: ['*'] })
    assert.equal(widened.status, 200, widened.text)
  })
  assertForbidden(await tryIssue(racing, body, bearer(secret)))
})
