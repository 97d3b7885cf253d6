/** The writer thread: the only place where a store's file is written. */
import { workerData } from 'node:worker_threads'
import type { Forgettable } from './forgettable.ts'
import { type JournalSeen, type JournalTried, keepJournal, NOT_SEEN } from './keep-journal.ts'
import type { CommitResult, Store, Write } from './port.ts'
import { applySpend, applyWrite, forgetBefore } from './sqlite-apply-write.ts'
import { SqliteConnection } from './sqlite-connection.ts'
import { messageOf, type Outcome, outcomeOf, serveThread } from './thread-service.ts'
import { WriteConflict } from './write-order.ts'

export type WriterRequest =
  | { readonly type: 'commit'; readonly write: Write }
  | { readonly type: 'spend'; readonly args: Parameters<Store['spendCredits']> }
  | { readonly type: 'forget'; readonly what: Forgettable; readonly beforeMs: number }
  /** Brings the journal of revocations up to date, and marks it when its last mark is older than `markIfBeforeMs`. */
  | { readonly type: 'journal'; readonly nowMs: number; readonly markIfBeforeMs: number }

/** What a writer is started with. */
export interface WriterData {
  readonly path: string
  readonly journal: { readonly path: string; readonly seen: JournalSeen } | null
}

/** The answer to a commit, with what became of the journal where the write revoked something. */
export type Committed = CommitResult & { readonly journal?: JournalTried }

const { path, journal } = workerData as WriterData
const connection = new SqliteConnection({ path, synchronous: 'FULL', readOnly: false })
// What a savepoint would bring back is a few pages, for which SQLite would make, write and remove a file.
connection.run('PRAGMA temp_store = MEMORY')
let seen = journal?.seen ?? NOT_SEEN
serveThread(
  (requests) => carryOutTogether(requests as readonly WriterRequest[]),
  () => connection.close(),
)

/** Commits, then brings the journal up to it: nothing that revokes is answered before it stands there too. */
function carryOutTogether(requests: readonly WriterRequest[]): readonly Outcome[] {
  const committed = commitTogether(requests)
  if (journal === null) return committed
  const revoking = requests.map((request, i) => isCommitted(committed[i]!) && revokes(request))
  const asked = requests.find((request) => request.type === 'journal')
  if (asked === undefined && !revoking.includes(true)) {
    noteWithoutRevocations(committed)
    return committed
  }
  const tried = broughtUp(journal.path, requests, asked)
  return committed.map((outcome, i) => {
    if (requests[i]!.type === 'journal') return { ok: true, value: tried }
    if (!outcome.ok || !revoking[i]) return outcome
    return { ok: true, value: { ...(outcome.value as CommitResult), journal: tried } satisfies Committed }
  })
}

/**
 * A journal that cannot be written makes nobody's revocation fail: it is committed, and acts. Whoever asked hears that
 * it does, and the operator that the journal lacks it; the next revocation, or minute, tries again.
 */
function broughtUp(
  path: string,
  requests: readonly WriterRequest[],
  asked: Extract<WriterRequest, { type: 'journal' }> | undefined,
): JournalTried {
  const times = requests.map((request) => (request.type === 'commit' ? request.write.audit.atMs : 0))
  const nowMs = asked?.nowMs ?? Math.max(...times)
  const markIfBeforeMs = asked?.markIfBeforeMs ?? Number.NEGATIVE_INFINITY
  try {
    const kept = keepJournal(connection, { path, nowMs, seen, markIfBeforeMs })
    seen = kept.seen
    return { problem: null, begun: kept.begun }
  } catch (error) {
    return { problem: messageOf(error), begun: null }
  }
}

/** Positions that follow on each other: nobody else has written in between. */
function noteWithoutRevocations(outcomes: readonly Outcome[]): void {
  for (const outcome of outcomes) {
    if (!isCommitted(outcome)) continue
    const { position } = outcome.value as { position: number }
    if (position === seen.nothingUpTo + 1) seen = { ...seen, nothingUpTo: position }
  }
}

/** A commit that was carried out, and met no conflict. */
function isCommitted(outcome: Outcome): outcome is { readonly ok: true; readonly value: unknown } {
  if (!outcome.ok || typeof outcome.value !== 'object' || outcome.value === null) return false
  return 'position' in outcome.value
}

/** Whether a write leaves a credential, or a version of its secret, revoked or gone. */
function revokes(request: WriterRequest): boolean {
  if (request.type !== 'commit') return false
  const { puts, deletes } = request.write
  return (
    deletes.some(({ table }) => table === 'credential') ||
    puts.some(
      ({ table, record }) =>
        table === 'credential' &&
        (record.state === 'revoked' || record.versions.some(({ revokedAtMs }) => revokedAtMs !== null)),
    )
  )
}

/**
 * One transaction, and so one wait for the disk, for all that arrived together. Nothing is answered before it is
 * committed; when the transaction as a whole fails, all of it fails.
 */
function commitTogether(requests: readonly WriterRequest[]): readonly Outcome[] {
  if (requests.every(({ type }) => type === 'journal')) return requests.map(() => ({ ok: true, value: null }))
  try {
    connection.run('BEGIN IMMEDIATE')
    if (requests.length === 1) return [alone(requests[0]!)]
    const outcomes = requests.map(byItself)
    connection.run('COMMIT')
    return outcomes
  } catch (error) {
    // After a full disk or an I/O error SQLite may have rolled back already.
    if (connection.db.isTransaction) connection.run('ROLLBACK')
    const message = messageOf(error)
    return requests.map(() => ({ ok: false, message }))
  }
}

/** One request that has the transaction to itself, and so needs no savepoint, for which SQLite copies what it changes. */
function alone(request: WriterRequest): Outcome {
  const outcome = outcomeOf(() => carryOut(request))
  if (!isRefused(request, outcome)) connection.run('COMMIT')
  else if (connection.db.isTransaction) connection.run('ROLLBACK')
  return outcome
}

/** One request under a savepoint of its own: its conflict or fault undoes it and leaves the others alone. */
function byItself(request: WriterRequest): Outcome {
  connection.run('SAVEPOINT one')
  const outcome = outcomeOf(() => carryOut(request))
  // A full disk can end the whole transaction, and with it what the others of the batch have done.
  if (!outcome.ok && !connection.db.isTransaction) throw new Error(outcome.message)
  if (isRefused(request, outcome)) connection.run('ROLLBACK TO one')
  connection.run('RELEASE one')
  return outcome
}

/** Whether it met a conflict or a fault: what it has done so far must not stay. */
function isRefused(request: WriterRequest, outcome: Outcome): boolean {
  return !outcome.ok || (request.type === 'commit' && !(outcome.value as { ok: boolean }).ok)
}

function carryOut(request: WriterRequest): unknown {
  switch (request.type) {
    case 'commit':
      try {
        return { ok: true, position: applyWrite(connection, request.write) }
      } catch (error) {
        if (error instanceof WriteConflict) return { ok: false, conflict: error.conflict }
        throw error
      }
    case 'spend':
      return applySpend(connection, ...request.args)
    case 'forget':
      return forgetBefore(connection, request.what, request.beforeMs)
    case 'journal':
      // It comes after the commit.
      return null
  }
}
