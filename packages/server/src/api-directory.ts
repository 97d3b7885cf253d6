import type { ApiRecord } from '@credence/core'
import type { Cursor, Page, Store } from './store/port.ts'

/**
 * Names and mounts of all APIs, kept in memory: there are few of them and every request names one. It answers
 * with ids only; the record itself comes from the lookup, which keeps the lease.
 */
export class ApiDirectory {
  readonly #store: Store
  #byId = new Map<string, ApiRecord>()
  /** Workspace → name → id. */
  #byName = new Map<string, Map<string, string>>()
  #version = 0

  constructor(store: Store) {
    this.#store = store
  }

  /** Grows with every change: whoever derives something from the directory knows when to do it again. */
  get version(): number {
    return this.#version
  }

  /** Reads all APIs: at the start, and after changes may have been missed. */
  async load(): Promise<void> {
    const byId = new Map<string, ApiRecord>()
    let cursor: Cursor | null = null
    do {
      const page: Page<ApiRecord> = await this.#store.list('api', {
        workspaceId: null,
        limit: 1000,
        cursor,
        filters: {},
      })
      for (const api of page.records) byId.set(api.id, api)
      cursor = page.next
    } while (cursor !== null)
    this.#byId = byId
    this.#byName = new Map()
    for (const api of byId.values()) this.#keepName(api)
    this.#version += 1
  }

  /** One API changed, was made or deleted. */
  async refresh(id: string): Promise<void> {
    const api = await this.#store.read('api', id)
    const before = this.#byId.get(id)
    if (before !== undefined) this.#byName.get(before.workspaceId)?.delete(before.name)
    if (api === undefined) this.#byId.delete(id)
    else {
      this.#byId.set(id, api)
      this.#keepName(api)
    }
    this.#version += 1
  }

  /** The id of an API by its name in a workspace. */
  idOf(workspaceId: string, name: string): string | undefined {
    return this.#byName.get(workspaceId)?.get(name)
  }

  /** The API as last read, for display and mounts; decisions read the record through the lookup. */
  get(id: string): ApiRecord | undefined {
    return this.#byId.get(id)
  }

  all(): IterableIterator<ApiRecord> {
    return this.#byId.values()
  }

  #keepName({ id, name, workspaceId }: ApiRecord): void {
    const ids = this.#byName.get(workspaceId)
    if (ids === undefined) this.#byName.set(workspaceId, new Map([[name, id]]))
    else ids.set(name, id)
  }
}
