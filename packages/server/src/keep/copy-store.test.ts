import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { HostProblem } from '../host-problem.ts'
import type { CopyRow } from '../store/copy-port.ts'
import { COPY_TABLES } from '../store/copy-tables.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import { openSqliteCopySource, openSqliteCopyTarget, sqlitePathsIn } from '../store/sqlite-copy.ts'
import { aWrite, seed } from '../store/testing/contract-records.ts'
import { temporaryFolder } from '../store/testing/sqlite-fixture.ts'
import { aFullFolder, diesAt, dump, type Wrapping, wrapped } from '../testing/copy-fixture.ts'
import { copyStore } from './copy-store.ts'

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
