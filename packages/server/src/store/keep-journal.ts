import { renameSync } from 'node:fs'
import { dirname } from 'node:path'
import { FIRST_AUDIT_HASH } from './audit-chain.ts'
import { appendToJournal, type JournalEnd, journalEnd, syncFolder } from './journal-file.ts'
import { StoreFault } from './port.ts'
import type { Mark, MarkMade } from './revocation-journal.ts'
import type { SqliteConnection } from './sqlite-connection.ts'
import { SqliteLock } from './sqlite-lock.ts'
import {
  allRevocations,
  headOf,
  keepsChangesSince,
  marksOfHistory,
  revocationsSince,
  trailAt,
} from './sqlite-revocations.ts'

/** How long one process waits for another that is appending. */
const LOCK_WAIT_MS = 5000

/** The journal was kept with another state of the database than the one that is here. */
export class JournalMismatch extends StoreFault {
  override name = 'JournalMismatch'
}

export interface Keeping {
  readonly path: string
  readonly nowMs: number
  /** Where the journal ended when it was last seen, and up to where no change since then has revoked anything. */
  readonly seen: JournalSeen
  /** Appends a mark, though nothing was revoked, when the last one was made before this. Infinity: always. */
  readonly markIfBeforeMs: number
}

export interface JournalSeen {
  /** Position of its last mark. */
  readonly markedAt: number
  readonly nothingUpTo: number
}

/** Nothing is known of it yet: all that came after its end is looked through. */
export const NOT_SEEN: JournalSeen = { markedAt: 0, nothingUpTo: 0 }

export interface Kept {
  readonly seen: JournalSeen
  /** Why it was begun anew, if it was. */
  readonly begun: 'missing' | 'damaged' | null
}

/** What came of a try to keep the journal. */
export interface JournalTried {
  /** Why it could not be written; null: it stands there. */
  readonly problem: string | null
  readonly begun: Kept['begun']
}

/**
 * Brings the journal up to what is committed; when it returns, that is on the disk.
 * @throws JournalMismatch, or whatever the file system says
 */
export function keepJournal(connection: SqliteConnection, keeping: Keeping): Kept {
  const lock = new SqliteLock(`${keeping.path}-lock`)
  if (!lock.take(LOCK_WAIT_MS)) throw new StoreFault('Another process holds the journal of revocations')
  try {
    const end = journalEnd(keeping.path)
    return ofOneMoment(connection, () =>
      end.type === 'mark' ? caughtUp(connection, keeping, end) : begun(connection, keeping, end.type),
    )
  } finally {
    lock.release()
  }
}

function ofOneMoment<R>(connection: SqliteConnection, read: () => R): R {
  connection.run('BEGIN')
  try {
    return read()
  } finally {
    connection.run('COMMIT')
  }
}

function caughtUp(
  connection: SqliteConnection,
  keeping: Keeping,
  end: JournalEnd & { readonly type: 'mark' },
): Kept {
  const { path, nowMs, seen, markIfBeforeMs } = keeping
  refuseOther(connection, path, end.mark)
  const head = headOf(connection)
  const ended = end.mark.position
  // One that ends before where it was seen is another file: an older copy, or a disk that was mounted meanwhile.
  const from = ended < seen.markedAt ? ended : Math.max(ended, Math.min(seen.nothingUpTo, head.position))
  if (!keepsChangesSince(connection, from, head.position)) return exported(connection, keeping, end)
  const revocations = revocationsSince(connection, from)
  const isMarked = revocations.length > 0 || end.mark.atMs < markIfBeforeMs
  if (isMarked) appendToJournal(path, end, revocations, [newestMark(head, nowMs)])
  const markedAt = isMarked ? head.position : ended
  return { seen: { markedAt, nothingUpTo: head.position }, begun: null }
}

/** What it says of a database must be of this one: of its very line of history. */
function refuseOther(connection: SqliteConnection, path: string, { position, trail }: Mark): void {
  const here = position === 0 ? FIRST_AUDIT_HASH : trailAt(connection, position)
  if (here === trail) return
  throw new JournalMismatch(
    `The journal of revocations ${path} goes up to position ${position} of a state of the database that is not the ` +
      'one here: the database was replaced by an older one, or by another. Put a backup back with ' +
      '`credence restore --from FILE`, which repeats what was revoked since. To go on without knowing what was ' +
      'revoked, move the journal away.',
  )
}

/** A first line that says nothing, then all that the database knows. What was there is moved aside. */
function begun(connection: SqliteConnection, keeping: Keeping, why: 'missing' | 'damaged'): Kept {
  const { path, nowMs } = keeping
  if (why === 'damaged') {
    renameSync(path, `${path}.damaged-${nowMs}`)
    syncFolder(dirname(path))
  }
  const end = appendToJournal(path, { type: 'missing' }, [], [beginningMark(nowMs)])
  return { ...exported(connection, keeping, end), begun: why }
}

/** What every journal begins with: nothing was revoked before the first position. */
export function beginningMark(nowMs: number): MarkMade {
  return { do: 'complete', position: 0, trail: FIRST_AUDIT_HASH, atMs: nowMs, isKnown: true }
}

/** Everything before the first of the marks, so that each of them is true when it is there. */
function exported(
  connection: SqliteConnection,
  { path, nowMs }: Keeping,
  end: JournalEnd & { readonly type: 'mark' },
): Kept {
  const head = headOf(connection)
  const isNew = end.mark.position === 0
  const marks = isNew ? marksOfHistory(connection, nowMs) : [newestMark(head, nowMs)]
  if (marks.length > 0) appendToJournal(path, end, allRevocations(connection), marks)
  return { seen: { markedAt: head.position, nothingUpTo: head.position }, begun: null }
}

function newestMark(head: ReturnType<typeof headOf>, atMs: number): MarkMade {
  return { do: 'complete', ...head, atMs, isKnown: true }
}
