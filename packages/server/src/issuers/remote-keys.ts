import { type IssuerKeySet, JwsKeys } from '@credence/core'
import type { FetchJson } from './guarded-json.ts'

/** Bounds on how long an answer is used before it is fetched again. Milliseconds. */
const MIN_LIFE_MS = 60_000
const MAX_LIFE_MS = 24 * 3_600_000
/** Of an answer that says nothing about it. */
const USUAL_LIFE_MS = 3_600_000
/** From this part of its life on, an answer is renewed while it still serves. */
const RENEW_AT = 0.8
/** How long the last good answer goes on serving after its life, while the issuer cannot be reached. */
export const GRACE_MS = 24 * 3_600_000
/** An unknown `kid` is whatever a caller writes, so it has the issuer asked this often at most. */
export const UNKNOWN_KID_COOL_DOWN_MS = 30_000
/** An issuer that failed is not asked again before. */
const FAILURE_COOL_DOWN_MS = 10_000

export interface RemoteKeysOptions {
  readonly source: { readonly type: 'jwks_uri' | 'discovery'; readonly uri: string }
  /** `iss`, which a discovery document must repeat (RFC 8414 section 3.3). */
  readonly issuer: string
  readonly fetchJson: FetchJson
  /** Milliseconds. */
  readonly clock: () => number
  /** Told of every failure, and with null when it works again. */
  readonly onFault: (error: unknown) => void
}

/** A set that can cease to be current. */
interface HeldSet extends IssuerKeySet {
  current: boolean
}

interface Held {
  readonly set: HeldSet
  /** The keys as they came, to tell whether they changed. */
  readonly text: string
  readonly renewAtMs: number
  readonly endsAtMs: number
}

/** The keys that an issuer publishes, fetched as seldom as they may be. */
export class RemoteKeys {
  readonly #options: RemoteKeysOptions
  #held: Held | null = null
  #fetching: Promise<void> | null = null
  #askedAtMs = Number.NEGATIVE_INFINITY
  #failed = false

  constructor(options: RemoteKeysOptions) {
    this.#options = options
  }

  /** The keys, or null where none can be had. @param missing a set that lacks a key which may be new */
  get(missing: IssuerKeySet | null): IssuerKeySet | null | Promise<IssuerKeySet | null> {
    this.#forgetTooOld()
    const held = this.#held
    const nowMs = this.#options.clock()
    if (held === null || nowMs >= held.endsAtMs) {
      if (!this.#mayAsk(FAILURE_COOL_DOWN_MS, nowMs)) return held?.set ?? null
      if (held === null || !this.#failed) return this.#afterFetch()
      // It failed before, and may do so by silence: nobody waits for that who can go on.
      void this.#fetch()
      return held.set
    }
    if (missing === held.set) {
      return this.#mayAsk(UNKNOWN_KID_COOL_DOWN_MS, nowMs) ? this.#afterFetch() : held.set
    }
    if (nowMs >= held.renewAtMs && this.#mayAsk(FAILURE_COOL_DOWN_MS, nowMs)) void this.#fetch()
    return held.set
  }

  /** Called from time to time: renews before its end what is in use, and ends what is too old to be believed. */
  async tick(): Promise<void> {
    this.#forgetTooOld()
    const held = this.#held
    const nowMs = this.#options.clock()
    if (held !== null && nowMs >= held.renewAtMs && this.#mayAsk(FAILURE_COOL_DOWN_MS, nowMs))
      await this.#fetch()
  }

  /** Its keys count no more: the issuer was deleted, or has them elsewhere now. */
  close(): void {
    if (this.#held !== null) this.#held.set.current = false
    this.#held = null
  }

  #mayAsk(coolDownMs: number, nowMs: number): boolean {
    // Whoever comes while a fetch is under way waits for that one.
    if (this.#fetching !== null) return true
    const sinceMs = nowMs - this.#askedAtMs
    // A clock that went back must not keep it from asking for ever.
    return sinceMs >= coolDownMs || sinceMs < 0 || (this.#held === null && !this.#failed)
  }

  async #afterFetch(): Promise<IssuerKeySet | null> {
    await this.#fetch()
    return this.#held?.set ?? null
  }

  #fetch(): Promise<void> {
    this.#fetching ??= this.#fetchOnce().finally(() => {
      this.#fetching = null
    })
    return this.#fetching
  }

  async #fetchOnce(): Promise<void> {
    const { clock, onFault } = this.#options
    this.#askedAtMs = clock()
    try {
      this.#keep(await this.#fetchKeys())
      if (this.#failed) onFault(null)
      this.#failed = false
    } catch (error) {
      this.#failed = true
      onFault(error)
    }
  }

  async #fetchKeys(): Promise<{ keys: readonly unknown[]; maxAgeSeconds: number | null }> {
    const { source, fetchJson, issuer } = this.#options
    let { uri } = source
    if (source.type === 'discovery') {
      const { value } = await fetchJson(uri)
      if (memberOf(value, 'issuer') !== issuer) throw new Error(`${uri} is of another issuer`)
      const found = memberOf(value, 'jwks_uri')
      if (typeof found !== 'string') throw new Error(`${uri} has no jwks_uri`)
      uri = found
    }
    const { value, maxAgeSeconds } = await fetchJson(uri)
    const keys = memberOf(value, 'keys')
    if (!Array.isArray(keys)) throw new Error(`${uri} is no JWK set`)
    // What is published is public, so a secret in it is none.
    return { keys: keys.filter((key) => memberOf(key, 'kty') !== 'oct'), maxAgeSeconds }
  }

  #keep({ keys, maxAgeSeconds }: { keys: readonly unknown[]; maxAgeSeconds: number | null }): void {
    const text = JSON.stringify(keys)
    const before = this.#held
    const isSame = before?.text === text
    const set = isSame ? before.set : { keys: new JwsKeys(keys), current: true }
    // An answer without one usable key is a mistake of the issuer, which the last good one outlives.
    if (set.keys.keys.length === 0) throw new Error('the JWK set holds no key that may verify')
    if (before !== null && !isSame) before.set.current = false
    const givenMs = maxAgeSeconds === null ? USUAL_LIFE_MS : maxAgeSeconds * 1000
    const lifeMs = Math.min(MAX_LIFE_MS, Math.max(MIN_LIFE_MS, givenMs))
    const nowMs = this.#options.clock()
    this.#held = { set, text, renewAtMs: nowMs + lifeMs * RENEW_AT, endsAtMs: nowMs + lifeMs }
  }

  #forgetTooOld(): void {
    if (this.#held !== null && this.#options.clock() >= this.#held.endsAtMs + GRACE_MS) this.close()
  }
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
  return (value as Readonly<Record<string, unknown>>)[name]
}
