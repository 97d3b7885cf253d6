import assert from 'node:assert/strict'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { selfSigned } from '@credence/server/testing/self-signed'
import { request, type StartOptions, startServer, temporaryFolder } from '../running-server.ts'

const GIVE_UP_MS = 20_000
/** Long for a reset to come, short for a connection to be held. */
const HELD_MS = 5000

async function started(t: TestContext, options: StartOptions) {
  const server = await startServer(options)
  t.after(() => server.stop())
  return server
}

async function open(t: TestContext, url: string): Promise<Socket> {
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** All that comes until the other side ends. */
async function received(socket: Socket): Promise<string> {
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
  })
  if (!socket.readableEnded && !socket.destroyed) {
    await new Promise<void>((resolve) => socket.on('end', () => resolve()).on('close', () => resolve()))
  }
  return text
}

const ASK = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

test('a connection beyond CREDENCE_MAX_CONNECTIONS is closed unread, and counted; the others are served, and room made is used', async (t) => {
  const server = await started(t, {
    env: { CREDENCE_MAX_CONNECTIONS: '2', CREDENCE_OPS_LISTEN: '127.0.0.1:0' },
  })
  const [first, second] = [await open(t, server.gateway), await open(t, server.gateway)]
  for (const socket of [first, second]) {
    socket.write(ASK)
    assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 404 /)
  }
  const third = await open(t, server.gateway)
  third.write(ASK)
  assert.equal(await received(third), '')

  // Each listener has a bound of its own, so that a flood on one leaves the others be.
  assert.equal((await server.request('GET', '/v1/status')).status, 200)
  const { text } = await request(`${server.urls.get('ops')}/metrics`, 'GET')
  assert.match(text, /^credence_connections_refused_total\{listener="gateway"\} 1$/m)
  await server.printed(/CREDENCE_MAX_CONNECTIONS are open/)

  first.destroy()
  const until = performance.now() + GIVE_UP_MS
  for (let answer = ''; !answer.startsWith('HTTP/1.1 404'); ) {
    assert.ok(performance.now() < until, 'no room was made by the connection that ended')
    const next = await open(t, server.gateway)
    next.write(ASK.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
    answer = await received(next)
    next.destroy()
  }
})

test('a head that does not come ends the connection on the listener of administration, whatever the caller does with its side', async (t) => {
  const server = await started(t, { env: { CREDENCE_REQUEST_HEAD_TIMEOUT_SECONDS: '1' } })
  const socket = await open(t, server.api)
  socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\n')
  assert.match(await received(socket), /^HTTP\/1\.1 4\d\d /)
  // Its side stays open; what it sends is answered with a reset only when ours is gone altogether.
  const until = performance.now() + HELD_MS
  while (!socket.destroyed) {
    assert.ok(performance.now() < until, 'the connection is still held')
    socket.write('A: b\r\n')
    await delay(10)
  }
})

test('whoever does not begin a TLS handshake, or speaks plain HTTP, is closed in time on every listener', async (t) => {
  const folder = temporaryFolder()
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const { cert, key } = selfSigned('credence')
  const [certPath, keyPath] = [join(folder, 'cert'), join(folder, 'key')]
  writeFileSync(certPath, cert)
  writeFileSync(keyPath, key, { mode: 0o600 })
  const server = await started(t, {
    env: {
      CREDENCE_TLS_CERT: certPath,
      CREDENCE_TLS_KEY: keyPath,
      CREDENCE_REQUEST_HEAD_TIMEOUT_SECONDS: '1',
    },
  })
  for (const url of [server.api, server.gateway]) {
    const [silent, plain] = [await open(t, url), await open(t, url)]
    plain.write(ASK)
    assert.doesNotMatch(await received(plain), /^HTTP/)
    assert.equal(await received(silent), '')
  }
})
