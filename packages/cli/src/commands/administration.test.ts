import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runAgainst } from '../testing/run-against.ts'
import { at, CREDENTIAL_ID, SECRET, sampleCredential } from '../testing/sample-resources.ts'

const PRINCIPAL = {
  id: 'prn_0123456789ab',
  name: 'billing',
  type: 'application',
  external_id: 'cus_42',
  owner: null,
  contact: null,
  disabled: false,
  ceiling: null,
  limits: [],
  metadata: {},
  created_at: at(0),
}
const ROLE = {
  id: 'rol_0123456789ab',
  name: 'clerk',
  api: 'orders',
  scopes: ['orders:read'],
  created_at: at(0),
}
const WORKSPACE = { id: 'ws_0123456789ab', name: 'test', key_prefix: 'crd_test', created_at: at(0) }

test("a new workspace's admin key alone goes to standard output", async () => {
  const body = { workspace: WORKSPACE, admin_key: { credential: sampleCredential(), secret: SECRET } }
  const routes = { 'POST /v1/workspaces': { status: 201, body } }
  const result = await runAgainst(routes, ['workspaces', 'create', 'test', '--prefix', 'crd_test'])
  assert.equal(result.exitCode, 0)
  assert.equal(result.stdout, `${SECRET}\n`)
  assert.equal(result.stderr, '✓ workspace test, keys begin crd_test_\n  admin key shown once\n')
  assert.deepEqual(result.requests[0]?.body, { name: 'test', prefix: 'crd_test' })
  const json = await runAgainst(routes, ['workspaces', 'create', 'test', '--json'])
  assert.deepEqual(JSON.parse(json.stdout), body)
})

test('principals: each flag reaches the request', async () => {
  const routes = {
    'POST /v1/principals': { status: 201, body: PRINCIPAL },
    'PATCH /v1/principals/billing': { body: PRINCIPAL },
  }
  const created = await runAgainst(routes, [
    ...[
      'principals',
      'create',
      'billing',
      '--type',
      'service',
      '--external-id',
      'cus_42',
      '--owner',
      'o',
      '--contact',
      'c',
    ],
    ...['--ceiling', 'orders=orders:read', '--limit', '5/day', '--metadata', 'a=b'],
  ])
  assert.deepEqual(created.requests[0]?.body, {
    name: 'billing',
    type: 'service',
    external_id: 'cus_42',
    owner: 'o',
    contact: 'c',
    ceiling: [{ api: 'orders', scopes: ['orders:read'], roles: [] }],
    limits: [{ type: 'quota', name: 'day', limit: 5, period: 'day' }],
    metadata: { a: 'b' },
  })
  const changed = await runAgainst(routes, [
    'principals',
    'update',
    'billing',
    '--disable',
    '--ceiling',
    'unrestricted',
  ])
  assert.deepEqual(changed.requests[0]?.body, { ceiling: null, disabled: true })
  const both = await runAgainst(routes, ['principals', 'update', 'billing', '--disable', '--enable'])
  assert.equal(both.exitCode, 2)
})

test('principals: an empty ceiling is shown as nothing, none as unrestricted', async () => {
  for (const [ceiling, word] of [
    [null, 'unrestricted'],
    [[], 'nothing'],
  ] as const) {
    const routes = { 'GET /v1/principals/billing': { body: { ...PRINCIPAL, ceiling } } }
    const result = await runAgainst(routes, ['principals', 'show', 'billing', '--no-json'])
    assert.match(result.stdout, new RegExp(`^ceiling {6}${word}$`, 'm'))
  }
})

test('roles are made, listed for one API, changed and deleted', async () => {
  const routes = {
    'POST /v1/roles': { status: 201, body: ROLE },
    'GET /v1/roles': { body: { items: [ROLE], next_cursor: null } },
    'PATCH /v1/roles/clerk': { body: ROLE },
    'DELETE /v1/roles/clerk': { status: 204 },
  }
  const created = await runAgainst(routes, [
    'roles',
    'create',
    'clerk',
    '--api',
    'orders',
    '--scopes',
    'a b,c',
  ])
  assert.deepEqual(created.requests[0]?.body, { name: 'clerk', api: 'orders', scopes: ['a', 'b', 'c'] })
  const listed = await runAgainst(routes, ['roles', 'list', '--api', 'orders', '--no-json'])
  assert.equal(listed.requests[0]?.query.api, 'orders')
  assert.match(listed.stdout, /clerk {2}rol_0123456789ab {2}orders {2}orders:read/)
  const changed = await runAgainst(routes, ['roles', 'update', 'clerk', '--scopes', 'a'])
  assert.deepEqual(changed.requests[0]?.body, { scopes: ['a'] })
  assert.equal((await runAgainst(routes, ['roles', 'delete', 'clerk'])).stderr, '✓ role clerk deleted\n')
})

test('audit tells who changed what', async () => {
  const entry = {
    position: 12,
    at: at(-4000),
    action: 'credential.rotate',
    target: { type: 'credential', id: CREDENTIAL_ID },
    actor: null,
    ip: null,
    request_id: 'r1',
  }
  const routes = { 'GET /v1/audit': { body: { items: [entry], next_cursor: null } } }
  const result = await runAgainst(routes, ['audit', '--no-json'])
  assert.match(
    result.stdout,
    new RegExp(`^12 +4 s ago +credential.rotate +${CREDENTIAL_ID} +the host +- +r1$`, 'm'),
  )
})

const ISSUER = {
  ...{ id: 'iss_0123456789ab', name: 'sso', issuer: 'https://sso.example', audience: 'urn:orders' },
  ...{ algorithms: ['RS256'], api: 'orders', decryption: null, disabled: false, created_at: at(0) },
}

test('issuers: each flag reaches the request', async () => {
  const routes = {
    'POST /v1/issuers': { status: 201, body: ISSUER },
    'PATCH /v1/issuers/sso': { body: ISSUER },
  }
  const created = await runAgainst(
    routes,
    [
      ...['issuers', 'create', 'sso', '--api', 'orders', '--issuer', 'https://sso.example'],
      ...['--audience', 'urn:orders', '--algorithm', 'RS256,ES256', '--jwks', '-'],
      ...['--principal-claim', 'email', '--principal-prefix', 'sso:', '--scopes', 'orders:read'],
      ...['--require', 'ref=a', '--require', 'ref=b=c', '--type', 'at+jwt', '--clock-skew', '30s'],
      ...['--max-age', '1h', '--limit', '5/day'],
    ],
    { stdin: '{"keys":[]}' },
  )
  assert.equal(created.exitCode, 0, created.stderr)
  assert.equal(created.stderr, '✓ issuer sso of orders: https://sso.example, for urn:orders\n')
  assert.deepEqual(created.requests[0]?.body, {
    ...{ name: 'sso', api: 'orders', issuer: 'https://sso.example', audience: 'urn:orders' },
    ...{ algorithms: ['RS256', 'ES256'], jwks: { keys: [] } },
    claims: {
      ...{ principal: 'email', principal_prefix: 'sso:', scopes: ['orders:read'] },
      required: { ref: ['a', 'b=c'] },
    },
    ...{ types: ['at+jwt'], clock_skew_seconds: 30, max_age_seconds: 3600 },
    limits: [{ type: 'quota', name: 'day', limit: 5, period: 'day' }],
  })
  const disabled = await runAgainst(routes, ['issuers', 'update', 'sso', '--disable', '--discovery'])
  assert.deepEqual(disabled.requests[0]?.body, { disabled: true, discovery: true })
  const nothing = await runAgainst(routes, ['issuers', 'update', 'sso'])
  assert.notEqual(nothing.exitCode, 0)
})

test('issuers: keys to decrypt with are read from a file, made, kept and dropped, and what is made is printed', async () => {
  const keys = [{ kid: 'new' }, { kid: 'old' }]
  const made = { ...ISSUER, decryption: { jwks: { keys }, encryptions: [] } }
  const routes = { 'PATCH /v1/issuers/sso': { body: made } }
  const update = ['issuers', 'update', 'sso']
  const bodyFor = async (args: string[], stdin = '') =>
    (await runAgainst(routes, [...update, ...args], { stdin })).requests[0]?.body
  assert.deepEqual(await bodyFor(['--decryption', '-', '--encryption', 'A256GCM'], '{"keys":[]}'), {
    decryption: { jwks: { keys: [] }, encryptions: ['A256GCM'] },
  })
  assert.deepEqual(await bodyFor(['--no-decryption']), { decryption: null })
  const args = [...update, '--decryption-generate', 'ECDH-ES', '--decryption-keep', 'old']
  const generated = await runAgainst(routes, args)
  assert.deepEqual(generated.requests[0]?.body, { decryption: { generate: 'ECDH-ES', keep: ['old'] } })
  assert.deepEqual(JSON.parse(generated.stdout), { keys: [{ kid: 'new' }] })
  for (const wrong of [
    ['--no-decryption', '--encryption', 'A256GCM'],
    ['--jwks', '-', '--decryption', '-'],
  ]) {
    assert.notEqual((await runAgainst(routes, [...update, ...wrong])).exitCode, 0)
  }
  const broken = await runAgainst(routes, [...update, '--decryption', '-'], { stdin: '{"d":"private' })
  assert.notEqual(broken.exitCode, 0)
  assert.ok(!broken.stderr.includes('private'))
  const missing = await runAgainst(routes, [...update, '--decryption', '/nonexistent/keys.jwks'])
  assert.match(missing.stderr, /keys\.jwks cannot be read \(ENOENT\)/)
})

test('issuers revoke takes one token or all before a moment, and says how far it has come', async () => {
  const body = { issuer: ISSUER, propagation: { nodes: 2, confirmed: 2, after_ms: 3, bound_ms: 1000 } }
  const routes = { 'POST /v1/issuers/sso/revoke': { body } }
  const one = await runAgainst(routes, ['issuers', 'revoke', 'sso', '--jti', 'x', '--expires', '1h'])
  assert.equal(one.stderr, '✓ token of sso revoked on 2 of 2 nodes, after 3 ms\n')
  assert.deepEqual(one.requests[0]?.body, { jti: 'x', expires_at: at(3_600_000) })
  const all = await runAgainst(routes, ['issuers', 'revoke', 'sso', '--before', 'now', '--principal', 'p'])
  assert.deepEqual(all.requests[0]?.body, { before: at(0), principal: 'p' })
  const neither = await runAgainst(routes, ['issuers', 'revoke', 'sso'])
  assert.notEqual(neither.exitCode, 0)
})
