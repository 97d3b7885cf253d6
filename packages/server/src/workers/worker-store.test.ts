import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type FeedListener, type SignOfLife, type Store, StoreFault } from '../store/port.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import { durableStoreContract, storeContract, WORKER_STORE_CHECKS } from '../store/testing/contract.ts'
import { checkAlone, NEVER_LEADS } from '../store/testing/contract-members.ts'
import { aCredential, aPrincipal, aWrite, commitPuts, put, seed } from '../store/testing/contract-records.ts'
import { temporaryFolder } from '../store/testing/sqlite-fixture.ts'
import { Channel } from './ipc.ts'
import type { Link } from './link.ts'
import { serveStore } from './store-service.ts'
import { line, until } from './testing/line.ts'
import { WorkerStore } from './worker-store.ts'

interface Connected {
  readonly store: Store
  /** As when the worker dies: the line ends, and nothing was closed before. */
  readonly die: () => void
}

/** A worker of the process that has opened `primary`. */
function connected(path: string, primary: Store): Connected {
  const { primary: near, worker, cut } = line()
  serveStore(near, primary)
  return { store: new WorkerStore(path, worker), die: cut }
}

/** A worker's store that takes the primary and the line with it when it is closed. */
async function openWorker(folder: string): Promise<Store> {
  const path = join(folder, 'credence.db')
  const primary = await openSqliteStore({ path, migrate: 'auto', clock: Date.now })
  const { store, die } = connected(path, primary)
  const close = store.close.bind(store)
  return Object.assign(store, {
    async close() {
      await close()
      die()
      await primary.close()
    },
  })
}

async function openNew() {
  const folder = await temporaryFolder()
  const store = await openWorker(folder)
  const reopen = async () => {
    await store.close()
    return openWorker(folder)
  }
  return { store, reopen }
}

storeContract('a worker on sqlite', openNew, WORKER_STORE_CHECKS)
durableStoreContract('a worker on sqlite', openNew)

/** A primary with some workers. */
async function node(t: TestContext, count: number) {
  const path = join(await temporaryFolder(), 'credence.db')
  const primary = await openSqliteStore({ path, migrate: 'auto', clock: Date.now })
  const workers = Array.from({ length: count }, () => connected(path, primary))
  t.after(async () => {
    for (const { store, die } of workers) {
      await store.close()
      die()
    }
    await primary.close()
  })
  return { primary, workers }
}

test('what one worker writes all others read at once, and are told of', async (t) => {
  const { primary, workers } = await node(t, 3)
  await seed(primary)
  const [one, ...others] = workers.map(({ store }) => store)
  const told = others.map((store) => toldOf(store, 2))
  const position = await commitPuts(one!, put('credential', aCredential('crd1')))
  assert.equal(position, 2)
  for (const store of [primary, ...others]) {
    assert.deepEqual(await store.read('credential', 'crd1'), aCredential('crd1'))
    assert.equal((await store.changesSince(position - 1, 5)).head, position)
  }
  await Promise.all(told)
})

test('how far one worker has followed is told to all others and to itself', async (t) => {
  const { workers } = await node(t, 3)
  const heard = workers.map(({ store }) => firstReached(store))
  await workers[1]!.store.announce('m2', 7)
  assert.deepEqual(await Promise.all(heard), ['m2@7', 'm2@7', 'm2@7'])
})

test('a worker that stands still is told the newest once it goes on, and nothing has piled up', async (t) => {
  const { primary } = await node(t, 0)
  const sent: unknown[] = []
  let receive: (message: unknown) => void = () => {}
  const still: Link = {
    send: (message) => sent.push(message),
    receive(listener) {
      receive = listener
    },
    ended() {},
  }
  serveStore(new Channel(still), primary)
  await seed(primary)
  let last = 0
  for (let i = 0; i < 50; i++) last = await commitPuts(primary, put('principal', aPrincipal(`prn_n${i}`)))
  for (let i = 0; i < 50; i++) await primary.announce('m1', i)
  assert.equal(sent.length, 1)
  const [first] = sent[0] as [{ id: number }]
  receive([{ to: first.id, ok: true, value: undefined }])
  await until(() => sent.length === 2)
  const [{ args }] = sent[1] as [{ args: unknown }]
  assert.deepEqual(args, [{ committed: last, reached: [['m1', 49]] }])
})

test('of works that ask to be alone, in workers and primary, one runs at a time', async (t) => {
  const { primary, workers } = await node(t, 2)
  await checkAlone([workers[0]!.store, primary, workers[1]!.store])
})

test('a worker that dies while it is alone leaves its place to others', async (t) => {
  const { primary, workers } = await node(t, 2)
  const [dying, other] = workers
  const inside = Promise.withResolvers<void>()
  const never = dying!.store.alone(async () => {
    inside.resolve()
    return new Promise(() => {})
  })
  void never.catch(() => {})
  await inside.promise
  const waiting = other!.store.alone(async () => 'in')
  dying!.die()
  assert.equal(await waiting, 'in')
  assert.equal(await primary.alone(async () => 'too'), 'too')
})

test('a worker that dies is off the list of the living at once', async (t) => {
  const { primary, workers } = await node(t, 2)
  await workers[0]!.store.beat(aSign('m1'), 60_000)
  const both = await workers[1]!.store.beat(aSign('m2'), 60_000)
  assert.deepEqual(both.map(({ memberId }) => memberId).toSorted(), ['m1', 'm2'])
  workers[0]!.die()
  await until(async () => (await primary.beat(aSign('m2'), 60_000)).length === 1)
})

test('when the primary is gone a write is a fault, and reads go on', async (t) => {
  const { primary, workers } = await node(t, 1)
  await seed(primary)
  const { store, die } = workers[0]!
  die()
  await assert.rejects(store.commit(aWrite()), StoreFault)
  assert.equal((await store.read('api', 'api_1'))?.id, 'api_1')
})

test('the contract notices a worker that leads beside its primary', async () => {
  const { store } = await openNew()
  try {
    const leading = Object.assign(store, { lead: async () => true })
    await assert.rejects(NEVER_LEADS.run(leading), assert.AssertionError)
  } finally {
    await store.close()
  }
})

/** Resolves when it is told of the commit at `position`, or of a later one. */
function toldOf(store: Store, position: number): Promise<void> {
  return new Promise((resolve) => {
    void store.listen({ ...DEAF, committed: (told) => told !== null && told >= position && resolve() })
  })
}

function firstReached(store: Store): Promise<string> {
  return new Promise((resolve) => {
    void store.listen({ ...DEAF, reached: (memberId, position) => resolve(`${memberId}@${position}`) })
  })
}

const DEAF: FeedListener = { committed() {}, reached() {} }

function aSign(memberId: string): SignOfLife {
  return {
    memberId,
    node: 'node-a',
    worker: 1,
    version: '0.1.0',
    startedAtMs: 1_000,
    leaseMs: 1_000,
    position: 7,
    feedLagMs: 12,
    isLeader: false,
  }
}
