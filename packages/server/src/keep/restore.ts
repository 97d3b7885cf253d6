import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { HOST_EXIT, HostProblem } from '../host-problem.ts'
import { showFingerprint } from '../keyring.ts'
import { DEFAULT_WORKSPACE_SETTING } from '../operations/bootstrap.ts'
import { appendToJournal, readJournal, syncFolder } from '../store/journal-file.ts'
import { beginningMark } from '../store/keep-journal.ts'
import { STORE_MIGRATIONS } from '../store/migrate.ts'
import type { MarkMade, Revocation, WholeJournal } from '../store/revocation-journal.ts'
import { SqliteConnection } from '../store/sqlite-connection.ts'
import { prepareSqliteFile } from '../store/sqlite-file.ts'
import { readSetting } from '../store/sqlite-read.ts'
import { headOf, newestRestore, trailAt } from '../store/sqlite-revocations.ts'
import { restorePlanPath, takeFile } from '../store/sqlite-use.ts'
import { usageBesides } from './backup.ts'
import { lookAtDatabaseBefore } from './database-before.ts'
import { copyFile, syncFile } from './database-copy.ts'
import { carryOutPlan, type RestorePlan, writeRestorePlan } from './finish-restore.ts'
import { type Inspection, inspectDatabase, inspectPages } from './inspect-database.ts'
import { type Knowledge, knowledgeOf } from './known-revocations.ts'
import { type Repeated, repeatRevocations } from './repeat-revocations.ts'

export interface RestoreRequest {
  readonly databasePath: string
  readonly usagePath: string
  readonly journalPath: string
  readonly from: string
  /** Of the keyring that this installation has. */
  readonly keyringFingerprint: string
  /** Whether to go on where what was revoked after the backup cannot be known. */
  readonly acceptUnknown: boolean
  readonly nowMs: number
  /** Tells the folders of two restores apart. */
  readonly suffix: string
}

export interface RestoreMade {
  /** The backup, as it was. */
  readonly inspection: Inspection
  readonly repeated: Repeated
  readonly knowledge: Knowledge
  /** When the journal last said that it is complete; null: there is none. */
  readonly knownUpToMs: number | null
  /** Credentials that are not in the backup; null: there was no database to be read that could tell. */
  readonly gone: number | null
  /** Credentials that the journal says were revoked after the backup, and that are not in it. */
  readonly goneAndRevoked: number
  /** Whether the backup has brought its usage along. */
  readonly hasUsage: boolean
  /** The folder that has what was there; null: nothing was. */
  readonly aside: string | null
}

const STAGING = 'restoring-'

/**
 * Puts a backup in the place of the database, with everything revoked since that is known repeated on it before it is
 * there. Nothing of what is there is touched before the backup has been read through, fits the keyring, and is
 * prepared; nothing is destroyed; and whatever moment the process is killed at, there is the old database or the new.
 * @throws HostProblem
 */
export function restore(request: RestoreRequest): RestoreMade {
  const { databasePath, from } = request
  if (!existsSync(from)) throw new HostProblem(`there is no backup at ${from}`, HOST_EXIT.notFound)
  if (existsSync(`${from}-wal`) && statSync(`${from}-wal`).size > 0) {
    throw new HostProblem(`${from} is a database in use, or was one: what is in ${from}-wal would be missing`)
  }
  const lock = takeFile(databasePath)
  if (lock === null) {
    const text = `a server, or another command, uses ${databasePath}; stop it first`
    throw new HostProblem(text, HOST_EXIT.conflict)
  }
  const folder = dirname(databasePath)
  try {
    carryOutPlan(databasePath, lock)
    // Of a restore that was killed before it came to its plan.
    for (const name of readdirSync(folder)) {
      if (name.startsWith(STAGING)) rmSync(join(folder, name), { recursive: true })
    }
    const { plan, made } = prepare(request)
    writeRestorePlan(databasePath, plan)
    carryOutPlan(databasePath, lock)
    return made
  } catch (error) {
    if (!existsSync(restorePlanPath(databasePath)))
      rmSync(stagingFolder(request), { recursive: true, force: true })
    throw error
  } finally {
    lock.release()
  }
}

function stagingFolder({ databasePath, suffix }: RestoreRequest): string {
  return join(dirname(databasePath), `${STAGING}${suffix}`)
}

/** Everything but the change itself. */
function prepare(request: RestoreRequest): { readonly plan: RestorePlan; readonly made: RestoreMade } {
  const { databasePath, journalPath, nowMs, suffix } = request
  const staged = stage(request)
  const { inspection, databases } = staged
  const { mark, journal, ...rest } = onStaged(staged.path, (connection) =>
    repeat(request, inspection, connection),
  )
  syncFile(staged.path)
  syncFolder(staged.folder)
  const at = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, '')
  const plan = {
    staging: basename(staged.folder),
    aside: `before-restore-${at}-${suffix}`,
    databases,
    journal: {
      path: journalPath,
      mark,
      replacement: replacementFor(journalPath, journal, mark),
      damaged: `${journalPath}.damaged-${nowMs}`,
    },
  }
  const hasOld = databases.some((name) => existsSync(join(dirname(databasePath), name)))
  const aside = hasOld ? join(dirname(databasePath), plan.aside) : null
  return { plan, made: { ...rest, inspection, hasUsage: databases.length > 1, aside } }
}

interface Staged {
  readonly folder: string
  /** Of the state's copy in it. */
  readonly path: string
  readonly databases: readonly string[]
  readonly inspection: Inspection
}

/** Copies the backup beside the database, reads it through, and brings its schema up to date. */
function stage(request: RestoreRequest): Staged {
  const { databasePath, usagePath, from, keyringFingerprint, nowMs } = request
  const folder = stagingFolder(request)
  mkdirSync(folder, { mode: 0o700 })
  const path = join(folder, basename(databasePath))
  copyFile(from, path)
  const inspection = inspectDatabase(path, from)
  if (inspection.keyringFingerprint !== keyringFingerprint) {
    const [its, ours] = [inspection.keyringFingerprint, keyringFingerprint].map(showFingerprint)
    const text = `${from} belongs to keyring ${its}, and the one here is ${ours}: nothing in it would verify`
    throw new HostProblem(text, HOST_EXIT.conflict)
  }
  prepareSqliteFile(path, STORE_MIGRATIONS, 'auto', () => nowMs)
  const databases = [basename(databasePath)]
  if (existsSync(usageBesides(from))) {
    databases.push(basename(usagePath))
    copyFile(usageBesides(from), join(folder, basename(usagePath)))
    inspectPages(join(folder, basename(usagePath)), usageBesides(from))
  }
  return { folder, path, databases, inspection }
}

/** When it is closed, SQLite has folded its log into the file. */
function onStaged<R>(path: string, work: (connection: SqliteConnection) => R): R {
  const connection = new SqliteConnection({ path, synchronous: 'FULL', readOnly: false })
  try {
    return work(connection)
  } finally {
    connection.close()
  }
}

function repeat(request: RestoreRequest, inspection: Inspection, connection: SqliteConnection) {
  const { databasePath, journalPath, from, acceptUnknown, nowMs } = request
  const { position, trail } = inspection
  const keeping = { path: journalPath, nowMs }
  const before = lookAtDatabaseBefore(databasePath, keeping, { connection, position, trail })
  const read = readJournal(journalPath)
  // What stands on a damaged line the old database may still know.
  const journal = { ...read, revocations: [...read.revocations, ...(before.revocations ?? [])] }
  const restoredAt = newestRestore(connection)
  const backup = { position, restoredAt, trailAt: (at: number) => trailAt(connection, at) }
  const knowledge: Knowledge = before.revocations !== null ? { isKnown: true } : knowledgeOf(journal, backup)
  if (!knowledge.isKnown && !acceptUnknown) throw refusal(knowledge)
  const goneAndRevoked = countGone(connection, journal.revocations, position)
  const workspaceId = readSetting(connection, DEFAULT_WORKSPACE_SETTING)
  if (workspaceId === undefined) throw new HostProblem(`${from} has no workspace`)
  const { isKnown } = knowledge
  const restoring = { workspaceId, nowMs, position, isKnown }
  const repeated = repeatRevocations(connection, journal.revocations, restoring)
  const mark: MarkMade = { do: 'restored', ...headOf(connection), atMs: nowMs, isKnown }
  const knownUpToMs = journal.marks.at(-1)?.atMs ?? null
  return { mark, journal, repeated, knowledge, knownUpToMs, gone: before.gone, goneAndRevoked }
}

function refusal({ text }: Extract<Knowledge, { isKnown: false }>): HostProblem {
  return new HostProblem(
    `${text}: what was revoked after the backup would be accepted again, and nobody could tell which.\n` +
      '  Find the journal (CREDENCE_REVOCATIONS_JOURNAL); or go on without: --accept-unknown-revocations',
  )
}

function countGone(
  connection: SqliteConnection,
  revocations: readonly Revocation[],
  position: number,
): number {
  const isGone = (id: string) => connection.get('SELECT 1 FROM credential WHERE id = ?', id) === undefined
  const after = revocations.filter((one) => one.position > position)
  return [...new Set(after.map(({ credentialId }) => credentialId))].filter(isGone).length
}

/** A journal that is damaged would be so for ever: one with all that can still be read of it takes its place. */
function replacementFor(path: string, journal: WholeJournal, mark: MarkMade): string | null {
  if (journal.damagedAtLine === null) return null
  const replacement = `${path}.restoring`
  rmSync(replacement, { force: true })
  appendToJournal(replacement, { type: 'missing' }, journal.revocations, [beginningMark(mark.atMs), mark])
  return replacement
}
