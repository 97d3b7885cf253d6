import { BoundedMap } from './bounded-map.ts'
import { type Records, TABLE_NAMES, type TableName } from './records.ts'

/** Where records come from. Must throw when the store cannot be asked: "absent" is an answer, silence is not. */
export interface RecordReader {
  read<T extends TableName>(table: T, id: string): Promise<Records[T] | undefined>
}

/** Whether cached records may be used: "the feed was confirmed no longer ago than the bound allows". */
export interface Lease {
  holds(): boolean
}

/** The store could not be asked, so nothing can be decided. */
export class LookupUnavailable extends Error {
  override name = 'LookupUnavailable'
}

type Entry = Records[TableName]

/**
 * Records by id, kept while the lease holds and until the feed says that they changed. Absence is never cached.
 * Must: after `invalidate` returns, no call that starts later gets a record read before it.
 */
export class CachedLookup {
  readonly #reader: RecordReader
  readonly #lease: Lease
  /** One map per table, so that an id, whose hash is known, need not become part of a new string at each call. */
  readonly #entries: Readonly<Record<TableName, BoundedMap<string, Entry>>>
  readonly #flights = new Map<string, Promise<Entry | undefined>>()
  /** Ids of credentials that were there when last read, each in the place its own id falls to. */
  readonly #seenCredentialIds: string[] = []

  /** @param maxEntries most records kept of each table */
  constructor(reader: RecordReader, lease: Lease, maxEntries: number) {
    this.#reader = reader
    this.#lease = lease
    this.#entries = {
      workspace: new BoundedMap(maxEntries),
      api: new BoundedMap(maxEntries),
      role: new BoundedMap(maxEntries),
      principal: new BoundedMap(maxEntries),
      credential: new BoundedMap(maxEntries),
    }
  }

  /** What is cached, at once; undefined says nothing about the store. */
  peek<T extends TableName>(table: T, id: string): Records[T] | undefined {
    if (!this.#lease.holds()) return undefined
    return this.#entries[table].get(id) as Records[T] | undefined
  }

  /** The record, from the cache or the store. @throws LookupUnavailable */
  async get<T extends TableName>(table: T, id: string): Promise<Records[T] | undefined> {
    return this.peek(table, id) ?? this.read(table, id)
  }

  /**
   * The record as the store has it now. Those who ask while a read is under way share it.
   * @throws LookupUnavailable
   */
  read<T extends TableName>(table: T, id: string): Promise<Records[T] | undefined> {
    const key = `${table}/${id}`
    const underWay = this.#flights.get(key)
    if (underWay !== undefined) return underWay as Promise<Records[T] | undefined>
    const flight = this.#load(table, id, key)
    this.#flights.set(key, flight)
    return flight as Promise<Records[T] | undefined>
  }

  async #load<T extends TableName>(table: T, id: string, key: string): Promise<Entry | undefined> {
    // The read begins only after the flight is registered, so an invalidation can always find it.
    await null
    const mine = this.#flights.get(key)
    try {
      const record = await this.#reader.read(table, id)
      if (this.#flights.get(key) === mine) {
        if (record === undefined) this.#entries[table].delete(id)
        else this.#entries[table].set(id, record)
      }
      if (table === 'credential' && record !== undefined) this.#remember(id)
      return record
    } catch (cause) {
      throw new LookupUnavailable('The store could not be read', { cause })
    } finally {
      if (this.#flights.get(key) === mine) this.#flights.delete(key)
    }
  }

  /** A change was seen: what is cached is dropped, and a read under way no longer counts for later callers. */
  invalidate(table: TableName, id: string): void {
    this.#entries[table].delete(id)
    this.#flights.delete(`${table}/${id}`)
  }

  /** Changes may have been missed: everything is dropped. */
  clear(): void {
    for (const table of TABLE_NAMES) this.#entries[table].clear()
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
    return TABLE_NAMES.reduce((sum, table) => sum + this.#entries[table].size, 0)
  }
}

/** How many credentials stand in for unknown ids. */
const DECOYS = 256

/** Ids are random, so a plain sum over their characters spreads them well enough. */
function placeOf(id: string, places: number): number {
  let sum = 0
  for (let i = 0; i < id.length; i++) sum = (sum * 31 + id.charCodeAt(i)) >>> 0
  return sum % places
}
