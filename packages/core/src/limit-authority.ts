import type { Quota, RateLimit } from './records.ts'

/** A limit that nodes count together. Credits are none of them: those live in the store. */
export type SharedLimit = RateLimit | Quota

/** What is asked of one limit. */
export interface Wanted {
  /** Its counter, as in AppliedLimit. One call names each once. */
  readonly key: string
  readonly limit: SharedLimit
  /** Whole units that must be there, 0 or more. */
  readonly cost: number
  /** Whole units wanted beyond the cost, to be spent later without asking; 0 or more. */
  readonly batch: number
}

/** What came of it. Times are spans, so that nobody's clock but the authority's counts. */
export interface Leased {
  /** Whether this limit had the cost, which says nothing of the others. */
  readonly allowed: boolean
  /** Units leased beyond the cost, 0 … batch. */
  readonly units: number
  /** Whole units left in the counter afterwards. */
  readonly remaining: number
  /** When refused: until the same cost can pass; null: waiting does not help. */
  readonly retryAfterMs: number | null
  /** Until the counter is full again. */
  readonly resetMs: number
  /** quota: start of the period that the units belong to (ms, the authority's clock); rate: of no meaning. */
  readonly periodMs: number
  /** quota: until that period ends, and with it what the units are worth; rate: null. */
  readonly endsInMs: number | null
}

export interface LeaseResult {
  /** Whether all of the limits had their cost. */
  readonly allowed: boolean
  /** In the order in which they were asked for. */
  readonly leased: readonly Leased[]
}

/** Units that were leased and are not needed. */
export interface Unused {
  readonly key: string
  readonly limit: SharedLimit
  readonly units: number
  /** As in Leased. */
  readonly periodMs: number
}

/**
 * Whoever owns the counters of all nodes: the primary process of a machine, or Valkey.
 * Both calls throw LimitUnavailable within a bounded time when it cannot be reached; whether the call was carried
 * out is then unknown, and units taken by it are spent: fewer pass than could, never more.
 */
export interface LimitAuthority {
  /**
   * Takes the cost from all of the limits or from none, and then from each, up to `batch`, what still fits.
   * Must: a refusal spends and leases nothing, from no limit; counters are those of limit-arithmetic.ts, by the
   * authority's own clock; what is leased is taken, so costs and leased units together never exceed a limit.
   * To ask for nothing at all asks whether it can be reached.
   */
  lease(wanted: readonly Wanted[]): Promise<LeaseResult>
  /** Must: units of a quota's period that is over are not given to the next one; no counter gets fuller than full. */
  giveBack(unused: readonly Unused[]): Promise<void>
}
