import type { VerdictCode } from '@credence/core'
import type { DecisionEntry } from './decision-entry.ts'
import { KeptDecision } from './kept-decision.ts'
import { KeptTexts } from './kept-texts.ts'
import { redactSecrets } from './redact.ts'

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
/** Longer ones are kept, too, at a higher price. */
const USUAL_PATH_LENGTH = 50
const USUAL_REQUEST_ID_LENGTH = 12

/** The last decisions, in memory, for `credence why`. Recording is constant time and never fails. */
export class DecisionLog {
  readonly #capacity: number
  readonly #ring: KeptDecision[] = []
  readonly #requestIds: KeptTexts
  readonly #paths: KeptTexts
  /** Of each place, when it was decided and how long that took. */
  readonly #timesMs: Float64Array
  /** Where the next entry goes. */
  #next = 0

  /** @param capacity how many are kept */
  constructor(capacity: number = DEFAULT_CAPACITY) {
    this.#capacity = capacity
    this.#requestIds = new KeptTexts(capacity, USUAL_REQUEST_ID_LENGTH)
    this.#paths = new KeptTexts(capacity, USUAL_PATH_LENGTH)
    this.#timesMs = new Float64Array(2 * capacity)
  }

  record(entry: DecisionEntry): void {
    const at = this.#next
    if (at === this.#ring.length) this.#ring.push(new KeptDecision())
    this.#ring[at]!.write(entry)
    this.#requestIds.write(at, entry.requestId)
    this.#paths.write(at, keptPath(entry.path))
    this.#timesMs[2 * at] = entry.atMs
    this.#timesMs[2 * at + 1] = entry.durationMs
    this.#next = at + 1 === this.#capacity ? 0 : at + 1
  }

  /**
   * The decision of a request, unless it is another workspace's or too long ago. Looks through all that is kept: it is
   * asked for by people, and an index would cost every request. Where a request was decided about twice (its caller,
   * then what it asked about), the later one.
   */
  get(workspaceId: string, requestId: string): DecisionEntry | undefined {
    for (const at of this.#newestFirst()) {
      if (this.#requestIds.read(at) !== requestId) continue
      return this.#ring[at]!.workspaceId === workspaceId ? this.#entryAt(at) : undefined
    }
    return undefined
  }

  /** Newest first. */
  list(query: DecisionQuery): DecisionEntry[] {
    const found: DecisionEntry[] = []
    for (const at of this.#newestFirst()) {
      if (found.length >= query.limit) break
      if (matches(this.#ring[at]!, query)) found.push(this.#entryAt(at))
    }
    return found
  }

  *#newestFirst(): Generator<number> {
    const size = this.#ring.length
    for (let age = 1; age <= size; age++) yield (this.#next - age + size) % size
  }

  #entryAt(at: number): DecisionEntry {
    const [atMs, durationMs] = [this.#timesMs[2 * at]!, this.#timesMs[2 * at + 1]!]
    const [requestId, path] = [this.#requestIds.read(at)!, this.#paths.read(at)]
    return { requestId, path, atMs, durationMs, ...this.#ring[at]!.read() }
  }
}

function matches({ workspaceId, code, credential, api }: KeptDecision, query: DecisionQuery): boolean {
  return (
    workspaceId === query.workspaceId &&
    (query.code === undefined || code === query.code) &&
    (query.credentialId === undefined || credential?.id === query.credentialId) &&
    (query.apiId === undefined || api?.id === query.apiId)
  )
}

function keptPath(path: string | null): string | null {
  if (path === null) return null
  const end = path.search(/[?#]/)
  let kept = end === -1 ? path : path.slice(0, end)
  if (kept.length > MAX_PATH_LENGTH) kept = `${redactSecrets(kept).slice(0, MAX_PATH_LENGTH)}…`
  return kept.length > 20 ? redactSecrets(kept) : kept
}
