import assert from 'node:assert/strict'
import { join } from 'node:path'
import { readJournal } from '../journal-file.ts'
import type { JournalTried } from '../keep-journal.ts'
import type { Store } from '../port.ts'
import { openSqliteStore } from '../sqlite.ts'

/** A store that keeps a journal, and what it said of it. */
export interface Opened {
  readonly store: Store
  readonly tried: JournalTried[]
}

export async function openAt(folder: string, journal = join(folder, 'revocations.jsonl')): Promise<Opened> {
  const tried: JournalTried[] = []
  const settings = { path: journal, onTried: (one: JournalTried) => tried.push(one) }
  const path = join(folder, 'credence.db')
  return {
    store: await openSqliteStore({ path, migrate: 'auto', clock: Date.now, journal: settings }),
    tried,
  }
}

/** `revoke crd1`, `revoke_version crd2/1`, … in the journal of a folder. */
export function journaled(folder: string): string[] {
  const { revocations, damagedAtLine } = readJournal(join(folder, 'revocations.jsonl'))
  assert.equal(damagedAtLine, null)
  return revocations.map((one) => {
    const version = one.do === 'revoke_version' ? `/${one.version}` : ''
    return `${one.do} ${one.credentialId}${version}`
  })
}
