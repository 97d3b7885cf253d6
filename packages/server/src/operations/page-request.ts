import type { Cursor } from '../store/port.ts'

/** Which page of a list is asked for. */
export interface PageRequest {
  /** 1 … 100. */
  readonly limit: number
  readonly cursor: Cursor | null
}
