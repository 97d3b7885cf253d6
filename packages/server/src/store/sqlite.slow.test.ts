import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Store } from './port.ts'
import { openSqliteStore } from './sqlite.ts'
import { aWrite, seed } from './testing/contract-records.ts'
import { temporaryFolder } from './testing/sqlite-fixture.ts'

async function openAt(folder: string): Promise<Store> {
  return openSqliteStore({ path: join(folder, 'credence.db'), migrate: 'auto', clock: Date.now })
}

/** Commits credentials one after the other and says each acknowledgement on stdout, until it is stopped or faults. */
const WRITING = `
  import { openSqliteStore } from ${JSON.stringify(new URL('./sqlite.ts', import.meta.url).href)}
  import { aCredential, aWrite, put } from ${JSON.stringify(new URL('./testing/contract-records.ts', import.meta.url).href)}
  import { writeSync } from 'node:fs'
  const store = await openSqliteStore({ path: process.argv[1], migrate: 'off', clock: () => 1000 })
  let made = 0
  const one = async () => {
    for (;;) {
      const id = process.argv[2] + made++
      const tags = ['x'.repeat(2000)]
      await store.commit(aWrite({ puts: [put('credential', aCredential(id, { tags }))] }))
      writeSync(1, id + '\\n')
    }
  }
  try { await Promise.all([one(), one(), one(), one()]) } catch (error) {
    writeSync(1, 'fault: ' + error.name + ' ' + error.message + '\\n')
    process.exit(0)
  }
`

/** What the writing process said, up to the `stopAfter`-th acknowledgement (then it is killed) or its end. */
async function linesOfWriter(
  path: string,
  run: string,
  limitBlocks: string,
  stopAfter: number,
): Promise<string[]> {
  const limited = ['-c', `ulimit -f ${limitBlocks}; exec "$0" "$@"`, process.execPath]
  const child = spawn('sh', [...limited, '--input-type=module', '-e', WRITING, path, run], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (text: string) => {
    said += text
    if (said.split('\n').length > stopAfter) child.kill('SIGKILL')
  })
  await once(child, 'close')
  return said.split('\n').slice(0, -1)
}

test('every acknowledged write is there, whole, after the process is killed', {
  timeout: 60_000,
}, async () => {
  const folder = await temporaryFolder()
  const seeded = await openAt(folder)
  await seed(seeded)
  await seeded.close()
  for (const [run, stopAfter] of [1, 7, 40, 150].entries()) {
    const lines = await linesOfWriter(join(folder, 'credence.db'), `r${run}n`, 'unlimited', stopAfter)
    assert.ok(lines.length >= stopAfter)
    const store = await openAt(folder)
    for (const id of lines)
      assert.ok(await store.read('credential', id), `${id} was acknowledged and is not there`)
    await intact(store)
    await store.close()
  }
})

test('a full disk is a fault, and what was acknowledged before is there', { timeout: 60_000 }, async () => {
  const folder = await temporaryFolder()
  const seeded = await openAt(folder)
  await seed(seeded)
  await seeded.close()
  // A file size limit is what a test can have of a full disk: writes beyond 600 kB fail.
  const lines = await linesOfWriter(join(folder, 'credence.db'), 'f', '1200', 100_000)
  const fault = lines.at(-1)!
  assert.match(fault, /^fault: StoreFault .*(full|disk I\/O)/)
  assert.ok(lines.length > 10)
  const store = await openAt(folder)
  for (const id of lines.slice(0, -1))
    assert.ok(await store.read('credential', id), `${id} was acknowledged and is not there`)
  await intact(store)
  await store.close()
})

/** Nothing is half there: one change and one audit entry for each position, and the store goes on. */
async function intact(store: Store): Promise<void> {
  const position = await store.position()
  const { changes } = await store.changesSince(0, 1e6)
  assert.deepEqual(
    changes.map((change) => change.position),
    Array.from({ length: position }, (_, i) => i + 1),
  )
  const ids = changes.flatMap(({ touched }) => touched).filter(({ table }) => table === 'credential')
  for (const { id } of ids) assert.ok(await store.read('credential', id))
  assert.deepEqual(await store.commit(aWrite()), { ok: true, position: position + 1 })
}
