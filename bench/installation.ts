import { rmSync } from 'node:fs'
import { type OpenedFolder, openDataFolder } from '@credence/server/testing/many-credentials'
import { startServer, temporaryFolder } from '../test/running-server.ts'

/** A data folder with an API and many credentials, as issuing them would leave it. */
export interface Installation {
  readonly dataPath: string
  readonly opened: OpenedFolder
  readonly keys: readonly string[]
  /** Closes the store, so that a server may start on the folder. */
  readonly close: () => Promise<void>
  readonly remove: () => void
}

/** Each with a scope and a rate limit of its own, wide enough that it never refuses. */
export async function install(
  credentials: number,
  options: { readonly keep?: number; readonly api?: Readonly<Record<string, unknown>> } = {},
): Promise<Installation> {
  const dataPath = temporaryFolder()
  const server = await startServer({ dataPath })
  const api = { name: 'orders', audience: 'https://orders.example', scopes: ['orders:read'], ...options.api }
  const limits = [{ name: 'default', limit: 1_000_000, window_seconds: 1 }]
  const credential = { kind: 'api_key', api: 'orders', scopes: ['orders:read'], principal: 'billing', limits }
  for (const [path, body] of [
    ['/v1/apis', api],
    ['/v1/credentials', credential],
  ] as const) {
    const answer = await server.request('POST', path, body)
    if (answer.status !== 201) throw new Error(answer.text)
  }
  await server.stop()
  const opened = await openDataFolder(dataPath, 'orders')
  const keys = await opened.issue(credentials, options.keep ?? credentials)
  return {
    dataPath,
    opened,
    keys,
    close: () => opened.store.close(),
    remove: () => rmSync(dataPath, { recursive: true, force: true }),
  }
}
