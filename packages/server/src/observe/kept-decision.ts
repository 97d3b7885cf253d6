import type { Decision, LimitState } from '@credence/core'
import type { DecisionEntry } from './decision-entry.ts'

/** What is no object and no reference to a record stands in arrays of its own. */
type KeptApart = 'requestId' | 'path' | 'atMs' | 'durationMs'

const NO_LIMITS: readonly LimitState[] = []

/**
 * A place for a decision, written over by the next and the next. Objects that live for ten thousand requests are copied
 * twice by the collector of the young ones, each of them, and then are one for the collector of the old. This is one
 * object, and not one for the decision and one for its limit: such places lie one behind the other in memory, so that
 * the processor has fetched the next before it is asked for.
 */
export class KeptDecision {
  workspaceId = ''
  via: DecisionEntry['via'] = 'verify'
  method: string | null = null
  ip: string | null = null
  code: Decision['code'] = 'VALID'
  failedCheck: Decision['failedCheck'] = null
  detail: string | null = null
  api: Decision['api'] = null
  route: string | null = null
  public = false
  credential: Decision['credential'] = null
  version: number | null = null
  principal: Decision['principal'] = null
  scopes: Decision['scopes'] = []
  required: string | null = null
  takesBasic = false
  retryAfterSeconds: number | null = null
  staleSeconds: number | null = null
  dpop: Decision['dpop'] = null
  /** All limits, but where it is one: that stands in what follows. */
  limits: readonly LimitState[] = NO_LIMITS
  hasOneLimit = false
  name = ''
  owner: LimitState['owner'] = 'api'
  type: LimitState['type'] = 'rate'
  limit = 0
  remaining = 0
  resetSeconds: number | null = null
  windowSeconds: number | null = null

  /** Field by field: Object.assign takes ten times as long. */
  write(entry: Omit<DecisionEntry, KeptApart>): void {
    const { decision } = entry
    this.workspaceId = entry.workspaceId
    this.via = entry.via
    this.method = entry.method
    this.ip = entry.ip
    this.code = decision.code
    this.failedCheck = decision.failedCheck
    this.detail = decision.detail
    this.api = decision.api
    this.route = decision.route
    this.public = decision.public
    this.credential = decision.credential
    this.version = decision.version
    this.principal = decision.principal
    this.scopes = decision.scopes
    this.required = decision.required
    this.takesBasic = decision.takesBasic
    this.retryAfterSeconds = decision.retryAfterSeconds
    this.staleSeconds = decision.staleSeconds
    this.dpop = decision.dpop
    this.hasOneLimit = decision.limits.length === 1
    this.limits = this.hasOneLimit ? NO_LIMITS : decision.limits
    if (this.hasOneLimit) this.#writeLimit(decision.limits[0]!)
  }

  #writeLimit(one: LimitState): void {
    this.name = one.name
    this.owner = one.owner
    this.type = one.type
    this.limit = one.limit
    this.remaining = one.remaining
    this.resetSeconds = one.resetSeconds
    this.windowSeconds = one.windowSeconds
  }

  /** A copy of what was written. */
  read(): Omit<DecisionEntry, KeptApart> {
    const { workspaceId, via, method, ip, hasOneLimit, ...rest } = this
    const { name, owner, type, limit, remaining, resetSeconds, windowSeconds, ...decision } = rest
    const one = { name, owner, type, limit, remaining, resetSeconds, windowSeconds }
    return {
      ...{ workspaceId, via, method, ip },
      // Whoever reads it counts nothing.
      decision: { ...decision, limits: hasOneLimit ? [one] : decision.limits, seat: null },
    }
  }
}
