import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { rounds, seed } from '@credence/core/testing/rounds'
import { startRedis } from '@credence/server/testing/redis-fixture'
import { type Draw, drawing } from '../durability/load.ts'
import { type Cluster, type ClusterNode, startCluster } from './cluster.ts'
import { type Issued, issueKey, protectOrders, recovered, verifyAt } from './protected.ts'

const CREDITS = 400
const ENV = { CREDENCE_TRUSTED_PROXIES: '127.0.0.1', CREDENCE_LOG_LEVEL: 'fatal' }

/** What clients were told. */
interface Told {
  readonly issued: Issued[]
  readonly revoked: Set<string>
  /** Credits that were spent, as far as a VALID says so. */
  spent: number
}

describe('a cluster whose parts are killed under load', () => {
  test('loses nothing that it acknowledged, and gives no credit out twice', async () => {
    const start = seed()
    const draw = drawing(start)
    const count = rounds(6)
    console.log(`crashes: ${count} rounds, seed ${start}`)
    const redis = await startRedis()
    const cluster = await startCluster({
      nodes: 3,
      isDurable: true,
      env: { ...ENV, CREDENCE_VALKEY_URL: redis.url },
    })
    try {
      await protectOrders(cluster)
      const limits = [{ name: 'uses', limit: CREDITS }]
      const paid = await issueKey(cluster.nodes[0]!, cluster.adminKey, { limits })
      const told: Told = { issued: [], revoked: new Set(), spent: 0 }
      const kills = ['node', 'database', 'redis'] as const
      for (let number = 0; number < count; number++) {
        const what = kills[number % kills.length]!
        let isOver = false
        const working = cluster.nodes.flatMap((node) => [
          write(cluster, node, told, draw, () => isOver),
          spend(node, paid, told, () => isOver),
        ])
        await new Promise((resolve) => setTimeout(resolve, 300 + draw(500)))
        const victim = cluster.nodes[draw(3)]!
        if (what === 'node') await victim.stop('SIGKILL')
        else if (what === 'database') await cluster.database.kill()
        else await redis.kill()
        await new Promise((resolve) => setTimeout(resolve, draw(400)))
        if (what === 'node') await victim.start()
        else if (what === 'database') await cluster.database.start()
        else await redis.restart()
        await recovered(cluster)
        isOver = true
        await Promise.all(working)
      }
      console.log(`${told.issued.length} issued, ${told.revoked.size} revoked, ${told.spent} credits spent`)
      assert.ok(told.issued.length > 10 && told.revoked.size > 3 && told.spent > 10)
      await allIsThere(cluster, told)
      await nothingIsLeft(cluster, paid, told)
    } finally {
      await cluster.close()
      await redis.close()
    }
  })
})

async function allIsThere({ nodes }: Cluster, { issued, revoked }: Told): Promise<void> {
  for (const [index, key] of issued.entries()) {
    const code = await verifyAt(nodes[index % nodes.length]!, key)
    assert.equal(code, revoked.has(key.id) ? 'REVOKED' : 'VALID', `credential ${key.id}`)
  }
}

/** Spends what is left: all that ever passed are no more than there were. */
async function nothingIsLeft({ nodes }: Cluster, paid: Issued, told: Told): Promise<void> {
  let code: string | null = 'VALID'
  for (let number = 0; code === 'VALID'; number++) {
    code = await verifyAt(nodes[number % nodes.length]!, paid)
    if (code === 'VALID') told.spent += 1
  }
  assert.equal(code, 'QUOTA_EXCEEDED')
  assert.ok(told.spent <= CREDITS, `${told.spent} of ${CREDITS} credits`)
}

/** Issues and revokes. What is not acknowledged may have happened or not, so it is not asked about. */
async function write(
  { adminKey }: Cluster,
  node: ClusterNode,
  told: Told,
  draw: Draw,
  isOver: () => boolean,
): Promise<void> {
  const own: Issued[] = []
  while (!isOver()) {
    try {
      const key = own[draw(own.length + 1)]
      if (key === undefined) {
        const made = await issueKey(node, adminKey)
        own.push(made)
        told.issued.push(made)
      } else if (!told.revoked.has(key.id)) {
        // From when it is sent on, nobody knows.
        const path = `/v1/credentials/${key.id}/revoke`
        own.splice(own.indexOf(key), 1)
        const at = told.issued.indexOf(key)
        told.issued.splice(at, 1)
        const { status } = await node.ask('POST', path, adminKey, {})
        if (status === 200) {
          told.revoked.add(key.id)
          told.issued.push(key)
        }
      }
    } catch {
      // Its node or the database is down: what was under way is of unknown outcome.
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

async function spend(node: ClusterNode, paid: Issued, told: Told, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    if ((await verifyAt(node, paid)) === 'VALID') told.spent += 1
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}
