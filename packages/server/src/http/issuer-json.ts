import {
  type ClaimMapping,
  type IssuerRecord,
  JWS_ALGORITHM_NAMES,
  type Jwk,
  MAX_CLOCK_SKEW_SECONDS,
  MAX_JWS_KEYS,
} from '@credence/core'
import { type Static, Type } from 'typebox'
import type { GivenKeys, IssuerFields } from '../operations/issuer-fields.ts'
import { type Reading, read, readAll, unreadable } from '../operations/reading.ts'
import { conditionsFromJson, conditionsToJson } from './conditions-json.ts'
import {
  DecryptionShape,
  decryptionFromJson,
  decryptionToJson,
  ShownDecryptionShape,
} from './decryption-json.ts'
import { limitsFromJson, limitsToJson } from './limits-json.ts'
import {
  ConditionsShape,
  Id,
  Limits,
  Name,
  Nullable,
  OneOf,
  Ref,
  ScopeText,
  Strict,
  Text,
  Timestamp,
} from './schemas.ts'
import { optionalTimestampToJson, timestampToJson } from './timestamp.ts'

const Iss = Text(1024, { description: '`iss` of its tokens, character for character.' })
const Audience = Text(1024, { description: 'What `aud` of its tokens is, or holds.' })
const Algorithms = Type.Array(OneOf(JWS_ALGORITHM_NAMES), {
  minItems: 1,
  maxItems: JWS_ALGORITHM_NAMES.length,
  description: 'The algorithms that count; whatever a token says only chooses among them.',
  examples: [['RS256']],
})
const JwkShape = Type.Unsafe<Jwk>({ type: 'object', maxProperties: 50, additionalProperties: true })
const JwksShape = Strict(
  { keys: Type.Array(JwkShape, { minItems: 1, maxItems: MAX_JWS_KEYS }) },
  { description: 'A JWK set (RFC 7517): public keys, or the secrets of HS algorithms.' },
)
const Uri = Text(2048)
const Claim = Text(256, { description: "A claim's name, or a JSON Pointer to one inside another." })
const RequiredClaims = Type.Unsafe<Record<string, (string | number | boolean)[]>>({
  type: 'object',
  maxProperties: 32,
  propertyNames: { type: 'string', minLength: 1, maxLength: 256 },
  additionalProperties: {
    type: 'array',
    minItems: 1,
    maxItems: 50,
    items: { type: ['string', 'number', 'boolean'], maxLength: 1024 },
  },
  description: 'Claims that must be there, each with the values that will do.',
  examples: [{ repository: ['acme/shop'] }],
})
const ScopesClaim = Type.Unsafe<string | string[]>({
  type: ['string', 'array'],
  minLength: 1,
  maxLength: 256,
  maxItems: 200,
  items: ScopeText,
  description: 'The claim that holds the scopes, or a list: the same scopes for every token.',
})
const ClaimsShape = Strict(
  {
    principal: Type.Optional(Claim),
    principal_prefix: Type.Optional(Type.String({ maxLength: 200 })),
    scopes: Type.Optional(ScopesClaim),
    scopes_prefix: Type.Optional(Type.String({ maxLength: 200 })),
    required: Type.Optional(RequiredClaims),
  },
  {
    description:
      'Who calls, and what they may do. Left out: `sub` is the name or external id of the principal, `scope` its scopes.',
  },
)
const Types = Type.Array(Text(127), {
  minItems: 1,
  maxItems: 10,
  description: 'What `typ` must say; null: nothing, `JWT` or `at+jwt`.',
})
const Skew = Type.Integer({ minimum: 0, maximum: MAX_CLOCK_SKEW_SECONDS })
const MaxAge = Type.Integer({
  minimum: 1,
  maximum: 366 * 86_400,
  description: 'How long after `iat` a token counts at most.',
})

const KEYS = {
  jwks: Type.Optional(JwksShape),
  jwks_uri: Type.Optional(Uri),
  discovery: Type.Optional(
    Type.Unsafe<string | boolean>({
      type: ['string', 'boolean'],
      minLength: 1,
      maxLength: 2048,
      description: 'URL of the discovery document, or true: `{issuer}/.well-known/openid-configuration`.',
    }),
  ),
}
const OTHERS = {
  decryption: Type.Optional(Nullable(DecryptionShape)),
  claims: Type.Optional(ClaimsShape),
  types: Type.Optional(Nullable(Types)),
  clock_skew_seconds: Type.Optional(Skew),
  max_age_seconds: Type.Optional(Nullable(MaxAge)),
  conditions: Type.Optional(Nullable(ConditionsShape)),
  limits: Type.Optional(Limits),
}

export const NewIssuerShape = Strict({
  name: Name,
  issuer: Iss,
  audience: Audience,
  algorithms: Algorithms,
  api: Ref,
  ...KEYS,
  ...OTHERS,
})
export const IssuerChangesShape = Strict({
  name: Type.Optional(Name),
  issuer: Type.Optional(Iss),
  audience: Type.Optional(Audience),
  algorithms: Type.Optional(Algorithms),
  ...KEYS,
  ...OTHERS,
  disabled: Type.Optional(Type.Boolean({ description: 'True: none of its tokens count.' })),
})

export const IssuerShape = Strict({
  id: Id,
  name: Name,
  issuer: Iss,
  audience: Audience,
  algorithms: Algorithms,
  api: Type.String({ description: 'Name of the API that trusts it.' }),
  api_id: Id,
  jwks: Nullable(JwksShape),
  jwks_uri: Nullable(Type.String()),
  discovery: Nullable(Type.String()),
  decryption: Nullable(ShownDecryptionShape),
  claims: Strict({
    principal: Type.String(),
    principal_prefix: Type.String(),
    scopes: ScopesClaim,
    scopes_prefix: Type.String(),
    required: RequiredClaims,
  }),
  types: Nullable(Types),
  clock_skew_seconds: Skew,
  max_age_seconds: Nullable(MaxAge),
  conditions: Nullable(ConditionsShape),
  limits: Limits,
  disabled: Type.Boolean(),
  revoked_before: Nullable(Type.String({ format: 'date-time' })),
  revoked_tokens: Type.Array(
    Strict({
      jti: Type.String(),
      expires_at: Nullable(Type.String({ format: 'date-time' })),
      reason: Nullable(Type.String()),
    }),
  ),
  revoked_principals: Type.Array(
    Strict({
      principal_id: Id,
      before: Type.String({ format: 'date-time' }),
      reason: Nullable(Type.String()),
    }),
  ),
  created_at: Timestamp,
  updated_at: Timestamp,
  revision: Type.Integer(),
})

type IssuerJson = Omit<Static<typeof IssuerChangesShape>, 'name' | 'disabled'>

/** What is given of an issuer; what is left out is not there. */
export function issuerFromJson(json: IssuerJson): Reading<Partial<IssuerFields>> {
  const parts = readAll({
    keys: keysFromJson(json),
    claims: claimsFromJson(json.claims),
    conditions: conditionsFromJson(json.conditions),
    limits: limitsFromJson(json.limits),
  })
  if (!parts.ok) return parts
  const { keys, claims, conditions, limits } = parts.value
  const { issuer, audience, algorithms, types, decryption } = json
  const { clock_skew_seconds: skew, max_age_seconds: maxAge } = json
  return read({
    ...(issuer !== undefined && { issuer }),
    ...(audience !== undefined && { audience }),
    ...(algorithms !== undefined && { algorithms: [...new Set(algorithms)] }),
    ...(keys !== null && { keys }),
    ...(decryption !== undefined && { decryption: decryption && decryptionFromJson(decryption) }),
    ...(json.claims !== undefined && { claims }),
    ...(types !== undefined && { types }),
    ...(skew !== undefined && { clockSkewSeconds: skew }),
    ...(maxAge !== undefined && { maxAgeSeconds: maxAge }),
    ...(json.conditions !== undefined && { conditions }),
    ...(json.limits !== undefined && { limits }),
  })
}

function keysFromJson({ jwks, jwks_uri: uri, discovery }: IssuerJson): Reading<GivenKeys | null> {
  const given: GivenKeys[] = []
  if (jwks !== undefined) given.push({ type: 'jwks', keys: jwks.keys })
  if (uri !== undefined) given.push({ type: 'jwks_uri', uri })
  if (discovery === false) return unreadable('discovery', 'must be true or a URL')
  if (discovery !== undefined) given.push({ type: 'discovery', uri: discovery === true ? null : discovery })
  const [first = null, second] = given
  if (second === undefined) return read(first)
  return unreadable(second.type, `stands beside ${first!.type}: exactly one says where the keys are from`)
}

function claimsFromJson(json: IssuerJson['claims']): Reading<ClaimMapping> {
  const {
    principal = 'sub',
    principal_prefix = '',
    scopes = 'scope',
    scopes_prefix = '',
    required = {},
  } = json ?? {}
  return read({
    principal: { claim: principal, prefix: principal_prefix },
    scopes:
      typeof scopes === 'string'
        ? { from: 'claim', claim: scopes, prefix: scopes_prefix }
        : { from: 'mapping', scopes: [...new Set(scopes)] },
    required: Object.entries(required).map(([claim, oneOf]) => ({ claim, oneOf })),
  })
}

/** Neither secrets nor private keys are ever shown again. @param apiName of the API that trusts it */
export function issuerToJson(issuer: IssuerRecord, apiName: string): Static<typeof IssuerShape> {
  const { keySource: source, claims } = issuer
  return {
    ...{ id: issuer.id, name: issuer.name, issuer: issuer.issuer, audience: issuer.audience },
    algorithms: [...issuer.algorithms],
    api: apiName,
    api_id: issuer.apiId,
    jwks: source.type === 'jwks' || source.type === 'secrets' ? { keys: [...source.keys] } : null,
    jwks_uri: source.type === 'jwks_uri' ? source.uri : null,
    discovery: source.type === 'discovery' ? source.uri : null,
    decryption: issuer.decryption && decryptionToJson(issuer.decryption),
    claims: {
      principal: claims.principal.claim,
      principal_prefix: claims.principal.prefix,
      scopes: claims.scopes.from === 'claim' ? claims.scopes.claim : [...claims.scopes.scopes],
      scopes_prefix: claims.scopes.from === 'claim' ? claims.scopes.prefix : '',
      required: Object.fromEntries(claims.required.map(({ claim, oneOf }) => [claim, [...oneOf]])),
    },
    types: issuer.types === null ? null : [...issuer.types],
    clock_skew_seconds: issuer.clockSkewSeconds,
    max_age_seconds: issuer.maxAgeSeconds,
    conditions: conditionsToJson(issuer.conditions),
    limits: limitsToJson(issuer.limits),
    disabled: issuer.disabledAtMs !== null,
    revoked_before: optionalTimestampToJson(issuer.revokedBeforeMs),
    revoked_tokens: issuer.revokedTokens.map(({ tokenId, untilMs, reason }) => ({
      ...{ jti: tokenId, expires_at: optionalTimestampToJson(untilMs), reason },
    })),
    revoked_principals: issuer.revokedPrincipals.map(({ principalId, beforeMs, reason }) => ({
      ...{ principal_id: principalId, before: timestampToJson(beforeMs), reason },
    })),
    created_at: timestampToJson(issuer.createdAtMs),
    updated_at: timestampToJson(issuer.updatedAtMs),
    revision: issuer.revision,
  }
}
