import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Store } from '../store/port.ts'
import { openSqliteStore } from '../store/sqlite.ts'

/** A SQLite store in a new folder; `close` removes both. */
export async function openTemporarySqliteStore(): Promise<{ store: Store; close: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'credence-store-'))
  const store = await openSqliteStore({ path: join(folder, 'credence.db'), migrate: 'auto', clock: Date.now })
  return {
    store,
    async close() {
      await store.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
