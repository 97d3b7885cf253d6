import {
  type ApiRecord,
  CLIENT_ID_PREFIX,
  type ClaimMapping,
  type Conditions,
  claimMappingProblem,
  type IssuerRecord,
  type Jwk,
  type JwsAlgorithmName,
  type Limit,
  parseClaimPointer,
  readJwk,
} from '@credence/core'
import type { Context } from '../context.ts'
import { keyUriProblem } from '../issuers/guarded-json.ts'
import { administrationAudienceProblem } from '../issuers/issuer-directory.ts'
import { upstreamRulesFor } from '../upstream-guard.ts'
import type { GivenDecryption } from './decryption-fields.ts'
import type { FieldError } from './operation.ts'
import { scopeErrors } from './resolve-grants.ts'
import { weakSecretProblem } from './weak-secret.ts'

/** Where the keys of an issuer are from, as it is said. */
export type GivenKeys =
  | { readonly type: 'jwks'; readonly keys: readonly Jwk[] }
  | { readonly type: 'jwks_uri'; readonly uri: string }
  /** Null: where the issuer's own name says (OpenID Connect Discovery section 4). */
  | { readonly type: 'discovery'; readonly uri: string | null }

/** What callers say of an issuer. */
export interface IssuerFields {
  readonly issuer: string
  readonly audience: string
  readonly algorithms: readonly JwsAlgorithmName[]
  /** Null: those that it has. */
  readonly keys: GivenKeys | null
  /** Undefined: those that it has. */
  readonly decryption?: GivenDecryption | null
  readonly claims: ClaimMapping
  readonly types: readonly string[] | null
  readonly clockSkewSeconds: number
  readonly maxAgeSeconds: number | null
  readonly conditions: Conditions | null
  readonly limits: readonly Limit[]
}

/** What an issuer is when nothing is said: `sub` is the principal, `scope` what it may do. */
export const ISSUER_DEFAULTS = {
  claims: {
    principal: { claim: 'sub', prefix: '' },
    scopes: { from: 'claim', claim: 'scope', prefix: '' },
    required: [],
  },
  types: null,
  clockSkewSeconds: 60,
  maxAgeSeconds: null,
  conditions: null,
  limits: [],
} as const satisfies Omit<IssuerFields, 'issuer' | 'audience' | 'algorithms' | 'keys' | 'decryption'>

type Host = Pick<Context, 'store' | 'config' | 'listeners' | 'defaultWorkspaceId'>

/** Everything wrong with an issuer, by the fields of the request. @param before what it is, where it is changed */
export async function issuerErrors(
  context: Host,
  api: ApiRecord,
  fields: IssuerFields,
  before: IssuerRecord | null,
): Promise<FieldError[]> {
  const { workspaceId } = api
  return [
    ...apiErrors(api),
    ...nameErrors(fields.issuer),
    ...(api.builtIn ? audienceErrors(context, fields.audience, workspaceId) : []),
    ...algorithmErrors(fields.algorithms),
    ...(fields.keys === null
      ? heldKeyErrors(fields.algorithms, before)
      : keyErrors(context, workspaceId, fields.issuer, fields.keys, fields.algorithms)),
    ...claimErrors(fields.claims),
    ...(fields.claims.scopes.from === 'mapping'
      ? await scopeErrors(context, api, fields.claims.scopes.scopes, 'claims.scopes')
      : []),
  ]
}

function errorIf(field: string, detail: string | null): FieldError[] {
  return detail === null ? [] : [{ field, detail }]
}

function apiErrors({ accepts, builtIn, name }: ApiRecord): FieldError[] {
  // Nobody changes the API credence, and administration asks for no kind in particular.
  if (builtIn || accepts.includes('jwt') || accepts.includes('access_token')) return []
  const detail = `${name} accepts neither jwt nor access_token, for which a token can be exchanged; add one to its accepts first`
  return [{ field: 'api', detail }]
}

/** What begins so is a client's own assertion, which no issuer vouches for. */
function nameErrors(issuer: string): FieldError[] {
  const detail = `must not begin with ${CLIENT_ID_PREFIX}, as ids of clients do`
  return errorIf('issuer', issuer.startsWith(CLIENT_ID_PREFIX) ? detail : null)
}

function audienceErrors({ defaultWorkspaceId }: Host, audience: string, workspaceId: string): FieldError[] {
  return errorIf('audience', administrationAudienceProblem(audience, workspaceId, defaultWorkspaceId))
}

export function isSymmetric(algorithm: JwsAlgorithmName): boolean {
  return algorithm.startsWith('HS')
}

/** A public key is known to everybody: where it could also be taken for a secret, everybody could sign. */
function algorithmErrors(algorithms: readonly JwsAlgorithmName[]): FieldError[] {
  const symmetric = algorithms.filter(isSymmetric).length
  return symmetric === 0 || symmetric === algorithms.length
    ? []
    : [{ field: 'algorithms', detail: 'must not mix HS algorithms with those that have public keys' }]
}

function heldKeyErrors(algorithms: readonly JwsAlgorithmName[], before: IssuerRecord | null): FieldError[] {
  if (before === null)
    return [{ field: 'jwks', detail: 'is required, or jwks_uri, or discovery: exactly one of them' }]
  const isSecret = before.keySource.type === 'secrets'
  return algorithms.every((algorithm) => isSymmetric(algorithm) === isSecret)
    ? []
    : [
        {
          field: 'algorithms',
          detail: 'do not go with the keys that the issuer has; give new keys beside them',
        },
      ]
}

function keyErrors(
  context: Host,
  workspaceId: string,
  issuer: string,
  keys: GivenKeys,
  algorithms: readonly JwsAlgorithmName[],
): FieldError[] {
  if (keys.type === 'jwks') return jwksErrors(keys.keys, algorithms)
  const errors = algorithms.some(isSymmetric)
    ? [
        {
          field: 'algorithms',
          detail: 'HS algorithms need their secrets in jwks: a secret is never published',
        },
      ]
    : []
  const uri = keys.type === 'jwks_uri' ? keys.uri : discoveryUri(issuer, keys)
  return [...errors, ...errorIf(keys.type, keyUriProblem(uri, upstreamRulesFor(context, workspaceId)))]
}

export function discoveryUri(
  issuer: string,
  { uri }: Extract<GivenKeys, { readonly type: 'discovery' }>,
): string {
  return uri ?? `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
}

/** Members of private keys (RFC 7518 section 6): whoever sends one here has given it away. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth']

function jwksErrors(keys: readonly Jwk[], algorithms: readonly JwsAlgorithmName[]): FieldError[] {
  const signing = keys.filter((key) => !isForEncryption(key))
  if (signing.length === 0) return [{ field: 'jwks.keys', detail: 'holds no key that may verify' }]
  return keys.flatMap((key, index) => {
    if (isForEncryption(key)) return []
    return errorIf(`jwks.keys[${index}]`, jwkProblem(key, algorithms))
  })
}

/** Issuers publish such keys beside the others; they are left out. */
export function isForEncryption(key: Jwk): boolean {
  return Object.hasOwn(key, 'use') && key.use === 'enc'
}

function jwkProblem(jwk: Jwk, algorithms: readonly JwsAlgorithmName[]): string | null {
  const isSecret = Object.hasOwn(jwk, 'kty') && jwk.kty === 'oct'
  if (isSecret && !algorithms.every(isSymmetric)) return 'is a secret, and the algorithms have public keys'
  const held = PRIVATE_MEMBERS.find((member) => Object.hasOwn(jwk, member))
  if (held !== undefined)
    return `holds ${held}: give the public key only, and replace a private one that was sent`
  const reading = readJwk(jwk)
  if (!reading.ok) return reading.problem
  // That it is base64url was found as it was read.
  const weakness = isSecret ? weakSecretProblem(Buffer.from(String(jwk.k), 'base64url')) : null
  if (weakness !== null) return weakness
  return reading.key.algorithms.some((algorithm) => algorithms.includes(algorithm))
    ? null
    : `goes with none of ${algorithms.join(', ')}`
}

function claimErrors(mapping: ClaimMapping): FieldError[] {
  const { principal, scopes, required } = mapping
  const pointers: [string, string][] = [
    ['claims.principal', principal.claim],
    ...(scopes.from === 'claim' ? [['claims.scopes', scopes.claim] as [string, string]] : []),
    ...required.map(({ claim }): [string, string] => [`claims.required.${claim.slice(0, 64)}`, claim]),
  ]
  const errors = pointers.flatMap(([field, pointer]) =>
    errorIf(
      field,
      parseClaimPointer(pointer) === null ? "is neither a claim's name nor a JSON Pointer" : null,
    ),
  )
  return errors.length > 0 ? errors : errorIf('claims', claimMappingProblem(mapping))
}
