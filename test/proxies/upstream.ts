import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'

/** A request as it reached the protected API. */
export interface Seen {
  readonly method: string
  /** As it stood on the wire. */
  readonly target: string
  /** Name, value, name, value …. */
  readonly rawHeaders: readonly string[]
}

/** The protected API: notes what reaches it, and answers as its paths say. */
export interface Upstream {
  readonly port: number
  /** Every request, upgrades included, oldest first. */
  readonly seen: Seen[]
  /** Sends the second event of every open stream at /events, and ends it. */
  readonly sendSecondEvent: () => void
  readonly close: () => Promise<void>
}

export async function startUpstream(): Promise<Upstream> {
  const seen: Seen[] = []
  const streams = new Set<ServerResponse>()
  const note = ({ method, url, rawHeaders }: IncomingMessage) =>
    seen.push({ method: method!, target: url!, rawHeaders })
  const server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, (request, response) => {
    note(request)
    const [, , status] = /^\/orders\/(answers-)(\d{3})/.exec(request.url!) ?? []
    if (request.url === '/events') {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: first\n\n')
      streams.add(response)
    } else if (request.url === '/orders/upload') {
      void digest(request, response)
    } else if (status !== undefined) {
      const headers = { 'Content-Type': 'text/plain', 'WWW-Authenticate': 'Upstream', 'Retry-After': '77' }
      request.resume()
      response.writeHead(Number(status), headers).end(`the upstream's own ${status}`)
    } else {
      request.resume()
      response.writeHead(200, { 'Content-Type': 'text/plain', 'Access-Control-Allow-Origin': '*' }).end('ok')
    }
  })
  // A tunnel: what is sent comes back.
  server.on('upgrade', (request, socket) => {
    note(request)
    const upgrade = String(request.headers.upgrade)
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64')
    const head = [`Upgrade: ${upgrade}`, 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`]
    socket.on('error', () => {})
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${head.join('\r\n')}\r\n\r\n`)
    socket.pipe(socket)
    tunnels.add(socket)
    socket.on('close', () => tunnels.delete(socket))
  })
  const tunnels = new Set<{ destroy(): unknown }>()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    sendSecondEvent() {
      for (const stream of streams) stream.end('data: second\n\n')
      streams.clear()
    },
    async close() {
      for (const socket of tunnels) socket.destroy()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Reads a body to its end and says how long it was and what its SHA-256 is. */
async function digest(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const hash = createHash('sha256')
  let bytes = 0
  try {
    for await (const chunk of request) {
      hash.update(chunk as Buffer)
      bytes += (chunk as Buffer).length
      // Reading slower than it is written shows whoever keeps the whole of it.
      await turn()
    }
    response.end(JSON.stringify({ bytes, sha256: hash.digest('hex') }))
  } catch {
    response.destroy()
  }
}
