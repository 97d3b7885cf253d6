import {
  type CredentialRecord,
  type Decision,
  type RawHeaders,
  singleHeader,
  type VerdictCode,
} from '@credence/core'
import type { FlushPart, UsageDelta, UsageStore } from '../store/usage-port.ts'
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

/** What is written at once. */
interface Part {
  readonly deltas: readonly UsageDelta[]
  readonly of: FlushPart
}

const NOTHING: Part = { deltas: [], of: { id: '', number: 0, isLast: true } }

const MAX_USER_AGENT_LENGTH = 128
/** What is longer is cut when it comes and not only when it is written, so that what waits is bounded. */
const MAX_WAITING_USER_AGENT_LENGTH = 512
/** What waits for a store that is away for an hour is not lost: a flush is tried so long, once in each interval. */
const GIVE_UP_AFTER_MS = 3_600_000
/**
 * Rows that are written at once. Whoever is served on the same core waits for them: with all that wait in one piece,
 * 10,000 callers had each flush hold up the others by 10 ms here and 30 ms in the thread that writes.
 */
const ROWS_PER_PART = 200

/**
 * Counts uses in memory and writes the sums at intervals, in parts. Recording never blocks and never throws.
 * Only a proven credential is counted: ids are public, and guessing at one must leave no trace on it.
 * Nothing is counted twice: a part of unknown outcome is repeated as it was, under its name, which the store knows if
 * it has counted it. What a crash can lose is what was recorded since the last flush.
 */
export class UsageRecorder {
  readonly #options: UsageOptions
  readonly #stopTimer: () => void
  /** Most uses, which are not among the entries. */
  readonly #seated: SeatedUses
  /** Since the flush began. */
  #pending: Entries = new Map()
  /** What the flush has still to write. */
  #leaving: Entries = new Map()
  /** How many are pending or leaving. */
  #entryCount = 0
  /** What is under way, or to be repeated: neither waiting nor known to be written. */
  #part: Part = NOTHING
  #flushId = ''
  #nextPart = 0
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
   * What is not known to be written of a credential. Read the store first and add this: a part that ends in between
   * is then missing from the answer for a moment. One whose outcome is unknown may be in both until it is repeated.
   */
  peek(credentialId: string): UsageDelta[] {
    const deltas = [
      ...this.#part.deltas.filter((delta) => delta.credentialId === credentialId),
      ...deltasOf(this.#leaving.get(credentialId)),
      ...deltasOf(this.#pending.get(credentialId)),
      ...this.#seated.of(credentialId).map(deltaOf),
    ]
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
    return {
      pending: this.#entryCount + this.#part.deltas.length + this.#seated.size,
      dropped: this.#dropped,
    }
  }

  /**
   * Writes what waits; false when the store would not take it. One at a time: a call during another waits for
   * that one and then writes the rest.
   */
  async flush(): Promise<boolean> {
    while (this.#flushing !== null) await this.#flushing
    if (this.stats.pending === 0) return true
    this.#flushing = this.#flushAll()
    try {
      return await this.#flushing
    } finally {
      this.#flushing = null
    }
  }

  /** Writes what is left, as long as the store takes some of it, and stops the timer. False: it would not take all. */
  async close(): Promise<boolean> {
    this.#stopTimer()
    for (let before = Number.POSITIVE_INFINITY; this.stats.pending < before; ) {
      before = this.stats.pending
      if (await this.flush()) return true
    }
    return false
  }

  /** What is to be repeated first, then what waits, part by part. Never rejects. */
  async #flushAll(): Promise<boolean> {
    if (this.#part !== NOTHING && !(await this.#writePart())) return false
    // What an earlier flush could not write comes before what was counted since, or it would never have its turn.
    if (this.#isLeaving && !(await this.#writeLeaving())) return false
    this.#seated.leave()
    this.#leaving = this.#pending
    this.#pending = new Map()
    return this.#writeLeaving()
  }

  get #isLeaving(): boolean {
    return this.#leaving.size > 0 || this.#seated.leaving > 0
  }

  /** As the parts of one flush. */
  async #writeLeaving(): Promise<boolean> {
    this.#flushId = this.#options.newFlushId()
    this.#nextPart = 0
    while (this.#takePart()) if (!(await this.#writePart())) return false
    return true
  }

  /** Whether there was anything to take. */
  #takePart(): boolean {
    const deltas = this.#seated.take(ROWS_PER_PART).map(deltaOf)
    for (const [id, first] of this.#leaving) {
      if (deltas.length >= ROWS_PER_PART) break
      const own = deltasOf(first)
      deltas.push(...own)
      this.#entryCount -= own.length
      this.#leaving.delete(id)
    }
    if (deltas.length === 0) return false
    const of = { id: this.#flushId, number: this.#nextPart++, isLast: !this.#isLeaving }
    this.#part = { deltas, of }
    return true
  }

  async #writePart(): Promise<boolean> {
    const { deltas, of } = this.#part
    this.#tries += 1
    try {
      await this.#options.store.flush(deltas, of)
      this.#forgetPart()
      return true
    } catch (error) {
      if (this.#tries * this.#options.flushEveryMs >= GIVE_UP_AFTER_MS) {
        for (const { count } of deltas) this.#dropped += count
        this.#forgetPart()
      }
      this.#options.onFlushFailed(error)
      return false
    }
  }

  #forgetPart(): void {
    this.#part = NOTHING
    this.#tries = 0
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
    if (this.#entryCount + this.#part.deltas.length >= this.#options.maxEntries) return null
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
    this.#entryCount++
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

/** Uses of a caller that has a seat, as they are shown. */
function deltaOf({ ip, userAgent, ...uses }: Uses): UsageDelta {
  return { ...uses, code: 'VALID', lastIp: ip, lastUserAgent: userAgent === null ? null : cleaned(userAgent) }
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
