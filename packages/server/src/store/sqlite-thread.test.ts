import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { StoreFault } from './port.ts'
import { SqliteThread } from './sqlite-thread.ts'
import { temporaryFolder } from './testing/sqlite-fixture.ts'

const SERVICE = new URL('./thread-service.ts', import.meta.url).href

/** A worker that answers with its thread's number and what it was asked, and dies when asked to, transaction open. */
const WORKER = `
  import { DatabaseSync } from 'node:sqlite'
  import { threadId, workerData } from 'node:worker_threads'
  import { serveThread } from ${JSON.stringify(SERVICE)}
  const db = new DatabaseSync(workerData)
  serveThread((requests) => {
    if (requests.includes('die')) {
      db.exec('BEGIN IMMEDIATE; INSERT INTO t VALUES (1)')
      throw new Error('it had to end')
    }
    if (requests.includes('grow')) for (const all = []; ; ) all.push(new Array(1e5).fill({}).map(() => ({})))
    return requests.map((value) =>
      value === 'fail' ? { ok: false, message: 'refused' } : { ok: true, value: [threadId, value, requests.length] })
  }, () => db.close())
`

async function openThread(over: { maxPending?: number; idleMs?: number } = {}) {
  const path = join(await temporaryFolder(), 'thread.db')
  const db = new DatabaseSync(path)
  db.exec('PRAGMA journal_mode = WAL; CREATE TABLE t (a)')
  db.close()
  const entry = new URL(`data:text/javascript,${encodeURIComponent(WORKER)}`)
  const thread = new SqliteThread({
    task: 'is tried',
    entry,
    workerData: path,
    maxPending: 100,
    idleMs: null,
    ...over,
  })
  return { thread, path }
}

test('requests are answered in order, each with its own outcome', async (t) => {
  const { thread } = await openThread()
  t.after(() => thread.close())
  const [a, b, c] = await Promise.allSettled([thread.call('a'), thread.call('fail'), thread.call('c')])
  assert.equal(a?.status === 'fulfilled' && (a.value as unknown[])[1], 'a')
  assert.ok(b?.status === 'rejected' && b.reason instanceof StoreFault && b.reason.message === 'refused')
  assert.equal(c?.status === 'fulfilled' && (c.value as unknown[])[1], 'c')
})

test('a thread that dies faults what is under way, leaves no lock, and the next request starts another', async (t) => {
  const { thread, path } = await openThread()
  t.after(() => thread.close())
  const [first] = (await thread.call('a')) as [number]
  const lost = await Promise.allSettled([thread.call('die'), thread.call('b')])
  for (const { status, ...rest } of lost) {
    assert.equal(status, 'rejected')
    const { reason } = rest as { reason: unknown }
    assert.ok(reason instanceof StoreFault)
    assert.match(reason.message, /The thread that is tried ended: it had to end/)
  }
  const [second] = (await thread.call('c')) as [number]
  assert.notEqual(second, first)
  const db = new DatabaseSync(path, { timeout: 0 })
  db.exec('BEGIN IMMEDIATE')
  assert.equal(db.prepare('SELECT count(*) AS n FROM t').get()?.n, 0)
  db.close()
})

test('a thread that runs out of memory faults its request and not the process', {
  timeout: 60_000,
}, async (t) => {
  const { thread } = await openThread()
  t.after(() => thread.close())
  await assert.rejects(
    thread.call('grow'),
    (error) => error instanceof StoreFault && /memory/.test(error.message),
  )
  assert.equal(((await thread.call('after')) as unknown[])[1], 'after')
})

test('requests beyond the bound are refused as busy', async (t) => {
  const { thread } = await openThread({ maxPending: 2 })
  t.after(() => thread.close())
  const results = await Promise.allSettled([thread.call(1), thread.call(2), thread.call(3)])
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected'],
  )
  assert.equal(((await thread.call(4)) as unknown[])[1], 4)
})

test('closing answers what was asked before, and refuses what is asked after', async () => {
  const { thread } = await openThread()
  const asked = thread.call('a')
  const closed = thread.close()
  await assert.rejects(thread.call('b'), /closed/)
  assert.equal(((await asked) as unknown[])[1], 'a')
  await closed
})

test('an idle thread ends, and the next request starts another', async (t) => {
  const { thread } = await openThread({ idleMs: 1 })
  t.after(() => thread.close())
  const [first] = (await thread.call('a')) as [number]
  let latest = first
  // The moment at which the thread ends is its own; until then requests go on being answered.
  while (latest === first) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    ;[latest] = (await thread.call('b')) as [number]
  }
  assert.ok(latest > first)
})
