import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pathOf } from './client.ts'
import { exitCodeForStatus } from './exit-code.ts'
import { Failure } from './failure.ts'
import { deadUrl } from './testing/fake-server.ts'
import { runAgainst, TEST_KEY } from './testing/run-against.ts'
import { SECRET, sampleApi, sampleCredential } from './testing/sample-resources.ts'

const CREATE_KEY = ['keys', 'create', '--api', 'orders', '--scopes', 'orders:read', '--principal', 'billing']

test('each status has its exit code', () => {
  const expected = {
    200: 0,
    400: 1,
    401: 3,
    403: 3,
    404: 4,
    405: 1,
    409: 5,
    412: 5,
    413: 1,
    422: 5,
    429: 7,
    500: 6,
    503: 6,
  }
  for (const [status, code] of Object.entries(expected))
    assert.equal(exitCodeForStatus(Number(status)), code, status)
})

test('a refusal is one line, one line per field at fault, and the request id', async () => {
  const body = {
    title: 'Not acceptable',
    code: 'INVALID',
    detail: '2 fields are not valid',
    request_id: 'r12',
    errors: [
      { field: 'routes[0].path', detail: 'must begin with /' },
      { field: 'audience', detail: 'must be a URI' },
    ],
  }
  const result = await runAgainst({ 'POST /v1/apis': { status: 422, body } }, [
    'apis',
    'create',
    'x',
    '--audience',
    'y',
  ])
  assert.equal(result.exitCode, 5)
  assert.equal(result.stdout, '')
  assert.equal(
    result.stderr,
    '✗ Not acceptable: 2 fields are not valid (INVALID)\n  routes[0].path: must begin with /\n  audience: must be a URI\n  request r12\n',
  )
})

test('a refusal for lack of authority says where the key came from, and not the key', async () => {
  const result = await runAgainst({ 'GET /v1/apis': { status: 401, body: { title: 'No' } } }, [
    'apis',
    'list',
  ])
  assert.equal(result.exitCode, 3)
  assert.match(result.stderr, /CREDENCE_KEY was not accepted/)
  assert.ok(!result.stderr.includes(TEST_KEY))
})

test('a refusal that holds terminal sequences or something like a key is made harmless', async () => {
  const detail = `\u001b[2J${TEST_KEY}`
  const result = await runAgainst({ 'GET /v1/apis': { status: 400, body: { title: 'No', detail } } }, [
    'apis',
    'list',
  ])
  assert.equal(result.exitCode, 1)
  assert.ok(!result.stderr.includes('\u001b'))
  assert.ok(!result.stderr.includes(TEST_KEY))
})

test('a server that cannot be reached: which address, how to start it, exit 6', async () => {
  const url = await deadUrl()
  const result = await runAgainst({}, ['apis', 'list'], { env: { CREDENCE_URL: url } })
  assert.equal(result.exitCode, 6)
  assert.ok(result.stderr.startsWith(`✗ cannot reach Credence at ${url} (ECONNREFUSED)\n`), result.stderr)
  assert.match(result.stderr, /npm start/)
})

test('an answer that is not of Credence is told as such', async () => {
  const page = { raw: '<html>', headers: { 'content-type': 'text/html' } }
  const ok = await runAgainst({ 'GET /v1/apis': page }, ['apis', 'list'])
  assert.equal(ok.exitCode, 6)
  assert.match(ok.stderr, /not Credence/)
  const bad = await runAgainst({ 'GET /v1/apis': { ...page, status: 502 } }, ['apis', 'list'])
  assert.equal(bad.exitCode, 6)
  assert.match(bad.stderr, /something else in front/)
})

test('a redirect is not followed, so that the key reaches nobody else', async () => {
  const elsewhere = { status: 307, headers: { location: 'https://elsewhere.example/' } }
  const result = await runAgainst({ 'GET /v1/apis': elsewhere }, ['apis', 'list'])
  assert.equal(result.exitCode, 6)
  assert.match(result.stderr, /redirects to https:\/\/elsewhere\.example/)
  assert.equal(result.requests.length, 1)
})

test('a create whose connection is lost is tried once more, with the same idempotency key', async () => {
  let tries = 0
  const issued = { credential: sampleCredential(), secret: SECRET, secret_shown: false }
  const answer = () => (++tries === 1 ? { lost: true } : { status: 201, body: issued })
  const result = await runAgainst({ 'POST /v1/credentials': answer }, CREATE_KEY)
  assert.equal(result.exitCode, 0)
  assert.equal(result.stdout, `${SECRET}\n`)
  const posts = result.requests.filter((request) => request.method === 'POST')
  assert.deepEqual(
    posts.map((request) => request.headers['idempotency-key']),
    ['random-id', 'random-id'],
  )
})

test('a connection that is lost twice is reported, not tried for ever', async () => {
  const result = await runAgainst({ 'POST /v1/credentials': { lost: true } }, CREATE_KEY)
  assert.equal(result.exitCode, 6)
  assert.equal(result.requests.length, 2)
})

test('a change is not repeated after a lost connection: it may have been made', async () => {
  const routes = { 'PATCH /v1/roles/clerk': { lost: true } }
  const result = await runAgainst(routes, ['roles', 'update', 'clerk', '--scopes', 'a'])
  assert.equal(result.exitCode, 6)
  assert.equal(result.requests.length, 1)
})

test('a name cannot leave its segment of the path', () => {
  assert.equal(pathOf('v1', 'apis', 'a/../b?c#d'), '/v1/apis/a%2F..%2Fb%3Fc%23d')
  for (const name of ['', '.', '..', '%2e%2E', '.%2e']) {
    assert.throws(
      () => pathOf('v1', name),
      (error) => error instanceof Failure && error.exitCode === 2,
      name,
    )
  }
})

test('a server behind a path prefix is asked under that prefix', async () => {
  const seen: string[] = []
  await runAgainst({}, ['apis', 'show', 'orders'], {
    env: { CREDENCE_URL: 'http://127.0.0.1:6749/credence/' },
    terminal: {
      fetch: async (input) => {
        seen.push(String(input))
        return Response.json(sampleApi())
      },
    },
  })
  assert.deepEqual(seen, ['http://127.0.0.1:6749/credence/v1/apis/orders'])
})

test('lists follow their cursors up to --limit, and to the end with --all', async () => {
  const apis = Array.from({ length: 130 }, (_, i) => sampleApi({ name: `api-${i}` }))
  const page = ({ query }: { query: Readonly<Record<string, string>> }) => {
    const from = Number(query.cursor ?? 0)
    const to = from + Number(query.limit)
    return { body: { items: apis.slice(from, to), next_cursor: to < apis.length ? String(to) : null } }
  }
  const routes = { 'GET /v1/apis': page }
  const names = (text: string) => (JSON.parse(text) as { name: string }[]).length
  const plain = await runAgainst(routes, ['apis', 'list'])
  assert.equal(names(plain.stdout), 50)
  assert.match(plain.stderr, /there are more/)
  const bounded = await runAgainst(routes, ['apis', 'list', '--limit', '110'])
  assert.equal(names(bounded.stdout), 110)
  const all = await runAgainst(routes, ['apis', 'list', '--all'])
  assert.equal(names(all.stdout), 130)
  assert.equal(all.stderr, '')
  assert.equal((await runAgainst(routes, ['apis', 'list', '--limit', '0'])).exitCode, 2)
})

test('a server that repeats its cursor does not hold the command for ever', async () => {
  const routes = { 'GET /v1/apis': { body: { items: [sampleApi()], next_cursor: 'same' } } }
  const result = await runAgainst(routes, ['apis', 'list', '--all'])
  assert.equal(result.exitCode, 0)
  assert.equal(result.requests.length, 2)
})
