import { existsSync, linkSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { HOST_EXIT, HostProblem } from '../host-problem.ts'
import { readJournal, syncFolder } from '../store/journal-file.ts'
import { keepJournal, NOT_SEEN } from '../store/keep-journal.ts'
import { SqliteConnection } from '../store/sqlite-connection.ts'
import { shareFile } from '../store/sqlite-use.ts'
import { copyDatabase } from './database-copy.ts'
import { type Inspection, inspectDatabase, inspectPages } from './inspect-database.ts'

export interface BackupRequest {
  readonly databasePath: string
  readonly usagePath: string
  readonly journalPath: string
  /** Where to: a path that is free, in a folder that is there. */
  readonly to: string
  readonly nowMs: number
  /** Tells the unfinished files of two backups apart. */
  readonly suffix: string
}

export interface BackupMade {
  readonly path: string
  /** null: there is no usage yet. */
  readonly usagePath: string | null
  readonly bytes: number
  readonly inspection: Inspection
  /** Why a restore of it will not know what is revoked after it; null: it will. */
  readonly journalProblem: string | null
  /** The journal is on the disk of the database: whoever loses the one loses the other. */
  readonly isJournalOnSameDisk: boolean
}

/** Usage is a file of its own in a backup too: it may be kept for shorter, or nowhere. */
export function usageBesides(path: string): string {
  return `${path}.usage`
}

/**
 * Copies the state, and usage beside it, while a server may be writing to both. The backup has its name only when it
 * is whole, has been read through and is on the disk; the state's comes last.
 * @throws HostProblem
 */
export function backUp(request: BackupRequest): BackupMade {
  const { databasePath, usagePath, to } = request
  const toUsage = usageBesides(to)
  if (!existsSync(databasePath)) {
    throw new HostProblem(`there is no database at ${databasePath}`, HOST_EXIT.notFound)
  }
  for (const path of [to, toUsage]) if (existsSync(path)) throw taken(path)
  const use = shareFile(databasePath)
  const unfinished = (path: string) => join(dirname(path), `.${basename(path)}.${request.suffix}`)
  try {
    // A mark on both sides of the copy: a journal that has them knows this backup, and what was revoked after it.
    markJournal(request)
    const hasUsage = existsSync(usagePath)
    if (hasUsage) copyDatabase(usagePath, unfinished(toUsage))
    copyDatabase(databasePath, unfinished(to))
    if (hasUsage) inspectPages(unfinished(toUsage), 'the copy of usage')
    const inspection = inspectDatabase(unfinished(to), 'the copy')
    const journalProblem = markJournal(request)
    if (hasUsage) link(unfinished(toUsage), toUsage)
    try {
      link(unfinished(to), to)
    } catch (error) {
      if (hasUsage) rmSync(toUsage)
      throw error
    }
    syncFolder(dirname(to))
    const bytes = statSync(to).size + (hasUsage ? statSync(toUsage).size : 0)
    const isJournalOnSameDisk = diskOf(request.journalPath) === diskOf(databasePath)
    return {
      path: to,
      usagePath: hasUsage ? toUsage : null,
      bytes,
      inspection,
      journalProblem,
      isJournalOnSameDisk,
    }
  } finally {
    for (const path of [to, toUsage]) rmSync(unfinished(path), { force: true })
    use.release()
  }
}

/** A link, unlike a rename, never replaces what is there. */
function link(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') throw taken(to)
    throw error
  }
}

function diskOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.dev
}

function taken(path: string): HostProblem {
  return new HostProblem(`${path} is there already, and a backup replaces nothing`, HOST_EXIT.conflict)
}

/** @returns what is wrong with the journal */
function markJournal({ databasePath, journalPath, nowMs }: BackupRequest): string | null {
  const connection = new SqliteConnection({ path: databasePath, synchronous: 'FULL', readOnly: true })
  try {
    const markIfBeforeMs = Number.POSITIVE_INFINITY
    keepJournal(connection, { path: journalPath, nowMs, seen: NOT_SEEN, markIfBeforeMs })
    const { damagedAtLine } = readJournal(journalPath)
    return damagedAtLine === null ? null : `${journalPath} is damaged at line ${damagedAtLine}`
  } catch (error) {
    return (error as Error).message
  } finally {
    connection.close()
  }
}
