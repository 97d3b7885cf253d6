import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { HostProblem } from '../host-problem.ts'
import { verifyAuditChain } from '../store/audit-chain.ts'
import type { CopySource, CopyTarget } from '../store/copy-port.ts'
import { type AuditRow, type SignOfLife, type Store, StoreFault } from '../store/port.ts'
import { openPostgresStore } from '../store/postgres.ts'
import { openPostgresCopySource, openPostgresCopyTarget } from '../store/postgres-copy.ts'
import { openSqliteCopySource, openSqliteCopyTarget, sqlitePathsIn } from '../store/sqlite-copy.ts'
import { aWrite, seed } from '../store/testing/contract-records.ts'
import { temporaryFolder } from '../store/testing/sqlite-fixture.ts'
import { aFullFolder, diesAt, dump, type Wrapping, wrapped } from '../testing/copy-fixture.ts'
import { TEST_PASSWORD, TEST_USER } from '../testing/postgres-cluster.ts'
import { newDatabase, sharedCluster } from '../testing/postgres-fixture.ts'
import { copyStore } from './copy-store.ts'

function opened(url: string): Promise<Store> {
  const limits = { poolSize: 8, readTimeoutMs: 5000 }
  return openPostgresStore({ url, ...limits, migrate: 'auto', clock: Date.now, random: Math.random })
}

async function copied(
  openSource: () => Promise<CopySource>,
  openTarget: () => Promise<CopyTarget>,
  over?: Wrapping,
) {
  const source = await openSource()
  try {
    const target = await openTarget()
    try {
      return await copyStore(source, wrapped(target, over), () => {})
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

const sqliteSource = (folder: string) => async () => openSqliteCopySource(sqlitePathsIn(folder))
const sqliteTarget = (folder: string) => async () => openSqliteCopyTarget(sqlitePathsIn(folder), Date.now)
const postgresSource = (url: string) => () => openPostgresCopySource(url)
const postgresTarget = (url: string) => () => openPostgresCopyTarget(url, Date.now)

function conflict(pattern: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof HostProblem && error.exitCode === 5 && pattern.test(error.message)
}

test('a store goes into PostgreSQL and back with every row of every table as it was', async () => {
  const [from, url] = [await aFullFolder(), await newDatabase()]
  const there = await copied(sqliteSource(from), postgresTarget(url))
  const back = join(await temporaryFolder(), 'back')
  const again = await copied(postgresSource(url), sqliteTarget(back))
  assert.deepEqual(again.tables, there.tables)
  assert.deepEqual(dump(back), dump(from))
})

test('a copy in PostgreSQL is a store: it goes on from the position and the trail that came with it', async () => {
  const [from, url] = [await aFullFolder(), await newDatabase()]
  const { head } = await copied(sqliteSource(from), postgresTarget(url))
  const store = await opened(url)
  try {
    assert.equal(await store.position(), head.position)
    assert.deepEqual(await store.commit(aWrite()), { ok: true, position: head.position + 1 })
    assert.equal(verifyAuditChain(await trailOf(store)).ok, true)
    const credits = { type: 'credits', name: 'n', limit: 9, refill: null } as const
    assert.equal((await store.spendCredits('c', credits, 0, 1_000)).remaining, 5)
    assert.equal((await store.readIdempotency('ws_1', 'k'))?.id, 'api_1')
  } finally {
    await store.close()
  }
})

/** All of it, oldest first: everything here was done in one workspace. */
async function trailOf(store: Store): Promise<AuditRow[]> {
  const rows: AuditRow[] = []
  for (let before: number | null = null; ; before = rows.at(-1)!.position) {
    const page = await store.listAudit('ws_1', { limit: 1000, before })
    if (page.length === 0) return rows.reverse()
    rows.push(...page)
  }
}

test('until a copy into PostgreSQL has come to its end no store opens on it, and none that is open commits', async () => {
  const [from, url] = [await aFullFolder(), await newDatabase()]
  const early = await opened(url)
  for (const page of [1, 4, 8, 4]) {
    await assert.rejects(copied(sqliteSource(from), postgresTarget(url), diesAt(page)), /killed/)
    await assert.rejects(opened(url), /did not come to its end/)
    await assert.rejects(early.commit(aWrite()), StoreFault)
    await assert.rejects(openPostgresCopySource(url), /did not come to its end/)
  }
  await early.close()
  assert.equal((await copied(sqliteSource(from), postgresTarget(url))).isResumed, true)
  const back = join(await temporaryFolder(), 'back')
  await copied(postgresSource(url), sqliteTarget(back))
  assert.deepEqual(dump(back), dump(from))
})

test('a database that holds anything, another copy included, is refused; two copies at once as well', async () => {
  const [from, url] = [await aFullFolder(), await newDatabase()]
  const store = await opened(url)
  await seed(store)
  await store.close()
  await assert.rejects(copied(sqliteSource(from), postgresTarget(url)), conflict(/is not empty: workspace/))
  const half = await newDatabase()
  await assert.rejects(copied(sqliteSource(from), postgresTarget(half), diesAt(3)), /killed/)
  await assert.rejects(
    copied(sqliteSource(await aFullFolder()), postgresTarget(half)),
    conflict(/another copy/),
  )
  const first = await openPostgresCopyTarget(half, Date.now)
  await assert.rejects(openPostgresCopyTarget(half, Date.now), /Another copy of this database is under way/)
  await first.close()
})

test('while PostgreSQL is copied nothing is committed to it, and it is no source while a server lives on it', async () => {
  const url = await newDatabase()
  const store = await opened(url)
  await seed(store)
  const source = await openPostgresCopySource(url)
  await assert.rejects(store.commit(aWrite()), StoreFault)
  await source.close()
  assert.equal((await store.commit(aWrite())).ok, true)
  const sign: SignOfLife = {
    memberId: 'm1',
    node: 'node-a',
    worker: 0,
    version: '0.1.0',
    startedAtMs: 1,
    leaseMs: 1_000,
    position: 1,
    feedLagMs: 1,
    isLeader: false,
  }
  await store.beat(sign, 1000)
  await assert.rejects(openPostgresCopySource(url), /A server runs on .*node-a; stop it first/)
  await store.leave('m1')
  await store.close()
  await (await openPostgresCopySource(url)).close()
})

test('a row that PostgreSQL lost, or has otherwise, is found at the end', async () => {
  const [from, url] = [await aFullFolder(), await newDatabase()]
  const cluster = await sharedCluster()
  const meddling: Wrapping = (side) => ({
    lastKey: async (table) => {
      // The last table begins: everything before it is there.
      if (table.name === 'counters')
        await cluster.run(url, "UPDATE audit SET ip = '192.0.2.9' WHERE position = 3")
      return side.lastKey(table)
    },
  })
  await assert.rejects(
    copied(sqliteSource(from), postgresTarget(url), meddling),
    conflict(/audit has .* with other contents/),
  )
  await assert.rejects(opened(url), /did not come to its end/)
})

test('what a copy says of a database names neither its user nor the password', async () => {
  const url = await newDatabase()
  const target = await openPostgresCopyTarget(url, Date.now)
  await target.close()
  assert.match(target.name, /^postgres:\/\/127\.0\.0\.1:\d+\/test_\d+$/)
  const wrong = url.replace(TEST_PASSWORD, 'another-canary')
  await assert.rejects(openPostgresCopyTarget(wrong, Date.now), (error: Error) => {
    for (const text of [TEST_USER, TEST_PASSWORD, 'another-canary']) assert.ok(!error.message.includes(text))
    return true
  })
})
