import type { Lease } from '@credence/core'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import type { Listening } from './serving.ts'

/** A running node, in one process or in several. */
export interface Server {
  readonly config: Config
  readonly log: Logger
  /** Which store it runs on. */
  readonly storeName: string
  /** Processes that answer requests. */
  readonly workers: number
  /** Whether this start made the workspace `default` and its admin key. */
  readonly isFirstStart: boolean
  readonly listening: Listening
  /** Resolves, with what to tell the operator, if it cannot go on. */
  readonly failed: Promise<string>
  /** Fails readiness, drains, flushes and closes. */
  readonly stop: () => Promise<void>
}

/** What a test puts in the place of the real thing, in a node that is one process. */
export interface Instead {
  /** Wall clock, milliseconds since the epoch. */
  readonly clock?: () => number
  /** What the cache asks instead of the feed's follower. */
  readonly lease?: Lease
}
