import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { closed, readUntil, startGateway } from '../testing/gateway-fixture.ts'

const MEGABYTE = 1_048_576
const SECOND = { gatewayStallSeconds: 1 }

/** Sends a chunked body, so many bytes at a time, until the connection ends. */
async function drip(socket: Socket, head: string, bytes: number, everyMs: number): Promise<void> {
  socket.write(`${head}Transfer-Encoding: chunked\r\n\r\n`)
  const chunk = `${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n`
  const timer = setInterval(() => socket.write(chunk), everyMs)
  await closed(socket)
  clearInterval(timer)
}

/** An upstream's answer that never ends by itself. */
function flood(response: {
  write(chunk: Buffer): boolean
  once(event: 'drain', listener: () => void): unknown
}) {
  const block = Buffer.alloc(65_536, 'x')
  const write = () => {
    for (let i = 0; i < 1600; i += 1) {
      if (response.write(block)) continue
      response.once('drain', write)
      return
    }
  }
  write()
}

describe('a caller that holds a connection', { concurrency: true }, () => {
  it('by dripping a body is cut off, and the upstream never takes it for a whole one', async () => {
    const { port, key, upstream, close } = await startGateway({
      config: SECOND,
      answer: (request) => request.resume(),
    })
    const socket = connect(port, '127.0.0.1')
    const over = drip(socket, `POST / HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\n`, 1, 100)
    const [request] = (await once(upstream, 'request')) as [IncomingMessage]
    const ended = closed(request)
    await over
    await ended
    assert.equal(request.complete, false)
    await close()
  })

  it('by dripping may be let, with CREDENCE_GATEWAY_SLOWEST_BYTES_PER_SECOND=0', async () => {
    const { port, key, close } = await startGateway({
      config: { ...SECOND, gatewaySlowestBytesPerSecond: 0 },
      answer: (request, response) => {
        let length = 0
        request.on('data', (chunk: Buffer) => {
          length += chunk.length
          if (length === 40) response.end('forty')
        })
      },
    })
    const socket = connect(port, '127.0.0.1')
    const over = drip(socket, `POST / HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\n`, 1, 100)
    assert.match(await readUntil(socket, 'forty'), /^HTTP\/1\.1 200 /)
    socket.destroy()
    await over
    await close()
  })

  it('by stopping in the middle of a body is cut off', async () => {
    const { port, key, close } = await startGateway({ config: SECOND, answer: (request) => request.resume() })
    const socket = connect(port, '127.0.0.1')
    socket.write(`POST / HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\nContent-Length: 100000\r\n\r\nhalf`)
    socket.resume()
    await closed(socket)
    await close()
  })

  it('by not reading the answer is cut off, and its upstream is let go', async () => {
    const { port, key, upstream, close } = await startGateway({
      config: SECOND,
      answer: (_request, response) => flood(response),
    })
    const socket = connect(port, '127.0.0.1')
    socket.write(`GET / HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\n\r\n`)
    const [request] = (await once(upstream, 'request')) as [IncomingMessage]
    await closed(request.socket)
    socket.destroy()
    await close()
  })

  it('by sipping at the answer is cut off', async () => {
    const { port, key, upstream, close } = await startGateway({
      config: SECOND,
      answer: (_request, response) => flood(response),
    })
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(`GET / HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\n\r\n`)
    const timer = setInterval(() => socket.read(1), 20)
    const [request] = (await once(upstream, 'request')) as [IncomingMessage]
    await closed(request.socket)
    clearInterval(timer)
    socket.destroy()
    await close()
  })
})

describe('what merely takes long goes on', { concurrency: true }, () => {
  const LONG_MS = 3500

  it('an upload that makes progress', async () => {
    const { port, key, close } = await startGateway({
      config: SECOND,
      answer: (request, response) => {
        const startedMs = performance.now()
        request.on('data', () => {
          if (performance.now() - startedMs > LONG_MS) response.end('long enough')
        })
      },
    })
    const socket = connect(port, '127.0.0.1')
    const over = drip(socket, `POST / HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\n`, 100, 50)
    assert.match(await readUntil(socket, 'long enough'), /^HTTP\/1\.1 200 /)
    socket.destroy()
    await over
    await close()
  })

  it('an upload that the upstream does not read yet', async () => {
    const { url, key, close } = await startGateway({
      config: SECOND,
      answer: (request, response) => {
        request.pause()
        setTimeout(() => {
          let length = 0
          request.on('data', (chunk: Buffer) => {
            length += chunk.length
          })
          request.on('end', () => response.end(String(length)))
          request.resume()
        }, LONG_MS)
      },
    })
    const body = Buffer.alloc(30 * MEGABYTE)
    const response = await fetch(url, { method: 'POST', headers: { 'x-api-key': key }, body })
    assert.equal(await response.text(), String(body.length))
    await close()
  })

  it('a stream of events that is silent for longer', async () => {
    const { port, key, close } = await startGateway({
      config: SECOND,
      answer: (_request, response) => {
        response.write('data: first\n\n')
        setTimeout(() => response.write('data: second\n\n'), LONG_MS)
      },
    })
    const socket = connect(port, '127.0.0.1')
    socket.write(`GET / HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\n\r\n`)
    await readUntil(socket, 'data: second')
    socket.destroy()
    await close()
  })

  it('a download that the caller takes steadily, if slowly', async () => {
    const { port, key, close } = await startGateway({
      config: SECOND,
      answer: (_request, response) => flood(response),
    })
    const socket = connect(port, '127.0.0.1')
    let isOver = false
    socket.on('close', () => {
      isOver = true
    })
    socket.write(`GET / HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\n\r\n`)
    let taken = 0
    const timer = setInterval(() => {
      taken += (socket.read() as Buffer | null)?.length ?? 0
    }, 20)
    const startedMs = performance.now()
    while (performance.now() - startedMs < LONG_MS && !isOver) await once(socket, 'readable')
    clearInterval(timer)
    assert.equal(isOver, false, `cut off after ${taken} bytes`)
    socket.destroy()
    await close()
  })
})
