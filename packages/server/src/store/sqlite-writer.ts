/** The writer thread: the only place where a store's file is written. */
import { workerData } from 'node:worker_threads'
import type { Store, Write } from './port.ts'
import { SqliteConnection } from './sqlite-connection.ts'
import { applySpend, applyWrite, forgetBefore } from './sqlite-write.ts'
import { messageOf, type Outcome, outcomeOf, serveThread } from './thread-service.ts'
import { WriteConflict } from './write-order.ts'

export type WriterRequest =
  | { readonly type: 'commit'; readonly write: Write }
  | { readonly type: 'spend'; readonly args: Parameters<Store['spendCredits']> }
  | { readonly type: 'forget'; readonly what: 'idempotency' | 'changes'; readonly beforeMs: number }

const connection = new SqliteConnection({ path: String(workerData), synchronous: 'FULL', readOnly: false })
serveThread(
  (requests) => commitTogether(requests as readonly WriterRequest[]),
  () => connection.close(),
)

/**
 * One transaction, and so one wait for the disk, for all that arrived together. Nothing is answered before it is
 * committed; when the transaction as a whole fails, all of it fails.
 */
function commitTogether(requests: readonly WriterRequest[]): readonly Outcome[] {
  try {
    connection.run('BEGIN IMMEDIATE')
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

/** One request under a savepoint of its own: its conflict or fault undoes it and leaves the others alone. */
function byItself(request: WriterRequest): Outcome {
  connection.run('SAVEPOINT one')
  const outcome = outcomeOf(() => carryOut(request))
  // A full disk can end the whole transaction, and with it what the others of the batch have done.
  if (!outcome.ok && !connection.db.isTransaction) throw new Error(outcome.message)
  const refused = !outcome.ok || (request.type === 'commit' && !(outcome.value as { ok: boolean }).ok)
  if (refused) connection.run('ROLLBACK TO one')
  connection.run('RELEASE one')
  return outcome
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
  }
}
