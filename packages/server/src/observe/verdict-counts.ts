import { VERDICT_CODES, type VerdictCode } from '@credence/core'
import { DECISION_VIAS, type DecisionVia } from './decision-entry.ts'
import type { MetricSample, MetricSamples } from './metric-samples.ts'

/** Upper bounds of the buckets, in seconds. A verify from memory takes tens of microseconds. */
export const DURATION_BUCKETS_SECONDS = [
  0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5,
]

const CODE_INDEX = new Map(VERDICT_CODES.map((code, index) => [code, index]))
const VIA_INDEX = new Map(DECISION_VIAS.map((via, index) => [via, index]))
const BUCKETS = DURATION_BUCKETS_SECONDS.length

/** Decisions counted by code and by where they were asked for, in plain arrays: this runs for every request. */
export class VerdictCounts {
  readonly #byCode = new Float64Array(DECISION_VIAS.length * VERDICT_CODES.length)
  /** Per via: how many fell into each bucket, and in the last place how many were longer than all. */
  readonly #byDuration = new Float64Array(DECISION_VIAS.length * (BUCKETS + 1))
  readonly #secondsSum = new Float64Array(DECISION_VIAS.length)

  count(code: VerdictCode, via: DecisionVia, durationMs: number): void {
    const viaIndex = VIA_INDEX.get(via) ?? 0
    const seconds = durationMs / 1000
    let bucket = 0
    while (bucket < BUCKETS && seconds > DURATION_BUCKETS_SECONDS[bucket]!) bucket++
    this.#byCode[viaIndex * VERDICT_CODES.length + (CODE_INDEX.get(code) ?? 0)]! += 1
    this.#byDuration[viaIndex * (BUCKETS + 1) + bucket]! += 1
    this.#secondsSum[viaIndex]! += seconds
  }

  /** Every pair that occurred. */
  *codes(): Iterable<{ code: VerdictCode; via: DecisionVia; count: number }> {
    for (const [viaIndex, via] of DECISION_VIAS.entries()) {
      for (const [codeIndex, code] of VERDICT_CODES.entries()) {
        const count = this.#byCode[viaIndex * VERDICT_CODES.length + codeIndex]!
        if (count > 0) yield { code, via, count }
      }
    }
  }

  /** Per via that occurred: counts per bucket (not cumulative, the last without a bound) and their sum. */
  *durations(): Iterable<{ via: DecisionVia; buckets: Float64Array; secondsSum: number }> {
    for (const [viaIndex, via] of DECISION_VIAS.entries()) {
      const buckets = this.#byDuration.subarray(viaIndex * (BUCKETS + 1), (viaIndex + 1) * (BUCKETS + 1))
      if (buckets.some((count) => count > 0)) {
        yield { via, buckets, secondsSum: this.#secondsSum[viaIndex]! }
      }
    }
  }
}

const NAME = 'credence_verify_duration_seconds'

/**
 * The durations as a histogram: cumulative buckets, then sum and count, for each via. prom-client's own histogram can
 * only be filled one observation at a time, each at many times the cost of adding one to an array.
 */
export function durationSamples(counts: VerdictCounts): MetricSamples {
  const values: MetricSample[] = []
  for (const { via, buckets, secondsSum } of counts.durations()) {
    let total = 0
    for (const [index, count] of buckets.entries()) {
      total += count
      const le = DURATION_BUCKETS_SECONDS[index] ?? '+Inf'
      values.push({ metricName: `${NAME}_bucket`, labels: { via, le }, value: total })
    }
    values.push({ metricName: `${NAME}_sum`, labels: { via }, value: secondsSum })
    values.push({ metricName: `${NAME}_count`, labels: { via }, value: total })
  }
  const help = 'Time that a decision took, in seconds.'
  return { name: NAME, help, type: 'histogram', aggregator: 'sum', values }
}
