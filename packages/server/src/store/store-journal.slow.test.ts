import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { appendToJournal, journalEnd } from './journal-file.ts'
import type { Revocation } from './revocation-journal.ts'
import { seed } from './testing/contract-records.ts'
import { journaled, openAt } from './testing/journal-fixture.ts'
import { temporaryFolder } from './testing/sqlite-fixture.ts'

/** Issues and revokes, one after the other, until it is killed; prints the id of each that was acknowledged. */
const REVOKING = `
  import { openSqliteStore } from ${JSON.stringify(new URL('./sqlite.ts', import.meta.url).href)}
  import { aCredential, aWrite, commitPuts, put } from ${JSON.stringify(new URL('./testing/contract-records.ts', import.meta.url).href)}
  const [path, journal, run] = process.argv.slice(1)
  const settings = { path: journal, onTried: ({ problem }) => problem && console.log('problem ' + problem) }
  const store = await openSqliteStore({ path, migrate: 'off', clock: () => 1000, journal: settings })
  const lane = async (name) => {
    for (let i = 0; ; i++) {
      const id = run + name + 'x' + i
      await commitPuts(store, put('credential', aCredential(id)))
      await commitPuts(store, put('credential', aCredential(id, { revision: 2, state: 'revoked' })))
      console.log(id)
    }
  }
  await Promise.all(['a', 'b', 'c'].map(lane))
`

test('whatever moment the process is killed at, each acknowledged revocation is in a journal that is whole', {
  timeout: 60_000,
}, async () => {
  const folder = await temporaryFolder()
  const { store } = await openAt(folder)
  await seed(store)
  await store.close()
  const paths = [join(folder, 'credence.db'), join(folder, 'revocations.jsonl')]
  const acknowledged: string[] = []
  for (const [run, stopAfter] of [1, 12, 40].entries()) {
    const args = ['--input-type=module', '-e', REVOKING, ...paths, `r${run}`]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (said.split('\n').length > stopAfter) child.kill('SIGKILL')
    })
    await once(child, 'close')
    const lines = said.split('\n').slice(0, -1)
    assert.ok(lines.length >= stopAfter && lines.every((line) => !line.startsWith('problem')), said)
    acknowledged.push(...lines)
    const known = new Set(journaled(folder))
    assert.deepEqual(
      acknowledged.filter((id) => !known.has(`revoke ${id}`)),
      [],
    )
  }
})

test('when the journal’s disk is full revocations go on, and the journal is whole and complete once there is room', {
  timeout: 60_000,
}, async () => {
  const folder = await temporaryFolder()
  const { store } = await openAt(folder)
  await seed(store)
  await store.close()
  const journal = join(folder, 'revocations.jsonl')
  // A file size limit is what a test can have of a full disk; the journal comes to it long before the database does.
  const limitBytes = 1200 * 512
  const end = journalEnd(journal)
  assert.ok(end.type === 'mark')
  const { hash, ...mark } = end.mark
  const padding = Array.from({ length: 4_984 }, (_, i): Revocation => {
    return { do: 'delete', position: 1, atMs: 1_000, credentialId: `padding${i}`.padEnd(46, 'x') }
  })
  const { bytes } = appendToJournal(journal, end, padding, [mark])
  assert.ok(bytes < limitBytes - 400 && bytes > limitBytes - 1_200, `${limitBytes - bytes} bytes are left`)
  const limited = ['-c', 'ulimit -f 1200 && exec "$0" "$@"', process.execPath]
  const program = ['--input-type=module', '-e', REVOKING, join(folder, 'credence.db'), journal, 'full']
  const child = spawn('sh', [...limited, ...program], { stdio: ['ignore', 'pipe', 'ignore'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  await once(child, 'close')
  const lines = said.split('\n').slice(0, -1)
  const firstProblem = lines.findIndex((line) => line.startsWith('problem'))
  assert.ok(firstProblem >= 0, 'the journal was full')
  assert.match(lines[firstProblem]!, /EFBIG|too large/)
  const acknowledged = lines.filter((line) => !line.startsWith('problem'))
  assert.ok(
    lines.slice(firstProblem).some((line) => acknowledged.includes(line)),
    'revocations went on',
  )
  const known = () => new Set(journaled(folder))
  assert.ok(acknowledged.some((id) => !known().has(`revoke ${id}`)))
  const { store: again } = await openAt(folder)
  await again.close()
  const now = known()
  assert.deepEqual(
    acknowledged.filter((id) => !now.has(`revoke ${id}`)),
    [],
  )
})
