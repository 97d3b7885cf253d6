import { connect } from 'node:net'
import { keyWith } from '@credence/server/testing/admin-keys'
import { issue } from '@credence/server/testing/issuing'
import type { TestContextOptions } from '@credence/server/testing/test-context'
import { startTestServer, type TestServer } from '@credence/server/testing/test-server'
import type { CredenceError } from '../credence-error.ts'
import { createGuard, type GuardOptions } from '../guard.ts'
import type { Adapter, GuardedApp, Seen } from './guarded-apps.ts'

export interface GuardedServer {
  readonly credence: TestServer
  /** Of the guard: it may verify at `orders`, and nothing else. */
  readonly guardKey: string
  readonly app: GuardedApp
  readonly url: string
  readonly seen: Seen
  readonly faults: CredenceError[]
  /** A key for the API `orders`. */
  keyFor(scopes: readonly string[], more?: Readonly<Record<string, unknown>>): Promise<string>
  close(): Promise<void>
}

/** A real Credence with the API `orders`, and a server of the adapter's kind that asks it. */
export async function startGuarded(
  adapter: Adapter,
  options: Partial<GuardOptions> = {},
  api: Readonly<Record<string, unknown>> = {},
  config: TestContextOptions['config'] = {},
): Promise<GuardedServer> {
  // The memory of used proofs begins with the process; this one began a while ago.
  let behindMs = 20_000
  const clock = () => Date.now() - behindMs
  // No timer renews the lease here.
  const credence = await startTestServer({ clock, config: { leaseMs: 600_000, ...config } })
  behindMs = 0
  const made = await credence.request('POST', '/v1/apis', {
    name: 'orders',
    audience: 'https://orders.example',
    scopes: ['orders:read', 'orders:write'],
    ...api,
  })
  if (made.status !== 201) throw new Error(made.text)
  const { authorization } = await keyWith(credence, 'credentials:verify:orders')
  const guardKey = authorization.slice('Bearer '.length)
  const faults: CredenceError[] = []
  const guard = createGuard({
    api: 'orders',
    url: credence.url,
    key: guardKey,
    onFault: (fault) => faults.push(fault),
    ...options,
  })
  const seen: Seen = { requests: [], onFirstBytes: () => {} }
  const app = await adapter.serve(guard, seen)
  return {
    ...{ credence, guardKey, app, seen, faults },
    url: `http://127.0.0.1:${app.port}`,
    async keyFor(scopes, more = {}) {
      const { secret } = await issue(credence, { api: 'orders', scopes, external_id: 'cus_42', ...more })
      return secret
    },
    async close() {
      await app.close()
      await credence.close()
    },
  }
}

/** Sends the lines of a request head as they are, and reads the answer to the end of the connection. */
export async function sendLines(port: number, lines: readonly string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const received: Buffer[] = []
  socket.on('data', (chunk: Buffer) => received.push(chunk))
  socket.write(`${[...lines, 'Host: 127.0.0.1', 'Connection: close'].join('\r\n')}\r\n\r\n`)
  await new Promise((resolve, reject) => socket.on('close', resolve).on('error', reject))
  return Buffer.concat(received).toString('latin1')
}
