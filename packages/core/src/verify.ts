import { appliedLimits } from './applied-limits.ts'
import { BoundedMap } from './bounded-map.ts'
import {
  type CachedLookup,
  FROM_CACHE,
  FROM_STORE,
  LookupUnavailable,
  type Reading,
} from './cached-lookup.ts'
import { checkConditions } from './condition.ts'
import {
  allow,
  type CheckName,
  type Decision,
  deny,
  type Identity,
  passPublic,
  refuse,
  routeName,
} from './decision.ts'
import { type ExtractRules, extract, type Presented } from './extract.ts'
import type { RawHeaders } from './headers.ts'
import type { Kind, ProofResult } from './kinds/kind.ts'
import { KINDS } from './kinds/kinds.ts'
import { stateProblem, timeProblem } from './life.ts'
import type { Limiter, LimitResult } from './limit.ts'
import { effectiveScopes, roleIdsFor } from './permission.ts'
import type { ProofCache } from './proof-cache.ts'
import type { ApiRecord, RoleRecord, Route } from './records.ts'
import { routeFor } from './route-for.ts'
import { parseScopeExpression, type ScopeExpression, satisfies } from './scope.ts'
import type { SealingKeys } from './seal.ts'
import type { SourceBudget } from './source-budget.ts'

/** A request to decide about. */
export interface VerifyRequest {
  /** Null: the API is `homeApiId` of whoever is calling. */
  readonly api: ApiRecord | null
  /**
   * With `api` null: which API of the credential's own workspace to decide for; null there asks only who this is,
   * wherever it may go: no grants, conditions, scopes or limits are looked at.
   */
  readonly homeApiId: ((workspaceId: string) => string) | null
  /** What was presented, when it is given outside of headers; null: it is looked for in them. */
  readonly credential: Presented | null
  readonly headers: RawHeaders
  /** The query string with its `?`, or empty. */
  readonly query: string
  readonly method: string | null
  /** The path in canonical form (route.ts), or null where none is known. */
  readonly path: string | null
  /** Address of the client, or null where it is not known. */
  readonly ip: string | null
  /** Whether the client's connection is TLS. */
  readonly secure: boolean
  /** Whether the API's routes decide what is needed; then method and path must be there. */
  readonly useRoutes: boolean
  /** A scope expression that is needed besides, or null. */
  readonly scopes: string | null
  /** What the request takes from the limits; null: what the route says, else 1. */
  readonly cost: number | null
  /** True: read every record anew, for a caller that must see its own write. */
  readonly fresh: boolean
}

export interface Verifier {
  readonly lookup: CachedLookup
  readonly proofs: ProofCache
  readonly sealingKeys: SealingKeys
  readonly limiter: Limiter
  readonly clock: () => number
  /** How often the store is read again, for each source, before it is refused. */
  readonly rereads: SourceBudget
  /**
   * Resolves a fixed time after the call, longer than it takes to look an id up: the refusal of an unproven secret
   * waits for it, so that its time does not tell whether the id exists.
   */
  readonly pace: () => Promise<void>
}

/**
 * Decides about a request: the one function behind the gateway, forward-auth, `POST /v1/verify` and the guard.
 * A refusal does not rest on a cached record: before refusing, the store is read again, within a budget for each
 * source; who has used it up is refused by what is cached, which is at most as old as the lease.
 * A store that cannot be read gives UNAVAILABLE, unless the API has chosen to go on for a while with what is known.
 * Everything else that is thrown is a fault of ours.
 *
 * Where everything is cached no step waits: a promise is made only where the store or a ledger is asked.
 */
export async function verify(request: VerifyRequest, verifier: Verifier): Promise<Decision> {
  try {
    const decision = await attempt(request, request.fresh ? FROM_STORE : FROM_CACHE, verifier)
    if (request.fresh || !restsOnRecords(decision)) return decision
    const source = request.ip ?? decision.credential?.id ?? ''
    if (!verifier.rereads.take(source, verifier.clock())) return decision
    if (decision.failedCheck === 'limits' && (await isCurrent(decision, verifier.lookup))) return decision
    return await attempt(request, FROM_STORE, verifier)
  } catch (error) {
    if (!(error instanceof LookupUnavailable)) throw error
    return (
      (await decideInGrace(request, verifier)) ?? {
        ...refuse(request.api, 'secret', 'UNAVAILABLE', 'the store cannot be read'),
        retryAfterSeconds: 1,
      }
    )
  }
}

/**
 * The store is gone: an API that has chosen so is served for a stated while by what is known. Null: that is not so,
 * or what is known does not allow it; it may have changed meanwhile, so it is no reason to refuse either.
 */
async function decideInGrace(request: VerifyRequest, verifier: Verifier): Promise<Decision | null> {
  const graceMs = (request.api?.outageGraceSeconds ?? 0) * 1000
  if (graceMs === 0 || request.fresh) return null
  try {
    const decision = await attempt(request, { from: 'memory', graceMs }, verifier)
    const isOf = decision.code === 'VALID' || decision.failedCheck === 'limits'
    return isOf ? { ...decision, staleSeconds: Math.ceil(verifier.lookup.overdueMs() / 1000) } : null
  } catch (error) {
    if (error instanceof LookupUnavailable) return null
    throw error
  }
}

/** Whether the records whose limits refused are those in the store. Asking so, and not deciding again, spends nothing. */
async function isCurrent({ api, credential, principal }: Decision, lookup: CachedLookup): Promise<boolean> {
  const now = await Promise.all([
    lookup.read('api', api!.id),
    lookup.read('credential', credential!.id),
    lookup.read('principal', principal!.id),
  ])
  return [api, credential, principal].every((used, i) => used!.revision === now[i]?.revision)
}

/** Whether a refusal could be due to a cached record. An unproven secret was read from the store already. */
function restsOnRecords(decision: Decision): boolean {
  switch (decision.failedCheck) {
    case null:
    case 'proxy':
    case 'secret':
      return false
    case 'extract':
    case 'limits':
    case 'request':
    case 'route':
    case 'tls':
    case 'kind':
    case 'state':
    case 'time':
    case 'audience':
    case 'binding':
    case 'conditions':
    case 'scopes':
      return true
  }
}

/** The ordered checks: route and TLS, then what was presented, then who that is and what it may do. */
async function attempt(request: VerifyRequest, reading: Reading, verifier: Verifier): Promise<Decision> {
  const { lookup } = verifier
  let api = request.api
  if (api !== null && reading.from === 'store') {
    const now = await lookup.read('api', api.id)
    if (now === undefined) return refuse(api, 'route', 'ROUTE_UNKNOWN', 'the API was deleted')
    api = now
  }
  const matched = api !== null && request.useRoutes ? routeFor(api, request) : null
  if (matched !== null && 'code' in matched) return matched
  const route = matched?.route ?? null
  if (api?.requiresTls && !request.secure) {
    return refuse(api, 'tls', 'TLS_REQUIRED', 'the request came without TLS', route)
  }
  // Whoever asks for scopes asks for somebody who has them, whatever the route says.
  if (api !== null && route?.public && request.scopes === null) return passPublic(api, route)

  const proving = proveCaller(api, route, request, reading, verifier)
  const proof = proving instanceof Promise ? await proving : proving
  if (proof.type === 'refused') {
    return refuse(api, proof.check ?? 'secret', proof.code, proof.detail, route)
  }
  const { credential, version } = proof
  if (api !== null && credential.workspaceId !== api.workspaceId) {
    const detail = `credential ${credential.id} belongs to workspace ${credential.workspaceId}`
    return refuse(api, 'secret', 'NOT_FOUND', detail, route)
  }
  const finding = lookup.find('principal', credential.principalId, reading)
  const principal = finding instanceof Promise ? await finding : finding
  if (principal === undefined || principal.workspaceId !== credential.workspaceId) {
    return refuse(api, 'state', 'DISABLED', 'its principal no longer exists', route)
  }
  const nowMs = verifier.clock()
  const identity: Identity = { api, route, credential, version, principal }
  const over = stateProblem(identity) ?? timeProblem(identity, nowMs)
  if (over !== null) return deny(identity, over.check, over.code, over.detail)
  if (api === null && request.homeApiId !== null) {
    api = (await lookup.find('api', request.homeApiId(credential.workspaceId), reading)) ?? null
    if (api === null) return deny(identity, 'audience', 'WRONG_AUDIENCE', 'its workspace is gone')
  }
  if (api === null) return allow(identity, [], null, [])
  const caller: Caller = { api, route, credential, version, principal }
  const gathering = rolesFor(caller, lookup, reading)
  const roles = gathering instanceof Promise ? await gathering : gathering
  return decideAbout(caller, roles, matched?.expression ?? null, request, verifier, nowMs)
}

/** A kind's answer, or the refusal of an earlier check, which it names. */
type CallerProof = ProofResult & { readonly check?: CheckName }

/** Finds what was presented and proves it, or refuses in a way that does not tell whether the id exists. */
function proveCaller(
  api: ApiRecord | null,
  route: Route | null,
  request: VerifyRequest,
  reading: Reading,
  { lookup, proofs, sealingKeys, pace }: Verifier,
): CallerProof | Promise<CallerProof> {
  let presented = request.credential
  if (presented === null) {
    const extraction = extract(request.headers, request.query, api ?? HEADERS_ONLY)
    if (extraction.type === 'refused') return { ...extraction, check: 'extract' }
    presented = extraction.presented
  }
  const kind = kindOf(presented)
  if (kind === undefined) return refusedForeign(presented)
  const accepts = route?.accepts ?? api?.accepts
  if (accepts !== undefined && !accepts.includes(kind.kind)) {
    const detail = `${kind.kind} is not among ${accepts.join(', ')}`
    return { type: 'refused', check: 'kind', code: 'KIND_NOT_ACCEPTED', detail }
  }
  return kind.prove(presented, { lookup, proofs, sealingKeys, reading, pace })
}

function kindOf(presented: Presented): Kind | undefined {
  for (const kind of KINDS) if (kind.claims(presented)) return kind
  return undefined
}

const HEADERS_ONLY: ExtractRules = { credentialHeader: null, queryParameter: null }

interface Caller extends Identity {
  readonly api: ApiRecord
}

/** What a living credential may do: audience, conditions, scopes, limits. */
function decideAbout(
  caller: Caller,
  roles: ReadonlyMap<string, RoleRecord>,
  routeScopes: ScopeExpression | null,
  request: VerifyRequest,
  verifier: Verifier,
  nowMs: number,
): Decision | Promise<Decision> {
  const { api, route, credential, principal } = caller
  const scopes = effectiveScopes(credential, principal, api.id, (id) => roles.get(id))
  if (scopes === null) return deny(caller, 'audience', 'WRONG_AUDIENCE', `no grant for API ${api.name}`)

  if (credential.conditions !== null) {
    const { method, path, ip } = request
    const unmet = checkConditions(credential.conditions, { method, path, ip, nowMs })
    if (unmet !== null) {
      const detail = `${unmet.condition}: ${unmet.detail}`
      return { ...deny(caller, 'conditions', 'CONDITION_FAILED', detail), scopes }
    }
  }
  if (routeScopes !== null && !satisfies(routeScopes, scopes)) {
    const detail = `route ${routeName(route!)} needs ${route!.scopes}; has ${listed(scopes)}`
    return { ...deny(caller, 'scopes', 'INSUFFICIENT_SCOPE', detail), scopes, required: route!.scopes }
  }
  const { scopes: wanted } = request
  if (wanted !== null && !satisfies(expressionOf(wanted), scopes)) {
    const detail = `needed: ${wanted}; has ${listed(scopes)}`
    return { ...deny(caller, 'scopes', 'INSUFFICIENT_SCOPE', detail), scopes, required: wanted }
  }
  return countLimits(caller, scopes, request, verifier, nowMs)
}

function listed(scopes: readonly string[]): string {
  return scopes.length === 0 ? 'nothing' : scopes.join(' ')
}

function countLimits(
  caller: Caller,
  scopes: readonly string[],
  request: VerifyRequest,
  { limiter }: Verifier,
  nowMs: number,
): Decision | Promise<Decision> {
  const { api, route, credential, principal } = caller
  const required = route?.scopes ?? request.scopes
  const applied = appliedLimits(credential, principal, api)
  if (applied.length === 0) return allow(caller, scopes, required, [])
  const taking = limiter.take(applied, request.cost ?? route?.cost ?? 1, nowMs)
  if (!(taking instanceof Promise)) return decideByLimits(caller, scopes, required, taking)
  return taking.then((taken) => decideByLimits(caller, scopes, required, taken))
}

function decideByLimits(
  caller: Caller,
  scopes: readonly string[],
  required: string | null,
  taken: LimitResult,
): Decision {
  if (taken.allowed) return allow(caller, scopes, required, taken.states)
  const { failed } = taken
  const code = failed.type === 'rate' ? 'RATE_LIMITED' : 'QUOTA_EXCEEDED'
  const detail = `${failed.type} "${failed.name}" of the ${failed.owner}: ${failed.limit}, ${failed.remaining} left`
  return {
    ...deny(caller, 'limits', code, detail),
    scopes,
    required,
    limits: taken.states,
    retryAfterSeconds: taken.retryAfterSeconds,
  }
}

const NO_ROLES: ReadonlyMap<string, RoleRecord> = new Map()

function rolesFor(
  { credential, principal, api }: Caller,
  lookup: CachedLookup,
  reading: Reading,
): ReadonlyMap<string, RoleRecord> | Promise<ReadonlyMap<string, RoleRecord>> {
  const ids = roleIdsFor(credential, principal, api.id)
  return ids.length === 0 ? NO_ROLES : readRoles(ids, credential.workspaceId, lookup, reading)
}

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

/** Expressions asked for in calls are few and come again. */
const expressions = new BoundedMap<string, ScopeExpression>(1000)

function expressionOf(text: string): ScopeExpression {
  const known = expressions.get(text)
  if (known !== undefined) return known
  const parsed = parseScopeExpression(text)
  if (!parsed.ok) throw new Error(`scope expression was not checked before: ${parsed.problem}`)
  expressions.set(text, parsed.expression)
  return parsed.expression
}

function refusedForeign({ scheme }: Presented): CallerProof {
  return scheme === 'basic'
    ? {
        type: 'refused',
        check: 'kind',
        code: 'KIND_NOT_ACCEPTED',
        detail: 'HTTP Basic is not among the kinds accepted here',
      }
    : {
        type: 'refused',
        check: 'extract',
        code: 'MALFORMED',
        detail: 'what was presented has the form of no kind of credential',
      }
}
