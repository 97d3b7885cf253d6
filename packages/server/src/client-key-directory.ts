import { BoundedMap, type ClientKeys } from '@credence/core'
import { HandleDirectory } from './handle-directory.ts'
import type { Store } from './store/port.ts'

export interface ClientKeyDirectoryOptions {
  readonly store: Pick<Store, 'list' | 'readByHandle'>
  /** Most thumbprints, and most clients, kept. */
  readonly maxEntries: number
}

/** Of a client's keys, revoked ones included, so many are looked at; a `kid` finds one among more. */
const MAX_KEYS_LISTED = 32

/** Which client keys there are, asked of the store and kept for those that came by. */
export class ClientKeyDirectory implements ClientKeys {
  readonly #store: ClientKeyDirectoryOptions['store']
  readonly #thumbprints: HandleDirectory
  /** By principal; its workspace needs not be kept beside it, since no two have the same id. */
  readonly #clients: BoundedMap<string, readonly string[]>

  constructor({ store, maxEntries }: ClientKeyDirectoryOptions) {
    this.#store = store
    this.#thumbprints = new HandleDirectory({ store, kind: 'client_key', maxEntries })
    this.#clients = new BoundedMap(maxEntries)
  }

  async idOf(workspaceId: string, thumbprint: string): Promise<string | null> {
    return (await this.#thumbprints.find(workspaceId, thumbprint))?.id ?? null
  }

  knownIdOf(workspaceId: string, thumbprint: string): string | null {
    return this.#thumbprints.knownIdOf(workspaceId, thumbprint)
  }

  async idsOf(workspaceId: string, principalId: string): Promise<readonly string[]> {
    const filters = { principalId, kind: 'client_key' } as const
    const { records } = await this.#store.list('credential', {
      ...{ workspaceId, limit: MAX_KEYS_LISTED, cursor: null, filters },
    })
    const ids = records.map(({ id }) => id)
    if (ids.length === 0) this.#clients.delete(principalId)
    else this.#clients.set(principalId, ids)
    return ids
  }

  knownIdsOf(_workspaceId: string, principalId: string): readonly string[] {
    return this.#clients.get(principalId) ?? NONE
  }
}

const NONE: readonly string[] = []
