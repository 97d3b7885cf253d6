/** Of which credential, and of which version of its secret, a use is counted. */
export interface UsedBy {
  readonly workspaceId: string
  readonly credentialId: string
  readonly version: number
}

/** What is known of one use. */
export interface Use {
  readonly atMs: number
  readonly ip: string | null
  readonly userAgent: string | null
}

/** Uses of one version of a credential, summed up. */
export interface Uses extends UsedBy {
  readonly count: number
  readonly firstAtMs: number
  readonly lastAtMs: number
  /** Of the use at lastAtMs. */
  readonly ip: string | null
  readonly userAgent: string | null
}

const TEXTS_PER_ROW = 4
const WORKSPACE = 0
const CREDENTIAL = 1
const IP = 2
const USER_AGENT = 3
const NUMBERS_PER_ROW = 5
const SEAT = 0
const COUNT = 1
const LAST_AT = 2
const FIRST_AT = 3
const VERSION = 4
const FIRST_ROWS = 64
/** The seat of a row that is nobody's; seats begin with 1. */
const NOBODY = 0

/**
 * Uses by the seat of the caller (Decision.seat). Nearly every request is counted here, and objects of which there are
 * many lie scattered in memory: rows that stand one behind the other take a third of the time. A row keeps no record.
 */
export class SeatedUses {
  readonly #maxRows: number
  #numbers = new Float64Array(NUMBERS_PER_ROW * FIRST_ROWS)
  readonly #texts: (string | null)[] = []
  #taken: number[] = []

  constructor(maxRows: number) {
    this.#maxRows = maxRows
  }

  /** Adds a use to those of its seat; false: there are none yet. */
  count(seat: number, { atMs, ip, userAgent }: Use): boolean {
    const row = seat % this.#maxRows
    const at = NUMBERS_PER_ROW * row
    if (this.#numbers[at + SEAT] !== seat) return false
    this.#numbers[at + COUNT]! += 1
    // A clock that was set back must not make the last use older than the first.
    if (atMs < this.#numbers[at + LAST_AT]!) return true
    this.#numbers[at + LAST_AT] = atMs
    const textsAt = TEXTS_PER_ROW * row
    // What is written is read by the collector of young objects, each time: nearly always it stands there already.
    if (this.#texts[textsAt + IP] !== ip) this.#texts[textsAt + IP] = ip
    if (this.#texts[textsAt + USER_AGENT] !== userAgent) this.#texts[textsAt + USER_AGENT] = userAgent
    return true
  }

  /** The first use of a seat; false: another seat has its row, so it has to be counted elsewhere. */
  begin(seat: number, { workspaceId, credentialId, version }: UsedBy, { atMs, ip, userAgent }: Use): boolean {
    const row = seat % this.#maxRows
    this.#makeRoom(row)
    const at = NUMBERS_PER_ROW * row
    if (this.#numbers[at + SEAT] !== NOBODY) return false
    this.#numbers.set([seat, 1, atMs, atMs, version], at)
    const textsAt = TEXTS_PER_ROW * row
    this.#texts[textsAt + WORKSPACE] = workspaceId
    this.#texts[textsAt + CREDENTIAL] = credentialId
    this.#texts[textsAt + IP] = ip
    this.#texts[textsAt + USER_AGENT] = userAgent
    this.#taken.push(row)
    return true
  }

  /** What was counted since the last call. */
  take(): Uses[] {
    const taken = this.#taken
    this.#taken = []
    return taken.map((row) => {
      const at = NUMBERS_PER_ROW * row
      const textsAt = TEXTS_PER_ROW * row
      this.#numbers[at + SEAT] = NOBODY
      return {
        workspaceId: this.#texts[textsAt + WORKSPACE]!,
        credentialId: this.#texts[textsAt + CREDENTIAL]!,
        version: this.#numbers[at + VERSION]!,
        count: this.#numbers[at + COUNT]!,
        firstAtMs: this.#numbers[at + FIRST_AT]!,
        lastAtMs: this.#numbers[at + LAST_AT]!,
        ip: this.#texts[textsAt + IP]!,
        userAgent: this.#texts[textsAt + USER_AGENT]!,
      }
    })
  }

  #makeRoom(row: number): void {
    while (this.#texts.length < TEXTS_PER_ROW * (row + 1)) this.#texts.push(null)
    const needed = NUMBERS_PER_ROW * (row + 1)
    if (needed <= this.#numbers.length) return
    const grown = new Float64Array(Math.max(2 * this.#numbers.length, needed))
    grown.set(this.#numbers)
    this.#numbers = grown
  }
}
