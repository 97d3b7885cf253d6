import type { LimitAuthority } from '../limit-authority.ts'

/** A new authority without counters. */
export interface OpenedAuthority {
  readonly authority: LimitAuthority
  /** Sets the authority's own clock, which stands still in between. */
  readonly setClock: (ms: number) => Promise<void>
  readonly close: () => Promise<void>
}

/** One thing that every authority must do. It throws when the authority does not. */
export interface AuthorityCheck {
  readonly name: string
  run(opened: OpenedAuthority): Promise<void>
}
