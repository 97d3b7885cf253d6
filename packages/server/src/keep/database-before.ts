import { existsSync } from 'node:fs'
import { keepJournal, NOT_SEEN } from '../store/keep-journal.ts'
import type { Revocation } from '../store/revocation-journal.ts'
import { SqliteConnection } from '../store/sqlite-connection.ts'
import { allRevocations, trailAt } from '../store/sqlite-revocations.ts'

/** What the database that is about to be replaced still tells. */
export interface DatabaseBefore {
  /** All that it knows to be revoked, where it goes on from the backup and has come as far as the journal; else null. */
  readonly revocations: readonly Revocation[] | null
  /** How many of its credentials the backup lacks; null: it cannot be read, or is not there. */
  readonly gone: number | null
}

interface Backup {
  readonly connection: SqliteConnection
  readonly position: number
  readonly trail: string
}

/** Brings the journal up to the old database too, where that can be read: it may know what the journal lacks. */
export function lookAtDatabaseBefore(
  path: string,
  journal: { readonly path: string; readonly nowMs: number },
  backup: Backup,
): DatabaseBefore {
  if (!existsSync(path)) return { revocations: null, gone: null }
  // A damaged one is a reason to restore and none to stop: what it can no longer tell is told as unknown.
  const gone = unlessDamaged(path, (old) => countGone(old, backup.connection))
  const revocations = unlessDamaged(path, (old) => {
    keepJournal(old, { ...journal, seen: NOT_SEEN, markIfBeforeMs: journal.nowMs })
    return trailAt(old, backup.position) === backup.trail ? allRevocations(old) : null
  })
  return { gone, revocations }
}

function unlessDamaged<R>(path: string, look: (old: SqliteConnection) => R): R | null {
  let connection: SqliteConnection | undefined
  try {
    connection = new SqliteConnection({ path, synchronous: 'FULL', readOnly: true })
    return look(connection)
  } catch {
    return null
  } finally {
    connection?.close()
  }
}

function countGone(old: SqliteConnection, backup: SqliteConnection): number {
  let gone = 0
  for (const { id } of old.iterate('SELECT id FROM credential')) {
    if (backup.get('SELECT 1 FROM credential WHERE id = ?', String(id)) === undefined) gone++
  }
  return gone
}
