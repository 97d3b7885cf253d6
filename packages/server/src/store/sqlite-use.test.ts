import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { StoreFault } from './port.ts'
import { openSqliteStore } from './sqlite.ts'
import { restorePlanPath, shareFile, takeFile } from './sqlite-use.ts'
import { temporaryFolder } from './testing/sqlite-fixture.ts'

/** Another process that has the store open until it is killed. */
async function opener(path: string) {
  const program = `
    import { openSqliteStore } from ${JSON.stringify(new URL('./sqlite.ts', import.meta.url).href)}
    const store = await openSqliteStore({ path: process.argv[1], migrate: 'auto', clock: Date.now })
    console.log('open')
    setInterval(() => store.position(), 1000)
  `
  const args = ['--input-type=module', '-e', program, path]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  return child
}

test('whoever replaces the file has it alone: not while a process has it open, and none opens it meanwhile', async (t) => {
  const path = join(await temporaryFolder(), 'credence.db')
  const child = await opener(path)
  t.after(() => child.kill('SIGKILL'))
  const mine = await openSqliteStore({ path, migrate: 'auto', clock: Date.now })
  assert.equal(takeFile(path), null)
  await mine.close()
  assert.equal(takeFile(path), null)
  // The operating system gives the lock back, however its holder ends.
  child.kill('SIGKILL')
  await once(child, 'close')
  const lock = takeFile(path)
  assert.notEqual(lock, null)
  await assert.rejects(openSqliteStore({ path, migrate: 'auto', clock: Date.now }), StoreFault)
  lock?.release()
  shareFile(path).release()
})

test('a file whose restore did not come to its end is not opened', async () => {
  const path = join(await temporaryFolder(), 'credence.db')
  await (await openSqliteStore({ path, migrate: 'auto', clock: Date.now })).close()
  writeFileSync(restorePlanPath(path), '{}')
  await assert.rejects(openSqliteStore({ path, migrate: 'auto', clock: Date.now }), /did not come to its end/)
  assert.notEqual(takeFile(path), null)
})
