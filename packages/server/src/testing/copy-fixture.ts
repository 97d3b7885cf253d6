import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import type { CopySource, CopyTarget } from '../store/copy-port.ts'
import { COPY_TABLES } from '../store/copy-tables.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import { sqlitePathsIn } from '../store/sqlite-copy.ts'
import { openUsageStore } from '../store/sqlite-usage.ts'
import { anApi, anyPut, aWrite, put, seed, withId } from '../store/testing/contract-records.ts'
import { temporaryFolder } from '../store/testing/sqlite-fixture.ts'
import { freshAudit } from './data-folder.ts'

/** What tests of `credence store copy` share: a store to be copied, and sides that fail where a test wants them to. */

/** A data folder with something in every table, and in some of them more than a page. */
export async function aFullFolder(): Promise<string> {
  const folder = await temporaryFolder()
  const paths = sqlitePathsIn(folder)
  const store = await openSqliteStore({ path: paths.state, migrate: 'auto', clock: Date.now })
  await seed(store)
  await store.commit(aWrite({ puts: [put('api', anApi('api_2'))], audit: freshAudit() }))
  const drawn = fc.sample(anyPut, { numRuns: 150, seed: 7 })
  // Drawn names collide now and then; those are left out.
  await Promise.all(
    drawn.map((one, i) => store.commit(aWrite({ puts: [withId(one, `any_${i}`)], audit: freshAudit() }))),
  )
  const idempotency = {
    scope: 'ws_1',
    key: 'k',
    requestDigest: 'd',
    table: 'api' as const,
    id: 'api_1',
    status: 201,
    createdAtMs: 1,
  }
  const settings = [{ name: 'keyring_fingerprint', value: 'f' }]
  await store.commit(aWrite({ idempotency, settings, audit: freshAudit() }))
  await Promise.all(Array.from({ length: 1200 }, () => store.commit(aWrite({ audit: freshAudit() }))))
  await store.spendCredits('c', { type: 'credits', name: 'n', limit: 9, refill: null }, 4, 1_000)
  await store.close()
  const usage = await openUsageStore({ path: paths.usage, migrate: 'auto', clock: Date.now })
  const facts = { count: 3, firstAtMs: 1, lastAtMs: 2, lastIp: '192.0.2.1', lastUserAgent: 'curl' }
  const used = { workspaceId: 'ws_1', credentialId: 'any_1', version: 1, code: 'VALID' } as const
  await usage.flush([{ ...used, ...facts }], { id: 'f1', number: 0, isLast: true })
  await usage.saveCounters([
    ['q1', 0.1, 2 ** 53],
    ['q2', -0.5, 1e300],
  ])
  await usage.close()
  return folder
}

/** Every row of every table, read by SQLite itself. */
export function dump(folder: string): Record<string, unknown[]> {
  const { state, usage } = sqlitePathsIn(folder)
  const files = [new DatabaseSync(state), new DatabaseSync(usage)]
  const rows = COPY_TABLES.map((table) => {
    const db = files[table.database === 'state' ? 0 : 1]!
    return [table.name, db.prepare(`SELECT * FROM ${table.name} ORDER BY ${table.key.join(', ')}`).all()]
  })
  for (const db of files) db.close()
  return Object.fromEntries(rows)
}

/** Members of a side that a test puts in the place of the real ones. */
export type Wrapping = (side: CopySource & CopyTarget) => Partial<CopySource & CopyTarget>

export function wrapped<S extends object>(side: S, wrapping?: Wrapping): S {
  const over: Partial<S> = wrapping === undefined ? {} : (wrapping(side as never) as Partial<S>)
  return new Proxy(side, {
    get(target, name) {
      if (name in over) return over[name as keyof S]
      const member: unknown = Reflect.get(target, name, target)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

/** Fails in the place of the n-th page that is added. */
export function diesAt(n: number): Wrapping {
  let pages = 0
  return (side) => ({
    insert: (table, rows) => {
      pages++
      if (pages === n) throw new Error('killed')
      return side.insert(table, rows)
    },
  })
}
