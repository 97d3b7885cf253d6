import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import {
  closed,
  listen,
  readUntil,
  route,
  seenHeader,
  sendRaw,
  settled,
  startGateway,
} from '../testing/gateway-fixture.ts'

const ROUTES = [
  route('GET /socket=orders:read'),
  route('POST /socket=orders:write'),
  route('GET /other=orders:admin'),
]

/** An upstream that speaks just enough of RFC 6455 to send every frame back, unmasked. */
async function startEcho() {
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
function writeFrame(payload: Buffer, isMasked: boolean): Buffer {
  const isLong = payload.length > 125
  const head = [0x81, (isMasked ? 0x80 : 0) | (isLong ? 126 : payload.length)]
  if (isLong) head.push(payload.length >> 8, payload.length & 0xff)
  if (!isMasked) return Buffer.concat([Buffer.from(head), payload])
  const mask = randomBytes(4)
  return Buffer.concat([Buffer.from(head), mask, payload.map((byte, i) => byte ^ mask[i % 4]!)])
}

function readFrame(bytes: Buffer): { payload: Buffer; size: number } | null {
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

function handshake(key: string, path = '/socket', extra: string[] = []): string {
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

async function openSocket(port: number, key: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(handshake(key))
  const head = await readUntil(socket, '\r\n\r\n')
  assert.match(head, /^HTTP\/1\.1 101 /)
  assert.match(head, /sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/i)
  assert.match(head, /credence-request-id: r/i)
  return socket
}

async function start(config: NonNullable<Parameters<typeof startGateway>[0]>['config'] = {}) {
  const echo = await startEcho()
  const fixture = await startGateway({ upstream: echo.url, api: { routes: ROUTES }, config })
  const close = async () => {
    await fixture.close()
    await echo.close()
  }
  return { ...fixture, echo, close }
}

test('a WebSocket passes through, with the identity and without the credential', async () => {
  const { port, key, principal, echo, close } = await start()
  const socket = await openSocket(port, key)
  const frames = ['hello', 'x'.repeat(60_000), 'good bye'].map((text) => Buffer.from(text))
  for (const frame of frames) socket.write(writeFrame(frame, true))
  let received = Buffer.alloc(0)
  const echoed: Buffer[] = []
  while (echoed.length < frames.length) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    received = Buffer.concat([received, chunk])
    for (let frame = readFrame(received); frame !== null; frame = readFrame(received)) {
      received = received.subarray(frame.size)
      echoed.push(frame.payload)
    }
  }
  assert.deepEqual(echoed, frames)
  const [request] = echo.upgrades
  assert.equal(seenHeader(request!, 'x-credence-principal'), principal.id)
  assert.equal(seenHeader(request!, 'authorization'), undefined)
  assert.equal(seenHeader(request!, 'upgrade'), 'websocket')
  socket.destroy()
  await close()
})

test('frames sent right behind the handshake are not lost', async () => {
  const { port, key, close } = await start()
  const socket = connect(port, '127.0.0.1')
  socket.write(Buffer.concat([Buffer.from(handshake(key)), writeFrame(Buffer.from('early'), true)]))
  assert.match(await readUntil(socket, 'early'), /^HTTP\/1\.1 101 /)
  socket.destroy()
  await close()
})

test('an upgrade gets the policy of the GET that it is', async () => {
  const { port, key, echo, close } = await start()
  assert.match(await sendRaw(port, handshake('nothing')), /^HTTP\/1\.1 401 [\s\S]*"MALFORMED"/)
  assert.match(await sendRaw(port, handshake(key, '/other')), /^HTTP\/1\.1 403 [\s\S]*"INSUFFICIENT_SCOPE"/)
  assert.match(await sendRaw(port, handshake(key, '/none')), /^HTTP\/1\.1 403 [\s\S]*"ROUTE_UNKNOWN"/)
  assert.match(
    await sendRaw(port, handshake(key, '/socket/../other')),
    /^HTTP\/1\.1 400 [\s\S]*"BAD_REQUEST"/,
  )
  assert.match(
    await sendRaw(port, handshake(key).replace('GET', 'POST').replace('keep-alive', 'close')),
    /^HTTP\/1\.1 403 /,
  )
  assert.equal(echo.upgrades.length, 0)
  await close()
})

test('an upgrade to anything but WebSocket, or with a body, is a request like any other', async () => {
  const { port, key, echo, close } = await start()
  for (const [line, other] of [
    ['Upgrade: WebSocket', 'Upgrade: h2c'],
    ['Upgrade: WebSocket', 'Upgrade: websocket, h2c'],
    ['Upgrade: WebSocket', 'Upgrade: websocket\r\nUpgrade: h2c'],
    ['Upgrade: WebSocket', 'Upgrade: websocket\r\nContent-Length: 0'],
  ] as const) {
    const request = handshake(key).replace(line, other).replace('keep-alive, Upgrade', 'close, Upgrade')
    assert.match(await sendRaw(port, request), /^HTTP\/1\.1 426 [\s\S]*upgrade first/, other)
  }
  assert.equal(echo.upgrades.length, 0)
  await close()
})

test('an answer other than 101 is relayed', async () => {
  const echo = await startEcho()
  const fixture = await startGateway({ upstream: echo.url })
  const answer = await sendRaw(fixture.port, handshake(fixture.key, '/refuse'))
  assert.match(answer, /^HTTP\/1\.1 403 [\s\S]*x-told: no[\s\S]*\r\n\r\nsorr$/i)
  await fixture.close()
  await echo.close()
})

test('an upgrade behind an unanswered request ends the connection, and nothing else', async () => {
  const { port, key, echo, close } = await start()
  const first = `GET /socket HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\n\r\n`
  assert.equal(await sendRaw(port, first + handshake(key)), '')
  const malformed = 'GET //socket HTTP/1.1\r\nHost: a\r\n\r\n'
  assert.doesNotMatch(await sendRaw(port, malformed + handshake(key)), /HTTP\/1\.1 101/)
  assert.equal(echo.upgrades.length, 0)
  const socket = await openSocket(port, key)
  socket.destroy()
  await close()
})

test('an upstream that cannot be reached is a 502 to an upgrade, too', async () => {
  const echo = await startEcho()
  await echo.close()
  const fixture = await startGateway({ upstream: echo.url })
  assert.match(
    await sendRaw(fixture.port, handshake(fixture.key)),
    /^HTTP\/1\.1 502 [\s\S]*UPSTREAM_UNREACHABLE/,
  )
  await fixture.close()
})

test('the end of either side ends the other', async () => {
  const { port, key, echo, close } = await start()
  const first = await openSocket(port, key)
  const upstreamEnded = closed(echo.sockets[0]!)
  first.destroy()
  await upstreamEnded
  const second = await openSocket(port, key)
  const callerEnded = closed(second)
  second.resume()
  echo.sockets[1]!.end()
  await callerEnded
  await close()
})

test('a tunnel holds back a sender whose other side does not read', async () => {
  const { port, key, echo, close } = await start()
  const socket = await openSocket(port, key)
  echo.sockets[0]!.removeAllListeners('data')
  echo.sockets[0]!.pause()
  const block = Buffer.alloc(65_536)
  let sent = 0
  const send = () => {
    while (sent < 100 * 1_048_576) {
      sent += block.length
      if (!socket.write(block)) {
        socket.once('drain', send)
        return
      }
    }
  }
  send()
  assert.ok((await settled(() => sent)) < 30 * 1_048_576, `${sent} bytes taken in ahead`)
  socket.destroy()
  await close()
})

test('a tunnel may be silent for long; a caller that does not take what comes through it is cut off', async () => {
  const { port, key, echo, close } = await start({ gatewayStallSeconds: 1 })
  const [silent, full] = [await openSocket(port, key), await openSocket(port, key)]
  silent.resume()
  full.pause()
  const block = Buffer.alloc(65_536)
  const flood = () => {
    while (echo.sockets[1]!.write(block));
  }
  echo.sockets[1]!.on('drain', flood)
  const upstreamEnded = closed(echo.sockets[1]!)
  flood()
  await upstreamEnded
  full.destroy()
  for (let windows = 0; windows < 3; windows += 1) await new Promise((resolve) => setTimeout(resolve, 1000))
  silent.write(writeFrame(Buffer.from('still here'), true))
  await readUntil(silent, 'still here')
  silent.destroy()
  await close()
})

test('closing cuts tunnels that outlast the drain', async () => {
  const echo = await startEcho()
  const fixture = await startGateway({ upstream: echo.url, config: { drainSeconds: 0 } })
  const socket = await openSocket(fixture.port, fixture.key)
  socket.resume()
  const ended = closed(socket)
  await fixture.gateway.close()
  await ended
  await fixture.close()
  await echo.close()
})
