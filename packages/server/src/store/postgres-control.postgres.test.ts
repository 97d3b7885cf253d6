import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { eventually, timed } from '../testing/eventually.ts'
import { newDatabase, sharedCluster } from '../testing/postgres-fixture.ts'
import { openPostgresAt, throughPort } from '../testing/postgres-store.ts'
import { openTcpProxy } from '../testing/tcp-proxy.ts'
import { type SignOfLife, type Store, StoreFault } from './port.ts'
import { channelOf } from './postgres-session.ts'
import { aPrincipal, aWrite, commitPuts, put, seed } from './testing/contract-records.ts'

async function nodes(t: TestContext, count: number): Promise<{ url: string; stores: Store[] }> {
  const url = await newDatabase()
  const stores: Store[] = []
  for (let i = 0; i < count; i++) stores.push(await openPostgresAt(url))
  t.after(() => Promise.all(stores.map((store) => store.close())))
  await seed(stores[0]!)
  return { url, stores }
}

function hearing() {
  const committed: (number | null)[] = []
  const reached: string[] = []
  const listener = {
    committed: (position: number | null) => void committed.push(position),
    reached: (memberId: string, position: number) => void reached.push(`${memberId}@${position}`),
  }
  return { listener, committed, reached }
}

/** Ends the control connections of every node, as an administrator would. */
async function endControl(url: string, which = ''): Promise<void> {
  await (await sharedCluster()).run(
    url,
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() ' +
      `AND application_name = 'credence control' ${which}`,
  )
}

test('a commit of one node is heard on all, and how far one has followed too', async (t) => {
  const { stores } = await nodes(t, 3)
  const heard = await Promise.all(
    stores.map(async (store) => {
      const one = hearing()
      await store.listen(one.listener)
      return one
    }),
  )
  const position = await commitPuts(stores[1]!, put('principal', aPrincipal('prn_2')))
  for (const { committed } of heard) await eventually('it is heard', () => committed.includes(position))
  await stores[2]!.announce('member "2"\n', position)
  for (const { reached } of heard)
    await eventually('it is heard', () => reached.includes(`member "2"\n@${position}`))
})

test('of what is announced faster than it can be told, the newest arrives', async (t) => {
  const { stores } = await nodes(t, 2)
  const { listener, reached } = hearing()
  await stores[1]!.listen(listener)
  await Promise.all(Array.from({ length: 1000 }, (_, i) => stores[0]!.announce('m', i + 1)))
  await eventually('the newest is heard', () => reached.includes('m@1000'))
  assert.ok(reached.length < 100, `${reached.length} were told`)
})

test('after its connection was lost a listener is told that it may have missed something, and then hears on', async (t) => {
  const { url, stores } = await nodes(t, 1)
  const { listener, committed } = hearing()
  await stores[0]!.listen(listener)
  for (let round = 0; round < 3; round++) {
    const before = committed.length
    await endControl(url)
    await eventually('it is told', () => committed.slice(before).includes(null))
    const position = await commitPuts(stores[0]!, put('principal', aPrincipal(`prn_r${round}`)))
    await eventually('it hears', () => committed.includes(position))
  }
})

test('a listener whose link swallows packets comes back by itself', async (t) => {
  const url = await newDatabase()
  const proxy = await openTcpProxy((await sharedCluster()).port)
  const store = await openPostgresAt(throughPort(url, proxy.port), { readTimeoutMs: 300 })
  t.after(async () => {
    await store.close()
    await proxy.close()
  })
  const { listener, committed } = hearing()
  await store.listen(listener)
  proxy.set('swallow')
  const announces = () =>
    store.announce('m', 1).then(
      () => true,
      () => false,
    )
  await eventually('it notices', async () => !(await announces()))
  proxy.set('pass')
  await eventually('it is told', () => committed.includes(null))
})

test('what somebody else says on the channel is nothing to anybody', async (t) => {
  const { url, stores } = await nodes(t, 1)
  const { listener, committed, reached } = hearing()
  await stores[0]!.listen(listener)
  const channel = channelOf({ schema: 'public' })
  const { run } = await sharedCluster()
  const nonsense = [
    '',
    'x',
    '[]',
    'null',
    '{}',
    '{"committed":"1"}',
    '{"committed":1.5}',
    '{"member":1,"reached":2}',
  ]
  for (const payload of nonsense) await run(url, `SELECT pg_notify('${channel}', '${payload}')`)
  const position = await commitPuts(stores[0]!, put('principal', aPrincipal('prn_2')))
  await eventually('it is heard', () => committed.length > 0)
  assert.deepEqual([committed, reached], [[position], []])
})

test('one node leads; when its connection is ended another does, and it knows', async (t) => {
  const { url, stores } = await nodes(t, 3)
  const leaders = async () => Promise.all(stores.map((store) => store.lead()))
  const first = await leaders()
  assert.equal(first.filter((leads) => leads).length, 1)
  assert.deepEqual(await leaders(), first)
  const holder = "AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')"
  for (let round = 0; round < 3; round++) {
    const was = (await leaders()).indexOf(true)
    await endControl(url, holder)
    const others = stores.filter((_, i) => i !== was)
    await eventually('another takes over', async () => {
      return (await Promise.all(others.map((store) => store.lead()))).some((leads) => leads)
    })
    assert.equal(await stores[was]!.lead(), false)
  }
})

test('a leader that cannot be sure does not lead, and says so in time', async (t) => {
  const url = await newDatabase()
  const proxy = await openTcpProxy((await sharedCluster()).port)
  const [far, near] = [
    await openPostgresAt(throughPort(url, proxy.port), { readTimeoutMs: 300 }),
    await openPostgresAt(url),
  ]
  t.after(async () => {
    await Promise.all([far.close(), near.close()])
    await proxy.close()
  })
  assert.deepEqual([await far.lead(), await near.lead()], [true, false])
  proxy.set('swallow')
  const { ms, outcome } = await timed(() => far.lead())
  assert.deepEqual(outcome, { status: 'fulfilled', value: false })
  assert.ok(ms < 300 + 1000, `it took ${ms} ms`)
  proxy.cut()
  await eventually('the other takes over', () => near.lead())
  proxy.set('pass')
  await eventually('it can be asked again', () =>
    far.position().then(
      () => true,
      () => false,
    ),
  )
  assert.equal(await far.lead(), false)
})

test('signs of life go by the clock of the database, and those of the dead are forgotten in the end', async (t) => {
  const { url, stores } = await nodes(t, 2)
  const sign: SignOfLife = {
    memberId: 'm1',
    node: 'a',
    worker: 0,
    version: '1',
    startedAtMs: Date.now() + 3_600_000,
    leaseMs: 1_000,
    position: 1,
    feedLagMs: 0.4,
    isLeader: true,
  }
  await stores[0]!.beat(sign, 1000)
  assert.deepEqual(await stores[1]!.beat({ ...sign, memberId: 'm2' }, 60_000), [
    { ...sign, memberId: 'm2', feedLagMs: 0 },
    { ...sign, feedLagMs: 0 },
  ])
  const { run } = await sharedCluster()
  await run(url, "UPDATE members SET seen_at_ms = seen_at_ms - 4000000 WHERE member_id = 'm1'")
  assert.equal((await stores[1]!.beat({ ...sign, memberId: 'm2' }, 60_000)).length, 1)
  assert.deepEqual(await run(url, 'SELECT member_id FROM members'), [{ member_id: 'm2' }])
})

test('a sign of the release before, which says nothing of a lease, has that of whoever asks', async (t) => {
  const { url, stores } = await nodes(t, 1)
  const { run } = await sharedCluster()
  await run(
    url,
    'INSERT INTO members (member_id, node, worker, version, started_at_ms, position, is_leader, seen_at_ms) ' +
      "VALUES ('old', 'a', 0, '0', 1, 1, 0, (extract(epoch FROM clock_timestamp()) * 1000)::bigint - 5000)",
  )
  const sign = {
    node: 'b',
    worker: 0,
    version: '1',
    startedAtMs: 1,
    position: 1,
    feedLagMs: 1,
    isLeader: false,
  }
  const leases = async (leaseMs: number) => {
    const living = await stores[0]!.beat({ memberId: 'm1', ...sign, leaseMs }, 2500)
    return living.map((one) => `${one.memberId} ${one.leaseMs}`).toSorted()
  }
  assert.deepEqual(await leases(60_000), ['m1 60000', 'old 60000'])
  assert.deepEqual(await leases(1000), ['m1 1000'])
})

test('a first start that takes too long is told to the others, and a holder that is ended lets them in', async (t) => {
  const { url, stores } = await nodes(t, 2)
  const inside = Promise.withResolvers<void>()
  const holding = stores[0]!.alone(() => inside.promise)
  const waiting = stores[1]!.alone(async () => 'ran')
  const { run } = await sharedCluster()
  const locks = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
  await eventually('one holds it', async () => (await run(url, locks)).length === 1)
  await run(url, `SELECT pg_terminate_backend(pid) FROM (${locks}) AS holder`)
  assert.equal(await waiting, 'ran')
  const again = stores[1]!.alone(async () => {
    await assert.rejects(
      stores[1]!.alone(async () => {}),
      (error) => {
        return error instanceof StoreFault && /making the first start/.test(error.message)
      },
    )
  })
  await again
  inside.resolve()
  await holding
})

test('what a closed store is asked is refused, and it keeps neither lock nor connection', async () => {
  const url = await newDatabase()
  const store = await openPostgresAt(url)
  assert.equal(await store.lead(), true)
  await store.listen(hearing().listener)
  await store.commit(aWrite()).catch(() => {})
  await store.close()
  for (const ask of [() => store.lead(), () => store.announce('m', 1), () => store.alone(async () => {})])
    await assert.rejects(ask, StoreFault)
  const { run } = await sharedCluster()
  const left =
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'credence%'"
  await eventually('it is gone', async () => (await run(url, left)).length === 0)
})
