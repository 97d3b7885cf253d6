import type { ExplainedDecision } from '../observe/explain.ts'
import type { MetricSamples } from '../observe/metric-samples.ts'
import { CountedSamples } from './counted-samples.ts'
import type { NodeService } from './protocol.ts'
import type { Worker } from './worker-set.ts'

/** Whoever takes longer is left out: one worker that stands still must not hold up what is asked of all. */
const ANSWER_WITHIN_MS = 1000

/** What only the primary knows of its node. */
export interface PrimaryState {
  readonly leads: () => boolean
  /** Whether the journal of revocations has all that was revoked. */
  readonly isJournalKept: () => boolean
}

/** The primary's part in what workers know together: it asks all of them, and adds up. */
export class NodeGathering {
  readonly #workers: { readonly count: number; ready(): Worker[] }
  readonly #own: PrimaryState
  readonly #counted = new CountedSamples()

  constructor(workers: { readonly count: number; ready(): Worker[] }, own: PrimaryState) {
    this.#workers = workers
    this.#own = own
  }

  /** Serves it to one of the workers. */
  serve(asking: Worker): void {
    const service: NodeService = {
      decision: (workspaceId, requestId) => this.#decision(asking, workspaceId, requestId),
      decisions: async (query) => {
        const lists = await this.#ofAll(({ remote }) => remote.decisions(query))
        return lists.flat().sort(newestFirst).slice(0, query.limit)
      },
      metrics: () => this.#metrics(),
      workers: async () => {
        const answers = await this.#ofAll(({ remote }) => remote.ping())
        return { count: this.#workers.count, answering: answers.length }
      },
      isLeader: async () => this.#own.leads(),
    }
    asking.channel.serve('node', service)
    void asking.channel.ended.then(() => this.#counted.ended(asking))
  }

  #decision(asking: Worker, workspaceId: string, requestId: string): Promise<ExplainedDecision | undefined> {
    const others = this.#workers.ready().filter((worker) => worker !== asking)
    const found = others.map(async ({ remote }) => {
      const decision = await inTime(remote.decision(workspaceId, requestId))
      return decision ?? Promise.reject(new Error('not here'))
    })
    return Promise.any(found).catch(() => undefined)
  }

  async #metrics(): Promise<(readonly MetricSamples[])[]> {
    await this.#ofAll(async (worker) => this.#counted.note(worker, await worker.remote.metrics()))
    return [...this.#counted.all(), this.#ownSamples()]
  }

  /** The memory of this process is the node's too. */
  #ownSamples(): readonly MetricSamples[] {
    const gauge = (name: string, help: string, value: number): MetricSamples => ({
      name,
      help,
      type: 'gauge',
      aggregator: 'sum',
      values: [{ labels: {}, value }],
    })
    return [
      gauge('credence_workers', 'Workers that are ready.', this.#workers.ready().length),
      gauge(
        'credence_revocations_journal_up',
        'Whether the journal of revocations has all that was revoked; 0: a restore would not know the latest.',
        this.#own.isJournalKept() ? 1 : 0,
      ),
      gauge('process_resident_memory_bytes', 'Resident memory size in bytes.', process.memoryUsage.rss()),
    ]
  }

  /** The answers of those that gave one in time. */
  async #ofAll<R>(ask: (worker: Worker) => Promise<R>): Promise<R[]> {
    const settled = await Promise.allSettled(this.#workers.ready().map((worker) => inTime(ask(worker))))
    return settled.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
  }
}

function newestFirst(a: ExplainedDecision, b: ExplainedDecision): number {
  return a.at === b.at ? 0 : a.at > b.at ? -1 : 1
}

/** @throws Error when the answer does not come in time */
async function inTime<R>(answer: Promise<R>): Promise<R> {
  const { promise: overdue, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error('no answer in time')), ANSWER_WITHIN_MS)
  try {
    return await Promise.race([answer, overdue])
  } finally {
    clearTimeout(timer)
  }
}
