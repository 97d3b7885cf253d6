import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { connect as connectOverTls, type TLSSocket } from 'node:tls'
import type { Route } from '@credence/core'
import { Gateway, type GatewayOptions } from '../gateway/gateway.ts'
import { closedAfter } from './closed-after.ts'
import { type ProtectedApi, type ProtectedApiOptions, protectApi } from './protected-api.ts'
import { createTestContext, type TestContext, type TestContextOptions } from './test-context.ts'

export interface GatewayFixtureOptions extends ProtectedApiOptions {
  readonly config?: TestContextOptions['config']
  readonly clock?: () => number
  readonly resolve?: GatewayOptions['resolve']
  /** PEM texts; plain HTTP when left out. */
  readonly tls?: GatewayOptions['tls']
  readonly upstreamOptions?: { readonly insecureHTTPParser?: boolean }
  /** What the upstream answers; 200 with nothing when left out. */
  readonly answer?: (request: IncomingMessage, response: ServerResponse) => void
  /** Upstream's URL, for one that is not ours. */
  readonly upstream?: string
}

export interface GatewayFixture extends ProtectedApi {
  readonly context: TestContext['context']
  readonly gateway: Gateway
  readonly port: number
  readonly url: string
  readonly upstream: Server
  /** Every request that reached the upstream, oldest first. */
  readonly seen: IncomingMessage[]
  readonly close: () => Promise<void>
}

/** `GET /orders/*=orders:read`, `* /open/**=public`. */
export function route(text: string, given: Partial<Route> = {}): Route {
  const match = /^(\S+) ([^=]+)(?:=(.*))?$/.exec(text)!
  const isPublic = match[3] === 'public'
  const scopes = isPublic ? null : (match[3] ?? null)
  return { method: match[1]!, path: match[2]!, scopes, public: isPublic, accepts: null, cost: 1, ...given }
}

/** A gateway before an upstream of its own, both on free ports, with one API and one key. */
export async function startGateway(options: GatewayFixtureOptions = {}): Promise<GatewayFixture> {
  const seen: IncomingMessage[] = []
  const upstream = createServer(
    { keepAliveTimeout: 1000, ...options.upstreamOptions },
    (request, response) => {
      seen.push(request)
      if (options.answer === undefined) response.end()
      else options.answer(request, response)
    },
  )
  const upstreamPort = await listen(upstream)
  const { context, close } = await createTestContext({
    // No timer renews the lease here.
    config: { leaseMs: 60_000, drainSeconds: 2, ...options.config },
    ...(options.clock !== undefined && { clock: options.clock }),
  })
  const made = await protectApi(context, {
    ...options,
    api: { upstream: options.upstream ?? `http://127.0.0.1:${upstreamPort}`, ...options.api },
  })
  const resolve = options.resolve === undefined ? {} : { resolve: options.resolve }
  const gateway = new Gateway(context, { tls: options.tls ?? null, ...resolve })
  const port = await listen(gateway.server)
  context.listeners.push({ name: 'gateway', host: '127.0.0.1', port })
  return {
    ...made,
    context,
    gateway,
    port,
    url: `http://127.0.0.1:${port}`,
    upstream,
    seen,
    close: closedAfter(async () => {
      if (gateway.server.listening) await gateway.close()
      upstream.closeAllConnections()
      await new Promise((resolve) => upstream.close(resolve))
      await close()
    }),
  }
}

export async function listen(
  server: { listen(port: number, host: string): unknown; address(): unknown } & NodeJS.EventEmitter,
) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** A header that the upstream saw; undefined: not there. Repeated ones are joined. */
export function seenHeader(request: IncomingMessage, name: string): string | undefined {
  const values = request.rawHeaders.filter((_, i, all) => i % 2 === 1 && all[i - 1]!.toLowerCase() === name)
  return values.length === 0 ? undefined : values.join(', ')
}

/** Sends bytes as they are and reads until the other side closes, or is silent for `silenceMs` after the bytes. */
export async function sendRaw(port: number, bytes: string | Buffer, silenceMs = 5000): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const received: Buffer[] = []
  socket.on('data', (chunk: Buffer) => received.push(chunk))
  // A connection that is cut is an answer, too.
  socket.on('error', () => {})
  socket.setTimeout(silenceMs, () => socket.destroy())
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  await new Promise((resolve) => socket.on('close', resolve))
  return Buffer.concat(received).toString('latin1')
}

/** Resolves when a connection or message is over, well or not. */
export function closed(what: NodeJS.EventEmitter): Promise<void> {
  what.on('error', () => {})
  return new Promise((resolve) => what.on('close', () => resolve()))
}

/** Resolves when a number has not changed for 200 turns of a millisecond: whatever moved it is held back. */
export async function settled(read: () => number): Promise<number> {
  let before = read()
  for (let quiet = 0; quiet < 200; quiet += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1))
    if (read() !== before) quiet = 0
    before = read()
  }
  return before
}

/** Reads from a socket until what came so far holds a text, and gives all that came. */
export async function readUntil(socket: Socket, text: string): Promise<string> {
  let received = ''
  for await (const [chunk] of dataOf(socket)) {
    received += chunk.toString('latin1')
    if (received.includes(text)) return received
  }
  throw new Error(`the connection ended after ${JSON.stringify(received)}`)
}

async function* dataOf(socket: Socket): AsyncGenerator<[Buffer]> {
  for (;;) {
    const [chunk] = await Promise.race([once(socket, 'data'), once(socket, 'close')])
    if (!Buffer.isBuffer(chunk)) return
    yield [chunk]
  }
}

/** A connection that trusts the gateway's certificate and nothing else. */
export async function connectTls(port: number, ca: string): Promise<TLSSocket> {
  const socket = connectOverTls({ port, host: '127.0.0.1', ca })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  return socket
}
