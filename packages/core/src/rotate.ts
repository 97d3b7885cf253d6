import type { CredentialRecord, CredentialState, SecretVersion } from './records.ts'

/** Most secret versions that a record keeps: verify compares a presented secret with every one of them. */
export const MAX_VERSIONS = 5

/** The record after what was asked for, or why it cannot be. The very same record: nothing changed. */
export type Transition =
  | { readonly ok: true; readonly record: CredentialRecord }
  | { readonly ok: false; readonly problem: string }

export interface Rotation {
  /** The new secret's digest, sealed for version `nextVersion(record)`. */
  readonly sealedDigest: string
  readonly nowMs: number
  /** How long the versions before it go on. Milliseconds; 0: they end at `nowMs`. */
  readonly overlapMs: number
}

/** The number that the next secret version gets; it is part of what its digest is sealed for. */
export function nextVersion(record: CredentialRecord): number {
  return record.versions.at(-1)!.version + 1
}

/**
 * Adds a secret version and gives every living one before it an end: `nowMs + overlapMs`, or the end it has where
 * that is earlier, so that rotating never lengthens a life.
 */
export function rotated(record: CredentialRecord, { sealedDigest, nowMs, overlapMs }: Rotation): Transition {
  const status = statusOf(record, nowMs)
  if (status !== 'active' && status !== 'not_yet_valid') return refused(`the credential is ${status}`)
  const endsAtMs = nowMs + overlapMs
  const earlier = record.versions.map((version) =>
    isAlive(version, nowMs)
      ? { ...version, endsAtMs: Math.min(version.endsAtMs ?? endsAtMs, endsAtMs) }
      : version,
  )
  const alive = earlier.filter((version) => isAlive(version, nowMs))
  if (alive.length >= MAX_VERSIONS) {
    return refused(
      `${alive.length} versions of its secret are alive; revoke one, or wait until one has ended`,
    )
  }
  const dead = earlier.filter((version) => !isAlive(version, nowMs))
  const room = MAX_VERSIONS - 1 - alive.length
  const kept = [...dead.slice(Math.max(0, dead.length - room)), ...alive]
  const made = {
    version: nextVersion(record),
    sealedDigest,
    createdAtMs: nowMs,
    endsAtMs: null,
    revokedAtMs: null,
  }
  const versions = [...kept.sort((a, b) => a.version - b.version), made]
  return { ok: true, record: written(record, nowMs, { versions }) }
}

/**
 * The same secret under another digest. Null: that cannot be, since another version works as well, or a newer one was
 * there. Of the versions that are over none is kept: theirs would have to be made anew as well.
 */
export function redigested(
  record: CredentialRecord,
  version: number,
  sealedDigest: string,
  nowMs: number,
): CredentialRecord | null {
  const [only, ...others] = record.versions.filter((one) => isAlive(one, nowMs))
  if (only?.version !== version || others.length > 0 || record.versions.at(-1) !== only) return null
  return written(record, nowMs, { versions: [{ ...only, sealedDigest }] })
}

/** Takes a credential back, for ever. Again: the first reason and moment stay. */
export function revoked(record: CredentialRecord, reason: string | null, nowMs: number): CredentialRecord {
  return record.state === 'revoked' ? record : inState(record, 'revoked', reason, nowMs)
}

/** Takes one secret version back; the others go on. */
export function versionRevoked(record: CredentialRecord, version: number, nowMs: number): Transition {
  const found = record.versions.find((candidate) => candidate.version === version)
  if (found === undefined) return refused(`it has no version ${version}`)
  if (found.revokedAtMs !== null || record.state === 'revoked') return { ok: true, record }
  const versions = record.versions.map((one) => (one === found ? { ...one, revokedAtMs: nowMs } : one))
  return { ok: true, record: written(record, nowMs, { versions }) }
}

/** Switches a credential off until somebody enables it. */
export function disabled(record: CredentialRecord, reason: string | null, nowMs: number): Transition {
  if (record.state === 'revoked') return refused(REVOKED_FOR_EVER)
  if (record.state === 'disabled') return { ok: true, record }
  return { ok: true, record: inState(record, 'disabled', reason, nowMs) }
}

/** Switches a disabled or quarantined credential on again; a revoked one never. */
export function enabled(record: CredentialRecord, nowMs: number): Transition {
  if (record.state === 'revoked') return refused(REVOKED_FOR_EVER)
  if (record.state === 'active') return { ok: true, record }
  return { ok: true, record: inState(record, 'active', null, nowMs) }
}

const REVOKED_FOR_EVER = 'the credential is revoked, and what was revoked never comes back; issue a new one'

export const CREDENTIAL_STATUSES = [
  'active',
  'disabled',
  'quarantined',
  'revoked',
  'expired',
  'not_yet_valid',
] as const
/** A credential's state, or what time makes of an active one. */
export type CredentialStatus = (typeof CREDENTIAL_STATUSES)[number]

/** In the order in which verify checks: state, beginning, end. */
export function statusOf(record: CredentialRecord, nowMs: number): CredentialStatus {
  if (record.state !== 'active') return record.state
  if (record.notBeforeMs !== null && nowMs < record.notBeforeMs) return 'not_yet_valid'
  return record.expiresAtMs !== null && nowMs >= record.expiresAtMs ? 'expired' : 'active'
}

export const VERSION_STATUSES = ['current', 'ending', 'ended', 'revoked'] as const
export type VersionStatus = (typeof VERSION_STATUSES)[number]

/** `ending`: a newer version is there, and this one works until its end. */
export function versionStatusOf(version: SecretVersion, nowMs: number): VersionStatus {
  if (version.revokedAtMs !== null) return 'revoked'
  if (version.endsAtMs === null) return 'current'
  return nowMs >= version.endsAtMs ? 'ended' : 'ending'
}

function isAlive(version: SecretVersion, nowMs: number): boolean {
  const status = versionStatusOf(version, nowMs)
  return status === 'current' || status === 'ending'
}

function inState(
  record: CredentialRecord,
  state: CredentialState,
  stateReason: string | null,
  nowMs: number,
): CredentialRecord {
  return written(record, nowMs, { state, stateReason, stateChangedAtMs: nowMs })
}

function written(
  record: CredentialRecord,
  nowMs: number,
  changed: Partial<Pick<CredentialRecord, 'versions' | 'state' | 'stateReason' | 'stateChangedAtMs'>>,
): CredentialRecord {
  return { ...record, ...changed, revision: record.revision + 1, updatedAtMs: nowMs }
}

function refused(problem: string): Transition {
  return { ok: false, problem }
}
