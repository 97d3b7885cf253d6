import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { appendToJournal, type JournalEnd, journalEnd, readJournal } from './journal-file.ts'
import type { MarkMade, Revocation } from './revocation-journal.ts'
import { temporaryFolder } from './testing/sqlite-fixture.ts'

const REVOKED = {
  do: 'revoke',
  position: 7,
  atMs: 1_000,
  credentialId: 'crd1',
  reason: 'leaked',
} as const satisfies Revocation
const VERSION: Revocation = {
  do: 'revoke_version',
  position: 8,
  atMs: 2_000,
  credentialId: 'crd2',
  version: 3,
}
const DELETED: Revocation = { do: 'delete', position: 9, atMs: 3_000, credentialId: 'crd3' }

function complete(position: number): MarkMade {
  return { do: 'complete', position, trail: `trail-${position}`, atMs: 4_000, isKnown: true }
}

/** A journal of three appends: a mark alone, three revocations, one more. */
async function aJournal(): Promise<string> {
  const path = join(await temporaryFolder(), 'revocations.jsonl')
  append(path, [], complete(0))
  append(path, [REVOKED, VERSION, DELETED], complete(9))
  append(path, [{ ...REVOKED, position: 10, credentialId: 'crd4', reason: null }], complete(11))
  return path
}

function append(path: string, revocations: readonly Revocation[], ...marks: MarkMade[]): void {
  const end = journalEnd(path)
  assert.notEqual(end.type, 'damaged')
  appendToJournal(path, end as Exclude<JournalEnd, { type: 'damaged' }>, revocations, marks)
}

function ids(path: string): string[] {
  return readJournal(path).revocations.map(({ credentialId }) => credentialId)
}

function markAt(path: string): number | null {
  const end = journalEnd(path)
  return end.type === 'mark' ? end.mark.position : null
}

test('what was appended is read back as it was, and the file is its owner’s alone', async () => {
  const path = await aJournal()
  append(path, [], { ...complete(12), do: 'restored', isKnown: false })
  const { revocations, marks, damagedAtLine } = readJournal(path)
  assert.deepEqual(revocations.slice(0, 3), [REVOKED, VERSION, DELETED])
  assert.deepEqual(
    marks.map(({ hash, ...mark }) => mark),
    [complete(0), complete(9), complete(11), { ...complete(12), do: 'restored', isKnown: false }],
  )
  assert.equal(damagedAtLine, null)
  assert.equal(markAt(path), 12)
  assert.equal(statSync(path).mode & 0o777, 0o600)
})

test('wherever an append is torn, what came before it stands, and the next append goes on from there', async () => {
  const path = await aJournal()
  const whole = readFileSync(path)
  const before =
    whole.indexOf('crd4') -
    '{"do":"revoke","position":10,"at":"1970-01-01T00:00:01.000Z","credential":"'.length
  for (let bytes = before; bytes < whole.length - 1; bytes++) {
    writeFileSync(path, whole.subarray(0, bytes))
    assert.deepEqual(ids(path), ['crd1', 'crd2', 'crd3'], `torn at ${bytes}`)
    assert.equal(readJournal(path).damagedAtLine, null, `torn at ${bytes}`)
    assert.equal(markAt(path), 9, `torn at ${bytes}`)
  }
  append(path, [{ ...DELETED, credentialId: 'crd5' }], complete(12))
  assert.deepEqual(ids(path), ['crd1', 'crd2', 'crd3', 'crd5'])
  assert.equal(readJournal(path).damagedAtLine, null)
})

test('a first append that was torn is begun again', async () => {
  const path = await aJournal()
  const [firstLine = ''] = readFileSync(path, 'utf8').split('\n')
  for (const bytes of [0, 1, firstLine.length]) {
    truncateSync(path, bytes)
    assert.equal(journalEnd(path).type, 'missing', `${bytes}`)
    append(path, [], complete(0))
    assert.equal(markAt(path), 0)
    assert.equal(readJournal(path).damagedAtLine, null)
  }
})

test('a line that was changed, removed or slipped in shows, wherever it is, and the others are read all the same', async () => {
  const path = await aJournal()
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  assert.equal(lines.length, 7)
  const broken = (changed: readonly string[]) => {
    writeFileSync(path, `${changed.join('\n')}\n`)
    return readJournal(path)
  }
  assert.equal(broken(lines).damagedAtLine, null)
  for (const [i, line] of lines.slice(0, -1).entries()) {
    assert.notEqual(broken(lines.toSpliced(i, 1)).damagedAtLine, null, `line ${i + 1} removed`)
    const changed = broken(lines.with(i, line.replace('1970', '1971')))
    assert.notEqual(changed.damagedAtLine, null, `line ${i + 1} changed`)
    const garbled = broken(lines.with(i, line.replace('"', '\0')))
    assert.notEqual(garbled.damagedAtLine, null, `line ${i + 1} garbled`)
    assert.ok(garbled.revocations.length >= 3, `line ${i + 1} garbled`)
    const inserted = broken(lines.toSpliced(i, 0, lines[1]!))
    assert.notEqual(inserted.damagedAtLine, null, `a line before ${i + 1}`)
  }
  const garbled = broken(lines.with(2, '\0\0\0\0'))
  assert.equal(garbled.damagedAtLine, 3)
  assert.deepEqual(
    garbled.revocations.map(({ credentialId }) => credentialId),
    ['crd1', 'crd3', 'crd4'],
  )
})

test('a file without any mark is damaged and not taken for a new journal', async () => {
  const path = join(await temporaryFolder(), 'revocations.jsonl')
  for (const text of ['\n', 'no journal\n', `${'x'.repeat(10_000)}`, '{"do":"complete"}\n']) {
    writeFileSync(path, text)
    assert.equal(journalEnd(path).type, 'damaged', text.slice(0, 20))
  }
})

test('the end of a long journal is found behind a long torn append', async () => {
  const path = await aJournal()
  const many = Array.from(
    { length: 30_000 },
    (_, i): Revocation => ({ ...DELETED, credentialId: `many${i}` }),
  )
  append(path, many, complete(12))
  assert.equal(ids(path).length, 4 + many.length)
  assert.equal(markAt(path), 12)
  appendFileSync(path, `${'{"do":"delete","position":13}\n'.repeat(20_000)}{"do":`)
  assert.equal(markAt(path), 12)
  append(path, [], complete(13))
  assert.deepEqual(
    [markAt(path), readJournal(path).damagedAtLine, ids(path).length],
    [13, null, 4 + many.length],
  )
})
