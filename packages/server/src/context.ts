import type {
  Argon2id,
  CachedLookup,
  Follower,
  Limiter,
  RandomBytes,
  SealingKeys,
  Verifier,
} from '@credence/core'
import type { Logger } from 'pino'
import type { ApiDirectory } from './api-directory.ts'
import type { Config } from './config.ts'
import type { Limits } from './limits/open-limits.ts'
import type { Members } from './members.ts'
import type { DecisionLog } from './observe/decisions.ts'
import type { Metrics } from './observe/metrics.ts'
import type { NodeView } from './observe/node-view.ts'
import type { UsageRecorder } from './observe/usage.ts'
import type { IdentityTokens } from './signing/identity-tokens.ts'
import type { PublishedKeys } from './signing/published-keys.ts'
import type { Store } from './store/port.ts'
import type { UsageStore } from './store/usage-port.ts'

/** An address Credence itself listens on: never a legal upstream. */
export interface OwnListener {
  readonly name: 'api' | 'gateway' | 'admin' | 'ops'
  readonly host: string
  readonly port: number
}

/** What the parts of a process that answers requests share. Made by hand in assemble-context.ts. */
export interface Context {
  readonly config: Config
  readonly store: Store
  readonly usageStore: UsageStore
  readonly lookup: CachedLookup
  readonly follower: Follower
  readonly members: Members
  readonly directory: ApiDirectory
  /** The keys that tokens are signed with here. */
  readonly publishedKeys: PublishedKeys
  /** Tell upstreams who is calling. */
  readonly identityTokens: IdentityTokens
  readonly verifier: Verifier
  readonly limiter: Limiter
  /** Whoever counts limits, and remembers what may be used once. */
  readonly limits: Limits
  readonly sealingKeys: SealingKeys
  /** For passwords that are set: one at a time. */
  readonly argon2id: Argon2id
  readonly usage: UsageRecorder
  readonly decisions: DecisionLog
  readonly metrics: Metrics
  /** What this process and the others of its node know together. */
  readonly node: NodeView
  /** The number of this process among the workers of its node, from 1; 0: it is the only one. */
  readonly worker: number
  readonly log: Logger
  /** Wall clock, milliseconds since the epoch. */
  readonly clock: () => number
  readonly randomBytes: RandomBytes
  readonly newRequestId: () => string
  readonly defaultWorkspaceId: string
  /** Filled as listeners open. */
  readonly listeners: OwnListener[]
  /** False from SIGTERM on: readiness fails first, then connections drain. */
  readonly readiness: { ready: boolean }
  readonly startedAtMs: number
}
