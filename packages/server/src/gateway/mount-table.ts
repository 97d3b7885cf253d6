import type { ApiRecord } from '@credence/core'
import type { ApiDirectory } from '../api-directory.ts'
import { remembered } from '../remembered.ts'

const MAX_REMEMBERED = 1000

/** Base path → API id. */
type Mounts = ReadonlyMap<string, string>

/**
 * Which API a request is for: host and base path. Among the mounts that fit, the longest base path wins, then a
 * mount at this very host. APIs without an upstream are not mounted.
 */
export class MountTable {
  readonly #directory: ApiDirectory
  #version = -1
  /** By value of the Host header ('' for none): the mounts that are looked at, in this order. */
  #mountsAt: (host: string) => readonly Mounts[] = () => []
  #depth = 0
  readonly #onRebuilt: (origins: ReadonlySet<string>) => void

  /** @param onRebuilt told, after each change of the directory, which origins there are */
  constructor(directory: ApiDirectory, onRebuilt: (origins: ReadonlySet<string>) => void) {
    this.#directory = directory
    this.#onRebuilt = onRebuilt
  }

  /** @param host value of the Host header in lower case, or null; @param path in canonical form */
  find(host: string | null, path: string): string | null {
    if (this.#version !== this.#directory.version) this.#rebuild()
    const tables = this.#mountsAt(host ?? '')
    // No base path has more segments than #depth, so a path of thousands of segments costs no more than that.
    for (let end = endOfSegments(path, this.#depth); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const id = firstIn(tables, path.slice(0, end))
      if (id !== null) return id
    }
    return firstIn(tables, '/')
  }

  #rebuild(): void {
    this.#version = this.#directory.version
    // '' for any host.
    const byHost = new Map<string, Map<string, string>>()
    const origins = new Set<string>()
    this.#depth = 0
    for (const api of this.#directory.all()) {
      if (api.upstream === null) continue
      origins.add(api.upstream)
      const host = api.host?.toLowerCase() ?? ''
      const table = byHost.get(host) ?? new Map<string, string>()
      byHost.set(host, table)
      if (!table.has(api.basePath)) table.set(api.basePath, api.id)
      if (api.basePath !== '/') this.#depth = Math.max(this.#depth, api.basePath.split('/').length - 1)
    }
    this.#mountsAt = remembered(
      (host) =>
        hostsOf(host)
          .map((name) => byHost.get(name))
          .filter((mounts) => mounts !== undefined),
      MAX_REMEMBERED,
    )
    this.#onRebuilt(origins)
  }
}

/** Whether a record, perhaps newer than the table, still has its mount where the request came in. */
export function isMountedAt(api: ApiRecord, host: string | null, path: string): boolean {
  return (
    api.upstream !== null &&
    (api.host === null || hostsOf(host ?? '').includes(api.host.toLowerCase())) &&
    (api.basePath === '/' || path === api.basePath || path.startsWith(`${api.basePath}/`))
  )
}

/** The path as the upstream sees it and as routes are matched: without the base path where that was asked for. */
export function pathBehindMount(api: ApiRecord, path: string): string {
  if (!api.stripBasePath || api.basePath === '/') return path
  return path === api.basePath ? '/' : path.slice(api.basePath.length)
}

/** Names under which a host may be mounted: with its port, without, and any. */
function hostsOf(host: string): string[] {
  if (host === '') return ['']
  const bare = host.replace(/:\d*$/, '')
  const name = bare.endsWith('.') ? bare.slice(0, -1) : bare
  return name === host ? [host, ''] : [host, name, '']
}

function firstIn(tables: readonly Mounts[], basePath: string): string | null {
  for (const table of tables) {
    const id = table.get(basePath)
    if (id !== undefined) return id
  }
  return null
}

/** Where the first `count` segments of a path end. */
function endOfSegments(path: string, count: number): number {
  let end = 0
  for (let segment = 0; segment < count; segment += 1) {
    const slash = path.indexOf('/', end + 1)
    if (slash === -1) return path.length
    end = slash
  }
  return end
}
