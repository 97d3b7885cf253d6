import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StatusResource } from '../resources.ts'
import { runAgainst } from '../testing/run-against.ts'
import { at } from '../testing/sample-resources.ts'

const process = { version: '0.1.0', started_at: at(0), position: 41, feed_lag_ms: 12 }
const STATUS: StatusResource = {
  ...{ version: '0.1.0', node: 'node-a', worker: 1, workers: 2, workers_answering: 1, ready: true },
  store: { name: 'postgres', schema: 4 },
  feed: { position: 41, lag_ms: 12, bound_ms: 1000 },
  usage: { queued: 0, dropped: 0 },
  limits: { counted_by: 'valkey', degraded: true, decided_alone: 7 },
  uptime_seconds: 7200,
  listeners: [{ name: 'api', host: '127.0.0.1', port: 6749 }],
  nodes: 2,
  processes: [
    { ...process, node: 'node-a', worker: 1, leader: true },
    { ...process, node: 'node-a', worker: 2, leader: false },
    { ...process, node: 'node-b', worker: null, position: 40, feed_lag_ms: null, leader: false },
  ],
  counts: { apis: 3 },
}

test('status shows the feed against its bound, and a line for every process', async () => {
  const answers = { 'GET /v1/status': { body: STATUS } }
  const { stdout } = await runAgainst(answers, ['status'], { tty: true })
  assert.match(stdout, /^feed +position 41, confirmed 12 ms ago \(bound 1 s\)$/m)
  assert.match(stdout, /^store +postgres, schema 4$/m)
  assert.match(stdout, /^limits +counted by valkey: lost, 7 requests decided alone$/m)
  assert.match(stdout, /^node-a {2}1 +0\.1\.0 +41 +confirmed 12 ms ago {2}yes$/m)
  assert.match(stdout, /^node-b {2}- +0\.1\.0 +40 +not confirmed yet$/m)
})

test('status says how many workers answer where the node has several, and nothing where it has one', async () => {
  const several = await runAgainst({ 'GET /v1/status': { body: STATUS } }, ['status'], { tty: true })
  assert.match(several.stdout, /^workers +1 of 2 answer$/m)
  const alone = { ...STATUS, worker: null, workers: 1, workers_answering: 1 }
  const one = await runAgainst({ 'GET /v1/status': { body: alone } }, ['status'], { tty: true })
  assert.doesNotMatch(one.stdout, /^workers/m)
})

test('status as JSON is what the server said', async () => {
  const answers = { 'GET /v1/status': { body: STATUS } }
  const { stdout } = await runAgainst(answers, ['status', '--json'])
  assert.deepEqual(JSON.parse(stdout), STATUS)
})
