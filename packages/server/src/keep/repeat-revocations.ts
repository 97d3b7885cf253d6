import { type CredentialRecord, revoked, versionRevoked } from '@credence/core'
import type { Put, RowAt, Write } from '../store/port.ts'
import type { Revocation } from '../store/revocation-journal.ts'
import { applyWrite } from '../store/sqlite-apply-write.ts'
import type { SqliteConnection } from '../store/sqlite-connection.ts'
import { readRecord } from '../store/sqlite-read.ts'
import { RESTORE_ACTION } from '../store/sqlite-revocations.ts'

/** What was done over again on a database that was put back. */
export interface Repeated {
  readonly credentials: number
  readonly versions: number
  readonly deletions: number
}

export interface Restoring {
  /** The workspace `default`, whose trail tells of the restore. */
  readonly workspaceId: string
  readonly nowMs: number
  /** Position of the backup. */
  readonly position: number
  /** Whether everything revoked after it is among what is repeated. */
  readonly isKnown: boolean
}

/**
 * Makes a database refuse what was revoked after it was copied: one write for all of it, with the audit entry of the
 * restore, which is written also where nothing is to be repeated. Where a revocation came from does not matter: ids
 * are never used again, and what is revoked already stays as it is.
 */
export function repeatRevocations(
  connection: SqliteConnection,
  revocations: Iterable<Revocation>,
  restoring: Restoring,
): Repeated {
  const { workspaceId, nowMs, position, isKnown } = restoring
  const puts: Put[] = []
  const deletes: RowAt[] = []
  const repeated = { credentials: 0, versions: 0, deletions: 0 }
  for (const [id, ofOne] of byCredential(revocations)) {
    const before = readRecord(connection, 'credential', id)
    if (before === undefined) continue
    if (ofOne.some((one) => one.do === 'delete')) {
      deletes.push({ table: 'credential', id, revision: before.revision })
      repeated.deletions++
      continue
    }
    const after = asRevoked(before, ofOne)
    if (after === before) continue
    if (after.state !== before.state) repeated.credentials++
    repeated.versions += revokedVersions(after) - revokedVersions(before)
    const record = { ...after, revision: before.revision + 1, updatedAtMs: nowMs }
    puts.push({ table: 'credential', record })
  }
  const detail = { position, ...repeated, revocations_known: isKnown }
  commit(connection, { workspaceId, puts, deletes, nowMs, detail })
  return repeated
}

function byCredential(revocations: Iterable<Revocation>): Map<string, Revocation[]> {
  const byId = new Map<string, Revocation[]>()
  for (const revocation of revocations) {
    const known = byId.get(revocation.credentialId)
    if (known === undefined) byId.set(revocation.credentialId, [revocation])
    else known.push(revocation)
  }
  return byId
}

/** A version that the record no longer has, or does not have yet, cannot be accepted anyway. */
function asRevoked(before: CredentialRecord, revocations: readonly Revocation[]): CredentialRecord {
  let record = before
  for (const one of revocations) {
    if (one.do !== 'revoke_version') continue
    const transition = versionRevoked(record, one.version, one.atMs)
    if (transition.ok) record = transition.record
  }
  const whole = revocations.find((one) => one.do === 'revoke')
  return whole === undefined ? record : revoked(record, whole.reason, whole.atMs)
}

function revokedVersions({ versions }: CredentialRecord): number {
  return versions.filter(({ revokedAtMs }) => revokedAtMs !== null).length
}

function commit(
  connection: SqliteConnection,
  {
    workspaceId,
    puts,
    deletes,
    nowMs,
    detail,
  }: Pick<Write, 'workspaceId' | 'puts' | 'deletes'> & { nowMs: number; detail: Write['audit']['detail'] },
): void {
  const audit: Write['audit'] = {
    atMs: nowMs,
    action: RESTORE_ACTION,
    targetTable: 'workspace',
    targetId: workspaceId,
    actorCredentialId: null,
    actorPrincipalId: null,
    requestId: null,
    ip: null,
    detail,
  }
  connection.run('BEGIN IMMEDIATE')
  applyWrite(connection, { workspaceId, puts, deletes, expects: [], settings: [], idempotency: null, audit })
  connection.run('COMMIT')
}
