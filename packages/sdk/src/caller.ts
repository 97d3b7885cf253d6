import type { Verdict } from './openapi.ts'

/** Who is calling, as the verdict says; the names are those of `POST /v1/verify`. */
export interface Caller {
  readonly principal: NonNullable<Verdict['principal']>
  readonly credential: NonNullable<Verdict['credential']>
  /** What the credential may do at this API. */
  readonly scopes: Verdict['scopes']
  /** The limits that applied, tightest first. */
  readonly limits: Verdict['limits']
  /** The store is gone and the API goes on without it: what is known may be out of date by so much. */
  readonly stale_seconds: Verdict['stale_seconds']
  /** For logs: `credence why` explains the decision. */
  readonly request_id: Verdict['request_id']
}

/** Null: the routes of the API let everybody pass here. */
export function callerFrom(verdict: Verdict): Caller | null {
  const { principal, credential, scopes, limits, stale_seconds, request_id } = verdict
  if (principal === null || credential === null) return null
  return { principal, credential, scopes, limits, stale_seconds, request_id }
}
