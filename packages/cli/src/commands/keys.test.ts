import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CredentialResource } from '../resources.ts'
import { plain, runAgainst } from '../testing/run-against.ts'
import { at, CREDENTIAL_ID, SECRET, sampleCredential } from '../testing/sample-resources.ts'

const CREATE = ['keys', 'create', '--api', 'orders', '--scopes', 'orders:read', '--principal', 'billing']

function routesFor(credential: CredentialResource, principalCreatedAt: string) {
  return {
    'POST /v1/credentials': { status: 201, body: { credential, secret: SECRET, secret_shown: false } },
    [`GET /v1/principals/${credential.principal.id}`]: { body: { created_at: principalCreatedAt } },
  }
}

test('the key alone goes to standard output, what a person wants to know to standard error', async () => {
  // Noon, so that the day is the same in every time zone up to UTC+11.
  const credential = sampleCredential({ expires_at: '2027-02-22T12:00:00Z' })
  const result = await runAgainst(routesFor(credential, at(0)), [
    ...CREATE,
    '--expires',
    '90d',
    '--rate',
    '100/1m',
  ])
  assert.equal(result.exitCode, 0)
  assert.equal(result.stdout, `${SECRET}\n`)
  assert.equal(
    result.stderr,
    `✓ credential ${CREDENTIAL_ID} for billing (new application)\n  orders:read, 100 per minute, ends 2027-02-22; secret shown once\n`,
  )
})

test('no secret reaches standard error, on a terminal or not', async () => {
  for (const tty of [true, false]) {
    const result = await runAgainst(routesFor(sampleCredential(), at(0)), CREATE, { tty })
    assert.equal(result.stdout, `${SECRET}\n`)
    assert.ok(!result.stderr.includes(SECRET.slice(-38)))
    assert.match(plain(result.stderr), /^✓ credential/)
  }
})

test('a principal that was there before is not called new; where it may not be read, nothing is said', async () => {
  const credential = sampleCredential()
  const old = await runAgainst(routesFor(credential, at(-60_000)), CREATE)
  assert.match(old.stderr, /for billing\n/)
  const { 'POST /v1/credentials': post } = routesFor(credential, at(0))
  const unreadable = await runAgainst({ 'POST /v1/credentials': post ?? {} }, CREATE)
  assert.equal(unreadable.exitCode, 0)
  assert.match(unreadable.stderr, /for billing\n/)
})

test('every flag reaches the request', async () => {
  const result = await runAgainst(routesFor(sampleCredential(), at(0)), [
    ...['keys', 'create', '--api', 'orders', '--principal', 'billing', '--external-id', 'cus_42'],
    ...['--scopes', 'a,b', '--scopes', 'c d', '--role', 'clerk', '--name', 'till 3'],
    ...['--expires', '90d', '--not-before', '2026-12-01', '--rate', '100/1m', '--rate', 'burst=10/1s'],
    ...['--quota', '10000/month', '--credits', '500+50/1h', '--ip', '10.0.0.0/8', '--ip', '::1'],
    ...[
      '--method',
      'get',
      '--path',
      '/orders/**',
      '--tag',
      'x',
      '--metadata',
      'team=a=b',
      '--idempotency-key',
      'mine',
    ],
  ])
  assert.equal(result.exitCode, 0)
  const [request] = result.requests
  assert.equal(request?.headers['idempotency-key'], 'mine')
  assert.deepEqual(request?.body, {
    kind: 'api_key',
    api: 'orders',
    principal: 'billing',
    external_id: 'cus_42',
    scopes: ['a', 'b', 'c', 'd'],
    roles: ['clerk'],
    name: 'till 3',
    expires_at: '2027-02-22T12:00:00.000Z',
    not_before: '2026-12-01T00:00:00.000Z',
    limits: [
      { type: 'rate', name: 'default', limit: 100, window_seconds: 60 },
      { type: 'rate', name: 'burst', limit: 10, window_seconds: 1 },
      { type: 'quota', name: 'month', limit: 10_000, period: 'month' },
      { type: 'credits', name: 'credits', limit: 500, refill: { amount: 50, every_seconds: 3600 } },
    ],
    conditions: { ip_ranges: ['10.0.0.0/8', '::1'], methods: ['GET'], paths: ['/orders/**'] },
    tags: ['x'],
    metadata: { team: 'a=b' },
  })
})

test('what no flag gives is not sent', async () => {
  const result = await runAgainst(routesFor(sampleCredential(), at(0)), [...CREATE, '--expires', 'never'])
  assert.deepEqual(result.requests[0]?.body, {
    kind: 'api_key',
    api: 'orders',
    principal: 'billing',
    scopes: ['orders:read'],
  })
})

test('--json gives the whole answer on standard output', async () => {
  const result = await runAgainst(routesFor(sampleCredential(), at(0)), [...CREATE, '--json'])
  assert.deepEqual(JSON.parse(result.stdout), {
    credential: sampleCredential(),
    secret: SECRET,
    secret_shown: false,
  })
})

test('a replay without a secret fails, so that an empty variable does not go unnoticed', async () => {
  const replay = { credential: sampleCredential(), secret: null, secret_shown: true }
  const routes = { 'POST /v1/credentials': { status: 201, body: replay } }
  const result = await runAgainst(routes, CREATE)
  assert.equal(result.exitCode, 5)
  assert.equal(result.stdout, '')
  assert.match(result.stderr, new RegExp(`credence credentials rotate ${CREDENTIAL_ID}`))
  assert.deepEqual(JSON.parse((await runAgainst(routes, [...CREATE, '--json'])).stdout), replay)
})
