import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type RedisServer, startRedis } from '@credence/server/testing/redis-fixture'
import { type Cluster, startCluster } from './cluster.ts'
import { expected, type Issued, issueKey, protectOrders, until, verifyAt } from './protected.ts'

const NODES = 3

describe('limits on three nodes that share a Valkey', () => {
  let redis: RedisServer
  let cluster: Cluster
  before(async () => {
    redis = await startRedis()
    cluster = await startCluster({
      nodes: NODES,
      env: { CREDENCE_VALKEY_URL: redis.url, CREDENCE_TRUSTED_PROXIES: '127.0.0.1' },
    })
    await protectOrders(cluster)
  })
  after(async () => {
    await cluster?.close()
    await redis?.close()
  })

  const limited = (limit: object) => issueKey(cluster.nodes[0]!, cluster.adminKey, { limits: [limit] })
  const exact = (exact_limits: boolean) =>
    cluster.nodes[0]!.ask('PATCH', '/v1/apis/orders', cluster.adminKey, { exact_limits }).then((answer) =>
      expected(answer, 200),
    )

  /** Asks `count` times over all nodes, some at once, and counts what each code was. */
  async function asked(key: Issued, count: number): Promise<Record<string, number>> {
    const codes: Record<string, number> = {}
    let sent = 0
    const lane = async (number: number) => {
      while (sent < count) {
        sent += 1
        const code = String(await verifyAt(cluster.nodes[number % NODES]!, key))
        codes[code] = (codes[code] ?? 0) + 1
      }
    }
    await Promise.all(Array.from({ length: 12 }, (_, number) => lane(number)))
    return codes
  }

  test('where the API says exact, exactly as many pass as the limit says', async () => {
    await exact(true)
    const key = await limited({ name: 'calls', limit: 250, period: 'month' })
    assert.deepEqual(await asked(key, 600), { VALID: 250, QUOTA_EXCEEDED: 350 })
  })

  test('otherwise no more than the limit and what the nodes may hold of it', async () => {
    await exact(false)
    const limit = 1000
    const key = await limited({ name: 'calls', limit, window_seconds: 3600 })
    const startMs = performance.now()
    const { VALID = 0, RATE_LIMITED = 0, ...others } = await asked(key, 1600)
    const refilled = Math.ceil(((performance.now() - startMs) / 3_600_000) * limit)
    const held = NODES * Math.floor(limit / 50)
    assert.deepEqual(others, {})
    assert.equal(VALID + RATE_LIMITED, 1600)
    assert.ok(VALID <= limit + refilled + held, `${VALID} passed`)
    assert.ok(VALID >= limit - held, `only ${VALID} passed`)
  })

  test('a Valkey that is gone leaves each node its share, says so, and counts again once it is back', async () => {
    await exact(true)
    const key = await limited({ name: 'calls', limit: 90, period: 'month' })
    const degraded = async () => {
      const states = cluster.nodes.map(async (node) => {
        const { body } = expected(await node.ask('GET', '/v1/status', cluster.adminKey), 200)
        return (body.limits as { degraded: boolean }).degraded
      })
      return (await Promise.all(states)).filter(Boolean).length
    }
    // Known to all nodes before, so that none of them is busy finding out.
    for (const node of cluster.nodes) await until('warm', async () => (await verifyAt(node, key)) === 'VALID')
    await redis.kill()
    const { VALID = 0, QUOTA_EXCEEDED = 0, ...others } = await asked(key, 300)
    assert.deepEqual(others, {})
    assert.equal(VALID + QUOTA_EXCEEDED, 300)
    assert.ok(VALID <= 90, `${VALID} passed`)
    assert.ok(VALID >= 60, `only ${VALID} passed`)
    await until('all say so', async () => (await degraded()) === NODES)
    await redis.restart()
    await until('all count together again', async () => (await degraded()) === 0)
    const fresh = await limited({ name: 'calls', limit: 50, period: 'month' })
    assert.deepEqual(await asked(fresh, 120), { VALID: 50, QUOTA_EXCEEDED: 70 })
  })
})
