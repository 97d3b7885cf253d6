import type { CheckName, Identity } from './decision.ts'
import type { CredentialRecord } from './records.ts'
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
  const secret = credential.versions.find((candidate) => candidate.version === version)
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
  const endsAtMs = credential.versions.find((candidate) => candidate.version === version)?.endsAtMs ?? null
  if (endsAtMs !== null && nowMs >= endsAtMs) {
    const detail = `version ${version} of its secret ended at ${new Date(endsAtMs).toISOString()}`
    return { check, code: 'EXPIRED', detail }
  }
  return null
}
