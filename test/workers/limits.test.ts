import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { test } from 'node:test'
import { startServer, temporaryFolder } from '../running-server.ts'
import { Connection } from './connection.ts'
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
  let secret: string | null = null
  const stages = [
    { workers: 3, asked: 35, allowed: 35 },
    { workers: 2, asked: 35, allowed: 35 },
    // What no worker had used when it stopped is there again: 100 in all, and not one more.
    { workers: 1, asked: 50, allowed: 30 },
    { workers: 3, asked: 20, allowed: 0 },
  ]
  for (const { workers, asked, allowed } of stages) {
    const env = { CREDENCE_WORKERS: String(workers) }
    const server = await startServer({ dataPath, env })
    t.after(() => server.stop())
    const connections = Array.from({ length: 6 }, () => new Connection(server.api, server.adminKey))
    if (secret === null) await makeOrders(connections[0]!)
    secret ??= (await issue(connections[0]!, { limits })).secret
    const counts = await tally(connections, secret, asked)
    for (const connection of connections) connection.close()
    assert.equal(counts.get('VALID') ?? 0, allowed, `${workers} workers: ${[...counts]}`)
    assert.equal((await server.stop()).code, 0)
  }
})
