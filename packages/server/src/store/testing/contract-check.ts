import type { Store } from '../port.ts'

/** One thing that every store must do. It throws when the store does not. */
export interface Check {
  readonly name: string
  run(store: Store): Promise<void>
}
