import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { test } from 'node:test'
import { rounds, seed } from '@credence/core/testing/rounds'
import { drawing } from '../durability/load.ts'
import { request, temporaryFolder } from '../running-server.ts'
import type { Connection } from './connection.ts'
import {
  issue,
  lives,
  makeOrders,
  startNode,
  until,
  verdictOf,
  type WorkerNode,
  workerOf,
} from './worker-node.ts'

/** What a writer was told, and how often its connection broke. */
interface Written {
  readonly acknowledged: Map<string, string>
  broken: number
}

/** Issues keys over ever new connections, until it is told to stop; what breaks is tried again on the next. */
async function keepWriting(node: WorkerNode, isOver: () => boolean): Promise<Written> {
  const written: Written = { acknowledged: new Map(), broken: 0 }
  while (!isOver()) {
    const connection = node.connect()
    try {
      for (let i = 0; i < 20 && !isOver(); i++) {
        const { id, secret } = await issue(connection)
        written.acknowledged.set(id, secret)
      }
    } catch (error) {
      // Only a connection may break: an answer that is none of 201 is a fault of the node.
      if (!(error instanceof Error && 'code' in error)) throw error
      written.broken += 1
    } finally {
      connection.close()
    }
  }
  return written
}

test('kill -9 of workers under load loses no acknowledged write, and the service goes on', async (t) => {
  const kills = rounds(8)
  const from = seed()
  const draw = drawing(from)
  console.log(`workers killed under load: ${kills} kills, seed ${from}`)
  const node = await startNode(t, 3)
  await makeOrders(node.connect())
  let isOver = false
  const writing = Array.from({ length: 6 }, () => keepWriting(node, () => isOver))
  for (let kill = 0; kill < kills; kill++) {
    const number = 1 + draw(3)
    const before = node.pids().get(number)!
    await new Promise((resolve) => setTimeout(resolve, draw(200)))
    process.kill(before, 'SIGKILL')
    // The others answer meanwhile, on connections of their own.
    const { secret } = await issueSomewhere(node)
    assert.equal((await verdictSomewhere(node, secret)).code, 'VALID')
    await until(`worker ${number} is there again`, () => node.pids().get(number) !== before)
  }
  isOver = true
  const written = await Promise.all(writing)
  const acknowledged = new Map(written.flatMap((one) => [...one.acknowledged]))
  const broken = written.reduce((sum, one) => sum + one.broken, 0)
  console.log(`${acknowledged.size} writes acknowledged, ${broken} connections lost`)
  assert.ok(acknowledged.size > kills && broken > 0, 'the kills came under load')
  const connections = [...(await node.connections(1)).values()].map(([connection]) => connection!)
  for (const [place, [id, secret]] of [...acknowledged].entries()) {
    const { code } = await verdictOf(connections[place % 3]!, secret)
    assert.equal(code, 'VALID', `${id} was acknowledged`)
  }
})

test('kill -9 of the primary ends its workers at once: none goes on answering, or is left', async (t) => {
  const node = await startNode(t, 3)
  const connections = await node.connections(1)
  await makeOrders(node.connect())
  const { secret } = await issue(node.connect())
  for (const [connection] of connections.values()) {
    assert.equal((await verdictOf(connection!, secret)).code, 'VALID')
  }
  const pids = [...node.pids().values()]
  const answering = [...connections.values()].map(([connection]) => untilItBreaks(connection!, secret))
  const killedMs = performance.now()
  const killed = node.server.kill()
  const ends = await Promise.all(answering)
  await killed
  await until('no worker is left', () => pids.every((pid) => !lives(pid)))
  // Well within the lease of a second.
  for (const endMs of ends) assert.ok(endMs - killedMs < 900, `answered for ${endMs - killedMs} ms`)
  await assert.rejects(request(`${node.server.api}/healthz`, 'GET'))
})

test('a worker that stood still while its node was started anew accepts nothing that was revoked meanwhile', async (t) => {
  const dataPath = temporaryFolder()
  t.after(() => rmSync(dataPath, { recursive: true, force: true }))
  const node = await startNode(t, 2, { dataPath })
  const connections = await node.connections(1)
  const [stale] = connections.get(1)!
  await makeOrders(stale!)
  const { id, secret } = await issue(stale!)
  assert.equal((await verdictOf(stale!, secret)).code, 'VALID')
  const [stopped, other] = [node.pids().get(1)!, node.pids().get(2)!]
  process.kill(stopped, 'SIGSTOP')
  t.after(() => lives(stopped) && process.kill(stopped, 'SIGKILL'))
  node.server.child.kill('SIGKILL')
  await until('the other worker is gone', () => !lives(other))

  const anew = await startNode(t, 2, { dataPath })
  const revoke = await anew.connect().request('POST', `/v1/credentials/${id}/revoke`, {})
  assert.equal(revoke.status, 200, revoke.text)
  const late = verdictOf(stale!, secret).then(
    ({ code }) => code,
    () => 'broken',
  )
  process.kill(stopped, 'SIGCONT')
  assert.notEqual(await late, 'VALID')
  await until('it is gone', () => !lives(stopped))
})

test('a worker that stands still keeps nobody from answering, and is counted as not answering', async (t) => {
  const node = await startNode(t, 3)
  const connections = await node.connections(1)
  await makeOrders(node.connect())
  const stopped = node.pids().get(2)!
  process.kill(stopped, 'SIGSTOP')
  t.after(() => lives(stopped) && process.kill(stopped, 'SIGCONT'))
  const [connection] = connections.get(1)!
  const { id, secret } = await issue(connection!)
  const { body } = await connection!.request<{ workers: number; workers_answering: number }>(
    'GET',
    '/v1/status',
  )
  assert.deepEqual([body.workers, body.workers_answering], [3, 2])
  const startMs = performance.now()
  const revoke = await connection!.request<{ propagation: { confirmed: number } }>(
    'POST',
    `/v1/credentials/${id}/revoke`,
    {},
  )
  // It is waited for no longer than its lease, after which it acts on nothing older by itself.
  assert.equal(revoke.status, 200, revoke.text)
  assert.ok(performance.now() - startMs >= 900)
  assert.equal((await verdictOf(connections.get(3)![0]!, secret)).code, 'REVOKED')
  const late = verdictOf(connections.get(2)![0]!, secret)
  process.kill(stopped, 'SIGCONT')
  assert.equal((await late).code, 'REVOKED')
})

test('a worker that is killed again and again comes back, ever later, and the others do not mind', async (t) => {
  const node = await startNode(t, 2)
  const [connection] = (await node.connections(1)).get(1)!
  for (let i = 0; i < 3; i++) {
    const before = node.pids().get(2)!
    process.kill(before, 'SIGKILL')
    await until('it is there again', () => node.pids().get(2) !== before)
    assert.equal(await workerOf(connection!), 1)
  }
  const delays = [...node.server.output().stderr.matchAll(/"restart_in_ms":(\d+)/g)].map((match) => match[1])
  assert.deepEqual(delays, ['100', '200', '400'])
})

/** When a connection's last verdict was answered; it is asked for until the connection breaks. */
async function untilItBreaks(connection: Connection, secret: string): Promise<number> {
  let endMs = 0
  try {
    for (;;) {
      const { code } = await verdictOf(connection, secret)
      endMs = performance.now()
      assert.equal(code, 'VALID')
    }
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error
    return endMs
  }
}

/** A new connection may be handed to a worker that has just been killed: then it breaks, and another does not. */
async function somewhere<R>(node: WorkerNode, ask: (connection: Connection) => Promise<R>): Promise<R> {
  for (let tries = 0; ; tries++) {
    const connection = node.connect()
    try {
      return await ask(connection)
    } catch (error) {
      if (tries === 5) throw error
    } finally {
      connection.close()
    }
  }
}

const issueSomewhere = (node: WorkerNode) => somewhere(node, (connection) => issue(connection))
const verdictSomewhere = (node: WorkerNode, secret: string) =>
  somewhere(node, (connection) => verdictOf(connection, secret))
