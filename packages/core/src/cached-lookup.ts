import { RecordTable, type Slot } from './record-table.ts'
import { type ApiRecord, type Records, TABLE_NAMES, type TableName } from './records.ts'

/** Where records come from. Must throw when the store cannot be asked: "absent" is an answer, silence is not. */
export interface RecordReader {
  read<T extends TableName>(table: T, id: string): Promise<Records[T] | undefined>
}

/** Whether cached records may be used: "the feed was confirmed no longer ago than the bound allows". */
export interface Lease {
  holds(): boolean
  /** Milliseconds since the lease ended; 0 while it holds, Infinity before there was one. */
  overdueMs(): number
}

/** Where a verification takes its records from. */
export type Reading =
  /** What is cached while the lease holds, else the store. */
  | { readonly from: 'cache' }
  /** The store, whatever is cached: a caller must see its own write, or a refusal would rest on an old record. */
  | { readonly from: 'store' }
  /** The store is gone: what is cached, although the lease ended, by no more than this; the store is not asked. */
  | { readonly from: 'memory'; readonly graceMs: number }

export const FROM_CACHE: Reading = { from: 'cache' }
export const FROM_STORE: Reading = { from: 'store' }

/** The store could not be asked, so nothing can be decided. */
export class LookupUnavailable extends Error {
  override name = 'LookupUnavailable'
}

type Entry = Records[TableName]

/** A read of one record. */
interface Flight {
  /** Whether the store has been asked: whoever comes later must not get what it answers. */
  begun: boolean
  landing: Promise<Entry | undefined>
  /** The one after it, for those who came while it was under way. */
  next: Promise<Entry | undefined> | null
}

export interface CacheBounds {
  /** Most records kept of each table. */
  readonly maxEntries: number
  /** Most memory for records, about, in bytes. */
  readonly maxBytes: number
}

/** Who gets how much of the memory: credentials are most of what there is. */
const SHARES: Readonly<Record<TableName, number>> = {
  workspace: 1 / 32,
  issuer: 1 / 64,
  signing_key: 1 / 64,
  api: 1 / 8,
  role: 1 / 16,
  principal: 1 / 4,
  credential: 1 / 2,
}

/**
 * Records by id, kept while the lease holds and until the feed says that they changed. Absence is never cached.
 * Must: no call gets a record that the store was asked for before the call, unless it is cached under the lease.
 */
export class CachedLookup {
  readonly #reader: RecordReader
  readonly #lease: Lease
  /** One for each, so that an id, whose hash is known, need not become part of a new string at each call. */
  readonly #tables: { readonly [T in TableName]: RecordTable<Records[T]> }
  #turn = 0
  readonly #flights = new Map<string, Flight>()
  /** Ids of credentials that were there when last read, each in the place its own id falls to. */
  readonly #seenCredentialIds: string[] = []

  constructor(reader: RecordReader, lease: Lease, { maxEntries, maxBytes }: CacheBounds) {
    this.#reader = reader
    this.#lease = lease
    const table = <T extends TableName>(name: T) =>
      new RecordTable<Records[T]>(maxEntries, maxBytes * SHARES[name], () => {
        this.#turn += 1
      })
    this.#tables = {
      workspace: table('workspace'),
      api: table('api'),
      role: table('role'),
      principal: table('principal'),
      credential: table('credential'),
      issuer: table('issuer'),
      signing_key: table('signing_key'),
    }
  }

  /** What is cached, at once; undefined says nothing about the store. */
  peek<T extends TableName>(table: T, id: string): Records[T] | undefined {
    if (!this.#lease.holds()) return undefined
    return this.#tables[table].get(id)
  }

  /** The same where the lease ended no longer than `graceMs` ago: for when the store is gone. */
  peekOverdue<T extends TableName>(table: T, id: string, graceMs: number): Records[T] | undefined {
    if (this.#lease.overdueMs() > graceMs) return undefined
    return this.#tables[table].get(id)
  }

  /** What is cached, as far as it may answer such a reading; undefined says nothing about the store. */
  known<T extends TableName>(table: T, id: string, reading: Reading): Records[T] | undefined {
    switch (reading.from) {
      case 'cache':
        return this.peek(table, id)
      case 'store':
        return undefined
      case 'memory':
        return this.peekOverdue(table, id, reading.graceMs)
    }
  }

  /** An API that has chosen to go on for a while without the store, as long as that while lasts. */
  apiInGrace(id: string): ApiRecord | undefined {
    const api = this.#tables.api.get(id)
    return api && this.peekOverdue('api', id, api.outageGraceSeconds * 1000)
  }

  /** Whether anything cached may answer such a reading now. */
  mayAnswer(reading: Reading): boolean {
    switch (reading.from) {
      case 'cache':
        return this.#lease.holds()
      case 'store':
        return false
      case 'memory':
        return this.#lease.overdueMs() <= reading.graceMs
    }
  }

  /** Where this very record is cached, for as long as it is; null: it is not. */
  slotOf<T extends TableName>(table: T, record: Records[T]): Slot<Records[T]> | null {
    return this.#tables[table].slotOf(record)
  }

  /**
   * Grows whenever records that nobody used for long were forgotten. Whoever uses a slot without asking the lookup asks
   * it again after each turn: else what is used most would be forgotten first.
   */
  get turn(): number {
    return this.#turn
  }

  /** Milliseconds since the lease ended: how old what `peekOverdue` gives may be, beyond the bound. */
  overdueMs(): number {
    return this.#lease.overdueMs()
  }

  /** The record, from where the reading says; at once where it may. @throws LookupUnavailable (or rejects with it) */
  find<T extends TableName>(
    table: T,
    id: string,
    reading: Reading,
  ): Records[T] | undefined | Promise<Records[T] | undefined> {
    switch (reading.from) {
      case 'cache':
        return this.peek(table, id) ?? this.read(table, id)
      case 'store':
        return this.read(table, id)
      case 'memory': {
        const known = this.peekOverdue(table, id, reading.graceMs)
        if (known === undefined) throw new LookupUnavailable('The store is gone, and the record is not known')
        return known
      }
    }
  }

  /** The record, from the cache or the store. @throws LookupUnavailable */
  async get<T extends TableName>(table: T, id: string): Promise<Records[T] | undefined> {
    return this.peek(table, id) ?? this.read(table, id)
  }

  /**
   * The record as the store has it from now on: of those who ask while a read is under way, all share the next one,
   * so that however many ask, at most one read of a record is under way.
   * @throws LookupUnavailable
   */
  read<T extends TableName>(table: T, id: string): Promise<Records[T] | undefined> {
    return this.#join(table, id) as Promise<Records[T] | undefined>
  }

  #join(table: TableName, id: string): Promise<Entry | undefined> {
    const key = `${table}/${id}`
    const underWay = this.#flights.get(key)
    if (underWay === undefined) {
      const flight: Flight = { begun: false, landing: NOTHING, next: null }
      this.#flights.set(key, flight)
      flight.landing = this.#load(table, id, key, flight)
      return flight.landing
    }
    if (!underWay.begun) return underWay.landing
    const again = () => this.#join(table, id)
    underWay.next ??= underWay.landing.then(again, again)
    return underWay.next
  }

  async #load<T extends TableName>(
    table: T,
    id: string,
    key: string,
    flight: Flight,
  ): Promise<Records[T] | undefined> {
    // The store is asked at the end of this turn: until then whoever comes along may come aboard.
    await null
    flight.begun = true
    try {
      const record = await this.#reader.read(table, id)
      if (this.#flights.get(key) === flight) {
        if (record === undefined) this.#tables[table].drop(id)
        else this.#tables[table].keep(id, record)
      }
      if (table === 'credential' && record !== undefined) this.#remember(id)
      return record
    } catch (cause) {
      throw new LookupUnavailable('The store could not be read', { cause })
    } finally {
      if (this.#flights.get(key) === flight) this.#flights.delete(key)
    }
  }

  /** A change was seen: what is cached is dropped, and a read under way no longer counts for later callers. */
  invalidate(table: TableName, id: string): void {
    // A newer release beside this one may write tables that this one knows nothing of.
    if (!TABLE_NAMES.includes(table)) return
    this.#tables[table].drop(id)
    this.#flights.delete(`${table}/${id}`)
  }

  /** Changes may have been missed: everything is dropped. */
  clear(): void {
    for (const table of TABLE_NAMES) this.#tables[table].clear()
    this.#flights.clear()
  }

  #remember(id: string): void {
    if (this.#seenCredentialIds.length < DECOYS) this.#seenCredentialIds.push(id)
    else {
      const place = placeOf(id, DECOYS)
      if (this.#seenCredentialIds[place] !== id) this.#seenCredentialIds[place] = id
    }
  }

  /**
   * A credential that is there, for an id that is not: read and compared in its stead, so that an unknown id takes
   * the time that known ones take. Always the same one for an id, as long as credentials come and go slowly: were it
   * one for all, whatever takes another time than that one would be known to exist. Null: none was seen yet.
   */
  decoyFor(id: string): string | null {
    const seen = this.#seenCredentialIds
    return seen.length === 0 ? null : seen[placeOf(id, seen.length)]!
  }

  get size(): number {
    return TABLE_NAMES.reduce((sum, table) => sum + this.#tables[table].size, 0)
  }
}

const NOTHING = Promise.resolve(undefined)
/** How many credentials stand in for unknown ids. */
const DECOYS = 256

/** Ids are random, so a plain sum over their characters spreads them well enough. */
function placeOf(id: string, places: number): number {
  let sum = 0
  for (let i = 0; i < id.length; i++) sum = (sum * 31 + id.charCodeAt(i)) >>> 0
  return sum % places
}
