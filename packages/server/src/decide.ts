import { performance } from 'node:perf_hooks'
import { type Decision, publicCode, type VerifyRequest, verifyAll } from '@credence/core'
import type { Context } from './context.ts'
import type { DecisionVia } from './observe/decision-entry.ts'

/** Where a decision was asked for, and what the operator will want to find it by. */
export interface Asking {
  readonly requestId: string
  readonly via: DecisionVia
  /** The workspace whose operator sees the decision while the caller is not known; then it is the caller's. */
  readonly workspaceId: string
}

/** A request to decide about, and where that was asked for. */
export interface Asked {
  readonly asking: Asking
  readonly request: VerifyRequest
}

/**
 * Verifies and tells everybody who keeps an eye on it: the ring behind `credence why`, usage, metrics and, for
 * refusals, the log. None of them can block or fail the request. At once where verify is.
 */
export function decide(
  context: Context,
  asking: Asking,
  request: VerifyRequest,
): Decision | Promise<Decision> {
  return decideAll(context, [{ asking, request }])[0]!
}

/** The same about requests that came at once; see verifyAll. */
export function decideAll(context: Context, asked: readonly Asked[]): (Decision | Promise<Decision>)[] {
  const startedMs = performance.now()
  const deciding = verifyAll(
    asked.map(({ request }) => request),
    context.verifier,
  )
  // Those that are decided at once took all the time together.
  const eachMs = (performance.now() - startedMs) / asked.length
  const atMs = context.clock()
  return deciding.map((decision, at) => {
    const { asking, request } = asked[at]!
    if (!(decision instanceof Promise)) {
      observe(context, asking, request, decision, eachMs, atMs)
      return decision
    }
    return decision.then((later) => {
      observe(context, asking, request, later, performance.now() - startedMs)
      return later
    })
  })
}

/** Also for refusals that a transport makes before verify is asked. */
export function observe(
  context: Context,
  asking: Asking,
  request: Pick<VerifyRequest, 'method' | 'path' | 'ip' | 'headers'>,
  decision: Decision,
  durationMs: number,
  atMs = context.clock(),
): void {
  const { requestId, via } = asking
  const { method, path, ip } = request
  // An API's callers are of its workspace, and its record, unlike theirs, is always at hand.
  const known = decision.credential && (decision.api ?? decision.credential)
  const workspaceId = known?.workspaceId ?? asking.workspaceId
  context.decisions.record({ requestId, workspaceId, via, atMs, durationMs, method, path, ip, decision })
  // Whoever may read the metrics may be a caller too: they must not tell whether an id exists.
  context.metrics.verified(publicCode(decision.code), via, durationMs)
  context.usage.record(decision, { atMs, ip, headers: request.headers })
  if (decision.code !== 'VALID') {
    const { code, detail, failedCheck, api, credential } = decision
    context.log.info(
      {
        request_id: requestId,
        via,
        code,
        check: failedCheck,
        detail,
        api: api?.name,
        credential: credential?.id,
        method,
        path,
        ip,
      },
      'refused',
    )
  }
}
