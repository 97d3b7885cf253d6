import type { Store } from '../store/port.ts'
import { openPostgresStore, type PostgresSettings } from '../store/postgres.ts'

/** A store on a test's database, with bounds that a loaded machine does not run into. */
export function openPostgresAt(url: string, change: Partial<PostgresSettings> = {}): Promise<Store> {
  const bounds = { poolSize: 8, readTimeoutMs: 5000 }
  return openPostgresStore({
    ...{ url, ...bounds, migrate: 'auto', clock: Date.now, random: Math.random },
    ...change,
  })
}

/** The same database over a port of the test's own. */
export function throughPort(url: string, port: number): string {
  return Object.assign(new URL(url), { port: String(port) }).href
}
