import { appliedLimits } from './applied-limits.ts'
import { comesByBasic } from './basic-credentials.ts'
import { type CachedLookup, FROM_STORE, type Reading } from './cached-lookup.ts'
import {
  type FoundCaller,
  isBoundAt,
  type LivingCaller,
  type PreparedCaller,
  type ProofOfCaller,
  prepareCaller,
  recallCaller,
} from './caller.ts'
import { type Decision, deny, type Parent, refuse, type WholeIdentity } from './decision.ts'
import { type ExtractRules, extract, type Presented, type Unextracted } from './extract.ts'
import { KINDS } from './kinds/kinds.ts'
import { effectiveScopes, roleIdsFor } from './permission.ts'
import { kindOf, prove } from './prove.ts'
import type { ApiRecord, CredentialKind, CredentialRecord, RoleRecord, Route } from './records.ts'
import { anyCovers, intersectScopes, type ScopeExpression } from './scope.ts'
import { credentialOfExchanged, TOKEN_VERSION } from './token-credential.ts'
import { NO_ISSUERS } from './trusted-issuers.ts'
import type { Verifier, VerifyRequest } from './verify-request.ts'

/** What an identity was proven with. */
interface Proof extends ProofOfCaller {
  /** Under which the proof cache remembers it. */
  readonly key: string
}

interface ProvenIdentity extends WholeIdentity {
  readonly proof: Proof
}

/** What was presented to an API. */
export interface Presentation {
  readonly api: ApiRecord
  readonly route: Route | null
  /** What the route asks for; null: nothing. */
  readonly routeScopes: ScopeExpression | null
  readonly presented: Presented
  /** False: its form was not looked at, so it counts only where it was proven before. */
  readonly isRead: boolean
  /** Under which the proof cache remembers it. */
  readonly proofKey: string
  readonly reading: Reading
  readonly request: VerifyRequest
}

/** A caller that was prepared by an earlier request, with nothing looked up; null: findCaller has to. */
export function recall(
  { api, route, presented, reading, request }: Presentation,
  prepared: PreparedCaller,
  { lookup }: Verifier,
  nowMs: number,
): LivingCaller | null {
  if (presented.scheme === 'basic' && !request.secure) return null
  if (!lookup.mayAnswer(reading) || !(route?.accepts ?? api.accepts).includes(prepared.kind)) return null
  return recallCaller(prepared, api, route, lookup, nowMs)
}

/** Who presented it, or the refusal of whoever cannot prove it. */
export async function findCaller(
  { api, route, presented, proofKey, reading, request }: Presentation,
  verifier: Verifier,
): Promise<FoundCaller | Decision> {
  const identity = await identifyBy(presented, proofKey, api, route, reading, request, verifier)
  return 'code' in identity ? identity : completeCaller({ ...identity, api }, reading, verifier)
}

/**
 * Whose credential it is, wherever it may go, and the proof of that; or the refusal. Issuers are trusted at one API each,
 * so an issuer's token that is to be exchanged is verified for the API that a token is asked for.
 */
export async function identify(
  presented: Presented,
  reading: Reading,
  request: VerifyRequest,
  verifier: Verifier,
): Promise<ProvenIdentity | Decision> {
  const proofKey = proofKeyOf(presented, verifier)
  const { exchange } = request
  const isForeign = exchange !== undefined && kindOf(presented, verifier.ownTokens)?.kind === 'jwt'
  if (!isForeign) return identifyBy(presented, proofKey, null, null, reading, request, verifier)
  const api = exchange.apiId === null ? undefined : await verifier.lookup.find('api', exchange.apiId, reading)
  if (api !== undefined) return identifyBy(presented, proofKey, api, null, reading, request, verifier)
  // As where nobody is trusted, and by no proof of before: whom nobody vouches for is not told which APIs there are.
  const trustless = { ...verifier, issuers: NO_ISSUERS }
  const refused = await identifyBy(presented, proofKey, null, null, FROM_STORE, request, trustless)
  return 'code' in refused ? { ...refused, detail: `${refused.detail}; and the API is not known` } : refused
}

/** What follows about an identity from grants, roles and limits; kept beside its proof for its next request. */
export async function completeCaller(
  identity: ProvenIdentity & { readonly api: ApiRecord },
  reading: Reading,
  { lookup, proofs }: Verifier,
): Promise<FoundCaller> {
  const { api, route, credential, version, principal, parent, proof } = identity
  const ids = roleIdsFor(credential, principal, api.id)
  if (parent !== null) ids.push(...roleIdsFor(parent.credential, principal, api.id))
  const roles = await readRoles(ids, credential.workspaceId, lookup, reading)
  const granted = scopesOf(identity, (id) => roles.get(id))
  // Whoever signs tokens may write any scope into them: what the API does not have is none.
  const isOfIssuer = (parent?.credential ?? credential).kind === 'jwt'
  const scopes = isOfIssuer ? (granted?.filter((scope) => anyCovers(api.scopes, scope)) ?? null) : granted
  // Counted where they would be without the token: else each new one would be a way around them.
  const limits = appliedLimits(parent?.credential ?? credential, principal, api)
  // A token has none of its own.
  const conditions = (parent?.credential ?? credential).conditions
  const onlyLimit = limits.length === 1 ? limits[0]! : null
  const isBound = isBoundAt(api, credential)
  const caller = {
    ...{ api, route, credential, version, principal, parent },
    ...{ scopes, conditions, limits, onlyLimit, isBound, seat: null },
  }
  // That a role is absent is not remembered, so a caller that wants for one is not prepared.
  const isWhole = ids.every((id) => roles.has(id))
  const prepared = isWhole ? prepareCaller(caller, proof, [...roles.values()], lookup) : null
  if (prepared !== null) proofs.prepare(proof.key, prepared)
  return caller
}

/** What it may do at the API now: of an access token what the credential that it came from may, too. */
function scopesOf(
  { api, credential, principal, parent }: WholeIdentity & { readonly api: ApiRecord },
  findRole: (id: string) => RoleRecord | undefined,
): readonly string[] | null {
  const own = effectiveScopes(credential, principal, api.id, findRole)
  if (own === null || parent === null) return own
  const most = effectiveScopes(parent.credential, principal, api.id, findRole)
  return most && intersectScopes(own, most)
}

/**
 * Under which the proof cache remembers what was presented. What proves something by HTTP Basic, or as a
 * certificate, proves nothing as a bare string, nor the other way round: no bare string has a space in it.
 */
export function proofKeyOf({ scheme, value }: Presented, { proofs }: Verifier): string {
  return proofs.keyOf(scheme === 'basic' || scheme === 'certificate' ? `${scheme} ${value}` : value)
}

/** Where a credential may stand whatever API it is for. */
export const HEADERS_ONLY: ExtractRules = { credentialHeader: null, queryParameter: null }

/** What the request presents, given or found in its headers, or shown where that is taken; or why that cannot be told. */
export function presentedIn(
  request: VerifyRequest,
  rules: ExtractRules,
  accepts: readonly CredentialKind[],
): Presented | Unextracted {
  const { credential, headers, query } = request
  if (credential !== null) return credential
  const extraction = extract(headers, query, rules)
  if (extraction.type === 'presented') return extraction.presented
  const isCertificateTaken = extraction.code === 'MISSING' && accepts.includes('client_key')
  return isCertificateTaken ? certificateOf(request, extraction) : extraction
}

/** Beside any other credential a certificate is a proof; alone it may be the credential (RFC 8705 section 2). */
function certificateOf({ presenter }: VerifyRequest, missing: Unextracted): Presented | Unextracted {
  const certificate = presenter?.certificate()
  switch (certificate?.type) {
    case undefined:
      return missing
    case 'none':
      return { ...missing, detail: `${missing.detail}, nor a client certificate: ${certificate.detail}` }
    case 'refused':
      return certificate
    case 'shown':
      return { scheme: 'certificate', value: certificate.thumbprint }
  }
}

async function identifyBy(
  presented: Presented,
  proofKey: string,
  api: ApiRecord | null,
  route: Route | null,
  reading: Reading,
  request: VerifyRequest,
  verifier: Verifier,
): Promise<ProvenIdentity | Decision> {
  // Whether a token is had for its kind, the API says that it is asked for.
  const accepts =
    request.exchange === undefined ? (route?.accepts ?? api?.accepts ?? TAKEN_UNASKED) : ANY_KIND
  const result = await prove(presented, proofKey, api, accepts, reading, request, verifier)
  if (result.type === 'refused') {
    const refusal = refuse(api, result.check ?? 'secret', result.code, result.detail, route)
    const { retryAfterSeconds = refusal.retryAfterSeconds } = result
    return { ...refusal, retryAfterSeconds }
  }
  const { credential, version, kind, token = null, signedBy = null } = result
  if (api !== null && credential.workspaceId !== api.workspaceId) {
    const detail = `credential ${credential.id} belongs to workspace ${credential.workspaceId}`
    return refuse(api, 'secret', 'NOT_FOUND', detail, route)
  }
  const principal = await verifier.lookup.find('principal', credential.principalId, reading)
  if (principal === undefined || principal.workspaceId !== credential.workspaceId) {
    return refuse(api, 'state', 'DISABLED', 'its principal no longer exists', route)
  }
  const identity = { api, route, credential, version, principal }
  const parent = await parentOf(credential, verifier.lookup, reading)
  if (parent === 'gone') return deny(identity, 'state', 'REVOKED', 'the credential it came from is gone')
  return { ...identity, parent, proof: { key: proofKey, kind, token, signedBy } }
}

/** The credential that an access token came from; null: it came from none. */
async function parentOf(
  { parentId, parentVersion, issuerToken, workspaceId, principalId }: CredentialRecord,
  lookup: CachedLookup,
  reading: Reading,
): Promise<Parent | null | 'gone'> {
  if (parentId === null) return null
  if (issuerToken !== null) {
    const issuer = await lookup.find('issuer', parentId, reading)
    if (issuer?.workspaceId !== workspaceId) return 'gone'
    return {
      credential: credentialOfExchanged(issuer, issuerToken, principalId),
      version: TOKEN_VERSION,
      issuer,
    }
  }
  const credential = await lookup.find('credential', parentId, reading)
  const isIts = credential?.workspaceId === workspaceId && credential.principalId === principalId
  return isIts && parentVersion !== null ? { credential, version: parentVersion, issuer: null } : 'gone'
}

const ANY_KIND = KINDS.map(({ kind }) => kind)
/** What is taken where nobody says otherwise: passwords, client secrets and client keys count at APIs that say so. */
export const TAKEN_UNASKED: readonly CredentialKind[] = ANY_KIND.filter(
  (kind) => !comesByBasic(kind) && kind !== 'client_key',
)

/** Those that exist, and in the credential's own workspace. */
async function readRoles(
  ids: readonly string[],
  workspaceId: string,
  lookup: CachedLookup,
  reading: Reading,
): Promise<ReadonlyMap<string, RoleRecord>> {
  const roles = new Map<string, RoleRecord>()
  for (const id of ids) {
    const role = await lookup.find('role', id, reading)
    if (role !== undefined && role.workspaceId === workspaceId) roles.set(id, role)
  }
  return roles
}
