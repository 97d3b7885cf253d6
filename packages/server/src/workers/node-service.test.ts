import assert from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import { type TestContext, test } from 'node:test'
import { refuse } from '@credence/core'
import { DecisionLog } from '../observe/decisions.ts'
import { Metrics } from '../observe/metrics.ts'
import { type NodeView, viewOfOne } from '../observe/node-view.ts'
import { NodeGathering } from './node-service.ts'
import type { WorkerService } from './protocol.ts'
import { type Line, line } from './testing/line.ts'
import { viewOfNode } from './view-of-node.ts'
import type { Worker } from './worker-set.ts'

interface Member {
  readonly worker: Worker
  readonly line: Line
  readonly decisions: DecisionLog
  readonly metrics: Metrics
  readonly view: NodeView
}

/** Workers that know what is told to each; those whose number is among `still` never answer. */
function node(t: TestContext, count: number, still: readonly number[] = []) {
  const members: Member[] = []
  const gathering = new NodeGathering(
    { count, ready: () => members.map(({ worker }) => worker) },
    { leads: () => true, isJournalKept: () => true },
  )
  for (let number = 1; number <= count; number++) {
    const ends = line()
    t.after(ends.cut)
    const [decisions, metrics] = [new DecisionLog(), new Metrics({ processMetrics: false })]
    const own = viewOfOne(decisions, metrics)
    const service: WorkerService = {
      ping: async () => {},
      decision: own.decision,
      decisions: own.decisions,
      metrics: () => metrics.samples(),
      stop: async () => {},
    }
    if (!still.includes(number)) ends.worker.serve('worker', service)
    else ends.worker.serve('worker', STILL)
    const worker = { number, channel: ends.primary, remote: ends.primary.remote<WorkerService>('worker') }
    gathering.serve(worker)
    members.push({ worker, line: ends, decisions, metrics, view: viewOfNode(ends.worker, own) })
  }
  return members
}

const never = () => new Promise<never>(() => {})
const STILL: WorkerService = { ping: never, decision: never, decisions: never, metrics: never, stop: never }

function decide(member: Member, requestId: string, atMs: number, workspaceId = 'ws_1'): void {
  member.decisions.record({
    requestId,
    workspaceId,
    atMs,
    durationMs: 0.1,
    via: 'verify',
    method: null,
    path: null,
    ip: null,
    decision: refuse(null, 'secret', 'NOT_FOUND', 'no such credential'),
  })
}

test('whichever worker is asked finds a decision of any other, of the workspace that asks', async (t) => {
  const members = node(t, 3)
  for (const [i, member] of members.entries()) decide(member, `r${i + 1}`, i)
  decide(members[0]!, 'foreign', 5, 'ws_2')
  for (const { view } of members) {
    for (const id of ['r1', 'r2', 'r3']) {
      const found = await view.decision('ws_1', id)
      assert.deepEqual([found?.request_id, found?.code], [id, 'NOT_FOUND'])
    }
    assert.equal(await view.decision('ws_1', 'r4'), undefined)
    assert.equal(await view.decision('ws_1', 'foreign'), undefined)
  }
})

test('the latest decisions of all are listed as one list, newest first, no more than asked for', async (t) => {
  const members = node(t, 3)
  for (let i = 0; i < 12; i++) decide(members[i % 3]!, `r${i}`, i * 1000)
  const listed = await members[1]!.view.decisions({ workspaceId: 'ws_1', limit: 7 })
  assert.deepEqual(
    listed.map(({ request_id }) => request_id),
    ['r11', 'r10', 'r9', 'r8', 'r7', 'r6', 'r5'],
  )
})

test('a worker that stands still is left out, in a bounded time, and what it alone knows is not found', async (t) => {
  const members = node(t, 3, [2])
  decide(members[0]!, 'r1', 1)
  decide(members[1]!, 'r2', 2)
  members[2]!.metrics.verified('VALID', 'verify', 0.1)
  const startedMs = performance.now()
  const { view } = members[2]!
  const [found, lost, listed, text, workers] = await Promise.all([
    view.decision('ws_1', 'r1'),
    view.decision('ws_1', 'r2'),
    view.decisions({ workspaceId: 'ws_1', limit: 5 }),
    view.metrics(),
    view.workers(),
  ])
  assert.ok(performance.now() - startedMs < 3000)
  assert.equal(found?.request_id, 'r1')
  assert.equal(lost, undefined)
  assert.deepEqual(
    listed.map(({ request_id }) => request_id),
    ['r1'],
  )
  assert.match(text, /^credence_verify_total\{code="VALID",via="verify"\} 1$/m)
  assert.deepEqual(workers, { count: 3, answering: 2 })
})

test('metrics of any worker are the sum over all, and never fall when one of them ends', async (t) => {
  const members = node(t, 3)
  for (const [i, { metrics }] of members.entries()) {
    for (let n = 0; n <= i; n++) metrics.verified('VALID', 'verify', 0.1)
  }
  const total = async () => {
    const text = await members[0]!.view.metrics()
    return Number(/^credence_verify_total\{code="VALID",via="verify"\} (\d+)$/m.exec(text)?.[1])
  }
  assert.equal(await total(), 6)
  members[2]!.line.cut()
  await members[2]!.worker.channel.ended
  assert.equal(await total(), 6)
  members[0]!.metrics.verified('VALID', 'verify', 0.1)
  assert.equal(await total(), 7)
})

test('metrics say how many workers are ready, and hold the memory of the primary once', async (t) => {
  const members = node(t, 2)
  const text = await members[1]!.view.metrics()
  assert.match(text, /^credence_workers 2$/m)
  assert.ok(Number(/^process_resident_memory_bytes (\d+)$/m.exec(text)?.[1]) > 1_000_000)
})
