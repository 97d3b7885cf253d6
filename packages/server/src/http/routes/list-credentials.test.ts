import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type CredentialBody, fieldsOf, issue, makeApi, type ProblemBody } from '../../testing/issuing.ts'
import { startTestServer, type TestResponse, type TestServer } from '../../testing/test-server.ts'

interface PageBody extends ProblemBody {
  readonly items: readonly CredentialBody[]
  readonly next_cursor: string | null
}

let server: TestServer
let nowMs = Date.UTC(2026, 5, 1)
/** Ids by what they were made as. */
const ids: Record<string, string> = {}

function inMs(ms: number): string {
  return new Date(nowMs + ms).toISOString()
}

before(async () => {
  server = await startTestServer({ clock: () => nowMs })
  await makeApi(server, 'orders')
  await makeApi(server, 'reports')
  const make = async (as: string, body: object) => {
    ids[as] = (await issue(server, { principal: 'lister', name: as, ...body })).credential.id
    nowMs += 1
  }
  await make('plain', { api: 'orders', tags: ['blue'] })
  await make('ending', { api: 'orders', expires_at: inMs(1_000_000), tags: ['blue', 'red'] })
  await make('over', { api: 'orders', expires_at: inMs(100) })
  await make('later', { api: 'orders', not_before: inMs(10_000_000) })
  await make('off', { api: 'reports' })
  await make('gone', { api: 'reports' })
  await make('both', { grants: [{ api: 'orders' }, { api: 'reports' }], principal: 'other' })
  await server.request('POST', `/v1/credentials/${ids.off}/disable`, {})
  await server.request('POST', `/v1/credentials/${ids.gone}/revoke`, {})
  nowMs += 1000
})
after(() => server.close())

function list(query: string): Promise<TestResponse<PageBody>> {
  return server.request('GET', `/v1/credentials?${query}`)
}

async function namesOf(query: string): Promise<(string | null)[]> {
  const page = await list(query)
  assert.equal(page.status, 200, page.text)
  return page.body.items.map(({ name }) => name)
}

test('each filter finds what has it, newest first, and filters add up', async () => {
  assert.deepEqual(await namesOf('principal=lister'), ['gone', 'off', 'later', 'over', 'ending', 'plain'])
  assert.deepEqual(await namesOf('api=reports'), ['both', 'gone', 'off'])
  assert.deepEqual(await namesOf('tag=blue'), ['ending', 'plain'])
  assert.deepEqual(await namesOf('tag=red'), ['ending'])
  assert.deepEqual(await namesOf('api=orders&principal=other'), ['both'])
  assert.deepEqual(await namesOf('kind=api_key&tag=red'), ['ending'])
  assert.deepEqual(await namesOf('kind=jwt'), [])
  assert.deepEqual(await namesOf(`expires_before=${inMs(2_000_000)}`), ['over', 'ending'])
})

test('every status is found by its filter, and shown as what was asked for', async () => {
  const expected = {
    active: ['ending', 'plain'],
    expired: ['over'],
    not_yet_valid: ['later'],
    disabled: ['off'],
    revoked: ['gone'],
    quarantined: [],
  }
  for (const [status, names] of Object.entries(expected)) {
    const page = await list(`principal=lister&status=${status}`)
    assert.deepEqual(
      page.body.items.map(({ name }) => name),
      names,
      status,
    )
    for (const item of page.body.items) assert.equal(item.status, status)
  }
})

test('at the very millisecond of its end a credential is listed as expired and not as active', async () => {
  const { credential } = await issue(server, { api: 'orders', principal: 'edge', expires_at: inMs(5000) })
  nowMs += 5000
  assert.deepEqual(
    (await list('principal=edge&status=expired')).body.items.map(({ id }) => id),
    [credential.id],
  )
  assert.deepEqual(await namesOf('principal=edge&status=active'), [])
})

test('pages end where the next begins: nothing twice, nothing left out, also when some are made meanwhile', async () => {
  const whole = await namesOf('principal=lister&limit=100')
  const seen: (string | null)[] = []
  let cursor: string | null = null
  do {
    const page: TestResponse<PageBody> = await list(
      `principal=lister&limit=2${cursor === null ? '' : `&cursor=${cursor}`}`,
    )
    seen.push(...page.body.items.map(({ name }) => name))
    cursor = page.body.next_cursor
    await issue(server, { api: 'orders', principal: 'lister', name: 'made meanwhile' })
  } while (cursor !== null)
  assert.deepEqual(seen, whole)
})

test('a filter that names nobody is an error, not an empty list', async () => {
  assert.deepEqual(fieldsOf(await list('principal=nobody')), ['principal'])
  assert.deepEqual(fieldsOf(await list('api=nowhere&principal=prn_000000000000')).sort(), [
    'api',
    'principal',
  ])
})

test('what no list has is refused by name', async () => {
  const bad = [
    'limit=0',
    'limit=101',
    'limit=x',
    'limit=-1',
    'cursor=abc',
    'status=alive',
    'kind=key',
    'expires_before=soon',
    'color=blue',
    'tag=',
  ]
  for (const query of bad)
    assert.deepEqual(new Set(fieldsOf(await list(query))), new Set([query.split('=')[0]]), query)
})
