import { resolve } from 'node:path'
import { type MigrateMode, USAGE_MIGRATIONS } from './migrate.ts'
import { prepareSqliteFile } from './sqlite-file.ts'
import { SqliteThread } from './sqlite-thread.ts'
import type { UsageRequest } from './sqlite-usage-thread.ts'
import {
  COUNTER_LIFE_MS,
  type CounterEntry,
  type FlushPart,
  type UsageDelta,
  type UsageRow,
  type UsageStore,
} from './usage-port.ts'

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
      entry: new URL('./sqlite-usage-thread.ts', import.meta.url),
      workerData: path,
      maxPending: MAX_PENDING,
      idleMs: IDLE_MS,
    })
  }

  async flush(batch: readonly UsageDelta[], part: FlushPart): Promise<void> {
    if (batch.length > 0) await this.#ask({ type: 'flush', batch, part, nowMs: this.#clock() })
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
