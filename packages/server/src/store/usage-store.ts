import { resolve } from 'node:path'
import type { VerdictCode } from '@credence/core'
import { type MigrateMode, USAGE_MIGRATIONS } from './migrate.ts'
import { prepareSqliteFile } from './sqlite-file.ts'
import { SqliteThread } from './sqlite-thread.ts'
import type { UsageRequest } from './usage-thread.ts'

/**
 * What is known of the use of credentials: counted in memory, flushed in batches, kept in a file of its own so
 * that it never waits for, or holds up, what must be durable.
 */
export interface UsageStore {
  /**
   * Adds a batch, the whole of it or nothing. A flush that was rejected may have been counted (the thread may have
   * died after its commit), so it must be dropped and not repeated: a use is never counted twice.
   */
  flush(batch: readonly UsageDelta[]): Promise<void>
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

export interface UsageStoreSettings {
  readonly path: string
  readonly migrate: MigrateMode
  readonly clock: () => number
}

const MAX_PENDING = 256
/** Without traffic there is nothing to flush: the thread gives its memory back. */
const IDLE_MS = 30_000

/** Opens the file, makes it where there is none, and migrates it. @throws StoreFault */
export async function openUsageStore(settings: UsageStoreSettings): Promise<UsageStore> {
  const path = resolve(settings.path)
  prepareSqliteFile(path, USAGE_MIGRATIONS, settings.migrate, settings.clock)
  return new SqliteUsageStore(path, settings.clock)
}

class SqliteUsageStore implements UsageStore {
  readonly #thread: SqliteThread
  readonly #clock: () => number

  constructor(path: string, clock: () => number) {
    this.#clock = clock
    this.#thread = new SqliteThread({
      task: 'keeps usage',
      entry: new URL('./usage-thread.ts', import.meta.url),
      workerData: path,
      maxPending: MAX_PENDING,
      idleMs: IDLE_MS,
    })
  }

  async flush(batch: readonly UsageDelta[]): Promise<void> {
    if (batch.length > 0) await this.#ask({ type: 'flush', batch })
  }

  async usageOf(credentialIds: readonly string[]): Promise<ReadonlyMap<string, UsageRow[]>> {
    if (credentialIds.length === 0) return new Map()
    return (await this.#ask({ type: 'usageOf', credentialIds })) as Map<string, UsageRow[]>
  }

  async saveCounters(entries: readonly CounterEntry[]): Promise<void> {
    if (entries.length > 0) await this.#ask({ type: 'saveCounters', entries, nowMs: this.#clock() })
  }

  async loadCounters(): Promise<readonly CounterEntry[]> {
    return (await this.#ask({
      type: 'loadCounters',
      sinceMs: this.#clock() - COUNTER_LIFE_MS,
    })) as CounterEntry[]
  }

  close(): Promise<void> {
    return this.#thread.close()
  }

  #ask(request: UsageRequest): Promise<unknown> {
    return this.#thread.call(request)
  }
}
