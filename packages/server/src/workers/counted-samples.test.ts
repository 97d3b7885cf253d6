import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DecisionVia } from '../observe/decision-entry.ts'
import { renderTogether } from '../observe/metric-samples.ts'
import { Metrics } from '../observe/metrics.ts'
import { CountedSamples } from './counted-samples.ts'

function counting(decisions: number, via: DecisionVia = 'verify'): Metrics {
  const metrics = new Metrics({ processMetrics: false })
  metrics.watch({
    feed: () => ({ position: decisions, lagMs: decisions * 1000 }),
    usage: () => ({ pending: decisions, dropped: decisions }),
    limits: () => ({ isDegraded: false, decidedAlone: 0 }),
  })
  for (let i = 0; i < decisions; i++) metrics.verified('VALID', via, 0.2)
  return metrics
}

/** The value of each series of the text, by its name with labels. */
function seriesOf(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]))
}

test('counters and histograms add up; of the feed it is who is behind most that counts', async () => {
  const text = await renderTogether([await counting(3).samples(), await counting(5).samples()])
  const series = seriesOf(text)
  assert.equal(series.get('credence_verify_total{code="VALID",via="verify"}'), 8)
  assert.equal(series.get('credence_verify_duration_seconds_bucket{via="verify",le="0.00025"}'), 8)
  assert.equal(series.get('credence_verify_duration_seconds_bucket{via="verify",le="0.0001"}'), 0)
  assert.equal(series.get('credence_verify_duration_seconds_count{via="verify"}'), 8)
  assert.equal(series.get('credence_usage_pending'), 8)
  assert.equal(series.get('credence_usage_dropped_total'), 8)
  assert.equal(series.get('credence_feed_position'), 3)
  assert.equal(series.get('credence_feed_lag_seconds'), 5)
  assert.match(text, /^# TYPE credence_verify_duration_seconds histogram$/m)
})

test('one process rendered together with nobody reads as it does alone', async () => {
  const metrics = counting(4)
  assert.deepEqual(
    seriesOf(await renderTogether([await metrics.samples()])),
    seriesOf(await metrics.render()),
  )
})

test('what an ended worker counted stays in the sum, and its gauges go', async () => {
  const counted = new CountedSamples()
  const workers = [{ name: 'first' }, { name: 'second' }, { name: 'third' }]
  for (const [i, worker] of workers.entries()) counted.note(worker, await counting(i + 1).samples())
  const before = seriesOf(await renderTogether(counted.all()))
  counted.ended(workers[0]!)
  counted.ended(workers[2]!)
  counted.note({ name: 'successor' }, await counting(10, 'gateway').samples())
  const after = seriesOf(await renderTogether(counted.all()))
  assert.equal(before.get('credence_verify_total{code="VALID",via="verify"}'), 6)
  assert.equal(after.get('credence_verify_total{code="VALID",via="verify"}'), 6)
  assert.equal(after.get('credence_verify_total{code="VALID",via="gateway"}'), 10)
  assert.equal(after.get('credence_verify_duration_seconds_count{via="verify"}'), 6)
  assert.equal(after.get('credence_usage_pending'), 12)
})

test('a worker that ended before anybody asked it leaves nothing behind', () => {
  const counted = new CountedSamples()
  counted.ended({})
  assert.deepEqual(counted.all(), [[]])
})
