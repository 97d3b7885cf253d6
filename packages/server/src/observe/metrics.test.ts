import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VERDICT_CODES } from '@credence/core'
import { DECISION_VIAS } from './decision-entry.ts'
import { Metrics } from './metrics.ts'

function value(text: string, line: string): number {
  const found = text.split('\n').find((candidate) => candidate.startsWith(`${line} `))
  return found === undefined ? Number.NaN : Number(found.slice(line.length + 1))
}

test('decisions are counted by code and via', async () => {
  const metrics = new Metrics({ processMetrics: false })
  for (const [codeIndex, code] of VERDICT_CODES.entries()) {
    for (const [viaIndex, via] of DECISION_VIAS.entries()) {
      for (let n = 0; n < codeIndex + viaIndex * 100; n++) metrics.verified(code, via, 1)
    }
  }
  const text = await metrics.render()
  for (const [codeIndex, code] of VERDICT_CODES.entries()) {
    for (const [viaIndex, via] of DECISION_VIAS.entries()) {
      const expected = codeIndex + viaIndex * 100
      const counted = value(text, `credence_verify_total{code="${code}",via="${via}"}`)
      if (expected > 0) assert.equal(counted, expected, `${code} ${via}`)
    }
  }
})

test('durations fall into cumulative buckets, bounds included, with sum and count', async () => {
  const metrics = new Metrics({ processMetrics: false })
  for (const durationMs of [0, 0.05, 1, 1.5, 10_000]) metrics.verified('VALID', 'gateway', durationMs)
  const text = await metrics.render()
  const bucket = (le: string) =>
    value(text, `credence_verify_duration_seconds_bucket{via="gateway",le="${le}"}`)
  assert.deepEqual(['0.00005', '0.001', '0.0025', '5', '+Inf'].map(bucket), [2, 3, 4, 4, 5])
  assert.equal(value(text, 'credence_verify_duration_seconds_count{via="gateway"}'), 5)
  const sum = value(text, 'credence_verify_duration_seconds_sum{via="gateway"}')
  assert.ok(Math.abs(sum - 10.00255) < 1e-9)
  assert.doesNotMatch(text, /duration_seconds_bucket\{via="admin"/)
})

test('reading twice counts nothing twice', async () => {
  const metrics = new Metrics({ processMetrics: false })
  metrics.verified('VALID', 'gateway', 1)
  metrics.responded('api', 200)
  assert.equal(await metrics.render(), await metrics.render())
})

test('responses are counted by listener and status, and odd statuses make no series', async () => {
  const metrics = new Metrics({ processMetrics: false })
  metrics.responded('api', 200)
  metrics.responded('api', 200)
  metrics.responded('gateway', 401)
  for (const status of [0, 99, 600, 1e9, Number.NaN, 200.5]) metrics.responded('gateway', status)
  const text = await metrics.render()
  assert.equal(value(text, 'credence_http_requests_total{listener="api",status="200"}'), 2)
  assert.equal(value(text, 'credence_http_requests_total{listener="gateway",status="401"}'), 1)
  assert.equal(value(text, 'credence_http_requests_total{listener="gateway",status="0"}'), 6)
})

test('feed, usage and limits are read when the metrics are', async () => {
  const metrics = new Metrics({ processMetrics: false })
  let position = 1
  let isDegraded = true
  metrics.watch({
    feed: () => ({ position, lagMs: 250 }),
    usage: () => ({ pending: 3, dropped: 2 }),
    limits: () => ({ isDegraded, decidedAlone: 5 }),
  })
  await metrics.render()
  position = 7
  const text = await metrics.render()
  assert.equal(value(text, 'credence_feed_position'), 7)
  assert.equal(value(text, 'credence_feed_lag_seconds'), 0.25)
  assert.equal(value(text, 'credence_usage_pending'), 3)
  assert.equal(value(text, 'credence_usage_dropped_total'), 2)
  assert.equal(value(text, 'credence_limits_degraded'), 1)
  assert.equal(value(text, 'credence_limits_degraded_decisions_total'), 5)
  isDegraded = false
  assert.equal(value(await metrics.render(), 'credence_limits_degraded'), 0)
})

test('the text is in the exposition format: every sample line has a number, every metric help and type', async () => {
  const metrics = new Metrics({ processMetrics: true })
  metrics.watch({
    feed: () => ({ position: 1, lagMs: 1 }),
    usage: () => ({ pending: 0, dropped: 0 }),
    limits: () => ({ isDegraded: false, decidedAlone: 0 }),
  })
  metrics.verified('VALID', 'verify', 0.2)
  const text = await metrics.render()
  assert.ok(text.endsWith('\n'))
  assert.match(text, /process_resident_memory_bytes/)
  for (const line of text.split('\n').filter((candidate) => candidate !== '' && !candidate.startsWith('#'))) {
    assert.match(line, /^[a-z_:][a-z0-9_:]*(\{[^{}]*\})? (-?[0-9.e+-]+|Nan)$/i, line)
  }
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1])
  assert.equal(new Set(names).size, names.length, 'a metric is described twice')
  assert.match(metrics.contentType, /^text\/plain/)
})

test('two servers in one process keep their metrics apart', async () => {
  const [one, two] = [new Metrics({ processMetrics: false }), new Metrics({ processMetrics: false })]
  one.verified('VALID', 'gateway', 1)
  assert.doesNotMatch(await two.render(), /code="VALID"/)
})
