import type { Counted } from './counter-table.ts'
import type { Limit } from './records.ts'

/** Whose limit it is. */
export type LimitOwner = 'credential' | 'principal' | 'api'

/** A limit that applies to the request at hand. */
export interface AppliedLimit extends Counted {
  /** Counter to take from, unique in the installation: `credential:5Hd8…:rate:default`. */
  readonly key: string
  readonly owner: LimitOwner
  readonly limit: Limit
  /** Whether every request must ask whoever counts for all nodes (the API's `exactLimits`). */
  readonly exact: boolean
}

/** What is left of a limit after the request. */
export interface LimitState {
  readonly name: string
  readonly owner: LimitOwner
  readonly type: Limit['type']
  readonly limit: number
  readonly remaining: number
  /** Seconds until it is full again; null: never by itself. */
  readonly resetSeconds: number | null
  /** Length of the window or period in seconds, for RateLimit-Policy; null for credits. */
  readonly windowSeconds: number | null
}

export type LimitResult =
  | { readonly allowed: true; readonly states: readonly LimitState[] }
  | {
      readonly allowed: false
      readonly states: readonly LimitState[]
      /** The one that refused. */
      readonly failed: LimitState
      /** null: waiting does not help. */
      readonly retryAfterSeconds: number | null
    }

/**
 * Takes `cost` from all of the limits or from none.
 * Must: a refused request spends nothing, from no limit; all that apply must pass.
 * Answers at once where it can: a promise only where a limit is durable (credits) or shared.
 * @throws LimitUnavailable
 */
export interface Limiter {
  take(applied: readonly AppliedLimit[], cost: number, nowMs: number): LimitResult | Promise<LimitResult>
  /** The same where only one applies, as for most. */
  takeOne(applied: AppliedLimit, cost: number, nowMs: number): LimitResult | Promise<LimitResult>
}

/** What is taken cannot be counted now, so nothing can be allowed that depends on it. */
export class LimitUnavailable extends Error {
  override name = 'LimitUnavailable'
}
