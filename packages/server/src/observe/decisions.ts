import type { Decision, LimitState, VerdictCode } from '@credence/core'
import { redactSecrets } from './redact.ts'

/** Where a decision was asked for. `token`: by whoever asks for a token. `admin` is administration deciding about its own callers. */
export const DECISION_VIAS = ['gateway', 'forward-auth', 'verify', 'token', 'admin'] as const
export type DecisionVia = (typeof DECISION_VIAS)[number]

/** A decision and what an operator finds it by. Holds references to records and scalars; never what was presented. */
export interface DecisionEntry {
  readonly requestId: string
  /** The workspace whose operator may see it. */
  readonly workspaceId: string
  readonly atMs: number
  readonly durationMs: number
  readonly via: DecisionVia
  readonly method: string | null
  /** Without the query: that may hold a credential. */
  readonly path: string | null
  readonly ip: string | null
  readonly decision: Decision
}

export interface DecisionQuery {
  readonly workspaceId: string
  /** At least 1. */
  readonly limit: number
  readonly code?: VerdictCode
  readonly credentialId?: string
  readonly apiId?: string
}

const DEFAULT_CAPACITY = 10_000
/** Longest path that is kept: ten thousand of the longest that HTTP takes would be a leak. */
const MAX_PATH_LENGTH = 512

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** A place of the ring. All that it is made of is its own; what it points at is records, and texts. */
type Place = Mutable<Omit<DecisionEntry, 'decision'>> & {
  readonly decision: Mutable<Omit<Decision, 'limits'>>
  /** As many as the most that applied to a decision in this place. */
  readonly limits: Mutable<LimitState>[]
  limitCount: number
}

/**
 * The last decisions, in memory, for `credence why`. Recording is constant time and never fails.
 * A place is written over and not replaced: of objects that live for ten thousand requests each one is copied twice by the
 * collector of the young ones, and then is one for the collector of the old.
 */
export class DecisionLog {
  readonly #capacity: number
  readonly #ring: Place[] = []
  /** Where the next entry goes. */
  #next = 0

  /** @param capacity how many are kept */
  constructor(capacity: number = DEFAULT_CAPACITY) {
    this.#capacity = capacity
  }

  record(entry: DecisionEntry): void {
    let place = this.#ring[this.#next]
    if (place === undefined) {
      place = newPlace()
      this.#ring.push(place)
    }
    write(entry, place)
    this.#next = (this.#next + 1) % this.#capacity
  }

  /**
   * The decision of a request, unless it is another workspace's or too long ago. Looks through all that is kept: it is
   * asked for by people, and an index would cost every request. Where a request was decided about twice (its caller,
   * then what it asked about), the later one.
   */
  get(workspaceId: string, requestId: string): DecisionEntry | undefined {
    for (const entry of this.#newestFirst()) {
      if (entry.requestId === requestId) return entry.workspaceId === workspaceId ? entry : undefined
    }
    return undefined
  }

  /** Newest first. */
  list(query: DecisionQuery): DecisionEntry[] {
    const found: DecisionEntry[] = []
    for (const entry of this.#newestFirst()) {
      if (found.length >= query.limit) break
      if (matches(entry, query)) found.push(entry)
    }
    return found
  }

  *#newestFirst(): Generator<DecisionEntry> {
    const size = this.#ring.length
    for (let age = 1; age <= size; age++) yield entryOf(this.#ring[(this.#next - age + size) % size]!)
  }
}

function newPlace(): Place {
  return {
    requestId: '',
    workspaceId: '',
    // Not a whole number, so that V8 has room for any time in the place itself.
    atMs: Number.NaN,
    durationMs: Number.NaN,
    via: 'verify',
    method: null,
    path: null,
    ip: null,
    decision: {
      code: 'VALID',
      failedCheck: null,
      detail: null,
      api: null,
      route: null,
      public: false,
      credential: null,
      version: null,
      principal: null,
      scopes: [],
      required: null,
      takesBasic: false,
      retryAfterSeconds: null,
      staleSeconds: null,
      dpop: null,
    },
    limits: [],
    limitCount: 0,
  }
}

/** Field by field: Object.assign takes ten times as long. */
function write(entry: DecisionEntry, place: Place): void {
  place.requestId = entry.requestId
  place.workspaceId = entry.workspaceId
  place.atMs = entry.atMs
  place.durationMs = entry.durationMs
  place.via = entry.via
  place.method = entry.method
  place.path = keptPath(entry.path)
  place.ip = entry.ip
  const { decision } = entry
  const kept = place.decision
  kept.code = decision.code
  kept.failedCheck = decision.failedCheck
  kept.detail = decision.detail
  kept.api = decision.api
  kept.route = decision.route
  kept.public = decision.public
  kept.credential = decision.credential
  kept.version = decision.version
  kept.principal = decision.principal
  kept.scopes = decision.scopes
  kept.required = decision.required
  kept.takesBasic = decision.takesBasic
  kept.retryAfterSeconds = decision.retryAfterSeconds
  kept.staleSeconds = decision.staleSeconds
  kept.dpop = decision.dpop
  writeLimits(decision.limits, place)
}

function writeLimits(limits: readonly LimitState[], place: Place): void {
  place.limitCount = limits.length
  for (const [index, limit] of limits.entries()) {
    const kept = place.limits[index]
    if (kept === undefined) {
      place.limits.push({ ...limit })
      continue
    }
    kept.name = limit.name
    kept.owner = limit.owner
    kept.type = limit.type
    kept.limit = limit.limit
    kept.remaining = limit.remaining
    kept.resetSeconds = limit.resetSeconds
    kept.windowSeconds = limit.windowSeconds
  }
}

/** A copy: the place will be written over. */
function entryOf({ decision, limits, limitCount, ...entry }: Place): DecisionEntry {
  return {
    ...entry,
    decision: { ...decision, limits: limits.slice(0, limitCount).map((limit) => ({ ...limit })) },
  }
}

function matches({ workspaceId, decision }: DecisionEntry, query: DecisionQuery): boolean {
  return (
    workspaceId === query.workspaceId &&
    (query.code === undefined || decision.code === query.code) &&
    (query.credentialId === undefined || decision.credential?.id === query.credentialId) &&
    (query.apiId === undefined || decision.api?.id === query.apiId)
  )
}

function keptPath(path: string | null): string | null {
  if (path === null) return null
  const end = path.search(/[?#]/)
  let kept = end === -1 ? path : path.slice(0, end)
  if (kept.length > MAX_PATH_LENGTH) kept = `${redactSecrets(kept).slice(0, MAX_PATH_LENGTH)}…`
  return kept.length > 20 ? redactSecrets(kept) : kept
}
