import type { CheckName, Identity, WholeIdentity } from './decision.ts'
import type { CredentialRecord, SecretVersion } from './records.ts'
import type { DenialCode } from './verdict.ts'

/** Why a credential is not alive. */
export type LifeProblem = {
  readonly check: CheckName
  readonly code: DenialCode
  readonly detail: string
} | null

/** Why the credential cannot be used at this moment; null: it can. */
export function lifeProblem(identity: WholeIdentity, nowMs: number): LifeProblem {
  const parent = parentOf(identity)
  return (
    stateProblem(identity) ??
    ofParent(parent && stateProblem(parent), parent) ??
    timeProblem(identity, nowMs) ??
    ofParent(parent && timeProblem(parent, nowMs), parent)
  )
}

/** An access token lives no longer than the credential that it came from, and than the secret that it was asked with. */
function parentOf({ parent, ...identity }: WholeIdentity): Identity | null {
  return parent === null ? null : { ...identity, ...parent }
}

function ofParent(problem: LifeProblem, parent: Identity | null): LifeProblem {
  if (problem === null || parent === null) return null
  return { ...problem, detail: `the credential it came from, ${parent.credential.id}: ${problem.detail}` }
}

/** From when until when, exclusive, an identity can be used, as far as its records say; null: always. */
export interface Life {
  readonly fromMs: number | null
  readonly untilMs: number | null
}

/** The life of an identity, or null: its state lets it have none. */
export function lifeOf(identity: WholeIdentity): Life | null {
  const parent = parentOf(identity)
  if (stateProblem(identity) !== null || (parent !== null && stateProblem(parent) !== null)) return null
  const lives = parent === null ? [identity] : [identity, parent]
  const starts = lives.map(({ credential }) => credential.notBeforeMs).filter((ms) => ms !== null)
  const ends = lives
    .flatMap(({ credential, version }) => [credential.expiresAtMs, endOf(credential, version)])
    .filter((ms) => ms !== null)
  return {
    fromMs: starts.length === 0 ? null : Math.max(...starts),
    untilMs: ends.length === 0 ? null : Math.min(...ends),
  }
}

function endOf(credential: CredentialRecord, version: number): number | null {
  return versionOf(credential, version)?.endsAtMs ?? null
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
  const endsAtMs = endOf(credential, version)
  if (endsAtMs !== null && nowMs >= endsAtMs) {
    const detail = `version ${version} of its secret ended at ${new Date(endsAtMs).toISOString()}`
    return { check, code: 'EXPIRED', detail }
  }
  return null
}

function versionOf({ versions }: CredentialRecord, version: number): SecretVersion | undefined {
  return versions.find((candidate) => candidate.version === version)
}
