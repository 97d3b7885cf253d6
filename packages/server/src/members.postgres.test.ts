import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Members } from './members.ts'
import { newDatabase } from './testing/postgres-fixture.ts'
import { openPostgresAt } from './testing/postgres-store.ts'

/** Nodes on one database, each with its lease, as they know each other. */
async function nodes(t: TestContext, leases: readonly number[]) {
  const url = await newDatabase()
  const stores = await Promise.all(leases.map(() => openPostgresAt(url)))
  t.after(() => Promise.all(stores.map((store) => store.close())))
  const made = leases.map((leaseMs, i) => {
    const state = { position: 0 }
    const members = new Members({
      store: stores[i]!,
      sign: () => ({
        ...{ memberId: `n${i}/0`, node: `n${i}`, worker: 0, version: '1', startedAtMs: 1, leaseMs },
        ...{ position: state.position, feedLagMs: null, isLeader: false },
      }),
      monotonic: () => performance.now(),
      onCommit: () => {},
      onFault: (error) => assert.fail(String(error)),
    })
    const follow = (position: number) => {
      state.position = position
      members.moved(position)
    }
    return { members, follow }
  })
  for (const { members } of made) await members.join()
  return made
}

async function reached(node: Awaited<ReturnType<typeof nodes>>[number], position: number) {
  const startMs = performance.now()
  const reach = await node.members.reached(position)
  return { ...reach, tookMs: performance.now() - startMs }
}

test('a node with a short lease waits for one with a long one, and no longer once that has followed or left', async (t) => {
  const [brief, long] = await nodes(t, [100, 1500])
  brief!.follow(1)
  const waited = await reached(brief!, 1)
  assert.deepEqual([waited.nodes, waited.confirmed, waited.boundMs], [2, 1, 1500])
  assert.ok(waited.tookMs >= 1500, `it waited ${waited.tookMs} ms`)
  brief!.follow(2)
  const reach = reached(brief!, 2)
  long!.follow(2)
  const followed = await reach
  assert.deepEqual([followed.nodes, followed.confirmed], [2, 2])
  assert.ok(followed.tookMs < 1500, `it waited ${followed.tookMs} ms`)
  await long!.members.leave()
  brief!.follow(3)
  const alone = await reached(brief!, 3)
  assert.deepEqual([alone.nodes, alone.confirmed, alone.boundMs], [1, 1, 100])
})
