import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Mark, WholeJournal } from '../store/revocation-journal.ts'
import { knowledgeOf } from './known-revocations.ts'

/** A mark at a position of a line of history, which gives every position a trail of its own. */
function mark(line: string, position: number, over: Partial<Mark> = {}): Mark {
  return { do: 'complete', position, trail: `${line}${position}`, atMs: 0, isKnown: true, hash: '', ...over }
}

function restored(line: string, position: number, isKnown = true): Mark {
  return mark(line, position, { do: 'restored', isKnown })
}

const BEGINNING = mark('zeros', 0)

function journal(...marks: Mark[]): WholeJournal {
  return { revocations: [], marks, damagedAtLine: null }
}

/** A backup at a position of line a; from `forkedAt` on its history is that of line b. */
function backupAt(position: number, forkedAt = Number.POSITIVE_INFINITY) {
  const trailAt = (at: number) => (at > position ? undefined : `${at < forkedAt ? 'a' : 'b'}${at}`)
  return { position, restoredAt: position >= forkedAt ? forkedAt : 0, trailAt }
}

/** `known`, or why not. */
function verdict(whole: WholeJournal, backup: ReturnType<typeof backupAt>): string {
  const knowledge = knowledgeOf(whole, backup)
  return knowledge.isKnown ? 'known' : knowledge.why
}

test('a journal with marks of the backup’s history on both sides of it knows what came after', () => {
  assert.equal(verdict(journal(BEGINNING, mark('a', 5), mark('a', 20)), backupAt(10)), 'known')
  assert.equal(verdict(journal(BEGINNING, mark('a', 10)), backupAt(10)), 'known')
})

test('no journal, a damaged one, another installation’s, and one that ends before the backup do not', () => {
  assert.equal(verdict(journal(), backupAt(10)), 'missing')
  const damaged = { ...journal(BEGINNING, mark('a', 5), mark('a', 20)), damagedAtLine: 3 }
  assert.equal(verdict(damaged, backupAt(10)), 'damaged')
  assert.equal(verdict(journal(BEGINNING, mark('x', 5), mark('x', 20)), backupAt(10)), 'other_history')
  // What every journal begins with says nothing of whose it is.
  assert.equal(verdict(journal(BEGINNING, mark('a', 20)), backupAt(10)), 'other_history')
  assert.equal(verdict(journal(BEGINNING, mark('a', 5), mark('a', 9)), backupAt(10)), 'ends_before')
})

test('after a restore a backup of the line before it, and one of the line after it, are both known', () => {
  // Line a went to 20; a backup at 10 was restored, and line b goes on from 11.
  const whole = journal(BEGINNING, mark('a', 5), mark('a', 20), restored('b', 11), mark('b', 15))
  assert.equal(verdict(whole, backupAt(10)), 'known')
  assert.equal(verdict(whole, backupAt(18)), 'known')
  assert.equal(verdict(whole, backupAt(14, 11)), 'known')
  assert.equal(verdict(whole, backupAt(16, 11)), 'ends_before')
  // One that went another way from the same backup.
  assert.equal(verdict(journal(mark('a', 5), restored('b', 11), mark('b', 15)), backupAt(14)), 'ends_before')
})

test('what a restore in between did not know stays unknown for the backups before it', () => {
  const whole = journal(BEGINNING, mark('a', 5), mark('a', 20), restored('b', 11, false), mark('b', 30))
  assert.equal(verdict(whole, backupAt(8)), 'gap')
  assert.equal(verdict(whole, backupAt(25, 11)), 'known')
})
