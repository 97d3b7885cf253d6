import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect as connectPlain, type Socket } from 'node:net'
import { test } from 'node:test'
import { connect } from 'node:tls'
import {
  closed,
  connectTls,
  readUntil,
  seenHeader,
  sendRaw,
  startGateway,
} from '../testing/gateway-fixture.ts'
import { selfSigned } from '../testing/self-signed.ts'

const SERVER = selfSigned('gateway')

async function answerTo(port: number, bytes: string): Promise<string> {
  const socket = await connectTls(port, SERVER.cert)
  let received = ''
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1')
  })
  socket.write(bytes)
  await closed(socket)
  return received
}

function head(key: string, ...lines: string[]): string {
  return ['GET /orders HTTP/1.1', 'Host: a', `X-API-Key: ${key}`, ...lines, '', ''].join('\r\n')
}

test('a request over TLS is verified, forwarded and known to have come over TLS', async () => {
  const { port, key, seen, principal, close } = await startGateway({
    tls: SERVER,
    answer: (_request, response) => response.end('from upstream'),
  })
  assert.match(await answerTo(port, head(key, 'Connection: close')), /^HTTP\/1\.1 200 [\s\S]*from upstream/)
  assert.equal(seenHeader(seen[0]!, 'x-forwarded-proto'), 'https')
  assert.equal(seenHeader(seen[0]!, 'x-credence-principal'), principal.id)
  assert.match(await answerTo(port, head('nothing', 'Connection: close')), /^HTTP\/1\.1 401 /)
  assert.match(
    await answerTo(port, 'GET // HTTP/1.1\r\nHost: a\r\n\r\n'),
    /^HTTP\/1\.1 400 [\s\S]*connection: close/i,
  )
  assert.match(await answerTo(port, 'garbage\r\n\r\n'), /^HTTP\/1\.1 400 /)
  assert.equal(seen.length, 1)
  await close()
})

test('a new certificate is shown to new connections, and the old ones stay', async () => {
  const { port, key, gateway, close } = await startGateway({ tls: SERVER })
  const before = await connectTls(port, SERVER.cert)
  const renewed = selfSigned('renewed')
  assert.ok('setSecureContext' in gateway.server)
  gateway.server.setSecureContext(renewed)
  const after = connect({ port, host: '127.0.0.1', ca: renewed.cert })
  await once(after, 'secureConnect')
  assert.equal(after.getPeerCertificate().subject.CN, 'renewed')
  after.destroy()
  before.write(head(key))
  assert.match(await readUntil(before, '\r\n\r\n'), /^HTTP\/1\.1 200 /)
  before.destroy()
  await close()
})

test('whoever speaks plain HTTP, or nothing at all, to the TLS listener is closed in time and never forwarded', async () => {
  const { port, key, seen, close } = await startGateway({
    tls: SERVER,
    config: { requestHeadTimeoutSeconds: 1 },
  })
  const silent = connectPlain(port, '127.0.0.1')
  silent.resume()
  const silentEnded = closed(silent)
  assert.doesNotMatch(await sendRaw(port, head(key)), /^HTTP/)
  await silentEnded
  assert.equal(seen.length, 0)
  await close()
})

test('a WebSocket opens over TLS', async () => {
  const { port, key, upstream, close } = await startGateway({ tls: SERVER })
  upstream.on('upgrade', (_request: IncomingMessage, socket: Socket) => {
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nthrough',
    )
    socket.on('error', () => {})
    socket.on('end', () => socket.end())
  })
  const socket = await connectTls(port, SERVER.cert)
  const lines = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']
  socket.write(head(key, ...lines, 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='))
  assert.match(await readUntil(socket, 'through'), /^HTTP\/1\.1 101 /)
  socket.destroy()
  await close()
})
