import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { closed, readUntil, seenHeader, sendRaw, startGateway } from '../testing/gateway-fixture.ts'
import {
  handshake,
  openSocket,
  readFrame,
  startEcho,
  startTunnels,
  writeFrame,
} from '../testing/websocket-fixture.ts'

test('a WebSocket passes through, with the identity and without the credential', async () => {
  const { port, key, principal, echo, close } = await startTunnels()
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
  const { port, key, close } = await startTunnels()
  const socket = connect(port, '127.0.0.1')
  socket.write(Buffer.concat([Buffer.from(handshake(key)), writeFrame(Buffer.from('early'), true)]))
  assert.match(await readUntil(socket, 'early'), /^HTTP\/1\.1 101 /)
  socket.destroy()
  await close()
})

test('an upgrade gets the policy of the GET that it is', async () => {
  const { port, key, echo, close } = await startTunnels()
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
  const { port, key, echo, close } = await startTunnels()
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
  const { port, key, echo, close } = await startTunnels()
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
  const { port, key, echo, close } = await startTunnels()
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
