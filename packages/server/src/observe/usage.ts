import { type Decision, type RawHeaders, singleHeader, type VerdictCode } from '@credence/core'
import type { UsageDelta, UsageStore } from '../store/usage-port.ts'
import { redactSecrets } from './redact.ts'
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

type Entry = { -readonly [K in keyof UsageDelta]: UsageDelta[K] }
type Entries = Map<string, Entry[]>

const MAX_USER_AGENT_LENGTH = 128
/** Times that a flush is tried: at one a second, what waits for a store that is away for an hour is not lost. */
const MAX_TRIES = 3600

/**
 * Counts uses in memory and writes the sums at intervals, in one batch. Recording never blocks and never throws.
 * Only a proven credential is counted: ids are public, and guessing at one must leave no trace on it.
 * Nothing is counted twice: a flush of unknown outcome is repeated as it was, under its id, which the store knows if
 * it has counted it. What a crash can lose is what was recorded since the last flush.
 */
export class UsageRecorder {
  readonly #options: UsageOptions
  readonly #stopTimer: () => void
  /** By credential: a handful of entries each, one per version and code. */
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
    this.#stopTimer = options.every(options.flushEveryMs, () => {
      // Behind a store that hangs, ticks must not queue up.
      if (this.#flushing === null) void this.flush()
    })
  }

  record(decision: Decision, facts: UsageFacts): void {
    const { credential, version, code } = decision
    if (credential === null || version === null) return
    const entry = this.#entryFor(credential.id, credential.workspaceId, version, code, facts.atMs)
    if (entry === null) {
      this.#dropped++
      return
    }
    entry.count++
    // A clock that was set back must not make the last use older than the first.
    if (facts.atMs < entry.lastAtMs) return
    entry.lastAtMs = facts.atMs
    entry.lastIp = facts.ip
    entry.lastUserAgent = userAgent(facts.headers)
  }

  /**
   * What is not known to be written of a credential. Read the store first and add this: a flush that ends in between
   * is then missing from the answer for a moment. One whose outcome is unknown may be in both until it is repeated.
   */
  peek(credentialId: string): UsageDelta[] {
    const merged: Entries = new Map()
    for (const entries of [this.#inFlight, this.#pending]) {
      for (const entry of entries.get(credentialId) ?? []) mergeInto(merged, { ...entry })
    }
    return merged.get(credentialId) ?? []
  }

  /** Entries that wait, and uses that were not counted since the start. */
  get stats(): { readonly pending: number; readonly dropped: number } {
    return { pending: this.#pendingCount + this.#inFlightCount, dropped: this.#dropped }
  }

  /**
   * Writes what waits; false when the store would not take it. One at a time: a call during another waits for
   * that one and then writes the rest.
   */
  async flush(): Promise<boolean> {
    while (this.#flushing !== null) await this.#flushing
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
      await this.#options.store.flush([...this.#inFlight.values()].flat(), this.#flushId)
      this.#forgetTaken()
      return true
    } catch (error) {
      if (this.#tries >= MAX_TRIES) {
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

  /** The entry to count on, made if there is room for it; null: there is none. */
  #entryFor(
    credentialId: string,
    workspaceId: string,
    version: number,
    code: VerdictCode,
    atMs: number,
  ): Entry | null {
    let entries = this.#pending.get(credentialId)
    if (entries !== undefined) {
      for (const entry of entries) if (entry.version === version && entry.code === code) return entry
    }
    if (this.#pendingCount + this.#inFlightCount >= this.#options.maxEntries) return null
    const made: Entry = {
      workspaceId,
      credentialId,
      version,
      code,
      count: 0,
      firstAtMs: atMs,
      lastAtMs: atMs,
      lastIp: null,
      lastUserAgent: null,
    }
    if (entries === undefined) {
      entries = []
      this.#pending.set(credentialId, entries)
    }
    entries.push(made)
    this.#pendingCount++
    return made
  }
}

function countOf(entries: Entries): number {
  let count = 0
  for (const ofOne of entries.values()) for (const entry of ofOne) count += entry.count
  return count
}

/** Adds an entry to those of its credential; true when it found none of its kind. */
function mergeInto(all: Entries, entry: Entry): boolean {
  const entries = all.get(entry.credentialId)
  const same = entries?.find(({ version, code }) => version === entry.version && code === entry.code)
  if (same === undefined) {
    if (entries === undefined) all.set(entry.credentialId, [entry])
    else entries.push(entry)
    return true
  }
  same.count += entry.count
  same.firstAtMs = Math.min(same.firstAtMs, entry.firstAtMs)
  if (entry.lastAtMs >= same.lastAtMs) {
    same.lastAtMs = entry.lastAtMs
    same.lastIp = entry.lastIp
    same.lastUserAgent = entry.lastUserAgent
  }
  return false
}

/** The caller's own words about itself: cut, without controls, and without a key that was put there by mistake. */
function userAgent(headers: RawHeaders): string | null {
  const value = singleHeader(headers, 'user-agent')
  if (value === null) return null
  return withoutControls(redactSecrets(value.slice(0, 1024))).slice(0, MAX_USER_AGENT_LENGTH)
}
