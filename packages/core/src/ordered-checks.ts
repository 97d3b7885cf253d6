import { BoundedMap } from './bounded-map.ts'
import type { Reading } from './cached-lookup.ts'
import { type FoundCaller, isBoundAt, type LivingCaller } from './caller.ts'
import { type BindingRefusal, type BindingResult, checkBinding, needsProof } from './check-binding.ts'
import { checkConditions, type UnmetCondition } from './condition.ts'
import {
  allow,
  type Decision,
  deny,
  type Identity,
  passPublic,
  refuse,
  routeName,
  type WholeIdentity,
} from './decision.ts'
import { type Presented, soleBearer } from './extract.ts'
import {
  completeCaller,
  findCaller,
  HEADERS_ONLY,
  identify,
  type Presentation,
  presentedIn,
  proofKeyOf,
  recall,
  TAKEN_UNASKED,
} from './find-caller.ts'
import { type LifeProblem, lifeProblem } from './life.ts'
import type { LimitResult } from './limit.ts'
import type { ApiRecord, Conditions } from './records.ts'
import type { Redemptions } from './redemptions.ts'
import { routeFor } from './route-for.ts'
import { parseScopeExpression, type ScopeExpression, satisfies } from './scope.ts'
import type { Verifier, VerifyRequest } from './verify-request.ts'

/**
 * The ordered checks. At once where the caller is prepared, bound to no key, and the limits are counted here.
 * @param redemptions of this request, whose checks may have run before; null: it brings nothing that could be redeemed
 */
export function runChecks(
  request: VerifyRequest,
  reading: Reading,
  verifier: Verifier,
  redemptions: Redemptions | null,
): Decision | Promise<Decision> {
  const { api } = request
  if (api === null) return runAtHome(request, reading, verifier, redemptions)
  return reading.from === 'store'
    ? runAtFresh(api, request, reading, verifier, redemptions)
    : runAt(api, request, reading, verifier, redemptions)
}

/** Where the store is read in any case, the API is too. */
async function runAtFresh(
  api: ApiRecord,
  request: VerifyRequest,
  reading: Reading,
  verifier: Verifier,
  redemptions: Redemptions | null,
): Promise<Decision> {
  const now = await verifier.lookup.read('api', api.id)
  if (now === undefined) return refuse(api, 'route', 'ROUTE_UNKNOWN', 'the API was deleted')
  return runAt(now, request, reading, verifier, redemptions)
}

/** Route and TLS, then what was presented, then who that is and what it may do. */
function runAt(
  api: ApiRecord,
  request: VerifyRequest,
  reading: Reading,
  verifier: Verifier,
  redemptions: Redemptions | null,
): Decision | Promise<Decision> {
  const presentation = present(api, request, reading, verifier)
  if ('code' in presentation) return presentation
  const nowMs = verifier.clock()
  const prepared = verifier.proofs.callerOf(presentation.proofKey)
  const recalled = prepared && recall(presentation, prepared, verifier, nowMs)
  return runPresented(presentation, recalled, verifier, redemptions, nowMs)
}

/** The checks of a request that need nobody to be known: route, TLS, and what is presented. Or what they decide. */
export function present(
  api: ApiRecord,
  request: VerifyRequest,
  reading: Reading,
  verifier: Verifier,
): Presentation | Decision {
  const matched = request.useRoutes ? routeFor(api, request) : null
  if (matched !== null && 'code' in matched) return matched
  const route = matched?.route ?? null
  if (api.requiresTls && !request.secure) {
    return refuse(api, 'tls', 'TLS_REQUIRED', 'the request came without TLS', route)
  }
  // Whoever asks for scopes asks for somebody who has them, whatever the route says.
  if (route?.public && request.scopes === null) return passPublic(api, route)

  const routeScopes = matched?.expression ?? null
  const sole = request.credential === null ? soleBearer(request.headers, request.query, api) : null
  const presented = sole ?? presentedIn(request, api, route?.accepts ?? api.accepts)
  if ('code' in presented) return refuse(api, 'extract', presented.code, presented.detail, route)
  const proofKey = proofKeyOf(presented, verifier)
  return { api, route, routeScopes, presented, isRead: sole === null, proofKey, reading, request }
}

/**
 * The checks after those of `present`.
 * @param recalled who presents it, where that was prepared by an earlier request
 */
export function runPresented(
  presentation: Presentation,
  recalled: LivingCaller | null,
  verifier: Verifier,
  redemptions: Redemptions | null,
  nowMs: number,
): Decision | Promise<Decision> {
  const { api, route, presented, isRead, routeScopes, request } = presentation
  if (recalled !== null) {
    return needsProof(recalled.isBound, presented)
      ? decideAboutBound(recalled, presented, routeScopes, request, verifier, redemptions)
      : decideAbout(recalled, routeScopes, request, verifier, nowMs)
  }
  const read = isRead ? presented : presentedIn(request, api, route?.accepts ?? api.accepts)
  if ('code' in read) return refuse(api, 'extract', read.code, read.detail, route)
  return findCaller(presentation, verifier).then((found) =>
    'code' in found ? found : decideAboutFound(found, presented, routeScopes, request, verifier, redemptions),
  )
}

/** For the API of whoever is calling, which is known once they are; or without any: only who this is. */
async function runAtHome(
  request: VerifyRequest,
  reading: Reading,
  verifier: Verifier,
  redemptions: Redemptions | null,
): Promise<Decision> {
  const presented = presentedIn(request, HEADERS_ONLY, request.exchange?.kinds ?? TAKEN_UNASKED)
  if ('code' in presented) return refuse(null, 'extract', presented.code, presented.detail)
  const identity = await identify(presented, reading, request, verifier)
  if ('code' in identity) return identity
  const over = lifeProblem(identity, verifier.clock())
  if (over !== null) return deny(identity, over.check, over.code, over.detail)
  if (request.homeApiId === null) return decideWhoOnly(identity, presented, request, verifier, redemptions)
  const homeApiId = request.homeApiId(identity.credential.workspaceId)
  const api = await verifier.lookup.find('api', homeApiId, reading)
  if (api?.workspaceId !== identity.credential.workspaceId) {
    return deny(identity, 'audience', 'WRONG_AUDIENCE', 'its workspace has no such API')
  }
  const unfit = request.exchange === undefined ? null : exchangeProblem(api, identity, request)
  if (unfit !== null) return deny({ ...identity, api }, unfit.check, unfit.code, unfit.detail)
  const caller = await completeCaller({ ...identity, api }, reading, verifier)
  return decideAboutFound(caller, presented, null, request, verifier, redemptions)
}

const NOT_BOUND: BindingResult = { ok: true, dpop: null }

/** Who this is, wherever it may go. */
async function decideWhoOnly(
  identity: WholeIdentity,
  presented: Presented,
  request: VerifyRequest,
  verifier: Verifier,
  redemptions: Redemptions | null,
): Promise<Decision> {
  const proof = needsProof(isBoundAt(identity.api, identity.credential), presented)
    ? await checkBinding({ identity, presented, request, redemptions }, verifier, verifier.clock())
    : NOT_BOUND
  if (!proof.ok) return unproven(identity, proof)
  const { conditions } = (identity.parent ?? identity).credential
  const unmet = request.anywhere ? null : unmetCondition(conditions, false, request, verifier.clock())
  const decision = unmet === null ? allow(identity, [], null, []) : conditionFailed(identity, unmet)
  return { ...decision, dpop: proof.dpop }
}

/** What is no matter of the credential alone, where it is presented for a token to be had at an API. */
function exchangeProblem(
  api: ApiRecord,
  { credential: { kind } }: Identity,
  { exchange, secure }: VerifyRequest,
): LifeProblem {
  if (api.requiresTls && !secure) {
    return { check: 'tls', code: 'TLS_REQUIRED', detail: 'the request came without TLS' }
  }
  const { kinds } = exchange!
  if (kinds.includes(kind)) return null
  const detail = `no token is had for ${kind}, but for ${kinds.join(', ')}`
  return { check: 'kind', code: 'KIND_NOT_ACCEPTED', detail }
}

/** State, time and audience, as the records say, then what is decided about the living. */
function decideAboutFound(
  caller: FoundCaller,
  presented: Presented,
  routeScopes: ScopeExpression | null,
  request: VerifyRequest,
  verifier: Verifier,
  redemptions: Redemptions | null,
): Decision | Promise<Decision> {
  const nowMs = verifier.clock()
  const over = lifeProblem(caller, nowMs)
  if (over !== null) return deny(caller, over.check, over.code, over.detail)
  const { api, scopes } = caller
  if (scopes === null) return deny(caller, 'audience', 'WRONG_AUDIENCE', `no grant for API ${api.name}`)
  const living = { ...caller, scopes }
  return needsProof(caller.isBound, presented)
    ? decideAboutBound(living, presented, routeScopes, request, verifier, redemptions)
    : decideAbout(living, routeScopes, request, verifier, nowMs)
}

/** That it holds the key it is bound to, then what is decided about everybody. */
async function decideAboutBound(
  caller: LivingCaller,
  presented: Presented,
  routeScopes: ScopeExpression | null,
  request: VerifyRequest,
  verifier: Verifier,
  redemptions: Redemptions | null,
): Promise<Decision> {
  const proving = { identity: caller, presented, request, redemptions }
  const proof = await checkBinding(proving, verifier, verifier.clock())
  if (!proof.ok) return { ...unproven(caller, proof), scopes: caller.scopes }
  const decision = await decideAbout(caller, routeScopes, request, verifier, verifier.clock())
  return proof.dpop === null ? decision : { ...decision, dpop: proof.dpop }
}

function unproven(identity: Identity, { code, detail, dpop }: BindingRefusal): Decision {
  return { ...deny(identity, 'binding', code, detail), dpop }
}

/** What a living caller may do now: conditions, scopes, limits. */
function decideAbout(
  caller: LivingCaller,
  routeScopes: ScopeExpression | null,
  request: VerifyRequest,
  verifier: Verifier,
  nowMs: number,
): Decision | Promise<Decision> {
  const { route, scopes, conditions } = caller
  // Of a token that is had here, methods and paths bind it later.
  const unmet = unmetCondition(conditions, request.exchange === undefined, request, nowMs)
  if (unmet !== null) return { ...conditionFailed(caller, unmet), scopes }
  if (routeScopes !== null && !satisfies(routeScopes, scopes)) {
    const detail = `route ${routeName(route!)} needs ${route!.scopes}; has ${listed(scopes)}`
    return { ...deny(caller, 'scopes', 'INSUFFICIENT_SCOPE', detail), scopes, required: route!.scopes }
  }
  const { scopes: wanted } = request
  if (wanted !== null && !satisfies(expressionOf(wanted), scopes)) {
    const detail = `needed: ${wanted}; has ${listed(scopes)}`
    return { ...deny(caller, 'scopes', 'INSUFFICIENT_SCOPE', detail), scopes, required: wanted }
  }
  return countLimits(caller, request, verifier, nowMs)
}

/** @param isApiAsked false: methods and paths, which are the API's, do not count */
function unmetCondition(
  conditions: Conditions | null,
  isApiAsked: boolean,
  { method, path, ip }: VerifyRequest,
  nowMs: number,
): UnmetCondition | null {
  if (conditions === null) return null
  const bound = isApiAsked ? conditions : { ...conditions, methods: null, paths: null }
  return checkConditions(bound, { method, path, ip, nowMs })
}

function conditionFailed(identity: Identity, { condition, detail }: UnmetCondition): Decision {
  return deny(identity, 'conditions', 'CONDITION_FAILED', `${condition}: ${detail}`)
}

function listed(scopes: readonly string[]): string {
  return scopes.length === 0 ? 'nothing' : scopes.join(' ')
}

function countLimits(
  caller: LivingCaller,
  request: VerifyRequest,
  { limiter }: Verifier,
  nowMs: number,
): Decision | Promise<Decision> {
  const { route, scopes, limits, onlyLimit, seat } = caller
  const required = route?.scopes ?? request.scopes
  if (onlyLimit === null && limits.length === 0) return allow(caller, scopes, required, [], seat)
  const cost = request.cost ?? route?.cost ?? 1
  const taking =
    onlyLimit === null ? limiter.take(limits, cost, nowMs) : limiter.takeOne(onlyLimit, cost, nowMs)
  if (!(taking instanceof Promise)) return decideByLimits(caller, required, taking)
  return taking.then((taken) => decideByLimits(caller, required, taken))
}

function decideByLimits(caller: LivingCaller, required: string | null, taken: LimitResult): Decision {
  const { scopes, seat } = caller
  if (taken.allowed) return allow(caller, scopes, required, taken.states, seat)
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
