import { appliedLimits } from './applied-limits.ts'
import { BoundedMap } from './bounded-map.ts'
import type { CachedLookup, Reading } from './cached-lookup.ts'
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
import type { Kind, ProofResult } from './kinds/kind.ts'
import { KINDS } from './kinds/kinds.ts'
import { stateProblem, timeProblem } from './life.ts'
import type { LimitResult } from './limit.ts'
import { effectiveScopes, roleIdsFor } from './permission.ts'
import type { ApiRecord, RoleRecord, Route } from './records.ts'
import { routeFor } from './route-for.ts'
import { parseScopeExpression, type ScopeExpression, satisfies } from './scope.ts'
import type { Verifier, VerifyRequest } from './verify-request.ts'

/** The ordered checks: route and TLS, then what was presented, then who that is and what it may do. */
export async function runChecks(
  request: VerifyRequest,
  reading: Reading,
  verifier: Verifier,
): Promise<Decision> {
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
