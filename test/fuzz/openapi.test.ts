import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { after, before, test } from 'node:test'
import { checkAsyncProperty } from '@credence/core/testing/rounds'
import fc from 'fast-check'
import { problemsOf } from './check-answer.ts'
import { FuzzedServer } from './fuzzed-server.ts'
import { Dropped, type RawAnswer, RawConnection } from './raw-connection.ts'
import { type FuzzRequest, fuzzRequest } from './requests.ts'

const PARALLEL = 16
const BATCHES = 10_000 / PARALLEL

let fuzzed: FuzzedServer
/** What the audit trail held before anything was sent. */
let planted: ReadonlySet<number>
before(async () => {
  fuzzed = await FuzzedServer.start()
  planted = new Set((await trail()).map(({ position }) => position))
})
after(() => fuzzed.stop())

test('whatever is sent to an operation of the document gets an answer that is one of its own', async () => {
  const one = fuzzRequest(fuzzed.operations, fuzzed.vocabulary)
  const batch = fc.tuple(...Array.from({ length: PARALLEL }, () => one))
  console.log(`each round sends ${PARALLEL} requests at the same time`)
  await checkAsyncProperty(
    'requests from the OpenAPI document',
    BATCHES,
    fc.asyncProperty(batch, async (requests) => {
      const found = await Promise.all(
        requests.map(async (request) => {
          const problems = await fuzzed.tried(request)
          return problems.map((problem) => `${problem}\n  for ${shown(request)}`)
        }),
      )
      assert.deepEqual(found.flat(), [])
    }),
  )
  const statuses = [...fuzzed.statuses].sort(([a], [b]) => a - b)
  console.log(statuses.map(([status, count]) => `${status}: ${count}`).join(', '))
  // A test that only ever hears 401 or 422 would show nothing of what lies behind.
  for (const status of [200, 201, 204, 400, 401, 403, 404, 405, 409, 413, 415, 422]) {
    assert.ok(fuzzed.statuses.has(status), `no request was answered ${status}`)
  }
})

test('afterwards the server lives, and a key that nobody named still verifies', async () => {
  const body = { api: 'steady', credential: fuzzed.steadyKey }
  const { status, body: verdict } = await fuzzed.call<{ code: string }>('POST', '/v1/verify', body)
  assert.deepEqual([status, verdict.code], [200, 'VALID'])
  assert.equal(fuzzed.server.child.exitCode, null)
})

test('afterwards every list pages through to its end, each row once, however long the pages', async () => {
  for (const area of ['workspaces', 'apis', 'principals', 'roles', 'credentials']) {
    const short = await allOf<{ id: string }>(`/v1/${area}`, 7)
    const long = await allOf<{ id: string }>(`/v1/${area}`, 100)
    const ids = short.map(({ id }) => id)
    assert.equal(new Set(ids).size, ids.length, area)
    assert.deepEqual(
      ids,
      long.map(({ id }) => id),
      area,
    )
    for (const { id } of long.slice(0, 20)) {
      const shown = await fuzzed.call('GET', `/v1/${area}/${id}`)
      assert.equal(shown.status, 200, `${area} ${id}`)
    }
  }
})

test('afterwards the audit trail holds every acknowledged write, once, and no other', async () => {
  const positions = (await trail()).map(({ position }) => position)
  assert.equal(new Set(positions).size, positions.length)
  console.log(`${fuzzed.acknowledged.size} writes acknowledged`)
  const written = positions.filter((position) => !planted.has(position))
  const ascending = (a: number, b: number) => a - b
  assert.deepEqual(written.sort(ascending), [...fuzzed.acknowledged].sort(ascending))
})

test('the checker refuses a 500, a wrong content type, a missing field and an unknown code', () => {
  const answer = (status: number, body: object, type = 'application/problem+json'): RawAnswer => ({
    status,
    headers: new Map([
      ['credence-request-id', 'r'],
      ['content-type', type],
    ]),
    body: JSON.stringify({ status, code: 'VALIDATION_FAILED', request_id: 'r', ...body }),
  })
  const errors = [{ field: 'name', detail: 'is required' }]
  assert.deepEqual(problemsOf(answer(422, { errors })), [])
  assert.notDeepEqual(problemsOf(answer(500, { code: 'INTERNAL' })), [])
  assert.notDeepEqual(problemsOf(answer(422, { errors }, 'text/html')), [])
  assert.notDeepEqual(problemsOf(answer(422, {})), [])
  assert.notDeepEqual(problemsOf(answer(422, { errors: [] })), [])
  assert.notDeepEqual(problemsOf(answer(422, { errors: [{ field: '', detail: 'is required' }] })), [])
  assert.notDeepEqual(problemsOf(answer(404, { code: 'OOPS' })), [])
  assert.notDeepEqual(problemsOf(answer(404, { code: 'RESOURCE_NOT_FOUND', request_id: 'other' })), [])
  assert.notDeepEqual(problemsOf(answer(503, { code: 'INTERNAL' })), [])
})

test('a connection that ends without an answer is a failure', async () => {
  const server = createServer((socket) => socket.once('data', () => socket.end('HTTP/1.1 200')))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const connection = new RawConnection((server.address() as { port: number }).port)
  await assert.rejects(connection.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'), false), Dropped)
  connection.close()
  await new Promise((resolve) => server.close(resolve))
})

function trail(): Promise<{ position: number }[]> {
  return allOf('/v1/audit', 100)
}

async function allOf<T>(path: string, limit: number): Promise<T[]> {
  const items: T[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const query = `?limit=${limit}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`
    type Page = { items: T[]; next_cursor: string | null }
    const page: { status: number; body: Page } = await fuzzed.call<Page>('GET', path + query)
    assert.equal(page.status, 200)
    items.push(...page.body.items)
    cursor = page.body.next_cursor
  }
  return items
}

function shown({ method, target, headers, body }: FuzzRequest): string {
  const text = body === null ? '' : body.toString('latin1', 0, 400)
  return `${method} ${target.toString('latin1').slice(0, 300)} ${JSON.stringify(headers).slice(0, 300)} ${text}`
}
