import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../testing/eventually.ts'
import { newDatabase, sharedCluster } from '../testing/postgres-fixture.ts'
import { throughPort } from '../testing/postgres-store.ts'
import { openTcpProxy } from '../testing/tcp-proxy.ts'
import { StoreFault } from './port.ts'
import { openPostgresUsageStore } from './postgres-usage.ts'
import { A_DELTA, type OpenedUsageStore, usageContract, whole } from './testing/usage-contract.ts'

async function openAt(url: string): Promise<OpenedUsageStore> {
  let nowMs = 1_000
  const store = await openPostgresUsageStore({ url, migrate: 'auto', clock: () => nowMs })
  const setClock = (ms: number) => {
    nowMs = ms
  }
  return { store, setClock }
}

usageContract('postgres', async () => openAt(await newDatabase()))

test('the usage of all nodes is one: counts add up, and the latest use is the latest of any node', async (t) => {
  const url = await newDatabase()
  const nodes = [await openAt(url), await openAt(url), await openAt(url)]
  t.after(() => Promise.all(nodes.map(({ store }) => store.close())))
  const uses = nodes.flatMap(({ store }, node) =>
    Array.from({ length: 20 }, (_, i) => {
      const [id, lastAtMs] = [`crd${(i + node) % 7}`, 2_000 + ((i * 13 + node * 5) % 97)]
      const delta = { ...A_DELTA, credentialId: id, count: 1, firstAtMs: lastAtMs, lastAtMs }
      const batch = [delta, { ...delta, credentialId: 'all', lastIp: `10.0.${node}.${i}` }]
      return { batch: i % 2 === 0 ? batch : batch.toReversed(), id: `n${node}f${i}`, store }
    }),
  )
  await Promise.all(uses.map(({ store, batch, id }) => store.flush(batch, whole(id))))
  const all = uses.flatMap(({ batch }) => batch).filter(({ credentialId }) => credentialId === 'all')
  const newestMs = Math.max(...all.map(({ lastAtMs }) => lastAtMs))
  for (const { store } of nodes) {
    const usage = await store.usageOf(['all', 'crd0', 'crd1', 'crd2', 'crd3', 'crd4', 'crd5', 'crd6'])
    const counts = [...usage.values()].map(([row]) => row?.count ?? 0)
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      120,
    )
    const [row] = usage.get('all')!
    assert.deepEqual([row?.count, row?.lastAtMs], [60, newestMs])
    const latest = all.filter(({ lastAtMs }) => lastAtMs === newestMs).map(({ lastIp }) => lastIp)
    assert.ok(latest.includes(row?.lastIp ?? null))
  }
})

test('a flush whose answer was lost is a fault; repeated, it is counted once', async (t) => {
  const url = await newDatabase()
  const proxy = await openTcpProxy((await sharedCluster()).port)
  const [direct, { store }] = [await openAt(url), await openAt(throughPort(url, proxy.port))]
  t.after(async () => {
    await Promise.all([direct.store.close(), store.close()])
    await proxy.close()
  })
  const count = async () => (await direct.store.usageOf(['crd1'])).get('crd1')?.[0]?.count ?? 0
  await store.flush([A_DELTA], whole('one'))
  proxy.set('mute')
  const unanswered = Promise.allSettled([store.flush([A_DELTA, A_DELTA], whole('two'))])
  await eventually('it is counted', async () => (await count()) === 9)
  proxy.cut()
  const [outcome] = await unanswered
  assert.ok(outcome?.status === 'rejected' && outcome.reason instanceof StoreFault)
  proxy.set('pass')
  const repeat = () => store.flush([A_DELTA, A_DELTA], whole('two'))
  await eventually('it is taken', () =>
    repeat().then(
      () => true,
      () => false,
    ),
  )
  await repeat()
  assert.equal(await count(), 9)
})
