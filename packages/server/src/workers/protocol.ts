/** What a primary and its workers ask of each other, by the names under which they serve it. */
import type { Config } from '../config.ts'
import type { ProcessIdentity } from '../follow-feed.ts'
import type { DecisionQuery } from '../observe/decisions.ts'
import type { ExplainedDecision } from '../observe/explain.ts'
import type { MetricSamples } from '../observe/metric-samples.ts'
import type { WorkersSeen } from '../observe/node-view.ts'
import type { Listening } from '../serving.ts'
import type { Store } from '../store/port.ts'

/** `primary`: how a worker comes to life. */
export interface PrimaryService {
  begin(): Promise<WorkerStart>
  /** It answers requests from now on. */
  ready(listening: Listening): Promise<void>
  /** It cannot; it ends after this. */
  failed(problem: string): Promise<void>
}

/** What a worker cannot know by itself. Everything was read once, at the start of its primary. */
export interface WorkerStart {
  readonly config: Config
  /** From 1; a worker that takes another's place gets its number. */
  readonly number: number
  /** Of the workspace `default`. */
  readonly workspaceId: string
  readonly storeName: Store['name']
  readonly node: Omit<ProcessIdentity, 'worker'>
}

/** `worker`: what a primary asks of each of its workers. */
export interface WorkerService {
  ping(): Promise<void>
  decision(workspaceId: string, requestId: string): Promise<ExplainedDecision | undefined>
  decisions(query: DecisionQuery): Promise<readonly ExplainedDecision[]>
  metrics(): Promise<readonly MetricSamples[]>
  /** Fails readiness, drains and flushes; answers when that is done. */
  stop(): Promise<void>
}

/** `node`: what all workers know together. */
export interface NodeService {
  /** A decision that another worker than the one who asks made. */
  decision(workspaceId: string, requestId: string): Promise<ExplainedDecision | undefined>
  decisions(query: DecisionQuery): Promise<readonly ExplainedDecision[]>
  /** Of each process, those that have ended included as far as they counted. */
  metrics(): Promise<readonly (readonly MetricSamples[])[]>
  workers(): Promise<WorkersSeen>
  /** Whether the node does the work of the leader. */
  isLeader(): Promise<boolean>
}
