import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** What becomes of what is sent. `swallow`: nothing arrives, and nothing says so. `mute`: only answers are lost. */
export type ProxyMode = 'pass' | 'swallow' | 'mute'

/** A link between a client and a server of a test, which the test can spoil. */
export interface TcpProxy {
  readonly port: number
  /** From now on, for connections that there are and new ones. */
  readonly set: (mode: ProxyMode) => void
  /** Holds everything back for so long, in both directions. */
  readonly delay: (ms: number) => void
  /** Resets every connection. */
  readonly cut: () => void
  /** Connections through it that were not closed. */
  readonly count: () => number
  /** Bytes that clients have sent so far. */
  readonly sent: () => number
  /** Round trips so far: how often a client spoke that had been answered before. */
  readonly trips: () => number
  readonly close: () => Promise<void>
}

export async function openTcpProxy(targetPort: number): Promise<TcpProxy> {
  let mode: ProxyMode = 'pass'
  let delayMs = 0
  let sentBytes = 0
  let trips = 0
  const sockets = new Set<Socket>()
  const tracked = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    return socket
  }
  const forward = (from: Socket, to: Socket, isAnswer: boolean, turn: { isAnswered: boolean }) => {
    from.on('data', (chunk) => {
      if (!isAnswer) sentBytes += chunk.length
      if (!isAnswer && turn.isAnswered) trips += 1
      turn.isAnswered = isAnswer
      if (mode === 'swallow' || (mode === 'mute' && isAnswer)) return
      if (delayMs === 0) to.write(chunk)
      else setTimeout(() => to.write(chunk), delayMs)
    })
    // A link that swallows packets swallows goodbyes, too.
    from.once('end', () => {
      if (mode === 'pass') to.end()
    })
    from.once('close', () => {
      if (mode === 'pass') to.destroy()
    })
  }
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = tracked(connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true }))
    const turn = { isAnswered: true }
    forward(tracked(client), upstream, false, turn)
    forward(upstream, client, true, turn)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  return {
    port: (server.address() as AddressInfo).port,
    set: (next) => {
      mode = next
    },
    delay: (ms) => {
      delayMs = ms
    },
    cut,
    count: () => sockets.size / 2,
    sent: () => sentBytes,
    trips: () => trips,
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      cut()
      await closed
    },
  }
}
