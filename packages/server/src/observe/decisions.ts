import type { Decision, VerdictCode } from '@credence/core'
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

/** The last decisions, in memory, for `credence why`. Recording is constant time and never fails. */
export class DecisionLog {
  readonly #ring: (DecisionEntry | undefined)[]
  /** Where the next entry goes. */
  #next = 0

  /** @param capacity how many are kept */
  constructor(capacity: number = DEFAULT_CAPACITY) {
    this.#ring = new Array<DecisionEntry | undefined>(capacity).fill(undefined)
  }

  record(entry: DecisionEntry): void {
    const path = keptPath(entry.path)
    const kept = path === entry.path ? entry : { ...entry, path }
    this.#ring[this.#next] = kept
    this.#next = (this.#next + 1) % this.#ring.length
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
    for (let age = 1; age <= size; age++) {
      const entry = this.#ring[(this.#next - age + size) % size]
      if (entry === undefined) return
      yield entry
    }
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
