import { BoundedMap, type CredentialKind, type CredentialRecord } from '@credence/core'
import type { Store } from './store/port.ts'

export interface HandleDirectoryOptions {
  readonly store: Pick<Store, 'readByHandle'>
  readonly kind: CredentialKind
  /** Most handles kept. */
  readonly maxEntries: number
}

/**
 * Which credential of a kind has which handle, kept in memory for those that came by: no more than where to look, since
 * the record itself comes from the lookup, which keeps the lease. Nobody is kept for a handle that nobody has.
 */
export class HandleDirectory {
  readonly #options: HandleDirectoryOptions
  readonly #ids: BoundedMap<string, string>

  constructor(options: HandleDirectoryOptions) {
    this.#options = options
    this.#ids = new BoundedMap(options.maxEntries)
  }

  /** The credential that has it, as the store says now. */
  async find(workspaceId: string, handle: string): Promise<CredentialRecord | undefined> {
    const { store, kind } = this.#options
    const record = await store.readByHandle(workspaceId, kind, handle)
    const key = keyOf(workspaceId, handle)
    if (record === undefined) this.#ids.delete(key)
    else this.#ids.set(key, record.id)
    return record
  }

  /** The one that had it when that was last asked, at once; null: not known. */
  knownIdOf(workspaceId: string, handle: string): string | null {
    return this.#ids.get(keyOf(workspaceId, handle)) ?? null
  }

  clear(): void {
    this.#ids.clear()
  }
}

/** No workspace's id has a colon in it. */
function keyOf(workspaceId: string, handle: string): string {
  return `${workspaceId}:${handle}`
}
