import type { VerdictCode } from '@credence/core'

/**
 * What is known of the use of credentials: counted in memory, flushed in batches, kept in a file (SQLite) or on a
 * connection (PostgreSQL) of its own, so that it never waits for, or holds up, what must be durable.
 */
export interface UsageStore {
  /**
   * Adds a batch, the whole of it or nothing, and once: one that was rejected may have been counted all the same, and
   * is repeated as the same part until it is not. Parts are remembered for FLUSH_LIFE_MS.
   */
  flush(batch: readonly UsageDelta[], part: FlushPart): Promise<void>
  /** What was counted so far, by credential; one without any use is absent. Sees every acknowledged flush. */
  usageOf(credentialIds: readonly string[]): Promise<ReadonlyMap<string, UsageRow[]>>
  /** Keeps the limiter's quota counters over a restart; a counter replaces the one of the same key. */
  saveCounters(entries: readonly CounterEntry[]): Promise<void>
  /** Every counter saved within COUNTER_LIFE_MS; older ones are forgotten. */
  loadCounters(): Promise<readonly CounterEntry[]>
  close(): Promise<void>
}

/**
 * Which part of which flush a batch is: a flush comes in parts, one after the other, so that nobody waits long behind
 * any. What is left of a flush when its last part is counted is its id.
 */
export interface FlushPart {
  /** Of the flush; no other flush of any node has it. */
  readonly id: string
  /** From 0. */
  readonly number: number
  readonly isLast: boolean
}

/** Under which a part is remembered: the last one stands for all of them. */
export function partName({ id, number, isLast }: FlushPart): string {
  return isLast ? id : `${id}/${number}`
}

/** The names of the parts before the last one, which it makes superfluous. */
export function partsBefore({ id, number, isLast }: FlushPart): string[] {
  if (!isLast) return []
  return Array.from({ length: number }, (_, before) => partName({ id, number: before, isLast: false }))
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
