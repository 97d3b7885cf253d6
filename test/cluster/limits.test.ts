import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startRedis } from '@credence/server/testing/redis-fixture'
import { startCluster } from './cluster.ts'
import { expected, type Issued, issueKey, protectOrders, until, verifyAt } from './protected.ts'

const NODES = 3

/** The cluster ends with the test that started it. */
async function prepared(t: TestContext) {
  const redis = await startRedis()
  const cluster = await startCluster({
    nodes: NODES,
    env: { CREDENCE_VALKEY_URL: redis.url, CREDENCE_TRUSTED_PROXIES: '127.0.0.1' },
  })
  t.after(() => cluster.close())
  await protectOrders(cluster, { name: 'exact', exact_limits: true })
  await protectOrders(cluster, { name: 'leased' })
  const { nodes, adminKey } = cluster
  const limited = (api: string, limit: object) => issueKey(nodes[0]!, adminKey, { api, limits: [limit] })

  /** Asks `count` times over all nodes, some at once, and counts what each code was. */
  async function asked(api: string, key: Issued, count: number): Promise<Record<string, number>> {
    const codes: Record<string, number> = {}
    let sent = 0
    const lane = async (number: number) => {
      while (sent < count) {
        sent += 1
        const code = String(await verifyAt(nodes[number % NODES]!, key, api))
        codes[code] = (codes[code] ?? 0) + 1
      }
    }
    await Promise.all(Array.from({ length: 12 }, (_, number) => lane(number)))
    return codes
  }

  const statuses = () =>
    Promise.all(
      nodes.map(async (node) => {
        const { body } = expected(await node.ask('GET', '/v1/status', adminKey), 200)
        const { degraded } = body.limits as { degraded: boolean }
        return { degraded, nodes: body.nodes }
      }),
    )

  /** How many nodes say that they count alone. */
  async function alone(): Promise<number> {
    return (await statuses()).filter(({ degraded }) => degraded).length
  }

  /** A node that has just joined is heard of with the next sign of life, and until then its share is the others'. */
  async function knowEachOther(): Promise<boolean> {
    return (await statuses()).every((status) => status.nodes === NODES)
  }
  return { redis, nodes, limited, asked, alone, knowEachOther }
}

test('three nodes that share a Valkey count limits together', async (t) => {
  const { redis, nodes, limited, asked, alone, knowEachOther } = await prepared(t)

  await t.test('where the API says exact, exactly as many pass as the limit says', async () => {
    const key = await limited('exact', { name: 'calls', limit: 250, period: 'month' })
    assert.deepEqual(await asked('exact', key, 600), { VALID: 250, QUOTA_EXCEEDED: 350 })
  })

  await t.test('otherwise no more than the limit and what the nodes may hold of it', async () => {
    const limit = 1000
    const key = await limited('leased', { name: 'calls', limit, window_seconds: 3600 })
    const startMs = performance.now()
    const { VALID = 0, RATE_LIMITED = 0, ...others } = await asked('leased', key, 1600)
    const refilled = Math.ceil(((performance.now() - startMs) / 3_600_000) * limit)
    const held = NODES * Math.floor(limit / 50)
    assert.deepEqual(others, {})
    assert.equal(VALID + RATE_LIMITED, 1600)
    assert.ok(VALID <= limit + refilled + held, `${VALID} passed`)
    assert.ok(VALID >= limit - held, `only ${VALID} passed`)
    assert.equal(await alone(), 0)
  })

  await t.test(
    'a Valkey that is gone leaves each node its share, and is counted on again once it is back',
    async () => {
      const key = await limited('exact', { name: 'calls', limit: 90, period: 'month' })
      for (const node of nodes) {
        await until('known', async () => (await verifyAt(node, key, 'exact')) === 'VALID')
      }
      await until('they know each other', knowEachOther)
      await redis.kill()
      const { VALID = 0, QUOTA_EXCEEDED = 0, ...others } = await asked('exact', key, 300)
      assert.deepEqual(others, {})
      assert.equal(VALID + QUOTA_EXCEEDED, 300)
      assert.ok(VALID <= 90, `${VALID} passed`)
      assert.ok(VALID >= 60, `only ${VALID} passed`)
      await until('all say so', async () => (await alone()) === NODES)
      await redis.restart()
      await until('all count together again', async () => (await alone()) === 0)
      const fresh = await limited('exact', { name: 'calls', limit: 50, period: 'month' })
      assert.deepEqual(await asked('exact', fresh, 120), { VALID: 50, QUOTA_EXCEEDED: 70 })
    },
  )
})
