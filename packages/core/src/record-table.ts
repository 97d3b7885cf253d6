import { BoundedMap } from './bounded-map.ts'
import { sizeOf } from './record-size.ts'

/**
 * Where a record is cached. It is emptied when the record is dropped, replaced or forgotten, and never filled again:
 * whoever keeps the slot instead of the record sees at once that it no longer counts, and keeps no memory.
 */
export interface Slot<R> {
  readonly record: R | undefined
}

type Filled<R> = { -readonly [K in keyof Slot<R>]: Slot<R>[K] }

/** The cached records of one table, bounded by number and by bytes, about. */
export class RecordTable<R extends { readonly id: string }> {
  readonly #slots: BoundedMap<string, Filled<R>>

  /** @param onTurn told when those not used since the turn before were forgotten */
  constructor(maxEntries: number, maxBytes: number, onTurn: () => void) {
    this.#slots = new BoundedMap(
      maxEntries,
      maxBytes,
      (slot) => sizeOf(slot.record),
      (forgotten) => {
        for (const slot of forgotten) slot.record = undefined
        onTurn()
      },
    )
  }

  get size(): number {
    return this.#slots.size
  }

  /** The record of an id, which counts as used now. */
  get(id: string): R | undefined {
    return this.#slots.get(id)?.record
  }

  /** Where this very record is; null: it is not, or no longer. */
  slotOf(record: R): Slot<R> | null {
    const slot = this.#slots.get(record.id)
    return slot?.record === record ? slot : null
  }

  keep(id: string, record: R): void {
    this.drop(id)
    this.#slots.set(id, { record })
  }

  drop(id: string): void {
    const slot = this.#slots.get(id)
    if (slot === undefined) return
    slot.record = undefined
    this.#slots.delete(id)
  }

  clear(): void {
    this.#slots.clear()
  }
}
