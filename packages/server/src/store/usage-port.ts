import type { VerdictCode } from '@credence/core'

/**
 * What is known of the use of credentials: counted in memory, flushed in batches, kept in a file (SQLite) or on a
 * connection (PostgreSQL) of its own, so that it never waits for, or holds up, what must be durable.
 */
export interface UsageStore {
  /**
   * Adds a batch, the whole of it or nothing, and once: a flush that was rejected may have been counted all the
   * same, and is repeated with the same batch and id until one is not. Ids are remembered for FLUSH_LIFE_MS.
   */
  flush(batch: readonly UsageDelta[], id: string): Promise<void>
  /** What was counted so far, by credential; one without any use is absent. Sees every acknowledged flush. */
  usageOf(credentialIds: readonly string[]): Promise<ReadonlyMap<string, UsageRow[]>>
  /** Keeps the limiter's quota counters over a restart; a counter replaces the one of the same key. */
  saveCounters(entries: readonly CounterEntry[]): Promise<void>
  /** Every counter saved within COUNTER_LIFE_MS; older ones are forgotten. */
  loadCounters(): Promise<readonly CounterEntry[]>
  close(): Promise<void>
}

export type CounterEntry = readonly [key: string, a: number, b: number]

/** Longer than the longest quota period, a month: an older counter counts for nothing any more. */
export const COUNTER_LIFE_MS = 62 * 24 * 60 * 60 * 1000

/** Longer than anybody goes on repeating a flush. */
export const FLUSH_LIFE_MS = 7 * 24 * 60 * 60 * 1000

interface UsageFacts {
  readonly version: number
  readonly code: VerdictCode
  readonly count: number
  readonly firstAtMs: number
  readonly lastAtMs: number
  /** Of the use at lastAtMs. */
  readonly lastIp: string | null
  readonly lastUserAgent: string | null
}

/** What is added for one version of a credential and one verdict. */
export interface UsageDelta extends UsageFacts {
  readonly workspaceId: string
  readonly credentialId: string
}

/** What has been counted, by version and verdict. */
export interface UsageRow extends UsageFacts {}
