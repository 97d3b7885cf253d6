import { rmSync } from 'node:fs'
import { type RunningServer, startServer, temporaryFolder } from '../test/running-server.ts'
import { install } from './installation.ts'
import { pinServer, writeRequests } from './wrk.ts'

export const PATH = '/v1/authorize/orders'

/** The server as it is started, on the core of the servers, and requests of forward-auth with each of its keys. */
export interface ForwardAuthServer {
  readonly server: RunningServer
  readonly keys: readonly string[]
  /** The file that wrk draws from. */
  readonly requests: string
  /** For files of whoever measures. */
  readonly folder: string
  /** Stops the server and removes all files. */
  readonly close: () => Promise<void>
}

export async function startForwardAuth(credentials: number): Promise<ForwardAuthServer> {
  const routes = [{ method: 'GET', path: '/orders/*', scopes: 'orders:read' }]
  const { keys, dataPath, close, remove } = await install(credentials, {
    api: { routes, accepts: ['api_key', 'jwt'] },
  })
  await close()
  const server = await startServer({ dataPath, env: { CREDENCE_TRUSTED_PROXIES: '127.0.0.1' } })
  pinServer(server.child.pid!)
  const folder = temporaryFolder()
  const about = 'X-Forwarded-Method:GET X-Forwarded-Uri:/orders/7'
  const lines = keys.map((key) => `GET ${PATH} Authorization:Bearer%20${key} ${about}`)
  return {
    server,
    keys,
    requests: writeRequests(folder, 'requests', lines),
    folder,
    close: async () => {
      await server.stop()
      remove()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
