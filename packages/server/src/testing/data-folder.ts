import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { CredentialRecord } from '@credence/core'
import { KEYRING_SETTING } from '../host.ts'
import { type BackupMade, backUp } from '../keep/backup.ts'
import { finishRestore } from '../keep/finish-restore.ts'
import { inspectDatabase } from '../keep/inspect-database.ts'
import { type RestoreMade, restore } from '../keep/restore.ts'
import { DEFAULT_WORKSPACE_SETTING } from '../operations/bootstrap.ts'
import type { JournalTried } from '../store/keep-journal.ts'
import type { Store, Write } from '../store/port.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import { openUsageStore } from '../store/sqlite-usage.ts'
import {
  aCredential,
  anApi,
  anAudit,
  aPrincipal,
  aWorkspace,
  aWrite,
  positionOf,
  put,
} from '../store/testing/contract-records.ts'
import { temporaryFolder } from '../store/testing/sqlite-fixture.ts'

export const FINGERPRINT = 'f'.repeat(64)

/** A data folder with its backups, as the commands see it. */
export interface DataFolder {
  readonly folder: string
  readonly backups: string
  readonly paths: { readonly databasePath: string; readonly usagePath: string; readonly journalPath: string }
  /** What the open stores said of their journal. */
  readonly problems: readonly string[]
  readonly open: () => Promise<Store>
  /** Throws when the database is not whole. */
  readonly check: () => void
  readonly backUp: (name: string) => BackupMade
  readonly restore: (name: string, over?: Partial<Parameters<typeof restore>[0]>) => RestoreMade
}

/** A folder whose database has a workspace, an API, a principal and the credentials named. The journal is elsewhere. */
export async function dataFolder(...credentialIds: string[]): Promise<DataFolder> {
  const made = emptyDataFolder(await temporaryFolder(), await temporaryFolder(), await temporaryFolder())
  const store = await made.open()
  const puts = [
    put('workspace', aWorkspace('ws_1')),
    put('api', anApi('api_1')),
    put('principal', aPrincipal('prn_1')),
  ]
  const credentials = credentialIds.map((id) => put('credential', aCredential(id)))
  const settings = [
    { name: KEYRING_SETTING, value: FINGERPRINT },
    { name: DEFAULT_WORKSPACE_SETTING, value: 'ws_1' },
  ]
  positionOf(await store.commit(aWrite({ puts: [...puts, ...credentials], settings, audit: freshAudit() })))
  await store.close()
  await (await openUsageStore({ path: made.paths.usagePath, migrate: 'auto', clock: Date.now })).close()
  return made
}

/** Another folder for the data, beside the backups and the journal of a first one. */
export function emptyDataFolder(folder: string, backups: string, journal: string): DataFolder {
  const paths = {
    databasePath: join(folder, 'credence.db'),
    usagePath: join(folder, 'usage.db'),
    journalPath: join(journal, 'revocations.jsonl'),
  }
  const problems: string[] = []
  const suffix = () => randomBytes(4).toString('hex')
  return {
    folder,
    backups,
    problems,
    paths,
    open: async () => {
      finishRestore(paths.databasePath)
      const onTried = ({ problem }: JournalTried) => {
        if (problem !== null) problems.push(problem)
      }
      const settings = { path: paths.journalPath, onTried }
      return openSqliteStore({
        path: paths.databasePath,
        migrate: 'auto',
        clock: Date.now,
        journal: settings,
      })
    },
    check: () => {
      inspectDatabase(paths.databasePath, paths.databasePath)
    },
    backUp: (name) => backUp({ ...paths, to: join(backups, name), nowMs: Date.now(), suffix: suffix() }),
    restore: (name, over = {}) =>
      restore({
        ...paths,
        from: join(backups, name),
        keyringFingerprint: FINGERPRINT,
        acceptUnknown: false,
        nowMs: Date.now(),
        suffix: suffix(),
        ...over,
      }),
  }
}

/** An entry that no other line of history has at its position. */
export function freshAudit(over: Parameters<typeof anAudit>[0] = {}): ReturnType<typeof anAudit> {
  return anAudit({ requestId: randomBytes(8).toString('hex'), ...over })
}

export function issue(id: string): Write {
  return aWrite({
    puts: [put('credential', aCredential(id))],
    audit: freshAudit({ targetTable: 'credential', targetId: id }),
  })
}

/** The credential as it comes after `before`. */
export function change(before: CredentialRecord, over: Partial<CredentialRecord>): Write {
  const record = { ...before, ...over, revision: before.revision + 1 }
  return aWrite({ puts: [put('credential', record)], audit: freshAudit() })
}

export function revoke(id: string): Write {
  return change(aCredential(id), { state: 'revoked', stateReason: 'leaked', stateChangedAtMs: 5_000 })
}

export function remove(id: string): Write {
  const audit = freshAudit({ action: 'credential.delete', targetTable: 'credential', targetId: id })
  return aWrite({ deletes: [{ table: 'credential', id, revision: 1 }], audit })
}
