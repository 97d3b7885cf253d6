import { AggregatorRegistry, type Registry } from 'prom-client'

/**
 * One metric with its values, as prom-client hands it over between processes. (Its own types are of an older release:
 * there `type` is a number.)
 */
export interface MetricSamples {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary'
  /** How the values of several processes become one. */
  readonly aggregator: 'sum' | 'first' | 'min' | 'max' | 'average' | 'omit'
  readonly values: readonly MetricSample[]
}

export interface MetricSample {
  /** Where it is not the metric's own: a histogram's `…_bucket`. */
  readonly metricName?: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

export async function samplesOf(registry: Registry): Promise<readonly MetricSamples[]> {
  return (await registry.getMetricsAsJSON()) as unknown as readonly MetricSamples[]
}

/** The text exposition format of what several processes counted. */
export function renderTogether(ofEach: readonly (readonly MetricSamples[])[]): Promise<string> {
  return AggregatorRegistry.aggregate(ofEach as unknown as object[]).metrics()
}
