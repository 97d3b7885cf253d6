import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { listen, readUntil, route, startGateway } from './gateway-fixture.ts'

const ROUTES = [
  route('GET /socket=orders:read'),
  route('POST /socket=orders:write'),
  route('GET /other=orders:admin'),
]

/** An upstream that speaks just enough of RFC 6455 to send every frame back, unmasked. */
export async function startEcho() {
  const upgrades: IncomingMessage[] = []
  const sockets: Socket[] = []
  const server = createServer((_request, response) =>
    response.writeHead(426, { 'x-told': 'no' }).end('upgrade first'),
  )
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    upgrades.push(request)
    sockets.push(socket)
    socket.on('error', () => {})
    socket.on('end', () => socket.end())
    if (request.url!.includes('refuse')) {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\nX-Told: no\r\n\r\nsorr')
      return
    }
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64')
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    )
    let pending = head
    const echo = () => {
      for (let frame = readFrame(pending); frame !== null; frame = readFrame(pending)) {
        pending = pending.subarray(frame.size)
        socket.write(writeFrame(frame.payload, false))
      }
    }
    echo()
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk])
      echo()
    })
  })
  const port = await listen(server)
  const close = () => {
    for (const socket of sockets) socket.destroy()
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  }
  return { url: `http://127.0.0.1:${port}`, upgrades, sockets, close }
}

/** A text frame of RFC 6455 section 5.2, up to 65,535 bytes. */
export function writeFrame(payload: Buffer, isMasked: boolean): Buffer {
  const isLong = payload.length > 125
  const head = [0x81, (isMasked ? 0x80 : 0) | (isLong ? 126 : payload.length)]
  if (isLong) head.push(payload.length >> 8, payload.length & 0xff)
  if (!isMasked) return Buffer.concat([Buffer.from(head), payload])
  const mask = randomBytes(4)
  return Buffer.concat([Buffer.from(head), mask, payload.map((byte, i) => byte ^ mask[i % 4]!)])
}

export function readFrame(bytes: Buffer): { payload: Buffer; size: number } | null {
  if (bytes.length < 2) return null
  const isLong = (bytes[1]! & 0x7f) === 126
  const isMasked = (bytes[1]! & 0x80) !== 0
  const start = 2 + (isLong ? 2 : 0) + (isMasked ? 4 : 0)
  if (bytes.length < start) return null
  const length = isLong ? bytes.readUInt16BE(2) : bytes[1]! & 0x7f
  if (bytes.length < start + length) return null
  const payload = Buffer.from(bytes.subarray(start, start + length))
  if (isMasked) for (let i = 0; i < length; i += 1) payload[i]! ^= bytes[start - 4 + (i % 4)]!
  return { payload, size: start + length }
}

export function handshake(key: string, path = '/socket', extra: string[] = []): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    'Host: gateway.example',
    'Connection: keep-alive, Upgrade',
    'Upgrade: WebSocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    `Authorization: Bearer ${key}`,
    ...extra,
  ]
  return `${lines.join('\r\n')}\r\n\r\n`
}

export async function openSocket(port: number, key: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(handshake(key))
  const head = await readUntil(socket, '\r\n\r\n')
  assert.match(head, /^HTTP\/1\.1 101 /)
  assert.match(head, /sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/i)
  assert.match(head, /credence-request-id: r/i)
  return socket
}

/** A gateway before an echo. */
export async function startTunnels(config: NonNullable<Parameters<typeof startGateway>[0]>['config'] = {}) {
  const echo = await startEcho()
  const fixture = await startGateway({ upstream: echo.url, api: { routes: ROUTES }, config })
  const close = async () => {
    await fixture.close()
    await echo.close()
  }
  return { ...fixture, echo, close }
}
