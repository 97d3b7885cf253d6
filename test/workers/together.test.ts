import assert from 'node:assert/strict'
import { test } from 'node:test'
import { issue, makeOrders, startNode, until, verdictOf } from './worker-node.ts'

interface CredentialBody {
  readonly usage: { readonly by_code: Readonly<Record<string, number>> }
}

interface DecisionBody {
  readonly request_id: string
  readonly code: string
}

test('whichever worker is asked explains a decision of any other, and lists the latest of all', async (t) => {
  const node = await startNode(t, 3)
  const connections = [...(await node.connections(1)).values()].map(([connection]) => connection!)
  await makeOrders(connections[0]!)
  const { secret } = await issue(connections[0]!)
  const made: string[] = []
  for (let i = 0; i < 9; i++) made.push((await verdictOf(connections[i % 3]!, secret)).request_id)
  for (const connection of connections) {
    for (const id of made) {
      const { status, body } = await connection.request<DecisionBody>('GET', `/v1/decisions/${id}`)
      assert.deepEqual([status, body.request_id, body.code], [200, id, 'VALID'])
    }
    const listed = await connection.request<{ items: DecisionBody[] }>(
      'GET',
      '/v1/decisions?api=orders&limit=9',
    )
    assert.deepEqual(listed.body.items.map(({ request_id }) => request_id).toSorted(), made.toSorted())
    assert.equal((await connection.request('GET', '/v1/decisions/rnone')).status, 404)
  }
  const why = await node.server.credence(['why', made[4]!])
  assert.equal(why.code, 0, why.stderr)
  assert.match(why.stdout, /^ALLOW/)
})

test('metrics of any worker are the sum over all, and do not fall when one is killed', async (t) => {
  const node = await startNode(t, 3)
  const byWorker = await node.connections(1)
  const connections = [...byWorker.values()].map(([connection]) => connection!)
  await makeOrders(connections[0]!)
  const { secret } = await issue(connections[0]!)
  for (const connection of connections) for (let i = 0; i < 10; i++) await verdictOf(connection, secret)
  const series = async (name: string, from = connections[0]!) => {
    const { text } = await from.request('GET', '/metrics')
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `))
    return Number(line?.slice(name.length + 1))
  }
  const VALID = 'credence_verify_total{code="VALID",via="verify"}'
  for (const connection of connections) {
    assert.equal(await series(VALID, connection), 30)
    assert.equal(await series('credence_workers', connection), 3)
    assert.equal(await series('credence_verify_duration_seconds_count{via="verify"}', connection), 30)
  }
  const [killed] = byWorker.keys()
  const survivor = [...byWorker].find(([number]) => number !== killed)![1][0]!
  process.kill(node.pids().get(killed!)!, 'SIGKILL')
  await until('another takes its place', async () => (await series('credence_workers', survivor)) === 3)
  assert.equal(await series(VALID, survivor), 30)
  await verdictOf(survivor, secret)
  assert.equal(await series(VALID, survivor), 31)
})

test('uses that any worker counted are in one place a moment later', async (t) => {
  const node = await startNode(t, 2)
  const connections = [...(await node.connections(1)).values()].map(([connection]) => connection!)
  await makeOrders(connections[0]!)
  const { id, secret } = await issue(connections[0]!)
  for (let i = 0; i < 20; i++) await verdictOf(connections[i % 2]!, secret)
  for (const connection of connections) {
    await until('all uses are counted', async () => {
      const { body } = await connection.request<CredentialBody>('GET', `/v1/credentials/${id}`)
      return body.usage.by_code.VALID === 20
    })
  }
})
