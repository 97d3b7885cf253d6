import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runAgainst } from '../testing/run-against.ts'
import { at, CREDENTIAL_ID } from '../testing/sample-resources.ts'

const TOKEN = {
  access_token: 'crd_live_at_AAAAAAAAAAA4secret',
  token_type: 'Bearer',
  expires_in: 900,
  scope: 'orders:read orders:write',
  id: CREDENTIAL_ID,
  token_shown: false,
}
const KEY = {
  kid: 'abc',
  algorithm: 'ES256',
  state: 'current',
  published_at: at(0),
  since: at(0),
  signs_from: null,
  trusted_until: null,
}

test('a token alone goes to standard output, and each flag reaches the request', async () => {
  const routes = { 'POST /v1/tokens': { body: TOKEN } }
  const result = await runAgainst(routes, [
    ...['tokens', 'issue', '--api', 'orders', '--scopes', 'orders:read,orders:write'],
    ...['--expires-in', '15m', '--format', 'jwt', '--idempotency-key', 'job-1'],
  ])
  assert.equal(result.exitCode, 0, result.stderr)
  assert.equal(result.stdout, `${TOKEN.access_token}\n`)
  assert.equal(result.stderr, `✓ token ${CREDENTIAL_ID} for orders: orders:read orders:write, ends in 15m\n`)
  const [request] = result.requests
  assert.deepEqual(request?.body, {
    ...{ api: 'orders', scopes: ['orders:read', 'orders:write'], expires_in: 900, format: 'jwt' },
  })
  assert.equal(request?.headers['idempotency-key'], 'job-1')
  const bare = await runAgainst(routes, ['tokens', 'issue', '--api', 'orders', '--json'])
  assert.deepEqual(bare.requests[0]?.body, { api: 'orders' })
  assert.deepEqual(JSON.parse(bare.stdout), TOKEN)
})

test('a token that was given out before, or a length that is none, fails without printing anything', async () => {
  const routes = { 'POST /v1/tokens': { body: { ...TOKEN, access_token: null, token_shown: true } } }
  const again = await runAgainst(routes, ['tokens', 'issue', '--api', 'orders', '--idempotency-key', 'a'])
  assert.deepEqual([again.stdout, again.exitCode === 0], ['', false])
  assert.match(again.stderr, /earlier answer/)
  for (const length of ['900', '0s', 'soon']) {
    const wrong = await runAgainst(routes, ['tokens', 'issue', '--api', 'orders', '--expires-in', length])
    assert.deepEqual([wrong.stdout, wrong.requests.length], ['', 0])
    assert.match(wrong.stderr, /--expires-in is a duration/)
  }
})

test('signing keys are listed with what comes next, and rotated with or without waiting', async () => {
  const next = { ...KEY, kid: 'def', state: 'next', signs_from: at(86_400_000) }
  const keys = [next, KEY]
  const propagation = { nodes: 2, confirmed: 2, after_ms: 3, bound_ms: 1000 }
  const routes = {
    'GET /v1/signing-keys': { body: { keys } },
    'POST /v1/signing-keys/rotate': { body: { keys, propagation } },
  }
  const listed = await runAgainst(routes, ['signing-keys', 'list', '--no-json'])
  assert.match(listed.stdout, /def +ES256 +next .* signs from /)
  const rotated = await runAgainst(routes, ['signing-keys', 'rotate'])
  assert.deepEqual(rotated.requests[0]?.body, {})
  assert.equal(rotated.stderr, '✓ key abc signs on 2 of 2 nodes, after 3 ms\n')
  const now = await runAgainst(routes, ['signing-keys', 'rotate', '--now'])
  assert.deepEqual(now.requests[0]?.body, { now: true })
  assert.match(now.stderr, /what the old key signed is refused/)
})

test('tokens are found by the credential that they came from', async () => {
  const list = { 'GET /v1/credentials': { body: { items: [], next_cursor: null } } }
  const listed = await runAgainst(list, ['credentials', 'list', '--parent', CREDENTIAL_ID])
  assert.equal(listed.exitCode, 0, listed.stderr)
  assert.equal(listed.requests[0]?.query.parent, CREDENTIAL_ID)
})
