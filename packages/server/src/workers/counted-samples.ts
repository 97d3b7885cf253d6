import type { MetricSample, MetricSamples } from '../observe/metric-samples.ts'

type Samples = readonly MetricSamples[]

/**
 * What each worker counted when it was last asked. Counts of one that has ended, or does not answer, stay in the sum:
 * a counter that fell would be read as one that began anew, and all of it as what happened since.
 */
export class CountedSamples {
  readonly #last = new Map<object, Samples>()
  #ofEnded: Samples = []

  /** The newest of a worker, which is told from others by its identity. */
  note(worker: object, samples: Samples): void {
    this.#last.set(worker, samples)
  }

  /** Keeps what the worker counted; its gauges are about nothing any more. */
  ended(worker: object): void {
    const counted = this.#last.get(worker)?.filter(({ type }) => type !== 'gauge') ?? []
    this.#last.delete(worker)
    this.#ofEnded = added(this.#ofEnded, counted)
  }

  /** Of each worker, and of all that have ended together. */
  all(): Samples[] {
    return [...this.#last.values(), this.#ofEnded]
  }
}

function added(one: Samples, other: Samples): Samples {
  const byName = new Map(one.map((metric) => [metric.name, metric]))
  for (const metric of other) {
    const same = byName.get(metric.name)
    const values = same === undefined ? metric.values : addedValues(same.values, metric.values)
    byName.set(metric.name, { ...metric, values })
  }
  return [...byName.values()]
}

function addedValues(one: readonly MetricSample[], other: readonly MetricSample[]): MetricSample[] {
  const bySeries = new Map(one.map((sample) => [seriesOf(sample), sample]))
  for (const sample of other) {
    const value = (bySeries.get(seriesOf(sample))?.value ?? 0) + sample.value
    bySeries.set(seriesOf(sample), { ...sample, value })
  }
  return [...bySeries.values()]
}

function seriesOf({ metricName, labels }: MetricSample): string {
  return JSON.stringify([metricName, labels])
}
