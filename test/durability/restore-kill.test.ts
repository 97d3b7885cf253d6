import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  type DataFolder,
  dataFolder,
  emptyDataFolder,
  FINGERPRINT,
  issue,
  revoke,
} from '@credence/server/testing/data-folder'
import type { RestoreRequest } from '@credence/server/testing/restoring'

const DIE_AT_STEP = new URL('./die-at-step.ts', import.meta.url).href
const RESTORING = `
  import { restore } from '@credence/server/testing/restoring'
  restore(JSON.parse(process.argv[1]))
`

test('whichever step a restore is killed before, there is the old database or the new one, whole', {
  timeout: 240_000,
}, async (t) => {
  const original = await dataFolder('later', 'untouched')
  original.backUp('one.db')
  const store = await original.open()
  for (const write of [revoke('later'), issue('new')]) assert.ok((await store.commit(write)).ok)
  await store.close()
  const outcomes = { old: 0, new: 0 }
  for (let step = 1; ; step++) {
    const data = copyOf(t, original)
    const wasKilled = await restoreUntil(data, step)
    const outcome = await outcomeIn(data, `killed before step ${step}`)
    if (!wasKilled) {
      assert.equal(outcome, 'new')
      break
    }
    outcomes[outcome]++
    // Whatever came before, a restore works.
    if (step % 4 !== 0) continue
    data.restore('one.db')
    assert.equal(await outcomeIn(data, `restored after a kill before step ${step}`), 'new')
  }
  console.log(`restores killed: ${JSON.stringify(outcomes)}`)
  assert.ok(outcomes.old > 5 && outcomes.new > 5, 'the kills came before and after the moment of change')
})

function copyOf(t: TestContext, { folder, backups, paths }: DataFolder): DataFolder {
  const root = mkdtempSync(join(tmpdir(), 'credence-restore-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  const [data, journal] = [join(root, 'data'), join(root, 'journal')]
  cpSync(folder, data, { recursive: true })
  cpSync(dirname(paths.journalPath), journal, { recursive: true })
  return emptyDataFolder(data, backups, journal)
}

/** Whether it was killed; else it came to its end. */
async function restoreUntil({ backups, paths }: DataFolder, step: number): Promise<boolean> {
  const request: RestoreRequest = {
    ...paths,
    from: join(backups, 'one.db'),
    keyringFingerprint: FINGERPRINT,
    acceptUnknown: false,
    nowMs: Date.now(),
    suffix: 'killed',
  }
  const args = ['--import', DIE_AT_STEP, '--input-type=module', '-e', RESTORING, JSON.stringify(request)]
  const env = { ...process.env, CREDENCE_TEST_DIE_AT: String(step) }
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'inherit', 'inherit'] })
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  assert.ok(code === 0 || signal === 'SIGKILL', `it ended with ${code}`)
  return signal === 'SIGKILL'
}

/** Opens it as a start would; nothing may be of both. */
async function outcomeIn(data: DataFolder, what: string): Promise<'old' | 'new'> {
  const store = await data.open()
  try {
    const read = async (id: string) => (await store.read('credential', id))?.state ?? 'gone'
    assert.equal(await read('later'), 'revoked', what)
    assert.equal(await read('untouched'), 'active', what)
    const [newest] = await store.listAudit('ws_1', { limit: 1, before: null })
    const isRestored = newest?.action === 'store.restore'
    assert.equal(await store.position(), isRestored ? 2 : 3, what)
    assert.equal(await read('new'), isRestored ? 'gone' : 'active', what)
    return isRestored ? 'new' : 'old'
  } finally {
    await store.close()
    data.check()
    assert.deepEqual(data.problems, [], what)
  }
}
