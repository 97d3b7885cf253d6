import { AttemptLedger, type BackoffRule } from './attempt-ledger.ts'
import { BoundedMap } from './bounded-map.ts'
import { formatIp, parseIp } from './ip.ts'

export interface GuessRules {
  /** For one username from one address. */
  readonly pair: BackoffRule
  /** For one username from all addresses together from which nobody has come in as it. */
  readonly username: BackoffRule
  /** For one address, whatever usernames it tries as which nobody has come in from there. */
  readonly address: BackoffRule
  /**
   * For one username, what failed from where it is not known since it last came in anywhere (NIST SP 800-63B-4 section
   * 3.2.2 allows 100): from then on those who are not known may try once in a long while.
   */
  readonly inARow: BackoffRule
}

const DAY_MS = 86_400_000
const BACKOFF = { firstWaitMs: 1000, longestWaitMs: 900_000, forgetAfterMs: 3_600_000 } as const

/**
 * So many failures are free; then a wait of a second, doubled each time, never more than a quarter of an hour. After a
 * hundred in a row it is a day, for those who are not known.
 */
export const GUESS_RULES: GuessRules = {
  pair: { free: 5, ...BACKOFF },
  username: { free: 20, ...BACKOFF },
  address: { free: 50, ...BACKOFF },
  inARow: { free: 100, firstWaitMs: DAY_MS, longestWaitMs: DAY_MS, forgetAfterMs: 30 * DAY_MS },
}

export interface GuessThrottleOptions {
  readonly rules: GuessRules
  /** Most pairs, usernames and addresses kept, each. */
  readonly maxEntries: number
}

/** An attempt that was let through; whoever made it says how it ended. */
export interface Guess {
  readonly username: string
  /** As partyOf makes it. */
  readonly address: string
  /** Whether somebody has come in as this username from this address before. */
  readonly isKnown: boolean
}

export type GuessAnswer =
  | { readonly allowed: true; readonly guess: Guess }
  | { readonly allowed: false; readonly retryAfterSeconds: number }

/**
 * The address of a client as far as it is one party: that of IPv4, and the first 64 bits of that of IPv6, since who
 * has one address of those has them all. Clients without a known address are one party.
 */
export function partyOf(address: string | null): string {
  const ip = address === null ? null : parseIp(address)
  if (ip === null) return address ?? ''
  return ip.version === 4
    ? formatIp(ip)
    : formatIp({ version: 6, groups: [...ip.groups.slice(0, 4), 0, 0, 0, 0] })
}

/** How many addresses a username is known at: whoever has many pushes out his own only. */
const MAX_KNOWN_ADDRESSES = 16

/**
 * Makes guessing slow, and locks nobody out for good: waits are capped, an attempt that comes too early counts for
 * nothing, and from an address from which a username has come in before, only what failed from there counts. So
 * others, however many, keep nobody from where they are known. Usernames that do not exist count like any other.
 */
export class GuessThrottle {
  readonly #pairs: AttemptLedger
  readonly #usernames: AttemptLedger
  readonly #addresses: AttemptLedger
  readonly #inARow: AttemptLedger
  readonly #known: BoundedMap<string, readonly string[]>

  constructor({ rules, maxEntries }: GuessThrottleOptions) {
    this.#pairs = new AttemptLedger(rules.pair, maxEntries)
    this.#usernames = new AttemptLedger(rules.username, maxEntries)
    this.#addresses = new AttemptLedger(rules.address, maxEntries)
    this.#inARow = new AttemptLedger(rules.inARow, maxEntries)
    this.#known = new BoundedMap(maxEntries)
  }

  /** How much is kept, for tests and metrics. */
  get size(): number {
    const ledgers = [this.#pairs, this.#usernames, this.#addresses, this.#inARow]
    return ledgers.reduce((sum, ledger) => sum + ledger.size, this.#known.size)
  }

  /** How long until a password may be compared, in whole seconds; 0: now. Nothing is counted. */
  waitSeconds(username: string, address: string | null, nowMs: number): number {
    return this.#waitSeconds(this.#guessOf(username, address), nowMs)
  }

  /**
   * Whether a password may be compared now. It counts as failed until `succeeded` or `notMade` says otherwise, so any
   * number at once are counted.
   * @param username unique in the installation: with its workspace
   * @param address of the client, or null where it is not known
   */
  admit(username: string, address: string | null, nowMs: number): GuessAnswer {
    const guess = this.#guessOf(username, address)
    const retryAfterSeconds = this.#waitSeconds(guess, nowMs)
    if (retryAfterSeconds > 0) return { allowed: false, retryAfterSeconds }
    for (const [ledger, key] of this.#countedBy(guess)) ledger.count(key, nowMs)
    return { allowed: true, guess }
  }

  /** The password was right: the pair begins anew and is known, and nobody else has gained anything. */
  succeeded(guess: Guess): void {
    this.notMade(guess)
    this.#pairs.forget(pairKey(guess))
    this.#inARow.forget(guess.username)
    const { username, address } = guess
    const others = (this.#known.get(username) ?? []).filter((one) => one !== address)
    this.#known.set(username, [...others, address].slice(-MAX_KNOWN_ADDRESSES))
  }

  /** The password was compared with nothing, for want of room or of the store: nothing was learnt from it. */
  notMade(guess: Guess): void {
    for (const [ledger, key] of this.#countedBy(guess)) ledger.takeBack(key)
  }

  /** The password was changed or taken back: whoever knew the old one is known no longer, and the row has ended. */
  forget(username: string): void {
    this.#known.delete(username)
    this.#inARow.forget(username)
  }

  #guessOf(username: string, clientAddress: string | null): Guess {
    const address = partyOf(clientAddress)
    return { username, address, isKnown: this.#known.get(username)?.includes(address) ?? false }
  }

  #waitSeconds(guess: Guess, nowMs: number): number {
    const waitMs = this.#countedBy(guess).map(([ledger, key]) => ledger.waitMs(key, nowMs))
    return Math.ceil(Math.max(...waitMs) / 1000)
  }

  #countedBy(guess: Guess): (readonly [AttemptLedger, string])[] {
    const own = [this.#pairs, pairKey(guess)] as const
    if (guess.isKnown) return [own]
    return [
      own,
      [this.#usernames, guess.username],
      [this.#addresses, guess.address],
      [this.#inARow, guess.username],
    ]
  }
}

/** An address has no space in it, so no two pairs give the same key. */
function pairKey({ username, address }: Guess): string {
  return `${address} ${username}`
}
