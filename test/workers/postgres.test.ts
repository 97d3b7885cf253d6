import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { type TestContext, test } from 'node:test'
import { rounds } from '@credence/core/testing/rounds'
import { newDatabase } from '@credence/server/testing/postgres-fixture'
import { type Revoked, type Verified, violations } from '../cluster/history.ts'
import { runCommand, temporaryFolder } from '../running-server.ts'
import type { Connection } from './connection.ts'
import {
  issue,
  makeOrders,
  type StatusBody,
  startNode,
  until,
  verdictOf,
  type WorkerNode,
} from './worker-node.ts'

/** Two nodes of two workers each, on one database. */
async function twoNodes(t: TestContext): Promise<readonly [WorkerNode, WorkerNode]> {
  const folder = temporaryFolder()
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const env = { CREDENCE_DATABASE_URL: await newDatabase(), CREDENCE_KEYRING: join(folder, 'keyring.json') }
  const made = await runCommand(['keyring', 'create'], env)
  assert.equal(made.code, 0, made.stderr)
  const one = await startNode(t, 2, { env, dataPath: join(folder, 'a') })
  const key = one.server.adminKey
  return [one, await startNode(t, 2, { env, dataPath: join(folder, 'b'), key })]
}

test('on PostgreSQL every worker of every node acts on a revoke once it is acknowledged', async (t) => {
  const nodes = await twoNodes(t)
  const load: { readonly node: string; readonly connection: Connection }[] = []
  for (const [index, node] of nodes.entries()) {
    for (const [number, ofOne] of await node.connections(2)) {
      for (const connection of ofOne) load.push({ node: `${index}/${number}`, connection })
    }
  }
  const revokers = [nodes[0].connect(), nodes[1].connect()]
  await makeOrders(revokers[0]!)
  const verified: Verified[] = []
  const revoked: Revoked[] = []
  for (let round = 0; round < rounds(10); round++) {
    const { id, secret, revision } = await issue(revokers[round % 2]!)
    for (const { connection } of load) {
      assert.equal((await verdictOf(connection, secret, { at_least: revision })).code, 'VALID')
    }
    let isOver = false
    const asking = load.map(async ({ node, connection }) => {
      while (!isOver) {
        const startMs = performance.now()
        const { code } = await verdictOf(connection, secret)
        verified.push({ node, credentialId: id, startMs, endMs: performance.now(), code })
      }
    })
    const startMs = performance.now()
    const revoke = await revokers[(round + 1) % 2]!.request('POST', `/v1/credentials/${id}/revoke`, {})
    revoked.push({ credentialId: id, startMs, acknowledgedMs: performance.now() })
    assert.equal(revoke.status, 200, revoke.text)
    for (const { connection } of load) assert.equal((await verdictOf(connection, secret)).code, 'REVOKED')
    isOver = true
    await Promise.all(asking)
  }
  const late = violations({ verified, revoked }, 0).filter(({ rule }) => rule === 'accepted past the bound')
  assert.deepEqual(late, [])
  assert.ok(verified.some(({ code }) => code === 'VALID') && verified.some(({ code }) => code === 'REVOKED'))
})

test('on PostgreSQL the status shows every process of every node, and the workers of a node count limits together', async (t) => {
  const nodes = await twoNodes(t)
  await makeOrders(nodes[0].connect())
  const limits = [{ name: 'calls', limit: 50, window_seconds: 86_400 }]
  const { secret } = await issue(nodes[0].connect(), { limits })
  const connections = [...(await nodes[0].connections(2)).values()].flat()
  await until('all four are known', async () => {
    const { body } = await connections[0]!.request<StatusBody & { nodes: number }>('GET', '/v1/status')
    return body.processes.length === 4 && body.nodes === 2
  })
  let allowed = 0
  for (let i = 0; i < 80; i++) {
    if ((await verdictOf(connections[i % 4]!, secret)).code === 'VALID') allowed += 1
  }
  // Their primary counts for them. Without Valkey, each node counts for itself.
  assert.equal(allowed, 50)
})
