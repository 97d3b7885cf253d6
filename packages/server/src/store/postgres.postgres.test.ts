import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../testing/eventually.ts'
import { newDatabase, sharedCluster } from '../testing/postgres-fixture.ts'
import { openPostgresAt, throughPort } from '../testing/postgres-store.ts'
import { openTcpProxy } from '../testing/tcp-proxy.ts'
import { verifyAuditChain } from './audit-chain.ts'
import { type Change, type CommitResult, type Store, StoreFault } from './port.ts'
import { durableStoreContract, sharedStoreContract, storeContract } from './testing/contract.ts'
import { wholeTrail } from './testing/contract-feed.ts'
import { aCredential, anApi, aPrincipal, aWrite, commitPuts, put, seed } from './testing/contract-records.ts'

async function openNew() {
  const url = await newDatabase()
  const store = await openPostgresAt(url)
  const reopen = async () => {
    await store.close()
    return openPostgresAt(url)
  }
  return { url, store, reopen, another: () => openPostgresAt(url) }
}

storeContract('postgres', openNew)
durableStoreContract('postgres', openNew)
sharedStoreContract('postgres', openNew)

test("of writers on several nodes each position is one's alone, and a follower on another misses none", async (t) => {
  const { url, store, another } = await openNew()
  const nodes = [store, await another(), await another()]
  const follower = await another()
  t.after(() => Promise.all([...nodes, follower].map((node) => node.close())))
  await seed(store)
  let finished = false
  const writing = Promise.all(
    nodes.flatMap((node, n) => [0, 1, 2].map((w) => writeSome(node, `prn_${n}x${w}`))),
  )
  const done = writing.finally(() => {
    finished = true
  })
  const seen: Change[] = []
  for (let isLast = false; !isLast; ) {
    isLast = finished
    const page = await follower.changesSince(seen.at(-1)?.position ?? 1, 10)
    // The head is of the same moment: what it names is there, or behind a full page.
    if (page.changes.length < 10)
      assert.equal(page.changes.at(-1)?.position ?? seen.at(-1)?.position ?? 1, page.head)
    seen.push(...page.changes)
  }
  const acknowledged = new Map((await done).flat())
  assert.equal(acknowledged.size, 180)
  assert.deepEqual(
    seen.map(({ position, touched }) => [position, touched[0]?.id]),
    Array.from({ length: 180 }, (_, i) => [i + 2, acknowledged.get(i + 2)]),
  )
  const trail = await wholeTrail(store)
  assert.deepEqual(verifyAuditChain(trail), { ok: true, newestHash: trail.at(-1)?.hash })
  const feed = await (await sharedCluster()).run(url, 'SELECT position, audit_hash FROM feed')
  assert.deepEqual(feed, [{ position: '181', audit_hash: trail.at(-1)?.hash }])
})

async function writeSome(node: Store, name: string): Promise<[number, string][]> {
  const made: [number, string][] = []
  for (let i = 0; i < 20; i++) {
    const id = `${name}n${i}`
    made.push([await commitPuts(node, put('principal', aPrincipal(id))), id])
  }
  return made
}

test("writes that go together fail alone: a conflict among them is its own writer's only", async (t) => {
  const { store } = await openNew()
  t.after(() => store.close())
  await seed(store)
  const writes = Array.from({ length: 60 }, (_, i) => {
    if (i % 10 === 3) return put('principal', aPrincipal(`prn_t${i}`, { name: 'prn_1' }))
    if (i % 10 === 5) return put('credential', aCredential(`crd${i}`, { principalId: 'prn_0' }))
    if (i % 10 === 7) return put('api', anApi('api_1', { revision: 9 }))
    return put('principal', aPrincipal(`prn_n${i}`))
  })
  const results = await Promise.all(writes.map((one) => store.commit(aWrite({ puts: [one] }))))
  const expected = (i: number): CommitResult | null => {
    if (i % 10 === 3) return { ok: false, conflict: { type: 'taken', table: 'principal', field: 'name' } }
    if (i % 10 === 5) return { ok: false, conflict: { type: 'revision', table: 'principal', id: 'prn_0' } }
    if (i % 10 === 7) return { ok: false, conflict: { type: 'revision', table: 'api', id: 'api_1' } }
    return null
  }
  for (const [i, result] of results.entries()) {
    if (expected(i) !== null) assert.deepEqual(result, expected(i))
    else assert.equal(result.ok, true)
  }
  const positions = results.flatMap((result) => (result.ok ? [result.position] : []))
  assert.deepEqual(
    positions.toSorted((a, b) => a - b),
    Array.from({ length: 42 }, (_, i) => i + 2),
  )
  assert.equal(await store.position(), 43)
  for (const [i, one] of writes.entries())
    assert.equal(
      (await store.read(one.table, one.record.id)) !== undefined,
      expected(i) === null || i % 10 === 7,
    )
})

test("nodes that wait for each other's rows come out of it: of each pair of writes one wins", async (t) => {
  const { store, another } = await openNew()
  const other = await another()
  t.after(() => Promise.all([store.close(), other.close()]))
  await seed(store)
  await commitPuts(store, put('api', anApi('api_2')))
  for (let revision = 2; revision < 8; revision++) {
    const [one, two] = ['api_1', 'api_2'].map((id) => put('api', anApi(id, { revision })))
    const results = await Promise.all([
      store.commit(aWrite({ puts: [one!, two!] })),
      other.commit(aWrite({ puts: [two!, one!] })),
    ])
    assert.equal(results.filter(({ ok }) => ok).length, 1)
  }
})

test('a row that somebody holds for long costs its own writer a fault, and nobody else a write', async (t) => {
  const { url, store } = await openNew()
  t.after(() => store.close())
  await seed(store)
  const holding = (await sharedCluster()).run(
    url,
    "BEGIN; SELECT 1 FROM principal WHERE id = 'prn_1' FOR UPDATE; SELECT pg_sleep(4); COMMIT",
  )
  const held = put('principal', aPrincipal('prn_1', { revision: 2 }))
  await eventually('the row is held', async () => (await isLocked(url)) === true)
  const [blocked, ...others] = await Promise.allSettled([
    store.commit(aWrite({ puts: [held] })),
    ...[1, 2, 3].map((i) => commitPuts(store, put('principal', aPrincipal(`prn_n${i}`)))),
  ])
  assert.equal(blocked?.status, 'rejected')
  assert.match(String((blocked as PromiseRejectedResult).reason), /StoreFault: .*lock/)
  assert.deepEqual(
    others.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'fulfilled'],
  )
  await holding
  assert.equal((await store.commit(aWrite({ puts: [held] }))).ok, true)
})

async function isLocked(url: string): Promise<boolean> {
  const rows = await (await sharedCluster()).run(
    url,
    "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()",
  )
  return rows.length > 0
}

test('look-ups and whole writes take one round trip each, credits two', async (t) => {
  const { url, store } = await openNew()
  await seed(store)
  await store.close()
  const proxy = await openTcpProxy((await sharedCluster()).port)
  t.after(() => proxy.close())
  const far = await openPostgresAt(throughPort(url, proxy.port))
  t.after(() => far.close())
  const spend = () => far.spendCredits('k', { type: 'credits', name: 'c', limit: 9, refill: null }, 1, 1_000)
  const grants = [{ apiId: 'api_1', scopes: [], roleIds: [] }]
  const issue = (id: string) =>
    far.commit(
      aWrite({
        puts: [put('credential', aCredential(id, { grants, tags: ['a', 'b'] }))],
        expects: [{ table: 'principal', id: 'prn_1', revision: 1 }],
      }),
    )
  // The first of each opens its connection, and look-ups keep two.
  await Promise.all([far.read('api', 'api_1'), issue('crd1'), spend()])
  await eventually('all are open', async () => {
    await far.read('api', 'api_1')
    return proxy.count() === 4
  })
  const trips = async (run: () => Promise<unknown>) => {
    const before = proxy.trips()
    await run()
    return proxy.trips() - before
  }
  assert.equal(await trips(() => far.read('api', 'api_1')), 1)
  assert.equal(await trips(() => far.changesSince(1, 500)), 1)
  assert.equal(await trips(() => issue('crd2')), 1)
  assert.equal(await trips(() => Promise.all(['crd3', 'crd4', 'crd5', 'crd6'].map(issue))), 1)
  assert.equal(await trips(spend), 2)
  assert.equal(await trips(() => Promise.all([spend(), spend(), spend()])), 2)
})

test('a column that a newer release added survives an update by this one, on connections that were open before', async (t) => {
  const { url, store } = await openNew()
  t.after(() => store.close())
  await seed(store)
  await commitPuts(store, put('credential', aCredential('crd1')))
  const { run } = await sharedCluster()
  await run(
    url,
    "ALTER TABLE credential ADD COLUMN thumbprint TEXT; UPDATE credential SET thumbprint = 'kept';" +
      "ALTER TABLE secret_versions ADD COLUMN algorithm TEXT; UPDATE secret_versions SET algorithm = 'kept';" +
      'ALTER TABLE audit ADD COLUMN more TEXT; ALTER TABLE idempotency ADD COLUMN more TEXT;' +
      'ALTER TABLE changes ADD COLUMN more TEXT; ALTER TABLE feed ADD COLUMN more TEXT',
  )
  await commitPuts(store, put('credential', aCredential('crd1', { revision: 2, state: 'disabled' })))
  assert.equal((await store.read('credential', 'crd1'))?.state, 'disabled')
  assert.equal((await store.listAudit('ws_1', { limit: 5, before: null })).length, 3)
  assert.equal((await store.changesSince(0, 9)).changes.length, 3)
  const rows = await run(
    url,
    'SELECT state, thumbprint, algorithm FROM credential JOIN secret_versions ON credential_id = id',
  )
  assert.deepEqual(rows, [{ state: 'disabled', thumbprint: 'kept', algorithm: 'kept' }])
})

test('more writes, lists and look-ups than may wait are refused as busy, and the others go through', async (t) => {
  const { store } = await openNew()
  t.after(() => store.close())
  await seed(store)
  const list = { workspaceId: 'ws_1', limit: 1, cursor: null, filters: {} }
  const kinds: [number, () => Promise<unknown>][] = [
    [1024, () => store.commit(aWrite())],
    [256, () => store.list('api', list)],
    [2048, () => store.read('api', 'api_1')],
    [4096, () => store.spendCredits('k', { type: 'credits', name: 'n', limit: 1e6, refill: null }, 1, 1_000)],
  ]
  for (const [bound, ask] of kinds) {
    const results = await Promise.allSettled(Array.from({ length: bound + 4 }, ask))
    const refused = results.filter((result) => result.status === 'rejected')
    assert.equal(refused.length, 4, `of ${bound + 4}`)
    for (const { reason } of refused) assert.match(String(reason), /StoreFault: PostgreSQL is busy/)
    await ask()
  }
})

test('a row that was damaged is a fault and not an answer', async (t) => {
  const { url, store } = await openNew()
  t.after(() => store.close())
  await seed(store)
  await (await sharedCluster()).run(url, "UPDATE api SET routes = '[{' WHERE id = 'api_1'")
  await assert.rejects(store.read('api', 'api_1'), StoreFault)
})

test('two installations in one database, each in its schema, neither see, hear nor hold up each other', async (t) => {
  const url = await newDatabase()
  await (await sharedCluster()).run(
    url,
    'CREATE SCHEMA one AUTHORIZATION credence_app; CREATE SCHEMA two AUTHORIZATION credence_app',
  )
  const open = (schema: string) => openPostgresAt(`${url}?options=-c%20search_path%3D${schema}`)
  const [one, two] = [await open('one'), await open('two')]
  t.after(() => Promise.all([one.close(), two.close()]))
  const heard: string[] = []
  for (const [name, store] of [['one', one] as const, ['two', two] as const])
    await store.listen({ committed: (position) => heard.push(`${name}@${position}`), reached: () => {} })
  await seed(one)
  assert.equal(await two.position(), 0)
  assert.equal(await two.read('api', 'api_1'), undefined)
  assert.deepEqual([await one.lead(), await two.lead()], [true, true])
  await one.alone(() => two.alone(async () => {}))
  await seed(two)
  await eventually('both were heard', () => heard.length === 2)
  assert.deepEqual(heard, ['one@1', 'two@1'])
})

test('a user that owns nothing needs the four rights on rows, and no more', async (t) => {
  const url = await newDatabase()
  const owned = await openPostgresAt(url)
  await seed(owned)
  await owned.close()
  const { run } = await sharedCluster()
  const role = `only_rows_${new URL(url).pathname.slice(1)}`
  await run(
    url,
    `CREATE ROLE ${role} LOGIN PASSWORD 'x'; GRANT USAGE ON SCHEMA public TO ${role};` +
      `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${role}`,
  )
  const store = await openPostgresAt(Object.assign(new URL(url), { username: role, password: 'x' }).href)
  t.after(() => store.close())
  await commitPuts(store, put('credential', aCredential('crd1', { tags: ['t'] })))
  const credits = { type: 'credits', name: 'c', limit: 9, refill: null } as const
  assert.equal((await store.spendCredits('k', credits, 1, 1_000)).remaining, 8)
  assert.equal(await store.lead(), true)
  await store.forgetChangesBefore(9_000)
  assert.equal(await store.alone(async () => 'ran'), 'ran')
})
