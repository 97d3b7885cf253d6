import { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import { dispatchOptions, type Exchange, Relay } from './forward.ts'
import { endToEnd } from './response-headers.ts'

/**
 * A response for a connection that node:http has given away with the upgrade event, so that a refusal, or an
 * upstream that does not switch, is answered as any other request is. The connection ends with it.
 */
export function responseOn(socket: Socket, request: Exchange['request']): ServerResponse {
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.assignSocket(socket)
  response.on('finish', () => {
    response.detachSocket(socket)
    socket.destroySoon()
  })
  return response
}

/** Asks the upstream to switch to WebSocket; from its 101 on, bytes pass through in both directions. */
export function openTunnel(
  exchange: Exchange,
  pool: Dispatcher,
  head: Buffer,
  track: (socket: Duplex) => void,
): void {
  const options = dispatchOptions(exchange)
  options.upgrade = 'websocket'
  pool.dispatch(options, new TunnelRelay(exchange, head, track))
}

class TunnelRelay extends Relay {
  readonly #exchange: Exchange
  readonly #head: Buffer
  readonly #track: (socket: Duplex) => void

  constructor(exchange: Exchange, head: Buffer, track: (socket: Duplex) => void) {
    super(exchange, null)
    this.#exchange = exchange
    this.#head = head
    this.#track = track
  }

  override onUpgrade(_status: number, rawHeaders: Buffer[], upstream: Duplex): void {
    const { context, request, response, admitted } = this.#exchange
    const { socket } = request
    // Both ways from here on; the response that stood by for a refusal must not write into it.
    this.end()
    response.detachSocket(socket)
    let switched = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
    const headers = endToEnd(rawHeaders)
    for (let i = 0; i < headers.length; i += 2) switched += `${headers[i]}: ${headers[i + 1]}\r\n`
    socket.write(`${switched}Credence-Request-Id: ${admitted.requestId}\r\n\r\n`, 'latin1')
    context.metrics.responded('gateway', 101)
    if (this.#head.length > 0) upstream.write(this.#head)
    this.#track(socket)
    join(socket, upstream)
    join(upstream, socket)
  }
}

/**
 * One direction, with backpressure. Whoever ends has nothing more to hear (RFC 6455 section 7.1.1: the closing is
 * over by then), so the other side gets what was already sent and is closed; a break takes it along at once.
 */
function join(from: Duplex, to: Duplex): void {
  from.pipe(to, { end: false })
  from.on('end', () => to.end(() => to.destroy()))
  from.on('error', () => to.destroy())
  from.on('close', () => {
    if (!from.readableEnded) to.destroy()
  })
}
