import {
  CREDENTIAL_KINDS,
  challengeOf,
  type Decision,
  PRINCIPAL_TYPES,
  publicCode,
  VERDICT_CODES,
  VERDICTS,
} from '@credence/core'
import { type Static, Type } from 'typebox'
import { Id, Nullable, OneOf, Strict } from './schemas.ts'
import { optionalTimestampToJson } from './timestamp.ts'

const Metadata = Type.Record(Type.String(), Type.String())

export const VerdictShape = Strict({
  valid: Type.Boolean(),
  code: OneOf(VERDICT_CODES),
  detail: Type.Optional(
    Type.String({
      description: 'Why, for the operator of the API. Never there while the secret is unproven.',
    }),
  ),
  credential: Nullable(
    Strict({
      id: Id,
      kind: OneOf(CREDENTIAL_KINDS),
      name: Nullable(Type.String()),
      version: Type.Integer(),
      tags: Type.Array(Type.String()),
      metadata: Metadata,
      expires_at: Nullable(Type.String({ format: 'date-time' })),
    }),
  ),
  principal: Nullable(
    Strict({
      id: Id,
      name: Type.String(),
      type: OneOf(PRINCIPAL_TYPES),
      external_id: Nullable(Type.String()),
      metadata: Metadata,
    }),
  ),
  scopes: Type.Array(Type.String(), { description: 'What the credential may do at this API.' }),
  required: Nullable(Type.String({ description: 'The scope expression that was needed.' })),
  limits: Type.Array(
    Strict({
      name: Type.String(),
      owner: OneOf(['credential', 'principal', 'api']),
      type: OneOf(['rate', 'quota', 'credits']),
      limit: Type.Integer(),
      remaining: Type.Integer(),
      reset_seconds: Nullable(Type.Integer()),
      window_seconds: Nullable(
        Type.Integer({ description: 'Of the window or the period, for RateLimit-Policy; null for credits.' }),
      ),
    }),
    { description: 'Those that applied, tightest first.' },
  ),
  retry_after_seconds: Nullable(Type.Integer()),
  stale_seconds: Nullable(
    Type.Integer({
      description:
        'The store is gone and the API goes on without it: what was known may be out of date by so much, beyond the bound.',
    }),
  ),
  challenge: Nullable(Type.String({ description: 'For WWW-Authenticate.' })),
  dpop_nonce: Nullable(
    Type.String({ description: 'For DPoP-Nonce (RFC 9449), whether or not the request may pass.' }),
  ),
  status: Type.Integer({ description: 'HTTP status to answer the caller with.' }),
  request_id: Type.String({ description: 'For `credence why`.' }),
})

/**
 * A decision for whoever protects the API. Until the secret is proven it tells nothing that depends on whether
 * the id exists: no detail, and one code for both.
 */
export function verdictToJson(decision: Decision, requestId: string): Static<typeof VerdictShape> {
  const { credential, principal, version, required } = decision
  const code = publicCode(decision.code)
  const detail = decision.failedCheck === 'secret' ? null : decision.detail
  return {
    valid: code === 'VALID',
    code,
    ...(detail !== null && { detail }),
    credential: credential && {
      id: credential.id,
      kind: credential.kind,
      name: credential.name,
      version: version!,
      tags: [...credential.tags],
      metadata: credential.metadata,
      expires_at: optionalTimestampToJson(credential.expiresAtMs),
    },
    principal: principal && {
      id: principal.id,
      name: principal.name,
      type: principal.type,
      external_id: principal.externalId,
      metadata: principal.metadata,
    },
    scopes: [...decision.scopes],
    required,
    limits: decision.limits.map(({ name, owner, type, limit, remaining, resetSeconds, windowSeconds }) => ({
      ...{ name, owner, type, limit, remaining },
      ...{ reset_seconds: resetSeconds, window_seconds: windowSeconds },
    })),
    retry_after_seconds: decision.retryAfterSeconds,
    stale_seconds: decision.staleSeconds,
    challenge: challengeOf(decision),
    dpop_nonce: decision.dpop?.nonce ?? null,
    status: VERDICTS[code].status,
    request_id: requestId,
  }
}
