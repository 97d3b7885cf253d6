import type { VerdictCode } from '@credence/core'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { DecisionVia } from './decisions.ts'
import { renderDurations, VerdictCounts } from './verdict-counts.ts'

export type ListenerName = 'api' | 'gateway' | 'admin' | 'ops'

/** What the gauges show: asked when somebody reads the metrics, never in between. */
export interface MetricSources {
  /** Position up to which this node has followed the feed, and how long ago that was confirmed. */
  readonly feed: () => { readonly position: number; readonly lagMs: number }
  /** Usage not yet flushed, and decisions that could not be counted since the start. */
  readonly usage: () => { readonly pending: number; readonly dropped: number }
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
      () => sources.feed().position,
    )
    this.#gauge(
      'credence_feed_lag_seconds',
      'Time since the feed was last confirmed, in seconds.',
      () => sources.feed().lagMs / 1000,
    )
    this.#gauge(
      'credence_usage_pending',
      'Usage entries that wait for the next flush.',
      () => sources.usage().pending,
    )
    const { usage } = sources
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

  /** The text exposition format. */
  async render(): Promise<string> {
    return (await this.#registry.metrics()) + renderDurations(this.#verdicts)
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(read())
      },
    })
  }
}
