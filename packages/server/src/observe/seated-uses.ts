import type { CredentialRecord } from '@credence/core'

/** Uses of one version of a credential, summed up. */
export interface Uses {
  readonly credential: CredentialRecord
  readonly version: number
  readonly count: number
  readonly firstAtMs: number
  readonly lastAtMs: number
  /** Of the use at lastAtMs. */
  readonly ip: string | null
  readonly userAgent: string | null
}

type Use = Omit<Uses, 'count' | 'firstAtMs' | 'lastAtMs'> & { readonly atMs: number }

const FACTS_PER_SEAT = 3
const CREDENTIAL = 0
const IP = 1
const USER_AGENT = 2
const NUMBERS_PER_SEAT = 4
const VERSION = 0
const COUNT = 1
const FIRST_AT = 2
const LAST_AT = 3
const FIRST_SEATS = 64

/**
 * Uses by the seat of the caller (Decision.seat). Nearly every request is counted here, and objects of which there are
 * many lie scattered in memory: rows that stand one behind the other take a third of the time.
 */
export class SeatedUses {
  /** For each seat whose uses they are (null: nobody's), and the last one's address and user agent. */
  readonly #facts: (CredentialRecord | string | null)[] = []
  #numbers = new Float64Array(NUMBERS_PER_SEAT * FIRST_SEATS)
  #taken: number[] = []

  /** False: the seat holds the uses of somebody else, so this one has to be counted elsewhere. */
  count(seat: number, { credential, version, atMs, ip, userAgent }: Use): boolean {
    const at = NUMBERS_PER_SEAT * seat
    const factsAt = FACTS_PER_SEAT * seat
    const holder = this.#facts[factsAt + CREDENTIAL] ?? null
    if (holder === null) this.#take(seat, credential, version, atMs)
    else if (holder !== credential || this.#numbers[at + VERSION] !== version) return false
    this.#numbers[at + COUNT]! += 1
    // A clock that was set back must not make the last use older than the first.
    if (atMs < this.#numbers[at + LAST_AT]!) return true
    this.#numbers[at + LAST_AT] = atMs
    // What is written is read by the collector of young objects, each time: nearly always it stands there already.
    if (this.#facts[factsAt + IP] !== ip) this.#facts[factsAt + IP] = ip
    if (this.#facts[factsAt + USER_AGENT] !== userAgent) this.#facts[factsAt + USER_AGENT] = userAgent
    return true
  }

  /** What was counted since the last call. */
  take(): Uses[] {
    const taken = this.#taken
    this.#taken = []
    return taken.map((seat) => {
      const at = NUMBERS_PER_SEAT * seat
      const factsAt = FACTS_PER_SEAT * seat
      const uses = {
        credential: this.#facts[factsAt + CREDENTIAL] as CredentialRecord,
        version: this.#numbers[at + VERSION]!,
        count: this.#numbers[at + COUNT]!,
        firstAtMs: this.#numbers[at + FIRST_AT]!,
        lastAtMs: this.#numbers[at + LAST_AT]!,
        ip: this.#facts[factsAt + IP] as string | null,
        userAgent: this.#facts[factsAt + USER_AGENT] as string | null,
      }
      this.#facts[factsAt + CREDENTIAL] = null
      return uses
    })
  }

  #take(seat: number, credential: CredentialRecord, version: number, atMs: number): void {
    const factsAt = FACTS_PER_SEAT * seat
    while (this.#facts.length < factsAt + FACTS_PER_SEAT) this.#facts.push(null)
    const at = NUMBERS_PER_SEAT * seat
    if (at >= this.#numbers.length) {
      const grown = new Float64Array(Math.max(2 * this.#numbers.length, at + NUMBERS_PER_SEAT))
      grown.set(this.#numbers)
      this.#numbers = grown
    }
    this.#facts[factsAt + CREDENTIAL] = credential
    this.#numbers[at + VERSION] = version
    this.#numbers[at + COUNT] = 0
    this.#numbers[at + FIRST_AT] = atMs
    this.#numbers[at + LAST_AT] = atMs
    this.#taken.push(seat)
  }
}
