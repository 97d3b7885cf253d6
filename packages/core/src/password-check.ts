import { createHmac } from 'node:crypto'
import type { RandomBytes } from './base62.ts'
import { BoundedMap } from './bounded-map.ts'
import { type Guess, type GuessThrottle, partyOf } from './guess-throttle.ts'
import { type Argon2id, decoyDigest, matchingDigest, needsUpgrade } from './password-digest.ts'
import type { SecretVersion } from './records.ts'
import type { WorkPool } from './work-pool.ts'

/** A password as somebody presents it. */
export interface PasswordAttempt {
  /** Unique in the installation: with its workspace. */
  readonly username: string
  /** Of the client; null where it is not known. */
  readonly address: string | null
  /** As preparePassword makes it. */
  readonly password: string
  /** Every version of the credential, dead ones too, by the record of now; empty: nobody has this username. */
  readonly versions: readonly SecretVersion[]
  /** The digest of a version; null: it was not sealed for this place. */
  readonly open: (version: SecretVersion) => Uint8Array | null
}

export type PasswordOutcome =
  /** `needsUpgrade`: the digest is of old, and may be made anew now that the password is known. */
  | { readonly type: 'matched'; readonly version: number; readonly needsUpgrade: boolean }
  | { readonly type: 'wrong' }
  | { readonly type: 'locked_out'; readonly retryAfterSeconds: number }
  /** More passwords are being compared than there is room for; nothing is known of this one. */
  | { readonly type: 'busy'; readonly retryAfterSeconds: number }

export interface PasswordCheckOptions {
  readonly throttle: GuessThrottle
  readonly pool: WorkPool<PasswordOutcome>
  readonly argon2id: Argon2id
  readonly clock: () => number
  readonly randomBytes: RandomBytes
  /** Most successes remembered. */
  readonly maxProofs: number
  /** How long a success is remembered, however often it is used. */
  readonly proofLifeMs: number
}

interface Proof {
  readonly outcome: PasswordOutcome
  readonly untilMs: number
}

const BUSY_RETRY_SECONDS = 1

/**
 * Compares passwords: slowly once, and then for a short while from memory. Memory is asked after the throttle and only
 * for the address that succeeded: it would otherwise tell right from wrong to anybody, as fast as they can ask, for
 * as long as the password's owner is at work.
 */
export class PasswordCheck {
  readonly #options: PasswordCheckOptions
  readonly #proofs: BoundedMap<string, Proof>
  readonly #hmacKey: Uint8Array
  readonly #decoy: Uint8Array

  constructor(options: PasswordCheckOptions) {
    this.#options = options
    this.#proofs = new BoundedMap(options.maxProofs)
    this.#hmacKey = options.randomBytes(32)
    this.#decoy = decoyDigest(options.randomBytes)
  }

  /**
   * What is known without a hash: that it has to wait, or that it was right a moment ago, by these versions. Null:
   * `check` has to compare.
   */
  recall(attempt: PasswordAttempt): PasswordOutcome | null {
    const { throttle, clock } = this.#options
    const nowMs = clock()
    const waitSeconds = throttle.waitSeconds(attempt.username, attempt.address, nowMs)
    if (waitSeconds > 0) return { type: 'locked_out', retryAfterSeconds: waitSeconds }
    const proof = this.#proofs.get(this.#keyOf(attempt))
    return proof !== undefined && nowMs < proof.untilMs ? proof.outcome : null
  }

  /**
   * Must: whether the username exists shows neither in the outcome nor in its time. Where it does not, a decoy is
   * hashed; a wrong password of one that does exist is one hash, too, as long as its versions are siblings.
   */
  async check(attempt: PasswordAttempt): Promise<PasswordOutcome> {
    const remembered = this.recall(attempt)
    if (remembered !== null) return remembered
    const { throttle, pool, clock } = this.#options
    const { username, address } = attempt
    const key = this.#keyOf(attempt)
    const same = pool.underWay(key)
    if (same !== undefined) return same
    const answer = throttle.admit(username, address, clock())
    if (!answer.allowed) return { type: 'locked_out', retryAfterSeconds: answer.retryAfterSeconds }
    const outcome = pool.run(key, answer.guess.isKnown, () => this.#compare(attempt, key, answer.guess))
    if (outcome !== 'busy') return outcome
    throttle.notMade(answer.guess)
    return { type: 'busy', retryAfterSeconds: BUSY_RETRY_SECONDS }
  }

  /** Changes may have been missed: everything is compared anew. */
  clear(): void {
    this.#proofs.clear()
  }

  async #compare(attempt: PasswordAttempt, key: string, guess: Guess): Promise<PasswordOutcome> {
    const { throttle, argon2id, clock, proofLifeMs } = this.#options
    let isDecided = false
    try {
      const { versions, password } = attempt
      const digests = versions.map((version) => attempt.open(version) ?? this.#decoy)
      const index = await matchingDigest(digests.length > 0 ? digests : [this.#decoy], password, argon2id)
      isDecided = true
      const version = index === null ? undefined : versions[index]
      if (index === null || version === undefined) return { type: 'wrong' }
      throttle.succeeded(guess)
      const outcome = {
        type: 'matched',
        version: version.version,
        needsUpgrade: needsUpgrade(digests[index]!),
      } as const
      // Once asked for is enough: where the digest cannot be renewed, that must not cost a hash with each request.
      const remembered = { ...outcome, needsUpgrade: false }
      this.#proofs.set(key, { outcome: remembered, untilMs: clock() + proofLifeMs })
      return outcome
    } finally {
      if (!isDecided) throttle.notMade(guess)
    }
  }

  /**
   * Keyed per process, so that memory holds no password nor what one could be guessed from elsewhere. The sealed
   * digests are part of it: what was proven by other ones is not found any more.
   */
  #keyOf({ username, address, password, versions }: PasswordAttempt): string {
    const sealed = versions.map(({ version, sealedDigest }) => [version, sealedDigest])
    const named = JSON.stringify([username, partyOf(address), password, sealed])
    return createHmac('sha256', this.#hmacKey).update(named).digest('base64')
  }
}
