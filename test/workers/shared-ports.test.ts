import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { runCommand, startRefused, temporaryFolder } from '../running-server.ts'
import { lives, type StatusBody, startNode, until, workerOf } from './worker-node.ts'

test('every listener is one port for all workers, and connections go to each of them in turn', async (t) => {
  const env = { CREDENCE_ADMIN_LISTEN: '127.0.0.1:0', CREDENCE_OPS_LISTEN: '127.0.0.1:0' }
  const node = await startNode(t, 3, { env })
  const { urls } = node.server
  assert.deepEqual([...urls.keys()].toSorted(), ['admin', 'api', 'gateway', 'ops'])
  assert.equal(new Set(urls.values()).size, 4)
  const answered = new Map<number, number>()
  for (let i = 0; i < 12; i++) {
    const worker = await workerOf(node.connect(urls.get('admin')))
    answered.set(worker, (answered.get(worker) ?? 0) + 1)
  }
  assert.deepEqual([...answered].toSorted(), [
    [1, 4],
    [2, 4],
    [3, 4],
  ])
  for (let i = 0; i < 6; i++) {
    const ready = await node.connect(urls.get('ops')).request('GET', '/readyz')
    assert.deepEqual([ready.status, ready.body], [200, { status: 'ready' }])
    const self = await node.connect(urls.get('api')).request('GET', '/v1/credentials/self')
    assert.equal(self.status, 200, self.text)
    assert.equal((await node.connect(urls.get('gateway')).request('GET', '/nowhere')).status, 404)
  }
})

test('the banner says how many workers there are, and the status of each names it and all of them', async (t) => {
  const node = await startNode(t, 2)
  assert.match(node.server.output().stdout, /^credence \S+ ready in .* 2 workers$/m)
  const connections = await node.connections(1)
  for (const [number, [connection]] of connections) {
    const { body } = await connection!.request<StatusBody>('GET', '/v1/status')
    assert.deepEqual([body.worker, body.workers, body.workers_answering], [number, 2, 2])
    // Signs of life are exchanged once a second. What only one node does their primary does for both.
    await until('each worker is known', async () => {
      const { processes } = (await connection!.request<StatusBody>('GET', '/v1/status')).body
      const known = processes.map(({ worker, leader }) => `${worker} ${leader}`).toSorted()
      return known.join() === '1 true,2 true'
    })
  }
  const shown = await node.server.credence(['status'])
  assert.equal(shown.code, 0, shown.stderr)
})

test('one process is what there is where nobody asks for more', async (t) => {
  const node = await startNode(t, 1)
  const { body } = await node.connect().request<StatusBody>('GET', '/v1/status')
  assert.deepEqual([body.worker, body.workers, body.workers_answering], [null, 1, 1])
  assert.deepEqual([...node.pids()], [])
})

test('a port that is taken keeps all from starting: one line says so, and no process is left', async (t) => {
  const dataPath = temporaryFolder()
  t.after(() => rmSync(dataPath, { recursive: true, force: true }))
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  t.after(() => other.close())
  const { port } = other.address() as AddressInfo
  const env = { CREDENCE_WORKERS: '3', CREDENCE_GATEWAY_LISTEN: `127.0.0.1:${port}` }
  const { code, stdout, stderr } = await startRefused({ dataPath, env })
  assert.equal(code, 1, stdout + stderr)
  assert.match(stderr, /^credence: .*EADDRINUSE.*$/m)
  assert.doesNotMatch(stderr, /^\s+at /m)
})

test('a number of workers that makes no sense is refused by name', async () => {
  for (const workers of ['0', '-1', '1.5', 'many', '257']) {
    const { code, stderr } = await runCommand(['start'], { CREDENCE_WORKERS: workers })
    assert.equal(code, 1)
    assert.match(stderr, /CREDENCE_WORKERS/)
    assert.match(stderr, /from 1 to 256, or auto/)
  }
})

test('a connection beyond what the workers may have is closed unread; the others are served, and room made is used', async (t) => {
  const env = { CREDENCE_MAX_CONNECTIONS: '2', CREDENCE_OPS_LISTEN: '127.0.0.1:0' }
  const node = await startNode(t, 2, { env })
  const { gateway } = node.server
  const connections = Array.from({ length: 4 }, () => node.connect(gateway))
  for (const connection of connections) assert.equal((await connection.request('GET', '/a')).status, 404)
  await assert.rejects(node.connect(gateway).request('GET', '/a'), { code: 'ECONNRESET' })
  for (const connection of connections) assert.equal((await connection.request('GET', '/a')).status, 404)
  const { text } = await node.connect(node.server.urls.get('ops')).request('GET', '/metrics')
  assert.match(text, /^credence_connections_refused_total\{listener="gateway"\} 1$/m)
  for (const connection of connections) connection.close()
  await until('there is room again', async () => {
    const answer = node.connect(gateway).request('GET', '/a')
    return (await answer.catch(() => null))?.status === 404
  })
})

test('SIGTERM fails readiness first, everywhere, answers what is in flight, and ends with 0 and no process left', async (t) => {
  const env = { CREDENCE_READINESS_DELAY_SECONDS: '1', CREDENCE_OPS_LISTEN: '127.0.0.1:0' }
  const node = await startNode(t, 2, { env })
  const pids = [...node.pids().values()]
  const probes = Array.from({ length: 4 }, () => node.connect(node.server.urls.get('ops')))
  for (const probe of probes) assert.equal((await probe.request('GET', '/readyz')).status, 200)
  const connections = await node.connections(1)
  const stopping = node.server.stop()
  await until('readiness has failed in all workers', async () => {
    const answers = await Promise.all(probes.map((probe) => probe.request('GET', '/readyz')))
    return answers.every(({ status, text }) => status === 503 && text.includes('shutting_down'))
  })
  for (const [connection] of connections.values()) {
    const { status } = await connection!.request('GET', '/v1/credentials/self')
    assert.equal(status, 200)
  }
  const { code, stderr } = await stopping
  assert.equal(code, 0, stderr)
  assert.ok(pids.length === 2 && pids.every((pid) => !lives(pid)))
  assert.doesNotMatch(stderr, /"level":"(error|fatal)"/)
})

test('a signal to every process, as a terminal sends it, ends the node in the same order', async (t) => {
  const node = await startNode(t, 2)
  const pids = [...node.pids().values()]
  for (const pid of pids) process.kill(pid, 'SIGINT')
  for (const pid of pids) process.kill(pid, 'SIGTERM')
  const connections = await node.connections(1)
  assert.equal(connections.size, 2, 'a worker leaves the end to its primary')
  const { code, stderr } = await node.server.stop()
  assert.equal(code, 0, stderr)
  assert.ok(pids.every((pid) => !lives(pid)))
})
