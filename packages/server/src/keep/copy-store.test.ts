import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import fc from 'fast-check'
import { HostProblem } from '../host-problem.ts'
import type { CopyRow, CopySource, CopyTarget } from '../store/copy-port.ts'
import { COPY_TABLES } from '../store/copy-tables.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import { openSqliteCopySource, openSqliteCopyTarget, sqlitePathsIn } from '../store/sqlite-copy.ts'
import { anApi, anyPut, aWrite, put, seed, withId } from '../store/testing/contract-records.ts'
import { temporaryFolder } from '../store/testing/sqlite-fixture.ts'
import { openUsageStore } from '../store/usage-store.ts'
import { freshAudit } from '../testing/data-folder.ts'
import { copyStore } from './copy-store.ts'

/** A data folder with something in every table, and in some of them more than a page. */
async function aFullFolder(): Promise<string> {
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
  await usage.flush([{ workspaceId: 'ws_1', credentialId: 'any_1', version: 1, code: 'VALID', ...facts }])
  await usage.saveCounters([
    ['q1', 0.1, 2 ** 53],
    ['q2', -0.5, 1e300],
  ])
  await usage.close()
  return folder
}

/** Every row of every table, read by SQLite itself. */
function dump(folder: string): Record<string, unknown[]> {
  const { state, usage } = sqlitePathsIn(folder)
  const files = [new DatabaseSync(state), new DatabaseSync(usage)]
  const rows = COPY_TABLES.map((table) => {
    const db = files[table.database === 'state' ? 0 : 1]!
    return [table.name, db.prepare(`SELECT * FROM ${table.name} ORDER BY ${table.key.join(', ')}`).all()]
  })
  for (const db of files) db.close()
  return Object.fromEntries(rows)
}

async function copied(from: string, to: string, over: Partial<{ source: Wrapping; target: Wrapping }> = {}) {
  const source = openSqliteCopySource(sqlitePathsIn(from))
  try {
    const target = openSqliteCopyTarget(sqlitePathsIn(to), Date.now)
    try {
      return await copyStore(wrapped(source, over.source), wrapped(target, over.target), () => {})
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

/** Members of a side that a test puts in the place of the real ones. */
type Wrapping = (side: CopySource & CopyTarget) => Partial<CopySource & CopyTarget>

function wrapped<S extends object>(side: S, wrapping?: Wrapping): S {
  const over: Partial<S> = wrapping === undefined ? {} : (wrapping(side as never) as Partial<S>)
  return new Proxy(side, {
    get(target, name) {
      if (name in over) return over[name as keyof S]
      const member: unknown = Reflect.get(target, name, target)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

async function opened(folder: string) {
  return openSqliteStore({ path: sqlitePathsIn(folder).state, migrate: 'auto', clock: Date.now })
}

test('a copy holds every row of every table as it was, and is a store', async () => {
  const from = await aFullFolder()
  const to = join(await temporaryFolder(), 'new-data')
  const made = await copied(from, to)
  const rows = dump(from)
  for (const [table, found] of Object.entries(rows)) assert.ok(found.length > 0, `${table} is empty`)
  assert.deepEqual(dump(to), rows)
  assert.deepEqual(
    [made.isResumed, made.tables.map(({ rows: n }) => n)],
    [false, Object.values(rows).map((found) => found.length)],
  )
  const store = await opened(to)
  assert.equal(await store.position(), made.head.position)
  assert.equal((await store.commit(aWrite())).ok, true)
  await store.close()
})

test('a copy into what is not empty, or that another copy has begun, is refused and changes nothing', async () => {
  const [from, other] = [await aFullFolder(), await temporaryFolder()]
  const store = await opened(other)
  await seed(store)
  await store.close()
  const before = dump(from)
  await assert.rejects(copied(other, from), conflict(/is not empty: workspace has rows/))
  assert.deepEqual(dump(from), before)
  const to = join(await temporaryFolder(), 'half')
  await assert.rejects(copied(from, to, { target: diesAt(3) }), /killed/)
  await assert.rejects(copied(other, to), conflict(/another copy/))
  // The source went on: what was copied is of a moment that is gone.
  const again = await opened(from)
  await again.commit(aWrite())
  await again.close()
  await assert.rejects(copied(from, to), conflict(/before the source went on/))
  await assert.rejects(copied(await temporaryFolder(), to), /no database/)
})

function conflict(pattern: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof HostProblem && error.exitCode === 5 && pattern.test(error.message)
}

/** Fails in the place of the n-th page that is added. */
function diesAt(n: number): Wrapping {
  let pages = 0
  return (side) => ({
    insert: (table, rows) => {
      pages++
      if (pages === n) throw new Error('killed')
      return side.insert(table, rows)
    },
  })
}

test('until a copy has come to its end no store opens on it, and it is no source', async () => {
  const from = await aFullFolder()
  const to = join(await temporaryFolder(), 'half')
  await assert.rejects(copied(from, to, { target: diesAt(9) }), /killed/)
  await assert.rejects(opened(to), /did not come to its end/)
  await assert.rejects(copied(to, join(await temporaryFolder(), 'next')), /did not come to its end/)
  assert.equal((await copied(from, to)).isResumed, true)
  assert.deepEqual(dump(to), dump(from))
  await (await opened(to)).close()
})

test('neither side can be opened by a server during a copy, and neither while a server has it open', async () => {
  const [from, to] = [await aFullFolder(), await temporaryFolder()]
  let tried = false
  const source: Wrapping = (side) => ({
    head: async () => {
      await assert.rejects(opened(from), /under way/)
      await assert.rejects(opened(to), /under way/)
      tried = true
      return side.head()
    },
  })
  await copied(from, to, { source })
  assert.ok(tried)
  const store = await opened(from)
  await assert.rejects(copied(from, join(to, 'a')), /stop it first/)
  await store.close()
  const target = await opened(to)
  await assert.rejects(copied(from, to), /stop it first/)
  await target.close()
})

test('a row that was lost or changed on the way is found at the end, in whatever table', async () => {
  const from = await aFullFolder()
  const harms: Record<string, (rows: readonly CopyRow[]) => readonly CopyRow[]> = {
    lost: (rows) => rows.slice(0, -1),
    changed: (rows) =>
      rows.with(-1, rows.at(-1)!.with(-1, typeof rows.at(-1)!.at(-1) === 'number' ? 99 : 'x')),
  }
  for (const table of COPY_TABLES) {
    for (const [harm, apply] of Object.entries(harms)) {
      const to = join(await temporaryFolder(), 'harmed')
      const target: Wrapping = (side) => ({
        insert: (at, rows) => {
          if (at.name !== table.name) return side.insert(at, rows)
          const harmed = apply(rows)
          return harmed.length === 0 ? Promise.resolve() : side.insert(at, harmed)
        },
      })
      await assert.rejects(
        copied(from, to, { target }),
        /is not the same|constraint/,
        `${table.name} ${harm}`,
      )
      await assert.rejects(opened(to), /did not come to its end/)
    }
  }
})

test('a source that changes during the copy is noticed', async () => {
  const from = await aFullFolder()
  let asked = 0
  const source: Wrapping = (side) => ({
    head: async () => {
      const head = await side.head()
      asked++
      return asked === 1 ? head : { ...head, position: head.position + 1 }
    },
  })
  const to = join(await temporaryFolder(), 'behind')
  await assert.rejects(copied(from, to, { source }), conflict(/was changed/))
  await assert.rejects(opened(to), /did not come to its end/)
})

/** Copies, and is killed in the place of a step. */
const COPYING = `
  import { openSqliteCopySource, openSqliteCopyTarget, sqlitePathsIn } from ${url('../store/sqlite-copy.ts')}
  import { copyStore } from ${url('./copy-store.ts')}
  const [from, to, dieAt] = process.argv.slice(1)
  const source = openSqliteCopySource(sqlitePathsIn(from))
  const target = openSqliteCopyTarget(sqlitePathsIn(to), Date.now)
  let step = 0
  const dying = new Proxy(target, { get: (side, name) => {
    const member = Reflect.get(side, name, side)
    if (!['begin', 'insert', 'finish'].includes(name)) return typeof member === 'function' ? member.bind(side) : member
    return async (...args) => {
      if (++step === Number(dieAt)) process.kill(process.pid, 'SIGKILL')
      const result = await member.apply(side, args)
      if (++step === Number(dieAt)) process.kill(process.pid, 'SIGKILL')
      return result
    }
  } })
  await copyStore(source, dying, () => {})
`

function url(path: string): string {
  return JSON.stringify(new URL(path, import.meta.url).href)
}

test('a copy that is killed again and again is whole once it comes to its end', {
  timeout: 120_000,
}, async () => {
  const from = await aFullFolder()
  const to = join(await temporaryFolder(), 'killed')
  let kills = 0
  for (let isOver = false; !isOver; ) {
    // Its first steps were done by the runs before: each run comes a little further.
    const args = ['--input-type=module', '-e', COPYING, from, to, String(4 + (kills % 3))]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] })
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
    assert.ok(code === 0 || signal === 'SIGKILL', `it ended with ${code}`)
    if (code === 0) isOver = true
    else {
      kills++
      assert.ok(kills < 100)
      const store = await opened(to).catch((error: Error) => error)
      // Killed after the very last step it is a store, before that it is none.
      if (store instanceof Error) assert.match(store.message, /did not come to its end/)
      else {
        await store.close()
        isOver = true
      }
    }
  }
  assert.ok(kills > 5, `${kills} kills`)
  assert.deepEqual(dump(to), dump(from))
})
