import type { VerdictCode } from '@credence/core'
import { Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client'
import type { DecisionVia } from './decision-entry.ts'
import { type MetricSamples, samplesOf } from './metric-samples.ts'
import { durationSamples, VerdictCounts } from './verdict-counts.ts'

export type ListenerName = 'api' | 'gateway' | 'admin' | 'ops'

/** What the gauges show: asked when somebody reads the metrics, never in between. */
export interface MetricSources {
  /** Position up to which this node has followed the feed, and how long ago that was confirmed. */
  readonly feed: () => { readonly position: number; readonly lagMs: number }
  /** Usage not yet flushed, and decisions that could not be counted since the start. */
  readonly usage: () => { readonly pending: number; readonly dropped: number }
  /** Whether whoever counts limits for all nodes is lost, and the requests decided without since the start. */
  readonly limits: () => { readonly isDegraded: boolean; readonly decidedAlone: number }
}

export interface MetricsOptions {
  /** Adds memory, event loop and garbage collection of the process. */
  readonly processMetrics: boolean
}

/** The Prometheus metrics of one server, in a registry of their own. */
export class Metrics {
  readonly #registry = new Registry()
  readonly #verdicts = new VerdictCounts()
  /** Listener → count per status. */
  readonly #responses = new Map<ListenerName, Map<number, number>>()

  readonly #refused = new Counter({
    name: 'credence_connections_refused_total',
    help: 'Connections closed at once because as many as may be were open, by listener.',
    labelNames: ['listener'],
    registers: [this.#registry],
  })

  constructor(options: MetricsOptions) {
    const { processMetrics } = options
    if (processMetrics) collectDefaultMetrics({ register: this.#registry })
    const verdicts = this.#verdicts
    const responses = this.#responses
    new Counter({
      name: 'credence_verify_total',
      help: 'Decisions, by code and by where they were asked for.',
      labelNames: ['code', 'via'],
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const { code, via, count } of verdicts.codes()) this.inc({ code, via }, count)
      },
    })
    // All that a registry asks of a metric is its name and its values.
    const durations = { name: durationSamples(verdicts).name, get: () => durationSamples(verdicts) }
    this.#registry.registerMetric(durations as unknown as Metric)
    new Counter({
      name: 'credence_http_requests_total',
      help: 'HTTP responses, by listener and status.',
      labelNames: ['listener', 'status'],
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const [listener, byStatus] of responses) {
          for (const [status, count] of byStatus) this.inc({ listener, status }, count)
        }
      },
    })
  }

  /** One decision. Costs tens of nanoseconds. */
  verified(code: VerdictCode, via: DecisionVia, durationMs: number): void {
    this.#verdicts.count(code, via, durationMs)
  }

  /** One response of a listener. */
  responded(listener: ListenerName, status: number): void {
    let byStatus = this.#responses.get(listener)
    if (byStatus === undefined) {
      byStatus = new Map()
      this.#responses.set(listener, byStatus)
    }
    // An upstream may answer with any number; unbounded labels would be a leak.
    const known = Number.isInteger(status) && status >= 100 && status <= 599 ? status : 0
    byStatus.set(known, (byStatus.get(known) ?? 0) + 1)
  }

  /** One connection that a listener closed because too many are open. */
  connectionRefused(listener: ListenerName): void {
    this.#refused.inc({ listener })
  }

  /** Adds the gauges, once what they show exists. */
  watch(sources: MetricSources): void {
    this.#gauge(
      'credence_feed_position',
      'Position up to which this node has followed the feed.',
      'min',
      () => sources.feed().position,
    )
    this.#gauge(
      'credence_feed_lag_seconds',
      'Time since the feed was last confirmed, in seconds.',
      'max',
      () => sources.feed().lagMs / 1000,
    )
    this.#gauge(
      'credence_usage_pending',
      'Usage entries that wait for the next flush.',
      'sum',
      () => sources.usage().pending,
    )
    this.#gauge(
      'credence_limits_degraded',
      '1 while whoever counts limits for all nodes is lost and this node counts alone, else 0.',
      'max',
      () => (sources.limits().isDegraded ? 1 : 0),
    )
    const { usage, limits } = sources
    new Counter({
      name: 'credence_limits_degraded_decisions_total',
      help: "Requests that were decided by this node's share of a limit.",
      registers: [this.#registry],
      collect() {
        this.reset()
        this.inc(limits().decidedAlone)
      },
    })
    new Counter({
      name: 'credence_usage_dropped_total',
      help: 'Uses that were not counted: too many entries waited, or a flush failed.',
      registers: [this.#registry],
      collect() {
        this.reset()
        this.inc(usage().dropped)
      },
    })
  }

  /** Adds the gauge of the journal of revocations, where one is kept. */
  watchJournal(isKept: () => boolean): void {
    this.#gauge(
      'credence_revocations_journal_up',
      'Whether the journal of revocations has all that was revoked; 0: a restore would not know the latest.',
      'min',
      () => (isKept() ? 1 : 0),
    )
  }

  /** The text exposition format. */
  render(): Promise<string> {
    return this.#registry.metrics()
  }

  /** The same, to be summed with those of other processes: renderTogether(). */
  samples(): Promise<readonly MetricSamples[]> {
    return samplesOf(this.#registry)
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /** @param aggregator how the gauges of a node's processes become one */
  #gauge(name: string, help: string, aggregator: 'sum' | 'min' | 'max', read: () => number): void {
    new Gauge({
      name,
      help,
      aggregator,
      registers: [this.#registry],
      collect() {
        this.set(read())
      },
    })
  }
}
