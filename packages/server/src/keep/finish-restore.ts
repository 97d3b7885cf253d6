import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { HOST_EXIT, HostProblem } from '../host-problem.ts'
import { appendToJournal, journalEnd, syncFolder } from '../store/journal-file.ts'
import type { MarkMade } from '../store/revocation-journal.ts'
import type { SqliteLock } from '../store/sqlite-lock.ts'
import { restorePlanPath, takeFile } from '../store/sqlite-use.ts'

/**
 * What a restore has still to do once everything is prepared. From the moment it stands on the disk the restore
 * happens, whoever dies meanwhile: each step leaves what is needed to see that it was done, and whoever opens the
 * database next does the rest.
 */
export interface RestorePlan {
  /** Folder beside the database that holds the files to be put in place, under their names there. */
  readonly staging: string
  /** Folder beside the database that takes what was in place. */
  readonly aside: string
  /** Names of the databases to be replaced. */
  readonly databases: readonly string[]
  readonly journal: {
    readonly path: string
    /** What begins the new line of history there. */
    readonly mark: MarkMade
    /** A journal made anew, in place of a damaged one; null: the mark is appended to the one that is there. */
    readonly replacement: string | null
    /** Where the damaged one goes. */
    readonly damaged: string
  }
}

/** With a database go the files that SQLite keeps beside it: a new database with an old log would be damaged. */
const COMPANIONS = ['-wal', '-shm', '-journal', '']

/** How long a start waits for another that does the rest of a restore. */
const WAIT_MS = 10_000

/** Puts the plan on the disk: from here on the restore happens. To be called by whoever has the file alone. */
export function writeRestorePlan(databasePath: string, plan: RestorePlan): void {
  const path = restorePlanPath(databasePath)
  const unfinished = `${path}.new`
  rmSync(unfinished, { force: true })
  writeFileSync(unfinished, `${JSON.stringify(plan, null, 2)}\n`, { mode: 0o600, flag: 'wx', flush: true })
  renameSync(unfinished, path)
  syncFolder(dirname(path))
}

/** Does what a restore that died has left to do; nothing where there was none. @throws HostProblem */
export function finishRestore(databasePath: string): void {
  if (!existsSync(restorePlanPath(databasePath))) return
  const lock = takeFile(databasePath, WAIT_MS)
  if (lock === null) {
    throw new HostProblem(
      `a restore of ${databasePath} has to be finished, and something uses it`,
      HOST_EXIT.conflict,
    )
  }
  try {
    carryOutPlan(databasePath, lock)
  } finally {
    lock.release()
  }
}

/** The rest of a restore. @param _alone that nobody uses the database meanwhile */
export function carryOutPlan(databasePath: string, _alone: SqliteLock): void {
  const planPath = restorePlanPath(databasePath)
  if (!existsSync(planPath)) return
  // Written by this program, whole or not at all.
  const plan = JSON.parse(readFileSync(planPath, 'utf8')) as RestorePlan
  const folder = dirname(databasePath)
  for (const name of plan.databases) replace(folder, plan, name)
  syncFolder(folder)
  keepMark(plan.journal)
  unlinkSync(planPath)
  rmSync(join(folder, plan.staging), { recursive: true, force: true })
  syncFolder(folder)
}

/** As long as the new file is in the staging folder, what is in place is the old one's. */
function replace(folder: string, { staging, aside }: RestorePlan, name: string): void {
  const prepared = join(folder, staging, name)
  if (!existsSync(prepared)) return
  for (const companion of COMPANIONS) {
    const old = join(folder, `${name}${companion}`)
    if (!existsSync(old)) continue
    mkdirSync(join(folder, aside), { recursive: true, mode: 0o700 })
    renameSync(old, join(folder, aside, basename(old)))
    syncFolder(join(folder, aside))
  }
  syncFolder(folder)
  renameSync(prepared, join(folder, name))
}

/** A journal that is not there, or has no mark, is made anew out of the database when that is opened. */
function keepMark({ path, mark, replacement, damaged }: RestorePlan['journal']): void {
  if (replacement !== null && existsSync(replacement)) {
    if (existsSync(path)) renameSync(path, damaged)
    renameSync(replacement, path)
    syncFolder(dirname(path))
  }
  const end = journalEnd(path)
  if (end.type === 'mark' && end.mark.trail !== mark.trail) appendToJournal(path, end, [], [mark])
}
