import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plain, runAgainst } from '../testing/run-against.ts'
import { CREDENTIAL_ID, sampleDecision } from '../testing/sample-resources.ts'

const passed = (name: string) => ({ name, outcome: 'passed' as const })
const DECISION = sampleDecision({
  checks: [
    ...['extract', 'state', 'time', 'secret', 'conditions'].map(passed),
    { name: 'scopes', outcome: 'failed', detail: 'route POST /orders/* needs orders:write; has orders:read' },
    { name: 'limits', outcome: 'not_run' },
  ],
  to_allow: `npx credence credentials update ${CREDENTIAL_ID} --add-scope orders:write`,
})
const EXPLAINED = `DENY INSUFFICIENT_SCOPE  POST /orders/7  credential ${CREDENTIAL_ID}  0.2 ms
  ✓ extract ✓ state ✓ time ✓ secret ✓ conditions
  ✗ scopes: route POST /orders/* needs orders:write; has orders:read
  to allow: npx credence credentials update ${CREDENTIAL_ID} --add-scope orders:write
`

test('why explains a refusal: what passed, what failed, what would let it through', async () => {
  const routes = { 'GET /v1/decisions/r3': { body: DECISION } }
  for (const tty of [true, false]) {
    const result = await runAgainst(routes, ['why', 'r3'], { tty })
    assert.equal(result.exitCode, 0)
    assert.equal(plain(result.stdout), EXPLAINED)
  }
  assert.deepEqual(JSON.parse((await runAgainst(routes, ['why', 'r3', '--json'])).stdout), DECISION)
})

test('why explains an allowed request and one of which little is known', async () => {
  const allowed = sampleDecision({
    code: 'VALID',
    checks: [passed('extract')],
    credential: { id: CREDENTIAL_ID },
  })
  const unknown = sampleDecision({
    code: 'MISSING',
    credential: null,
    method: null,
    path: null,
    duration_ms: null,
  })
  const routes = { 'GET /v1/decisions/a': { body: allowed }, 'GET /v1/decisions/b': { body: unknown } }
  assert.equal(
    (await runAgainst(routes, ['why', 'a'])).stdout,
    `ALLOW  POST /orders/7  credential ${CREDENTIAL_ID}  0.2 ms\n  ✓ extract\n`,
  )
  assert.equal((await runAgainst(routes, ['why', 'b'])).stdout, 'DENY MISSING\n')
})

test('a path with terminal sequences is inert in the explanation', async () => {
  const routes = { 'GET /v1/decisions/r3': { body: sampleDecision({ path: '/\u001b]0;x\u0007' }) } }
  assert.ok(!(await runAgainst(routes, ['why', 'r3'])).stdout.includes('\u001b'))
})

test('a request id that is not known: exit 4', async () => {
  assert.equal((await runAgainst({}, ['why', 'gone'])).exitCode, 4)
})

test('decisions lists the latest, with filters', async () => {
  const routes = { 'GET /v1/decisions': { body: { items: [sampleDecision()], next_cursor: null } } }
  const line = [
    'decisions',
    '--code',
    'INSUFFICIENT_SCOPE',
    '--api',
    'orders',
    '--credential',
    CREDENTIAL_ID,
    '--no-json',
  ]
  const result = await runAgainst(routes, line)
  assert.equal(
    result.stdout,
    `AT       CODE                API     REQUEST         CREDENTIAL    REQUEST ID\n4 s ago  INSUFFICIENT_SCOPE  orders  POST /orders/7  ${CREDENTIAL_ID}  r3\n`,
  )
  assert.deepEqual(result.requests[0]?.query, {
    code: 'INSUFFICIENT_SCOPE',
    api: 'orders',
    credential: CREDENTIAL_ID,
    limit: '50',
  })
})

/** Follows decisions that come in as told: how many there are after each sleep. */
async function followed(counts: readonly number[]) {
  const newestFirst = (count: number) =>
    Array.from({ length: count }, (_, i) => sampleDecision({ request_id: `r${count - i}` }))
  let sleeps = 0
  const page = ({ query }: { query: Readonly<Record<string, string>> }) => ({
    body: { items: newestFirst(counts[sleeps] ?? 0).slice(0, Number(query.limit)), next_cursor: null },
  })
  const result = await runAgainst({ 'GET /v1/decisions': page }, ['decisions', '--follow'], {
    terminal: {
      sleep: async () => {
        sleeps++
      },
      interrupted: () => sleeps === counts.length,
    },
  })
  assert.equal(result.exitCode, 0)
  const lines = result.stdout.trimEnd().split('\n')
  return {
    ids: lines.map((line) => (JSON.parse(line) as { request_id: string }).request_id),
    stderr: result.stderr,
  }
}

test('decisions --follow shows each decision once, in the order in which they happened, until interrupted', async () => {
  const { ids, stderr } = await followed([20, 23, 23, 110])
  assert.deepEqual(
    ids,
    Array.from({ length: 100 }, (_, i) => `r${11 + i}`),
  )
  assert.equal(stderr, '')
})

test('decisions --follow says so when more came in at once than the server shows', async () => {
  const { ids, stderr } = await followed([1, 300])
  assert.equal(ids.length, 101)
  assert.match(stderr, /some are left out/)
})
