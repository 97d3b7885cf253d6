import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Context } from '../context.ts'
import { registerForwardAuth } from '../forward-auth/forward-auth.ts'
import { Gateway } from '../gateway/gateway.ts'
import { registerAdministration } from '../http/administration.ts'
import { type App, createApp } from '../http/app.ts'
import { registerHealth } from '../http/health.ts'
import { createTestContext, type TestContextOptions } from './test-context.ts'

/** Everything that answers HTTP, on free ports of the loopback interface, over one context. */
export interface Surfaces {
  readonly context: Context
  readonly adminKey: string
  /** Base URL of administration, verify, forward-auth, health and metrics. */
  readonly api: string
  readonly gateway: string
  /** Answers every request with 200. */
  readonly upstream: string
  readonly close: () => Promise<void>
}

/** No timer renews the lease here: how long it holds is the test's own matter. */
export async function startSurfaces(options: TestContextOptions = {}): Promise<Surfaces> {
  const { context, adminKey, close } = await createTestContext({
    ...options,
    config: { leaseMs: 600_000, drainSeconds: 1, ...options.config },
  })
  const upstream = createServer((_request, response) => response.end('upstream'))
  const app: App = createApp(context)
  registerForwardAuth(app, context)
  registerAdministration(app, context)
  registerHealth(app, context)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const gateway = new Gateway(context, { tls: null })
  return {
    context,
    adminKey,
    api: urlOf(app.server),
    gateway: await listening(gateway.server),
    upstream: await listening(upstream),
    async close() {
      await gateway.close()
      await app.close()
      upstream.closeAllConnections()
      await new Promise((resolve) => upstream.close(resolve))
      await close()
    },
  }
}

async function listening(server: Pick<Server, 'listen' | 'address'>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return urlOf(server)
}

function urlOf(server: Pick<Server, 'address'>): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
