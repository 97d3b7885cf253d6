import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { openSqliteStore } from '../store/sqlite.ts'
import { sqlitePathsIn } from '../store/sqlite-copy.ts'
import { temporaryFolder } from '../store/testing/sqlite-fixture.ts'
import { aFullFolder, dump } from '../testing/copy-fixture.ts'

async function opened(folder: string) {
  return openSqliteStore({ path: sqlitePathsIn(folder).state, migrate: 'auto', clock: Date.now })
}

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
