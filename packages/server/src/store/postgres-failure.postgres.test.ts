import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { eventually, timed } from '../testing/eventually.ts'
import { startCluster, TEST_USER } from '../testing/postgres-cluster.ts'
import { newDatabase, sharedCluster } from '../testing/postgres-fixture.ts'
import { openPostgresAt, throughPort } from '../testing/postgres-store.ts'
import { openTcpProxy, type TcpProxy } from '../testing/tcp-proxy.ts'
import { verifyAuditChain } from './audit-chain.ts'
import { type Store, StoreFault } from './port.ts'
import { wholeTrail } from './testing/contract-feed.ts'
import { aCredential, aPrincipal, aWrite, commitPuts, put, seed } from './testing/contract-records.ts'

const CREDITS = { type: 'credits', name: 'calls', limit: 1e6, refill: null } as const
/** Longer than refusing takes on a loaded machine, and shorter than any time that something is waited for. */
const AT_ONCE_MS = 600
const READ_MS = 1000

/** A store that reaches its database over a link that the test can spoil. */
async function linked(t: TestContext, readTimeoutMs = READ_MS) {
  const url = await newDatabase()
  const proxy = await openTcpProxy((await sharedCluster()).port)
  const direct = await openPostgresAt(url)
  await seed(direct)
  const store = await openPostgresAt(throughPort(url, proxy.port), { readTimeoutMs })
  t.after(async () => {
    await Promise.all([store.close(), direct.close()])
    await proxy.close()
  })
  return { url, proxy, store, direct }
}

function works(store: Store): Promise<boolean> {
  return store.read('api', 'api_1').then(
    (api) => api !== undefined,
    () => false,
  )
}

/** Each kind of work has a connection of its own and finds its way back by itself, so each is asked. */
async function isBack(store: Store): Promise<boolean> {
  const unmet = { table: 'api', id: 'api_1', revision: 999 } as const
  const asked = [
    store.read('api', 'api_1'),
    store.commit(aWrite({ expects: [unmet] })),
    store.spendCredits('k', CREDITS, 0, 1_000),
  ]
  return (await Promise.allSettled(asked)).every(({ status }) => status === 'fulfilled')
}

function refuses(store: Store): Promise<boolean> {
  return works(store).then((does) => !does)
}

/** What a caller that goes on hears of a store that is away or just back; anything else fails the test. */
async function aFault(fault: unknown): Promise<undefined> {
  assert.ok(fault instanceof StoreFault, String(fault))
  await setImmediate()
}

/** Everything is refused, at once, by a StoreFault. */
async function assertRefusesAtOnce(store: Store): Promise<void> {
  const asked: (() => Promise<unknown>)[] = [
    () => store.read('api', 'api_1'),
    () => store.changesSince(0, 1),
    () => store.commit(aWrite()),
    () => store.list('api', { workspaceId: 'ws_1', limit: 1, cursor: null, filters: {} }),
    () => store.spendCredits('k', CREDITS, 1, 1_000),
  ]
  for (const { ms, outcome } of await Promise.all(asked.map(timed))) {
    assert.ok(outcome.status === 'rejected' && outcome.reason instanceof StoreFault)
    assert.ok(ms < AT_ONCE_MS, `it took ${ms} ms to refuse`)
  }
}

test('while PostgreSQL is away everything is refused at once; when it is back the store is, by itself', async () => {
  const cluster = await startCluster({ isDurable: false })
  const store = await openPostgresAt(await cluster.database())
  try {
    await seed(store)
    await store.spendCredits('k', CREDITS, 1, 1_000)
    await cluster.kill()
    await eventually('it is noticed', () => refuses(store))
    await assertRefusesAtOnce(store)
    await cluster.start()
    await eventually('it is back', () => isBack(store))
    assert.equal(await commitPuts(store, put('principal', aPrincipal('prn_2'))), 2)
    assert.equal((await store.spendCredits('k', CREDITS, 1, 1_000)).remaining, 1e6 - 2)
  } finally {
    await store.close()
    await cluster.remove()
  }
})

test('what was acknowledged survives kill -9 of PostgreSQL under load, and no credit is spent twice', {
  timeout: 120_000,
}, async () => {
  const cluster = await startCluster({ isDurable: true })
  const store = await openPostgresAt(await cluster.database())
  try {
    await seed(store)
    const acknowledged: string[] = []
    let spent = 0
    for (let round = 0; round < 4; round++) {
      let stopped = false
      const write = async (writer: number) => {
        for (let i = 0; !stopped; i++) {
          const id = `crd_${round}w${writer}n${i}`
          const result = await store
            .commit(aWrite({ puts: [put('credential', aCredential(id, { tags: ['t'] }))] }))
            .catch(aFault)
          if (result?.ok) acknowledged.push(id)
        }
      }
      const spend = async () => {
        while (!stopped) {
          const answer = await store.spendCredits('k', CREDITS, 1, 1_000).catch(aFault)
          if (answer !== undefined) spent += 1
        }
      }
      const before = acknowledged.length
      const load = Promise.allSettled([...[0, 1, 2, 3, 4, 5].map(write), spend(), spend()])
      await eventually('there is load', () => acknowledged.length > before + 20 + round * 17)
      await cluster.kill()
      stopped = true
      await load
      await cluster.start()
      await eventually('it is back', () => isBack(store))
    }
    for (const id of acknowledged) assert.ok(await store.read('credential', id), `${id} was acknowledged`)
    const { head, changes } = await store.changesSince(0, 1e6)
    assert.deepEqual(
      changes.map(({ position }) => position),
      Array.from({ length: head }, (_, i) => i + 1),
    )
    const made = changes.flatMap(({ touched }) => touched).filter(({ table }) => table === 'credential')
    for (const { id } of made) assert.ok(await store.read('credential', id), `${id} has a change`)
    const trail = await wholeTrail(store)
    assert.equal(verifyAuditChain(trail.slice(-1000), trail.at(-1001)?.hash).ok, true)
    const { remaining } = await store.spendCredits('k', CREDITS, 0, 1_000)
    assert.ok(
      spent > 0 && remaining <= 1e6 - spent,
      `${spent} were acknowledged, ${1e6 - remaining} are spent`,
    )
    // One batch of each kill may have been committed without its answer.
    assert.ok(remaining >= 1e6 - spent - 4 * 2)
  } finally {
    await store.close()
    await cluster.remove()
  }
})

test('a link that swallows packets is noticed by its silence, once, and then nothing waits for it', async (t) => {
  const { proxy, store } = await linked(t)
  await eventually('there are several connections', async () => {
    await Promise.all(Array.from({ length: 20 }, () => store.read('api', 'api_1')))
    return proxy.count() >= 3
  })
  proxy.set('swallow')
  // One is enough: what the silence of its connection says is true of the others.
  const { ms, outcome } = await timed(() => store.read('api', 'api_1'))
  assert.ok(outcome.status === 'rejected' && outcome.reason instanceof StoreFault)
  assert.ok(ms < READ_MS + AT_ONCE_MS, `it took ${ms} ms to notice`)
  await assertRefusesAtOnce(store)
  proxy.set('pass')
  await eventually('it is back', () => isBack(store))
  assert.equal(await commitPuts(store, put('principal', aPrincipal('prn_2'))), 2)
})

test('a link that is cut and refuses for a while is come back over, and the process hears no error', async (t) => {
  const { proxy, store } = await linked(t)
  const listened: (number | null)[] = []
  await store.listen({ committed: (position) => listened.push(position), reached: () => {} })
  for (let round = 0; round < 3; round++) {
    proxy.cut()
    await eventually('it is back', () => isBack(store))
  }
  await eventually('it listens', () => listened.includes(null))
})

test('a store whose link swallows packets is closed all the same', async (t) => {
  const { proxy, store } = await linked(t)
  await Promise.all([store.commit(aWrite()), store.lead(), store.read('api', 'api_1')])
  proxy.set('swallow')
  const { ms, outcome } = await timed(() => store.close())
  assert.equal(outcome.status, 'fulfilled')
  assert.ok(ms < 4000, `it took ${ms} ms`)
})

test('a slow link is no fault while answers come in time', async (t) => {
  const { proxy, store } = await linked(t, 5000)
  proxy.delay(150)
  for (let i = 0; i < 3; i++) assert.equal((await store.read('api', 'api_1'))?.id, 'api_1')
  await commitPuts(store, put('principal', aPrincipal('prn_2')))
})

for (const count of [1, 3]) {
  test(`writes whose answer was lost are faults that say so, and wholly there: ${count} at once`, async (t) => {
    const { proxy, store, direct } = await linked(t)
    await commitPuts(store, put('principal', aPrincipal('prn_2')))
    proxy.set('mute')
    const writes = Array.from({ length: count }, (_, i) =>
      put('credential', aCredential(`crd${i}`, { tags: ['t'] })),
    )
    const unanswered = Promise.allSettled(writes.map((one) => store.commit(aWrite({ puts: [one] }))))
    await eventually('they are committed', async () => (await direct.position()) === 2 + count)
    proxy.cut()
    for (const outcome of await unanswered) {
      assert.ok(outcome.status === 'rejected' && outcome.reason instanceof StoreFault)
      assert.match(outcome.reason.message, /not known/)
    }
    proxy.set('pass')
    await eventually('it is back', () => isBack(store))
    for (const { record } of writes) assert.equal((await store.read('credential', record.id))?.tags[0], 't')
    assert.equal(await store.position(), 2 + count)
  })
}

test('credits whose answer was lost are a fault: taken once or not at all, never again', async (t) => {
  const { proxy, store, direct } = await linked(t, 5000)
  const spend = () => store.spendCredits('k', CREDITS, 1, 1_000)
  const remaining = async () => (await direct.spendCredits('k', CREDITS, 0, 1_000)).remaining
  assert.equal((await spend()).remaining, 1e6 - 1)
  // Before anything was decided.
  proxy.set('mute')
  const sent = proxy.sent()
  const unanswered = [spend(), spend(), spend()]
  await eventually('they are sent', () => proxy.sent() > sent)
  await assertLost(unanswered, proxy)
  assert.equal(await remaining(), 1e6 - 1)
  await eventually('it is back', () => isBack(store))
  assert.equal((await spend()).remaining, 1e6 - 2)
  // Between the decision and its answer; each way takes so long that it can be seen at the link.
  proxy.delay(300)
  const [first, second] = [proxy.sent(), spend()]
  await eventually('it has asked', () => proxy.sent() > first)
  const asked = proxy.sent()
  await eventually('it has decided', () => proxy.sent() > asked)
  proxy.set('mute')
  await eventually('it is committed', async () => (await remaining()) === 1e6 - 3)
  await assertLost([second], proxy)
  assert.equal(await remaining(), 1e6 - 3)
})

/** Loses their answers; whoever asked again would get one. */
async function assertLost(asked: readonly Promise<unknown>[], proxy: TcpProxy): Promise<void> {
  const unanswered = Promise.allSettled(asked)
  proxy.set('pass')
  proxy.delay(0)
  proxy.cut()
  for (const outcome of await unanswered)
    assert.ok(outcome.status === 'rejected' && outcome.reason instanceof StoreFault)
}

test('a write that PostgreSQL ends before its commit is repeated, and goes through', async (t) => {
  const url = await newDatabase()
  const store = await openPostgresAt(url)
  t.after(() => store.close())
  await seed(store)
  const { run } = await sharedCluster()
  const row = "SELECT 1 FROM principal WHERE id = 'prn_1' FOR UPDATE"
  const holding = run(url, `BEGIN; ${row}; SELECT pg_sleep(1.2); COMMIT`)
  const here = 'FROM pg_stat_activity WHERE datname = current_database()'
  await eventually(
    'the row is held',
    async () => (await run(url, `SELECT 1 ${here} AND wait_event = 'PgSleep'`)).length > 0,
  )
  const write = store.commit(aWrite({ puts: [put('principal', aPrincipal('prn_1', { revision: 2 }))] }))
  const waiting = `SELECT pg_terminate_backend(pid) ${here} AND wait_event_type = 'Lock'`
  await eventually('it waits, and is ended', async () => (await run(url, waiting)).length > 0)
  assert.deepEqual(await write, { ok: true, position: 2 })
  await holding
})

test('a connection that PostgreSQL ends is replaced, and no look-up fails for it', async (t) => {
  const url = await newDatabase()
  const store = await openPostgresAt(url)
  t.after(() => store.close())
  await seed(store)
  const { run } = await sharedCluster()
  const lookUps =
    "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'credence look-ups'"
  let stopped = false
  const reading = Promise.all(
    [0, 1, 2].map(async () => {
      let reads = 0
      for (; !stopped; reads++) assert.equal((await store.read('api', 'api_1'))?.id, 'api_1')
      return reads
    }),
  )
  for (let round = 0; round < 5; round++) {
    await eventually(
      'there are two',
      async () => Number((await run(url, `SELECT count(*) ${lookUps}`))[0]?.count) >= 2,
    )
    await run(
      url,
      `SELECT pg_terminate_backend(pid) FROM (SELECT pid ${lookUps} ORDER BY random() LIMIT 1) AS one`,
    )
  }
  stopped = true
  assert.ok((await reading).every((reads) => reads > 10))
})

test('a write whose connection PostgreSQL ends is a fault or there, and the next one goes through', async (t) => {
  const url = await newDatabase()
  const store = await openPostgresAt(url)
  t.after(() => store.close())
  await seed(store)
  const { run } = await sharedCluster()
  const writer =
    "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'credence writes'"
  for (let round = 0; round < 5; round++) {
    const ids = Array.from({ length: 30 }, (_, i) => `prn_r${round}n${i}`)
    const writes = ids.map((id) => store.commit(aWrite({ puts: [put('principal', aPrincipal(id))] })))
    await run(url, `SELECT pg_terminate_backend(pid) ${writer}`)
    for (const [i, outcome] of (await Promise.allSettled(writes)).entries()) {
      if (outcome.status === 'rejected') assert.ok(outcome.reason instanceof StoreFault)
      else assert.ok(await store.read('principal', ids[i]!))
    }
    assert.equal((await store.commit(aWrite())).ok, true)
  }
})

test('where the server has no connection left, look-ups make do with those that there are', async (t) => {
  const cluster = await startCluster({ isDurable: false })
  const url = await cluster.database()
  const store = await openPostgresAt(url, { poolSize: 20 })
  t.after(async () => {
    await store.close()
    await cluster.remove()
  })
  await seed(store)
  await cluster.run(url, `ALTER ROLE ${TEST_USER} CONNECTION LIMIT 2`)
  for (let i = 0; i < 10; i++) {
    const apis = await Promise.all(Array.from({ length: 100 }, () => store.read('api', 'api_1')))
    assert.ok(apis.every((api) => api?.id === 'api_1'))
  }
})

test('a process that was stopped for longer than a look-up may take finds its answers waiting', async (t) => {
  const store = await openPostgresAt(await newDatabase(), { readTimeoutMs: 100 })
  t.after(() => store.close())
  await seed(store)
  await Promise.all(Array.from({ length: 10 }, () => store.read('api', 'api_1')))
  const reads = Promise.all(Array.from({ length: 10 }, () => store.read('api', 'api_1')))
  const endMs = performance.now() + 400
  while (performance.now() < endMs);
  assert.ok((await reads).every((api) => api?.id === 'api_1'))
})
