import { type ApiRecord, type CachedLookup, LookupUnavailable } from '@credence/core'
import type { ApiDirectory } from '../api-directory.ts'
import { looksLikeId } from '../ids.ts'
import type { Store } from '../store/port.ts'

export interface RefSources {
  readonly directory: ApiDirectory
  readonly lookup: CachedLookup
  readonly store: Store
  readonly defaultWorkspaceId: string
}

/** Ids of workspaces by name, as last seen; a name is believed only while its record still has it. */
const MAX_NAMES = 1000

/**
 * Finds an API by what stands in a URL: its name (in the workspace `default`), `{workspace}/{name}`, or its id.
 * The record comes from the lookup, which keeps the lease.
 */
export function apiFinder(
  sources: RefSources,
): (ref: string) => ApiRecord | null | Promise<ApiRecord | null> {
  const { directory, lookup, store, defaultWorkspaceId } = sources
  const workspaceIds = new Map<string, string>()

  /** At once where everything is cached. */
  function byName(workspaceId: string, name: string) {
    const id = directory.idOf(workspaceId, name)
    const api = id === undefined ? undefined : lookup.peek('api', id)
    return api?.name === name ? api : nowByName(workspaceId, name)
  }

  /** The store knows names that the directory does not know yet. */
  async function nowByName(workspaceId: string, name: string): Promise<ApiRecord | null> {
    const found = await asking(() => store.readByName('api', workspaceId, name))
    return found === undefined ? null : ((await lookup.get('api', found.id)) ?? null)
  }

  async function byWorkspace(workspace: string, name: string): Promise<ApiRecord | null> {
    const knownId = workspaceIds.get(workspace)
    if (knownId !== undefined && (await lookup.get('workspace', knownId))?.name === workspace) {
      return byName(knownId, name)
    }
    const record = await asking(() => store.readByName('workspace', null, workspace))
    if (record === undefined) return null
    if (workspaceIds.size >= MAX_NAMES) workspaceIds.clear()
    workspaceIds.set(workspace, record.id)
    return byName(record.id, name)
  }

  function find(ref: string): ApiRecord | null | Promise<ApiRecord | null> {
    const slash = ref.indexOf('/')
    if (slash !== -1) return byWorkspace(ref.slice(0, slash), ref.slice(slash + 1))
    if (!looksLikeId(ref)) return byName(defaultWorkspaceId, ref)
    return lookup.peek('api', ref) ?? lookup.read('api', ref).then((api) => api ?? null)
  }

  /** The store is gone: the API as it was known, where it has chosen to go on for a while. */
  function inGrace(ref: string, error: unknown): ApiRecord {
    if (!(error instanceof LookupUnavailable)) throw error
    const slash = ref.indexOf('/')
    const workspace = slash === -1 ? null : ref.slice(0, slash)
    const workspaceId = workspace === null ? defaultWorkspaceId : (workspaceIds.get(workspace) ?? '')
    const id = looksLikeId(ref) ? ref : directory.idOf(workspaceId, ref.slice(slash + 1))
    const api = id === undefined ? undefined : lookup.apiInGrace(id)
    if (api === undefined) throw error
    // A name is believed only while its record still has it: another workspace may have taken it since.
    const graceMs = api.outageGraceSeconds * 1000
    const named = workspace === null ? null : lookup.peekOverdue('workspace', workspaceId, graceMs)
    if (named !== null && named?.name !== workspace) throw error
    return api
  }

  return (ref) => {
    const found = find(ref)
    return found instanceof Promise ? found.catch((error: unknown) => inGrace(ref, error)) : found
  }
}

async function asking<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (cause) {
    throw new LookupUnavailable('The store could not be read', { cause })
  }
}
