import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { test } from 'node:test'
import { type RunningServer, startServer, temporaryFolder } from '../running-server.ts'
import type { Connection } from './connection.ts'
import { issue, makeOrders, startNode, verdictOf } from './worker-node.ts'

const HOUR = 3600

/** Asks `times` times over all connections at once, and counts the verdicts. */
async function tally(connections: readonly Connection[], secret: string, times: number) {
  const counts = new Map<string, number>()
  let left = times
  await Promise.all(
    connections.map(async (connection) => {
      while (left-- > 0) {
        const { code } = await verdictOf(connection, secret)
        counts.set(code, (counts.get(code) ?? 0) + 1)
      }
    }),
  )
  return counts
}

test('of a limit of 100, three workers together allow exactly 100: a rate, a quota, credits', async (t) => {
  const node = await startNode(t, 3)
  const connections = [...(await node.connections(3)).values()].flat()
  await makeOrders(connections[0]!)
  const kinds = [
    { limit: { name: 'calls', limit: 100, window_seconds: HOUR * 24 }, refused: 'RATE_LIMITED' },
    { limit: { name: 'calls', type: 'quota', limit: 100, period: 'month' }, refused: 'QUOTA_EXCEEDED' },
    { limit: { name: 'calls', type: 'credits', limit: 100 }, refused: 'QUOTA_EXCEEDED' },
  ]
  for (const { limit, refused } of kinds) {
    const { secret } = await issue(connections[0]!, { limits: [limit] })
    const counts = await tally(connections, secret, 300)
    assert.deepEqual(
      [...counts].toSorted(),
      [
        [refused, 200],
        ['VALID', 100],
      ].toSorted(),
      JSON.stringify(limit),
    )
  }
})

test('what was counted of a quota survives a restart, and one into another number of workers', async (t) => {
  const dataPath = temporaryFolder()
  t.after(() => rmSync(dataPath, { recursive: true, force: true }))
  const limits = [{ name: 'calls', type: 'quota', limit: 100, period: 'month' }]
  let secret = ''
  for (const [workers, before] of [
    [3, 0],
    [2, 30],
    [1, 60],
  ] as const) {
    const env = { CREDENCE_WORKERS: String(workers) }
    const server: RunningServer = await startServer({ dataPath, env })
    t.after(() => server.stop())
    if (secret === '') {
      const api = { name: 'orders', audience: 'https://orders.example', scopes: ['orders:read'] }
      await server.request('POST', '/v1/apis', api)
      const body = { kind: 'api_key', api: 'orders', principal: 'billing', scopes: ['orders:read'], limits }
      secret = (await server.request<{ secret: string }>('POST', '/v1/credentials', body)).body.secret
    }
    for (let i = 0; i < 30; i++) {
      const answer = await server.request<{ code: string; limits: { remaining: number }[] }>(
        'POST',
        '/v1/verify',
        {
          credential: secret,
          api: 'orders',
        },
      )
      assert.equal(answer.body.code, 'VALID', answer.text)
      assert.equal(answer.body.limits[0]?.remaining, 100 - before - i - 1)
    }
    assert.equal((await server.stop()).code, 0)
  }
})
