import { type CachedLookup, FROM_CACHE, FROM_STORE, LookupUnavailable } from './cached-lookup.ts'
import { type Decision, refuse } from './decision.ts'
import { type Presentation, recall } from './find-caller.ts'
import { LimitUnavailable } from './limit.ts'
import { present, runChecks, runPresented } from './ordered-checks.ts'
import type { ApiRecord } from './records.ts'
import { Redemptions } from './redemptions.ts'
import { ReplayUnavailable } from './replay-guard.ts'
import type { Verifier, VerifyRequest } from './verify-request.ts'

/**
 * Decides about a request: the one function behind the gateway, forward-auth, `POST /v1/verify` and the guard.
 * A refusal does not rest on a cached record: before refusing, the store is read again, within a budget for each
 * source; who has used it up is refused by what is cached, which is at most as old as the lease.
 * A store that cannot be read, and limits that cannot be counted, give UNAVAILABLE, unless the API has chosen to go on
 * for a while with what is known. Everything else that is thrown is a fault of ours.
 */
export async function verify(request: VerifyRequest, verifier: Verifier): Promise<Decision> {
  return verifyNow(request, verifier)
}

/** The same, but at once where neither store nor ledger is asked, as for nearly every request: nothing waits then. */
export function verifyNow(request: VerifyRequest, verifier: Verifier): Decision | Promise<Decision> {
  const reading = request.fresh ? FROM_STORE : FROM_CACHE
  return verifyBy((redemptions) => runChecks(request, reading, verifier, redemptions), request, verifier)
}

/**
 * verifyNow of several requests that came at once. They go from check to check together, since what is known of their
 * callers lies scattered in memory: the processor fetches it for many of them in the time that it takes for one.
 * @returns the decisions in the order of the requests
 */
export function verifyAll(
  requests: readonly VerifyRequest[],
  verifier: Verifier,
): (Decision | Promise<Decision>)[] {
  const { proofs } = verifier
  const presentations = requests.map((request) => presentEarly(request, verifier))
  const prepared = proofs.callersOf(presentations.map((one) => (isOpen(one) ? one.proofKey : null)))
  const nowMs = verifier.clock()
  const recalled = presentations.map((one, at) => {
    const caller = prepared[at]!
    return caller !== null && isOpen(one) ? recall(one, caller, verifier, nowMs) : null
  })
  return requests.map((request, at) => {
    const one = presentations[at]!
    if (one === null) return verifyNow(request, verifier)
    const run = (redemptions: Redemptions | null) =>
      isOpen(one) ? runPresented(one, recalled[at]!, verifier, redemptions, nowMs) : one
    return verifyBy(run, request, verifier)
  })
}

/** Whether the first checks left it open what is decided. */
function isOpen(one: Presentation | Decision | null): one is Presentation {
  return one !== null && !('code' in one)
}

/** What the first checks say; null: the API is not known or to be read anew, or they failed, as they will in verifyNow. */
function presentEarly(request: VerifyRequest, verifier: Verifier): Presentation | Decision | null {
  if (request.api === null || request.fresh) return null
  try {
    return present(request.api, request, FROM_CACHE, verifier)
  } catch {
    // One request's fault is no other's.
    return null
  }
}

function verifyBy(
  run: (redemptions: Redemptions | null) => Decision | Promise<Decision>,
  request: VerifyRequest,
  verifier: Verifier,
): Decision | Promise<Decision> {
  const redemptions = request.presenter === null ? null : new Redemptions(verifier.replayGuard)
  try {
    const deciding = run(redemptions)
    const isFinal = !(deciding instanceof Promise) && !restsOnRecords(deciding)
    return isFinal ? deciding : settle(deciding, request, verifier, redemptions)
  } catch (error) {
    return settle(Promise.reject(error), request, verifier, redemptions)
  }
}

/** Reads the store again before it refuses, and says what cannot be known. */
async function settle(
  deciding: Decision | Promise<Decision>,
  request: VerifyRequest,
  verifier: Verifier,
  redemptions: Redemptions | null,
): Promise<Decision> {
  try {
    const decision = await deciding
    if (request.fresh || !restsOnRecords(decision)) return decision
    const source = request.ip ?? decision.credential?.id ?? ''
    if (!verifier.rereads.take(source, verifier.clock())) return decision
    if (decision.failedCheck === 'limits' && (await isCurrent(decision, verifier.lookup))) return decision
    return await runChecks(request, FROM_STORE, verifier, redemptions)
  } catch (error) {
    const unknowable = unknowableBy(error, request.api)
    if (unknowable !== null) return unknowable
    if (!(error instanceof LookupUnavailable)) throw error
    return (
      (await decideInGrace(request, verifier, redemptions)) ??
      refuse(request.api, 'secret', 'UNAVAILABLE', 'the store cannot be read')
    )
  }
}

/** What whoever counts and remembers for all could not say; null: that is not what is missing. */
function unknowableBy(error: unknown, api: ApiRecord | null): Decision | null {
  if (error instanceof LimitUnavailable)
    return refuse(api, 'limits', 'UNAVAILABLE', 'the limits cannot be counted')
  return error instanceof ReplayUnavailable
    ? refuse(api, 'binding', 'UNAVAILABLE', 'it cannot be known whether the proof was used before')
    : null
}

/**
 * The store is gone: an API that has chosen so is served for a stated while by what is known. Null: that is not so,
 * or what is known does not allow it; it may have changed meanwhile, so it is no reason to refuse either.
 */
async function decideInGrace(
  request: VerifyRequest,
  verifier: Verifier,
  redemptions: Redemptions | null,
): Promise<Decision | null> {
  const graceMs = (request.api?.outageGraceSeconds ?? 0) * 1000
  if (graceMs === 0 || request.fresh) return null
  try {
    const decision = await runChecks(request, { from: 'memory', graceMs }, verifier, redemptions)
    const isOf = decision.code === 'VALID' || decision.failedCheck === 'limits'
    return isOf ? { ...decision, staleSeconds: Math.ceil(verifier.lookup.overdueMs() / 1000) } : null
  } catch (error) {
    if (error instanceof LookupUnavailable) return null
    const unknowable = unknowableBy(error, request.api)
    if (unknowable !== null) return unknowable
    throw error
  }
}

/** Whether the records whose limits refused are those in the store. Asking so, and not deciding again, spends nothing. */
async function isCurrent({ api, credential, principal }: Decision, lookup: CachedLookup): Promise<boolean> {
  // Of an access token the limits are those of another record.
  if (credential!.parentId !== null) return false
  const now = await Promise.all([
    lookup.read('api', api!.id),
    // A token has no record: what counts of it is that of its issuer, at the same revision.
    lookup.read(credential!.kind === 'jwt' ? 'issuer' : 'credential', credential!.id),
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
