import type { AppliedLimit, LimitResult, LimitState } from './limit.ts'
import { windowSecondsOf } from './limit-arithmetic.ts'

/** An applied limit and what came of taking from it. */
export interface LimitOutcome {
  readonly applied: AppliedLimit
  readonly allowed: boolean
  readonly remaining: number
  /** When refused: null, waiting does not help. */
  readonly retryAfterMs: number | null
  /** null: never full again by itself. */
  readonly resetMs: number | null
}

export function allowedResult(outcomes: readonly LimitOutcome[], nowMs: number): LimitResult {
  return { allowed: true, states: statesOf(outcomes, nowMs) }
}

/**
 * The answer where at least one refused. The one with the longest wait is named as the one that did: waiting
 * less would not be enough.
 */
export function refusedResult(outcomes: readonly LimitOutcome[], nowMs: number): LimitResult {
  const waitOf = (one: LimitOutcome) => one.retryAfterMs ?? Number.POSITIVE_INFINITY
  const failed = outcomes
    .filter((one) => !one.allowed)
    .reduce((longest, one) => (waitOf(one) > waitOf(longest) ? one : longest))
  return {
    allowed: false,
    states: statesOf(outcomes, nowMs),
    failed: stateOf(failed, nowMs),
    retryAfterSeconds: toSeconds(failed.retryAfterMs),
  }
}

/** Tightest first. */
function statesOf(outcomes: readonly LimitOutcome[], nowMs: number): LimitState[] {
  const states = outcomes.map((one) => stateOf(one, nowMs))
  return states.length < 2 ? states : states.sort((a, b) => a.remaining / a.limit - b.remaining / b.limit)
}

export function stateOf({ applied, remaining, resetMs }: LimitOutcome, nowMs: number): LimitState {
  const { limit, owner } = applied
  return {
    name: limit.name,
    owner,
    type: limit.type,
    limit: limit.limit,
    remaining,
    resetSeconds: toSeconds(resetMs),
    windowSeconds: windowSecondsOf(limit, nowMs),
  }
}

/** Rounded up: whoever waits that long has waited long enough. */
function toSeconds(ms: number | null): number | null {
  return ms === null ? null : Math.ceil(ms / 1000)
}
