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
/** More than there are rows. */
const ROWS_PER_KEY = 2 ** 32
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
  /** Every row that was begun; those before #taken are over, and those before #leaving are to be taken. */
  #begun: number[] = []
  #taken = 0
  #leaving = 0
  /** The first #indexed of those rows by credential: for whoever looks, and not kept up with each use. */
  readonly #rowsOf = new Map<string, number[]>()
  #indexed = 0

  constructor(maxRows: number) {
    this.#maxRows = maxRows
  }

  /** Rows that hold uses. */
  get size(): number {
    return this.#begun.length - this.#taken
  }

  /** Rows that `take` would take. */
  get leaving(): number {
    return this.#leaving - this.#taken
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
    this.#begun.push(row)
    return true
  }

  /** What is counted of a credential and was not taken. */
  of(credentialId: string): Uses[] {
    for (; this.#indexed < this.#begun.length; this.#indexed++) {
      const row = this.#begun[this.#indexed]!
      const counted = this.#texts[TEXTS_PER_ROW * row + CREDENTIAL]!
      const rows = this.#rowsOf.get(counted)
      if (rows === undefined) this.#rowsOf.set(counted, [row])
      else rows.push(row)
    }
    // A row that was taken since may be nobody's, another's, or begun again.
    return [...new Set(this.#rowsOf.get(credentialId))]
      .filter((row) => this.#numbers[NUMBERS_PER_ROW * row + SEAT] !== NOBODY)
      .map((row) => this.#usesAt(row))
      .filter((uses) => uses.credentialId === credentialId)
  }

  /**
   * What is counted by now may be taken: those whose ids begin alike one after the other, since they stand side by side
   * in the store. What is then written at once touches a tenth of the pages, and takes half the time.
   */
  leave(): void {
    const rows = this.#begun.slice(this.#taken)
    // Numbers are sorted ten times faster than ids.
    this.#begun = Array.from(Float64Array.from(rows, this.#sortKey).sort(), (key) => key % ROWS_PER_KEY)
    this.#taken = 0
    this.#leaving = this.#begun.length
    this.#rowsOf.clear()
    this.#indexed = 0
  }

  /** The uses of so many rows at most that may be taken. */
  take(most: number): Uses[] {
    const rows = this.#begun.slice(this.#taken, Math.min(this.#taken + most, this.#leaving))
    this.#taken += rows.length
    return rows.map((row) => {
      this.#numbers[NUMBERS_PER_ROW * row + SEAT] = NOBODY
      return this.#usesAt(row)
    })
  }

  /** A number by the beginning of a row's id, and in it the row. */
  readonly #sortKey = (row: number): number => {
    const id = this.#texts[TEXTS_PER_ROW * row + CREDENTIAL]!
    return ((id.charCodeAt(0) & 127) * 128 + (id.charCodeAt(1) & 127)) * ROWS_PER_KEY + row
  }

  #usesAt(row: number): Uses {
    const at = NUMBERS_PER_ROW * row
    const textsAt = TEXTS_PER_ROW * row
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
