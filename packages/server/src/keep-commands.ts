import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import type { Config, Environment } from './config.ts'
import { configFrom, onHost, type Streams, storePath, usagePath } from './host.ts'
import { HOST_EXIT, HostProblem } from './host-problem.ts'
import { type BackupMade, backUp } from './keep/backup.ts'
import type { Inspection } from './keep/inspect-database.ts'
import { type RestoreMade, restore } from './keep/restore.ts'
import { loadKeyring, showFingerprint } from './keyring.ts'

/** `credence backup`: a copy of the embedded store, while the server runs or not. */
export function backUpFromEnvironment(
  env: Environment,
  { to, json }: { readonly to: string; readonly json: boolean },
  streams: Streams,
): Promise<number> {
  return onHost(streams, async () => {
    const config = configFrom(env)
    const made = backUp({ ...pathsOf(config), to: resolve(to), nowMs: Date.now(), suffix: suffix() })
    if (json) streams.stdout.write(`${JSON.stringify(backupJson(made), null, 2)}\n`)
    tell(streams, backupLines(made, config))
    return 0
  })
}

/** `credence restore`: puts a backup in the place of the embedded store, while nothing uses it. */
export function restoreFromEnvironment(
  env: Environment,
  {
    from,
    acceptUnknown,
    json,
  }: { readonly from: string; readonly acceptUnknown: boolean; readonly json: boolean },
  streams: Streams,
): Promise<number> {
  return onHost(streams, async () => {
    const config = configFrom(env)
    // Before anything else: without its keyring a backup is of no use, and a start would make another.
    const loaded = loadKeyring(config.keyringPath)
    if (!loaded.ok) {
      throw new HostProblem(
        `${loaded.problem}; put it back first: no backup verifies without its keyring`,
        HOST_EXIT.conflict,
      )
    }
    const made = restore({
      ...pathsOf(config),
      from: resolve(from),
      keyringFingerprint: loaded.keyring.fingerprint,
      acceptUnknown,
      nowMs: Date.now(),
      suffix: suffix(),
    })
    if (json) streams.stdout.write(`${JSON.stringify(restoreJson(made), null, 2)}\n`)
    tell(streams, restoreLines(made, from))
    return 0
  })
}

/** The files of the embedded store. @throws HostProblem where the store is another */
function pathsOf(config: Config) {
  if (config.databaseUrl !== null) {
    throw new HostProblem(
      'the store is PostgreSQL (CREDENCE_DATABASE_URL), which has its own backups: pg_dump, or archived logs',
    )
  }
  return {
    databasePath: resolve(storePath(config)),
    usagePath: resolve(usagePath(config)),
    journalPath: resolve(config.revocationsJournalPath),
  }
}

function suffix(): string {
  return randomBytes(4).toString('hex')
}

function tell({ stderr }: Streams, lines: readonly string[]): void {
  stderr.write(`${lines.join('\n')}\n`)
}

function backupLines(made: BackupMade, config: Config): string[] {
  const { path, usagePath, inspection, journalProblem, isJournalOnSameDisk } = made
  const usage = usagePath === null ? 'no usage yet' : `usage in ${usagePath}`
  const lines = [
    `✓ backup in ${path} (0600), ${usage}; read through and found whole`,
    ...factLines(inspection),
  ]
  lines.push(
    `  The keyring is not in it, and without it the digests are useless: keep ${config.keyringPath} in another place.`,
  )
  if (journalProblem !== null) {
    lines.push(`! a restore of it will not know what is revoked after it: ${journalProblem}`)
  } else if (isJournalOnSameDisk) {
    lines.push(
      `  The journal of revocations is on the same disk as the database: copy ${config.revocationsJournalPath} away too,`,
      '  or have it elsewhere with CREDENCE_REVOCATIONS_JOURNAL.',
    )
  }
  return lines
}

function factLines({ position, newestAtMs, keyringFingerprint, counts }: Inspection): string[] {
  return [
    `  position ${position}, of ${new Date(newestAtMs).toISOString()}, under keyring ${showFingerprint(keyringFingerprint)}`,
    `  workspaces ${counts.workspace}, APIs ${counts.api}, roles ${counts.role}, principals ${counts.principal}, ` +
      `credentials ${counts.credential}, of them revoked ${counts.revoked}`,
  ]
}

function restoreLines(made: RestoreMade, from: string): string[] {
  const { inspection, repeated, knowledge, knownUpToMs, gone, goneAndRevoked, hasUsage, aside } = made
  const { credentials, versions, deletions } = repeated
  const lines = [`✓ restored from ${from}`, ...factLines(inspection)]
  lines.push(
    `  revoked again: credentials ${credentials}, secret versions ${versions}; deleted again: credentials ${deletions}`,
  )
  if (knowledge.isKnown) {
    const upTo = knownUpToMs === null ? '' : `, last written ${new Date(knownUpToMs).toISOString()}`
    lines.push(`  that is all that was revoked after the backup, by the journal of revocations${upTo}`)
  } else {
    lines.push(`! what was revoked after the backup is not known: ${knowledge.text}`)
    lines.push('! go through what was revoked since, and revoke it again, before the server is reachable')
  }
  lines.push(goneLine(gone, goneAndRevoked))
  if (!hasUsage) lines.push('  the backup has no usage beside it: usage and quotas stay as they are here')
  if (aside !== null) lines.push(`  what was here is in ${aside}`)
  lines.push('  next: start the server')
  return lines
}

function goneLine(gone: number | null, goneAndRevoked: number): string {
  if (gone !== null)
    return `  ${gone} credentials that were here are not in the backup, and are unknown from now on`
  const atLeast = goneAndRevoked === 0 ? '' : ` (${goneAndRevoked} of them had been revoked)`
  return `  credentials issued after the backup are unknown from now on; how many, nothing here can tell${atLeast}`
}

function inspectionJson({ position, newestAtMs, keyringFingerprint, counts }: Inspection) {
  return {
    position,
    newest_at: new Date(newestAtMs).toISOString(),
    keyring: showFingerprint(keyringFingerprint),
    counts: {
      workspaces: counts.workspace,
      apis: counts.api,
      roles: counts.role,
      principals: counts.principal,
      credentials: counts.credential,
      revoked_credentials: counts.revoked,
    },
  }
}

function backupJson(made: BackupMade) {
  const { path, usagePath, bytes, inspection, journalProblem, isJournalOnSameDisk } = made
  return {
    path,
    usage_path: usagePath,
    bytes,
    ...inspectionJson(inspection),
    journal: { ok: journalProblem === null, problem: journalProblem, on_same_disk: isJournalOnSameDisk },
  }
}

function restoreJson(made: RestoreMade) {
  const { inspection, repeated, knowledge, knownUpToMs, gone, goneAndRevoked, hasUsage, aside } = made
  return {
    backup: inspectionJson(inspection),
    revoked_again: repeated,
    revocations_known: knowledge.isKnown,
    why_unknown: knowledge.isKnown ? null : knowledge.why,
    journal_written_at: knownUpToMs === null ? null : new Date(knownUpToMs).toISOString(),
    credentials_gone: gone,
    credentials_gone_and_revoked: goneAndRevoked,
    usage_restored: hasUsage,
    aside,
  }
}
