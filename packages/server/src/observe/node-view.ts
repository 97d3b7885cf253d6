import type { DecisionLog, DecisionQuery } from './decisions.ts'
import { type ExplainedDecision, explain } from './explain.ts'
import type { Metrics } from './metrics.ts'

/** What the processes of this node know together: whichever of them is asked tells it. */
export interface NodeView {
  /** A decision that any of them made, unless it is another workspace's or too long ago. */
  decision(workspaceId: string, requestId: string): Promise<ExplainedDecision | undefined>
  /** Newest first. */
  decisions(query: DecisionQuery): Promise<readonly ExplainedDecision[]>
  /** The text exposition format, summed over all of them. */
  metrics(): Promise<string>
  workers(): Promise<WorkersSeen>
}

/** The processes of a node that answer requests. */
export interface WorkersSeen {
  readonly count: number
  /** How many of them answered just now. */
  readonly answering: number
}

/** The view of a node that is one process. */
export function viewOfOne(decisions: DecisionLog, metrics: Metrics): NodeView {
  return {
    async decision(workspaceId, requestId) {
      const entry = decisions.get(workspaceId, requestId)
      return entry && explain(entry)
    },
    decisions: async (query) => decisions.list(query).map(explain),
    metrics: () => metrics.render(),
    workers: async () => ({ count: 1, answering: 1 }),
  }
}
