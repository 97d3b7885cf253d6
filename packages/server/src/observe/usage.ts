import {
  type CredentialRecord,
  type Decision,
  type RawHeaders,
  singleHeader,
  type VerdictCode,
} from '@credence/core'
import type { UsageDelta, UsageStore } from '../store/usage-port.ts'
import { redactSecrets } from './redact.ts'
import { SeatedUses, type UsedBy, type Uses } from './seated-uses.ts'
import { withoutControls } from './terminal-text.ts'

/** What is noted about a use besides the decision. */
export interface UsageFacts {
  readonly atMs: number
  readonly ip: string | null
  readonly headers: RawHeaders
}

export interface UsageOptions {
  readonly store: UsageStore
  readonly flushEveryMs: number
  /** Most (credential, version, code) entries that wait; what comes beyond is dropped and counted. */
  readonly maxEntries: number
  /** Calls back every so many milliseconds until the function it returns is called. */
  readonly every: (ms: number, callback: () => void) => () => void
  /** Told when a flush failed. */
  readonly onFlushFailed: (error: unknown) => void
  /** An id that no flush of any node had or will have. */
  readonly newFlushId: () => string
}

/** Uses of one version with one verdict, while they are counted. */
type Entry = { -readonly [K in keyof UsageDelta]: UsageDelta[K] } & {
  /** The next one of the same credential, which has a handful at most. */
  next: Entry | null
}
/** By credential, the first entry of each. */
type Entries = Map<string, Entry>

const MAX_USER_AGENT_LENGTH = 128
/** What is longer is cut when it comes and not only when it is written, so that what waits is bounded. */
const MAX_WAITING_USER_AGENT_LENGTH = 512
/** What waits for a store that is away for an hour is not lost: a flush is tried so long, once in each interval. */
const GIVE_UP_AFTER_MS = 3_600_000

/**
 * Counts uses in memory and writes the sums at intervals, in one batch. Recording never blocks and never throws.
 * Only a proven credential is counted: ids are public, and guessing at one must leave no trace on it.
 * Nothing is counted twice: a flush of unknown outcome is repeated as it was, under its id, which the store knows if
 * it has counted it. What a crash can lose is what was recorded since the last flush.
 */
export class UsageRecorder {
  readonly #options: UsageOptions
  readonly #stopTimer: () => void
  /** Most uses, which are not among the pending ones yet. */
  readonly #seated: SeatedUses
  #pending: Entries = new Map()
  #pendingCount = 0
  /** What the flush under way, or to be repeated, has taken: neither waiting nor known to be written. */
  #inFlight: Entries = new Map()
  #inFlightCount = 0
  #flushId = ''
  #tries = 0
  #flushing: Promise<boolean> | null = null
  #dropped = 0

  constructor(options: UsageOptions) {
    this.#options = options
    this.#seated = new SeatedUses(options.maxEntries)
    this.#stopTimer = options.every(options.flushEveryMs, () => {
      // Behind a store that hangs, ticks must not queue up.
      if (this.#flushing === null) void this.flush()
    })
  }

  record(decision: Decision, facts: UsageFacts): void {
    const { credential, version, code, seat } = decision
    if (credential === null || version === null) return
    const { atMs, ip, headers } = facts
    const use = { atMs, ip, userAgent: waitingUserAgent(headers) }
    const isSeated = seat !== null && code === 'VALID'
    if (isSeated && this.#seated.count(seat, use)) return
    const by = usedBy(credential, version)
    if (isSeated && this.#seated.begin(seat, by, use)) return
    const { userAgent } = use
    this.#add({ ...by, ip, userAgent, count: 1, firstAtMs: atMs, lastAtMs: atMs }, code)
  }

  /**
   * What is not known to be written of a credential. Read the store first and add this: a flush that ends in between
   * is then missing from the answer for a moment. One whose outcome is unknown may be in both until it is repeated.
   */
  peek(credentialId: string): UsageDelta[] {
    this.#addSeated()
    const deltas = [this.#inFlight, this.#pending].flatMap((entries) => deltasOf(entries.get(credentialId)))
    const merged: UsageDelta[] = []
    for (const delta of deltas) {
      const at = merged.findIndex(({ version, code }) => version === delta.version && code === delta.code)
      if (at === -1) merged.push(delta)
      else merged[at] = sum(merged[at]!, delta)
    }
    return merged
  }

  /** Entries that wait, and uses that were not counted since the start. */
  get stats(): { readonly pending: number; readonly dropped: number } {
    this.#addSeated()
    return { pending: this.#pendingCount + this.#inFlightCount, dropped: this.#dropped }
  }

  /**
   * Writes what waits; false when the store would not take it. One at a time: a call during another waits for
   * that one and then writes the rest.
   */
  async flush(): Promise<boolean> {
    while (this.#flushing !== null) await this.#flushing
    this.#addSeated()
    if (this.#pendingCount + this.#inFlightCount === 0) return true
    this.#flushing = this.#flushAll()
    try {
      return await this.#flushing
    } finally {
      this.#flushing = null
    }
  }

  /** Writes what is left and stops the timer. False: the store would not take all of it. */
  async close(): Promise<boolean> {
    this.#stopTimer()
    return this.flush()
  }

  /** What is to be repeated first, then what waits. Never rejects. */
  async #flushAll(): Promise<boolean> {
    if (this.#inFlightCount > 0 && !(await this.#flushTaken())) return false
    this.#addSeated()
    if (this.#pendingCount === 0) return true
    this.#inFlight = this.#pending
    this.#inFlightCount = this.#pendingCount
    this.#pending = new Map()
    this.#pendingCount = 0
    this.#flushId = this.#options.newFlushId()
    return this.#flushTaken()
  }

  async #flushTaken(): Promise<boolean> {
    this.#tries += 1
    try {
      await this.#options.store.flush([...this.#inFlight.values()].flatMap(deltasOf), this.#flushId)
      this.#forgetTaken()
      return true
    } catch (error) {
      if (this.#tries * this.#options.flushEveryMs >= GIVE_UP_AFTER_MS) {
        this.#dropped += countOf(this.#inFlight)
        this.#forgetTaken()
      }
      this.#options.onFlushFailed(error)
      return false
    }
  }

  #forgetTaken(): void {
    this.#inFlight = new Map()
    this.#inFlightCount = 0
    this.#tries = 0
  }

  #addSeated(): void {
    for (const uses of this.#seated.take()) this.#add(uses, 'VALID')
  }

  #add(uses: Uses, code: VerdictCode): void {
    const entry = this.#entryFor(uses, code)
    if (entry === null) this.#dropped += uses.count
    else addUses(entry, uses)
  }

  /** The entry to count on, made if there is room for it; null: there is none. */
  #entryFor({ workspaceId, credentialId, version, firstAtMs }: Uses, code: VerdictCode): Entry | null {
    let last: Entry | null = null
    for (let entry = this.#pending.get(credentialId) ?? null; entry !== null; entry = entry.next) {
      if (entry.version === version && entry.code === code) return entry
      last = entry
    }
    if (this.#pendingCount + this.#inFlightCount >= this.#options.maxEntries) return null
    const made: Entry = {
      workspaceId,
      credentialId,
      version,
      code,
      count: 0,
      firstAtMs,
      lastAtMs: firstAtMs,
      lastIp: null,
      lastUserAgent: null,
      next: null,
    }
    if (last === null) this.#pending.set(credentialId, made)
    else last.next = made
    this.#pendingCount++
    return made
  }
}

/**
 * Whoever uses an access token uses the credential that it came from: counted there, so that it is known when that was
 * used last, and not for the token, of which there may be millions.
 */
function usedBy({ id, parentId, parentVersion, workspaceId }: CredentialRecord, version: number): UsedBy {
  return { workspaceId, credentialId: parentId ?? id, version: parentVersion ?? version }
}

function addUses(entry: Entry, { count, firstAtMs, lastAtMs, ip, userAgent }: Uses): void {
  entry.count += count
  entry.firstAtMs = Math.min(entry.firstAtMs, firstAtMs)
  // A clock that was set back must not make the last use older than the first.
  if (lastAtMs < entry.lastAtMs) return
  entry.lastAtMs = lastAtMs
  entry.lastIp = ip
  entry.lastUserAgent = userAgent
}

function countOf(entries: Entries): number {
  let count = 0
  for (const first of entries.values()) for (const delta of deltasOf(first)) count += delta.count
  return count
}

/** The entries of one credential, as they are written and shown. */
function deltasOf(first: Entry | undefined): UsageDelta[] {
  const deltas: UsageDelta[] = []
  for (let entry = first ?? null; entry !== null; ) {
    const { next, ...delta } = entry
    if (delta.lastUserAgent !== null) delta.lastUserAgent = cleaned(delta.lastUserAgent)
    deltas.push(delta)
    entry = next
  }
  return deltas
}

function sum(one: UsageDelta, other: UsageDelta): UsageDelta {
  return {
    ...(other.lastAtMs >= one.lastAtMs ? other : one),
    count: one.count + other.count,
    firstAtMs: Math.min(one.firstAtMs, other.firstAtMs),
  }
}

/** The caller's own words about itself, cut and not yet cleaned: that is dear, and done once for all uses of a flush. */
function waitingUserAgent(headers: RawHeaders): string | null {
  const value = singleHeader(headers, 'user-agent')
  return value !== null && value.length > MAX_WAITING_USER_AGENT_LENGTH ? cleaned(value) : value
}

/** Without controls, and without a key that was put there by mistake. */
function cleaned(userAgent: string): string {
  return withoutControls(redactSecrets(userAgent.slice(0, 1024))).slice(0, MAX_USER_AGENT_LENGTH)
}
