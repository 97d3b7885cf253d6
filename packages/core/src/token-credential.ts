import type { JwtClaims } from './jwt-claims.ts'
import { MAX_CLOCK_SKEW_SECONDS } from './jwt-claims.ts'
import {
  type Binding,
  type CredentialRecord,
  type IssuerRecord,
  type IssuerToken,
  type SecretVersion,
  STANDING_ALONE,
} from './records.ts'

/** What of a token's claims decides whether it counts now. */
type Claims = Pick<JwtClaims, keyof IssuerToken | 'notBeforeMs'>

/**
 * What a verified token stands for: a credential that is in no store, so that state, time, conditions, scopes and
 * limits are looked at as for every other. It has the id and revision of its issuer, by which it is found and counted.
 */
export function credentialOfToken(
  issuer: IssuerRecord,
  claims: Claims,
  principalId: string,
  scopes: readonly string[],
  binding: Binding | null,
): CredentialRecord {
  const { id, workspaceId, revision, createdAtMs, updatedAtMs } = issuer
  return {
    ...{ id, workspaceId, revision, createdAtMs, updatedAtMs },
    ...{ kind: 'jwt', principalId, name: issuer.name, keyPrefix: '' },
    ...stateOf(issuer, claims, principalId),
    ...lifeOf(issuer, claims),
    grants: [{ apiId: issuer.apiId, scopes, roleIds: [] }],
    conditions: issuer.conditions,
    limits: issuer.limits,
    metadata: {},
    tags: [],
    versions: ONE_VERSION,
    issuedBy: null,
    ...STANDING_ALONE,
    binding,
    issuerToken: tokenOf(claims),
  }
}

function tokenOf({ tokenId, issuedAtMs, expiresAtMs }: Claims): IssuerToken {
  return { tokenId, issuedAtMs, expiresAtMs }
}

/**
 * What a token that was exchanged for an access token stands for by the word of its issuer's record now: its claims were
 * verified then. What scopes it had, the access token's own grant says; a list that the issuer gives to all may have
 * become shorter since.
 */
export function credentialOfExchanged(
  issuer: IssuerRecord,
  token: IssuerToken,
  principalId: string,
): CredentialRecord {
  const { scopes } = issuer.claims
  const most = scopes.from === 'mapping' ? scopes.scopes : ANY_SCOPE
  return credentialOfToken(issuer, { ...token, notBeforeMs: null }, principalId, most, null)
}

const ANY_SCOPE: readonly string[] = ['*']

/** A token has no versions. */
export const TOKEN_VERSION = 1

const ONE_VERSION: readonly SecretVersion[] = [
  { version: TOKEN_VERSION, sealedDigest: '', createdAtMs: 0, endsAtMs: null, revokedAtMs: null },
]

function stateOf(
  issuer: IssuerRecord,
  claims: Claims,
  principalId: string,
): Pick<CredentialRecord, 'state' | 'stateReason' | 'stateChangedAtMs'> {
  if (issuer.disabledAtMs !== null) {
    return { state: 'disabled', stateReason: 'its issuer is disabled', stateChangedAtMs: issuer.disabledAtMs }
  }
  const reason = revocationOf(issuer, claims, principalId)
  return { state: reason === null ? 'active' : 'revoked', stateReason: reason, stateChangedAtMs: null }
}

/** Why the token is revoked, or null. One that does not say when it was issued may be from before any moment. */
function revocationOf(
  { revokedBeforeMs, revokedPrincipals, revokedTokens }: IssuerRecord,
  { issuedAtMs, tokenId }: Claims,
  principalId: string,
): string | null {
  const isBefore = (ms: number) => issuedAtMs === null || issuedAtMs < ms
  if (revokedBeforeMs !== null && isBefore(revokedBeforeMs)) {
    return `all of its issuer's from before ${new Date(revokedBeforeMs).toISOString()}`
  }
  const principal = revokedPrincipals.find((one) => one.principalId === principalId)
  if (principal !== undefined && isBefore(principal.beforeMs)) {
    return (
      principal.reason ?? `all of its principal's from before ${new Date(principal.beforeMs).toISOString()}`
    )
  }
  const token = tokenId === null ? undefined : revokedTokens.find((one) => one.tokenId === tokenId)
  return token === undefined ? null : (token.reason ?? 'by its jti')
}

/** From when until when its claims let it count, with the leeway that the issuer's clock is given. */
function lifeOf(
  { clockSkewSeconds, maxAgeSeconds }: IssuerRecord,
  { expiresAtMs, notBeforeMs, issuedAtMs }: Claims,
): Pick<CredentialRecord, 'notBeforeMs' | 'expiresAtMs'> {
  const skewMs = Math.min(clockSkewSeconds, MAX_CLOCK_SKEW_SECONDS) * 1000
  const starts = [notBeforeMs, issuedAtMs].filter((ms) => ms !== null)
  // One that does not say when it was issued may be of any age.
  const oldestMs = maxAgeSeconds === null ? expiresAtMs : (issuedAtMs ?? 0) + maxAgeSeconds * 1000
  return {
    notBeforeMs: starts.length === 0 ? null : Math.max(...starts) - skewMs,
    expiresAtMs: Math.min(expiresAtMs, oldestMs) + skewMs,
  }
}
