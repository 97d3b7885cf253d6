import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { renameSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { CachedLookup, Follower, type Lease } from '@credence/core'
import type { Put, Store } from './store/port.ts'
import { aCredential, aPrincipal, aWrite, positionOf, put, seed } from './store/testing/contract-records.ts'
import { freshAudit } from './testing/data-folder.ts'
import { eventually } from './testing/eventually.ts'
import { type Cluster, startCluster } from './testing/postgres-cluster.ts'
import { openPostgresAt, throughPort } from './testing/postgres-store.ts'
import { openTcpProxy } from './testing/tcp-proxy.ts'
import { createTestContext } from './testing/test-context.ts'

/** A PostgreSQL that a replica can take the place of, which has what was committed when it was last brought up to date. */
async function replicated(t: TestContext) {
  const cluster = await startCluster({ isDurable: false })
  t.after(() => cluster.remove())
  const replica = `${cluster.folder}-replica`
  const replicate = async () => {
    await cluster.stop()
    execFileSync('cp', ['-a', cluster.folder, replica])
    await cluster.start()
  }
  const failOver = async () => {
    await cluster.stop()
    renameSync(cluster.folder, `${cluster.folder}-lost`)
    renameSync(replica, cluster.folder)
    await cluster.start()
  }
  return { cluster, replicate, failOver }
}

/** A node whose link the test can cut, a store beside it, and a follower that never looks at hashes. */
async function node(t: TestContext, cluster: Cluster) {
  const url = await cluster.database()
  const proxy = await openTcpProxy(cluster.port)
  const [direct, far] = [await openPostgresAt(url), await openPostgresAt(throughPort(url, proxy.port))]
  const { context, close } = await createTestContext({ store: far, config: { leaseMs: 60_000 } })
  t.after(async () => {
    await close()
    await direct.close()
    await proxy.close()
  })
  await seed(direct)
  return { proxy, direct, context, blind: await blindFollower(far) }
}

/** The negative control: it follows positions alone. */
async function blindFollower(store: Store) {
  const bounds = { maxEntries: 100, maxBytes: 1e6 }
  const endless: Lease = { holds: () => true, overdueMs: () => 0 }
  const lookup = new CachedLookup(store, endless, bounds)
  const { head, headHash } = await store.changesSince(0, 0)
  const follower = new Follower(
    { position: head, hash: headHash },
    {
      feed: {
        changesSince: async (position, limit) => {
          const page = await store.changesSince(position, limit)
          return { ...page, hash: headHash, changes: page.changes.map((one) => ({ ...one, hash: headHash })) }
        },
      },
      lookup: () => lookup,
      onTouched: () => {},
      onMissed: () => {},
      onMoved: () => {},
      isKnownUntil: () => true,
      onFault: () => {},
      leaseMs: 60_000,
      monotonic: () => performance.now(),
      wall: Date.now,
    },
  )
  return { follower, lookup }
}

test('a node forgets what a failover lost, also where the lost positions were used anew before it looked', async (t) => {
  const { cluster, replicate, failOver } = await replicated(t)
  const { proxy, direct, context, blind } = await node(t, cluster)
  await committed(direct, put('credential', aCredential('crd1')))
  await replicate()
  await eventually('it is back', () => isBack(direct))
  // What the replica never heard of, and the node has in memory.
  const lost = await committed(
    direct,
    put('credential', aCredential('crd1', { revision: 2, tags: ['lost'] })),
  )
  for (const { follower, lookup } of [context, blind]) {
    await eventually('it has followed', async () => {
      await follower.poll()
      return follower.position === lost
    })
    assert.deepEqual((await lookup.get('credential', 'crd1'))?.tags, ['lost'])
  }
  proxy.set('swallow')
  proxy.cut()
  await failOver()
  await eventually('it is back', () => isBack(direct))
  const positions: number[] = []
  for (const id of ['prn_2', 'prn_3'])
    positions.push(await committed(direct, put('principal', aPrincipal(id))))
  assert.deepEqual(positions, [lost, lost + 1])
  proxy.set('pass')
  for (const { follower } of [context, blind]) {
    await eventually('it has followed', async () => {
      await follower.poll()
      return follower.position === lost + 1
    })
  }
  assert.equal(context.lookup.peek('credential', 'crd1'), undefined)
  assert.deepEqual((await context.lookup.get('credential', 'crd1'))?.tags, aCredential('crd1').tags)
  assert.ok(context.follower.holds())
  // Nothing that it was told by the feed touches the credential: positions alone are not enough.
  assert.deepEqual(blind.lookup.peek('credential', 'crd1')?.tags, ['lost'])
})

/** Each with an audit entry that no other has, as a request has. */
async function committed(store: Store, one: Put): Promise<number> {
  return positionOf(await store.commit(aWrite({ puts: [one], audit: freshAudit() })))
}

async function isBack(store: Store): Promise<boolean> {
  const unmet = { table: 'api', id: 'api_1', revision: 999 } as const
  const asked = [store.read('api', 'api_1'), store.commit(aWrite({ expects: [unmet] }))]
  return (await Promise.allSettled(asked)).every(({ status }) => status === 'fulfilled')
}
