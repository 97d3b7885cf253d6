import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runAgainst } from '../testing/run-against.ts'
import { SECRET } from '../testing/sample-resources.ts'

const VALID = {
  valid: true,
  code: 'VALID',
  credential: { id: '5Hd8kQ2mZx1a', version: 1 },
  principal: { name: 'billing', external_id: 'cus_42' },
  scopes: ['orders:read'],
  limits: [{ name: 'default', limit: 100, remaining: 99 }],
  retry_after_seconds: null,
  stale_seconds: null,
  request_id: 'r7',
}
const DENIED = {
  ...VALID,
  valid: false,
  code: 'RATE_LIMITED',
  detail: 'default is used up',
  retry_after_seconds: 3,
}

test('a valid credential from standard input: exit 0, and the question as it was put', async () => {
  const line = [
    'verify',
    '--api',
    'orders',
    '--scopes',
    'orders:read',
    '--method',
    'post',
    '--path',
    '/orders/7',
  ]
  const result = await runAgainst(
    { 'POST /v1/verify': { body: VALID } },
    [...line, '--ip', '::1', '--cost', '2'],
    {
      stdin: `${SECRET}\n`,
    },
  )
  assert.equal(result.exitCode, 0)
  assert.deepEqual(JSON.parse(result.stdout), VALID)
  assert.deepEqual(result.requests[0]?.body, {
    credential: SECRET,
    api: 'orders',
    scopes: ['orders:read'],
    request: { method: 'POST', path: '/orders/7', ip: '::1' },
    cost: 2,
  })
})

test('a denied credential: exit 1, with the reason', async () => {
  const routes = { 'POST /v1/verify': { body: DENIED } }
  const result = await runAgainst(routes, ['verify', '--api', 'orders', '--no-json'], { stdin: SECRET })
  assert.equal(result.exitCode, 1)
  assert.equal(
    result.stdout,
    'DENY RATE_LIMITED  credential 5Hd8kQ2mZx1a  billing\n  default is used up\n  scopes orders:read\n  limit default: 99 of 100 left\n  try again in 3 s\n  request r7\n',
  )
})

test('a question that is itself refused is told apart from a denial', async () => {
  const refused = { status: 403, body: { title: 'Scope missing', code: 'INSUFFICIENT_SCOPE' } }
  const result = await runAgainst({ 'POST /v1/verify': refused }, ['verify', '--api', 'orders'], {
    stdin: SECRET,
  })
  assert.equal(result.exitCode, 3)
  assert.ok(!result.stderr.includes(SECRET))
})

test('a question is not repeated after a lost connection: it may have taken from the limits', async () => {
  const result = await runAgainst({ 'POST /v1/verify': { lost: true } }, ['verify', '--api', 'orders'], {
    stdin: SECRET,
  })
  assert.equal(result.exitCode, 6)
  assert.equal(result.requests.length, 1)
  assert.equal(result.requests[0]?.headers['idempotency-key'], undefined)
})

test('standard input cannot be the credential and the key at once', async () => {
  const result = await runAgainst({}, ['verify', '--api', 'orders', '--key', '-'], { stdin: SECRET })
  assert.equal(result.exitCode, 2)
  assert.equal(result.requests.length, 0)
})

test('an empty standard input, and a method without its path, are usage errors', async () => {
  assert.equal((await runAgainst({}, ['verify', '--api', 'orders'])).exitCode, 2)
  assert.equal(
    (await runAgainst({}, ['verify', '--api', 'orders', '--method', 'GET'], { stdin: SECRET })).exitCode,
    2,
  )
})
