import type { CheckName, Identity } from './decision.ts'
import type { CredentialRecord, SecretVersion } from './records.ts'
import type { DenialCode } from './verdict.ts'

/** Why a credential is not alive. */
export type LifeProblem = {
  readonly check: CheckName
  readonly code: DenialCode
  readonly detail: string
} | null

/** Why the credential cannot be used at this moment; null: it can. */
export function lifeProblem(identity: Identity, nowMs: number): LifeProblem {
  return stateProblem(identity) ?? timeProblem(identity, nowMs)
}

/** From when until when, exclusive, an identity can be used, as far as its records say; null: always. */
export interface Life {
  readonly fromMs: number | null
  readonly untilMs: number | null
}

/** The life of an identity, or null: its state lets it have none. */
export function lifeOf(identity: Identity): Life | null {
  if (stateProblem(identity) !== null) return null
  const { credential, version } = identity
  const ends = [credential.expiresAtMs, versionOf(credential, version)?.endsAtMs ?? null]
  const known = ends.filter((endMs) => endMs !== null)
  return { fromMs: credential.notBeforeMs, untilMs: known.length === 0 ? null : Math.min(...known) }
}

export function isAlive({ fromMs, untilMs }: Life, nowMs: number): boolean {
  return (fromMs === null || nowMs >= fromMs) && (untilMs === null || nowMs < untilMs)
}

/** What was decided about the credential, its secret version or its principal. */
export function stateProblem({ credential, version, principal }: Identity): LifeProblem {
  const check = 'state'
  switch (credential.state) {
    case 'revoked':
      return { check, code: 'REVOKED', detail: because('revoked', credential) }
    case 'quarantined':
      return { check, code: 'QUARANTINED', detail: because('quarantined', credential) }
    case 'disabled':
      return { check, code: 'DISABLED', detail: because('disabled', credential) }
    case 'active':
      break
  }
  const secret = versionOf(credential, version)
  if (secret === undefined || secret.revokedAtMs !== null) {
    return { check, code: 'REVOKED', detail: `version ${version} of its secret was revoked` }
  }
  return principal.disabledAtMs === null
    ? null
    : { check, code: 'DISABLED', detail: 'its principal is disabled' }
}

function because(state: string, credential: CredentialRecord): string {
  return credential.stateReason === null ? state : `${state}: ${credential.stateReason}`
}

/** An end is exclusive: at `expiresAtMs` itself the credential is over. */
export function timeProblem({ credential, version }: Identity, nowMs: number): LifeProblem {
  const check = 'time'
  if (credential.notBeforeMs !== null && nowMs < credential.notBeforeMs) {
    return {
      check,
      code: 'NOT_YET_VALID',
      detail: `begins at ${new Date(credential.notBeforeMs).toISOString()}`,
    }
  }
  if (credential.expiresAtMs !== null && nowMs >= credential.expiresAtMs) {
    return { check, code: 'EXPIRED', detail: `ended at ${new Date(credential.expiresAtMs).toISOString()}` }
  }
  const endsAtMs = versionOf(credential, version)?.endsAtMs ?? null
  if (endsAtMs !== null && nowMs >= endsAtMs) {
    const detail = `version ${version} of its secret ended at ${new Date(endsAtMs).toISOString()}`
    return { check, code: 'EXPIRED', detail }
  }
  return null
}

function versionOf({ versions }: CredentialRecord, version: number): SecretVersion | undefined {
  return versions.find((candidate) => candidate.version === version)
}
