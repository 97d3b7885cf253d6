import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NOW_MS, plain, runAgainst } from '../testing/run-against.ts'
import { at, CREDENTIAL_ID, SECRET, sampleCredential, sampleVersion } from '../testing/sample-resources.ts'

const PATH = `/v1/credentials/${CREDENTIAL_ID}`
const rotated = sampleCredential({
  versions: [
    sampleVersion({
      status: 'ending',
      ends_at: at(3_599_000),
      last_used_at: at(-4000),
      last_ip: '127.0.0.1',
      last_user_agent: 'curl/8.5 (x)',
    }),
    sampleVersion({ version: 2 }),
  ],
})

function clockTime(ms: number): string {
  const date = new Date(ms)
  return [date.getHours(), date.getMinutes()].map((part) => String(part).padStart(2, '0')).join(':')
}

test('rotate prints the new secret alone, and tells when the version before ends', async () => {
  const routes = { [`POST ${PATH}/rotate`]: { body: { credential: rotated, secret: SECRET } } }
  const result = await runAgainst(routes, ['credentials', 'rotate', CREDENTIAL_ID, '--overlap', '1h'])
  assert.equal(result.exitCode, 0)
  assert.equal(result.stdout, `${SECRET}\n`)
  assert.match(
    result.stderr,
    new RegExp(`^✓ version 2 issued; version 1 ends (.{10} )?${clockTime(NOW_MS + 3_599_000)}\n$`),
  )
  assert.deepEqual(result.requests[0]?.body, { overlap_seconds: 3600 })
})

test('rotate without overlap ends the version before at once, and says so', async () => {
  const versions = [sampleVersion({ status: 'ended', ends_at: at(0) }), sampleVersion({ version: 2 })]
  const body = { credential: sampleCredential({ versions }), secret: SECRET }
  const result = await runAgainst({ [`POST ${PATH}/rotate`]: { body } }, [
    'credentials',
    'rotate',
    CREDENTIAL_ID,
  ])
  assert.equal(result.stderr, '✓ version 2 issued; version 1 has ended\n')
  assert.deepEqual(result.requests[0]?.body, { overlap_seconds: 0 })
})

test('show begins with the table of versions, and never with a secret', async () => {
  const routes = { [`GET ${PATH}`]: { body: rotated } }
  const result = await runAgainst(routes, ['credentials', 'show', CREDENTIAL_ID], { tty: true })
  assert.deepEqual(plain(result.stdout).split('\n').slice(0, 4), [
    'VERSION  STATE        LAST USED  BY',
    '1        ends in 59m  4 s ago    127.0.0.1 curl/8.5',
    '2        current      never      -',
    '',
  ])
  assert.match(plain(result.stdout), /principal {2}billing \(application, cus_42\)/)
})

test('a revoked credential does not show a version as current', async () => {
  const body = sampleCredential({ status: 'revoked', reason: 'leaked' })
  const result = await runAgainst({ [`GET ${PATH}`]: { body } }, [
    'credentials',
    'show',
    CREDENTIAL_ID,
    '--no-json',
  ])
  assert.match(result.stdout, /1 {8}revoked {2}never/)
  assert.match(result.stdout, /status {5}revoked: leaked/)
})

test('show and list are JSON where the output is no terminal, tables with --no-json', async () => {
  const routes = {
    [`GET ${PATH}`]: { body: rotated },
    'GET /v1/credentials': { body: { items: [rotated], next_cursor: null } },
  }
  const show = await runAgainst(routes, ['credentials', 'show', CREDENTIAL_ID])
  assert.deepEqual(JSON.parse(show.stdout), rotated)
  assert.deepEqual(JSON.parse((await runAgainst(routes, ['credentials', 'list'])).stdout), [rotated])
  const table = await runAgainst(routes, ['credentials', 'list', '--no-json'])
  assert.equal(
    table.stdout,
    `ID            NAME  PRINCIPAL  GRANTS               STATUS  ENDS    LAST USED\n${CREDENTIAL_ID}  -     billing    orders: orders:read  active  in 90d  4 s ago\n`,
  )
})

test('list sends its filters', async () => {
  const routes = { 'GET /v1/credentials': { body: { items: [], next_cursor: null } } }
  const filters = [
    '--principal',
    'billing',
    '--api',
    'orders',
    '--kind',
    'api_key',
    '--status',
    'active',
    '--tag',
    'x',
  ]
  const result = await runAgainst(routes, [
    'credentials',
    'list',
    ...filters,
    '--expires-before',
    '30d',
    '--limit',
    '7',
  ])
  assert.deepEqual(result.requests[0]?.query, {
    principal: 'billing',
    api: 'orders',
    kind: 'api_key',
    status: 'active',
    tag: 'x',
    expires_before: '2026-12-24T12:00:00.000Z',
    limit: '7',
  })
})

test('revoke tells how many nodes refuse it, after how long', async () => {
  const propagation = { nodes: 1, confirmed: 1, after_ms: 3, bound_ms: 1000 }
  const routes = { [`POST ${PATH}/revoke`]: { body: { credential: rotated, propagation } } }
  const result = await runAgainst(routes, ['credentials', 'revoke', CREDENTIAL_ID, '--reason', 'demo'])
  assert.equal(result.exitCode, 0)
  assert.equal(result.stdout, '')
  assert.equal(result.stderr, '✓ revoked; refused by 1 of 1 node after 3 ms (bound 1 s)\n')
  assert.deepEqual(result.requests[0]?.body, { reason: 'demo' })
})

test('a revoke that not every node has confirmed warns with the bound', async () => {
  const propagation = { nodes: 3, confirmed: 2, after_ms: 1000, bound_ms: 1000 }
  const routes = { [`POST ${PATH}/revoke`]: { body: { credential: rotated, propagation } } }
  const result = await runAgainst(routes, ['credentials', 'revoke', CREDENTIAL_ID])
  assert.match(result.stderr, /2 of 3 nodes after 1 s/)
  assert.match(result.stderr, /\n! the other nodes/)
})

test('update of scopes takes the API from the only grant, and the revision that was read', async () => {
  const routes = { [`GET ${PATH}`]: { body: rotated }, [`PATCH ${PATH}`]: { body: rotated } }
  const line = [
    'credentials',
    'update',
    CREDENTIAL_ID,
    '--add-scope',
    'orders:write',
    '--remove-scope',
    'orders:read',
  ]
  const result = await runAgainst(routes, line)
  assert.equal(result.exitCode, 0)
  assert.equal(result.requests[1]?.headers['if-match'], '"7"')
  assert.deepEqual(result.requests[1]?.body, {
    api: 'orders',
    add_scopes: ['orders:write'],
    remove_scopes: ['orders:read'],
  })
})

test('update of scopes asks for the API where there are several grants', async () => {
  const grants = ['orders', 'reports'].map((api) => ({ api, scopes: [], roles: [] }))
  const routes = { [`GET ${PATH}`]: { body: sampleCredential({ grants }) } }
  const result = await runAgainst(routes, ['credentials', 'update', CREDENTIAL_ID, '--add-scope', 'a'])
  assert.equal(result.exitCode, 2)
  assert.match(result.stderr, /--api.*orders, reports/)
})

test('update keeps the limits, conditions, metadata and tags that no flag names', async () => {
  const current = sampleCredential({
    limits: [
      { name: 'default', type: 'rate', limit: 100, window_seconds: 60 },
      { name: 'month', type: 'quota', limit: 5, period: 'month' },
    ],
    conditions: { ip_ranges: ['10.0.0.0/8'], methods: ['GET'], paths: null, time_window: null },
    metadata: { a: '1', b: '2' },
    tags: ['x', 'y'],
  })
  const routes = { [`GET ${PATH}`]: { body: current }, [`PATCH ${PATH}`]: { body: current } }
  const result = await runAgainst(routes, [
    ...['credentials', 'update', CREDENTIAL_ID, '--rate', '50/1m', '--method', 'POST', '--metadata', 'b=3'],
    ...['--add-tag', 'z', '--remove-tag', 'x', '--expires', 'never', '--name', 'n'],
  ])
  assert.deepEqual(result.requests[1]?.body, {
    name: 'n',
    expires_at: null,
    limits: [
      { name: 'month', type: 'quota', limit: 5, period: 'month' },
      { type: 'rate', name: 'default', limit: 50, window_seconds: 60 },
    ],
    conditions: { ip_ranges: ['10.0.0.0/8'], methods: ['POST'], paths: null, time_window: null },
    metadata: { a: '1', b: '3' },
    tags: ['y', 'z'],
  })
})

test('update takes limits, conditions and metadata away with --no-…', async () => {
  const routes = { [`GET ${PATH}`]: { body: rotated }, [`PATCH ${PATH}`]: { body: rotated } }
  const line = ['credentials', 'update', CREDENTIAL_ID, '--no-limits', '--no-conditions', '--no-metadata']
  const result = await runAgainst(routes, line)
  assert.deepEqual(result.requests[1]?.body, { limits: [], conditions: null, metadata: {} })
  const replaced = await runAgainst(routes, [...line, '--ip', '::1', '--credits', '5'])
  assert.deepEqual(replaced.requests[1]?.body, {
    limits: [{ type: 'credits', name: 'credits', limit: 5 }],
    conditions: { ip_ranges: ['::1'] },
    metadata: {},
  })
})

test('update without anything to change is a usage error and changes nothing', async () => {
  const routes = { [`GET ${PATH}`]: { body: rotated } }
  const result = await runAgainst(routes, ['credentials', 'update', CREDENTIAL_ID])
  assert.equal(result.exitCode, 2)
  assert.ok(result.requests.every((request) => request.method === 'GET'))
})

test('disable, enable and delete say what they did', async () => {
  const routes = {
    [`POST ${PATH}/disable`]: { body: rotated },
    [`POST ${PATH}/enable`]: { body: rotated },
    [`DELETE ${PATH}`]: { status: 204 },
  }
  const disable = await runAgainst(routes, ['credentials', 'disable', CREDENTIAL_ID, '--reason', 'unpaid'])
  assert.deepEqual(disable.requests[0]?.body, { reason: 'unpaid' })
  assert.equal(disable.stderr, `✓ credential ${CREDENTIAL_ID} disabled\n`)
  assert.equal(
    (await runAgainst(routes, ['credentials', 'enable', CREDENTIAL_ID])).stderr,
    `✓ credential ${CREDENTIAL_ID} enabled\n`,
  )
  assert.equal((await runAgainst(routes, ['credentials', 'delete', CREDENTIAL_ID])).exitCode, 0)
  assert.equal((await runAgainst({}, ['credentials', 'delete', CREDENTIAL_ID])).exitCode, 4)
})

test('self acts on the credential that is presented', async () => {
  const routes = {
    'GET /v1/credentials/self': { body: rotated },
    'POST /v1/credentials/self/rotate': { body: { credential: rotated, secret: SECRET } },
    'POST /v1/credentials/self/revoke': { body: { credential: rotated } },
  }
  const show = await runAgainst(routes, ['self', 'show', '--key', '-'], { stdin: `${SECRET}\n` })
  assert.equal(show.requests[0]?.headers.authorization, `Bearer ${SECRET}`)
  assert.equal((await runAgainst(routes, ['self', 'rotate', '--overlap', '5m'])).stdout, `${SECRET}\n`)
  assert.equal((await runAgainst(routes, ['self', 'revoke', '--reason', 'leaked'])).stderr, '✓ revoked\n')
})
