/**
 * What a store must offer so that `credence store copy` can move everything out of it, or into it: raw rows, by table,
 * in pages. Rows go over as they are, hashes and sealed digests included; nothing is read as a record.
 */
import type { CopyTable } from './copy-tables.ts'
import { StoreFault } from './port.ts'

/** Integers are exact, at most 2^53 − 1; reals are doubles; what is no number is text. */
export type CopyValue = string | number | null
/** In the order of the table's columns. */
export type CopyRow = readonly CopyValue[]

/** The newest entry of the trail: two stores with the same one have the same history. */
export interface CopyHead {
  readonly position: number
  readonly trail: string
}

export interface CopySide {
  /** For messages: never a password. */
  readonly name: string
  /**
   * The rows whose key is greater than `after` (null: from the first), in the order of the key, at most `limit`. Texts
   * are compared by their bytes in UTF-8 (SQLite's BINARY, PostgreSQL's "C"). Of `settings`, the mark of a copy under
   * way is no row. A database that is not there has no rows.
   */
  page(table: CopyTable, after: CopyRow | null, limit: number): Promise<readonly CopyRow[]>
  close(): Promise<void>
}

/** A store that nobody else may write to until it is closed, as far as the store can see to that. */
export interface CopySource extends CopySide {
  head(): Promise<CopyHead>
}

/** A store that takes everything from another. No server may start on it between begin() and the end of finish(). */
export interface CopyTarget extends CopySide {
  /**
   * Brings the schema up to this release's and marks that a copy of the source with this head is under way. It must
   * refuse a store that holds anything, but for what an earlier run of a copy with the very same head has put there.
   */
  begin(head: CopyHead): Promise<CopyBegin>
  /** The greatest key, in the order of page(); null: the table is empty. */
  lastKey(table: CopyTable): Promise<CopyRow | null>
  /** Adds rows, all or none of them; when it resolves they are on the disk. */
  insert(table: CopyTable, rows: readonly CopyRow[]): Promise<void>
  /** Takes the mark away: from now on it is a store like any other. */
  finish(): Promise<void>
}

export type CopyBegin =
  | { readonly type: 'begun' | 'resumed' }
  | { readonly type: 'refused'; readonly problem: string }

/** Setting of a store that a copy is being made into; its value is copyMark() of the source's head. */
export const COPY_SETTING = 'copy_under_way'

/** To be asked by every store that opens. @throws StoreFault when a copy into it did not come to its end */
export function refuseUnfinishedCopy(mark: string | undefined): void {
  if (mark === undefined) return
  throw new StoreFault('A copy into this store did not come to its end; run credence store copy again')
}

export function copyMark({ position, trail }: CopyHead): string {
  return `${position} ${trail}`
}
