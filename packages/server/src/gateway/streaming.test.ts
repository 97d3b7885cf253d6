import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { closed, readUntil, seenHeader, sendRaw, settled, startGateway } from '../testing/gateway-fixture.ts'

const MEGABYTE = 1_048_576

async function bodyOf(message: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of message) body += chunk
  return body
}

test('50 MB go up as fast as the upstream reads, and arrive whole', async () => {
  const size = 50 * MEGABYTE
  const block = Buffer.alloc(65_536, 'credence')
  const held: (() => void)[] = []
  const { port, key, upstream, close } = await startGateway({
    answer: async (request, response) => {
      await new Promise<void>((resolve) => held.push(resolve))
      const hash = createHash('sha256')
      for await (const chunk of request) hash.update(chunk)
      response.end(hash.digest('hex'))
    },
  })
  const upload = httpRequest({
    port,
    host: '127.0.0.1',
    method: 'PUT',
    path: '/big',
    headers: { 'x-api-key': key },
  })
  const expected = createHash('sha256')
  let sent = 0
  function* blocks() {
    for (; sent < size; sent += block.length) {
      expected.update(block)
      yield block
    }
  }
  Readable.from(blocks()).pipe(upload)
  await once(upstream, 'request')
  // The upstream reads nothing yet: what was sent by now stands in buffers of kernel, gateway and sender.
  assert.ok((await settled(() => sent)) < 20 * MEGABYTE, `${sent} bytes taken in ahead`)
  held[0]!()
  const [response] = (await once(upload, 'response')) as [IncomingMessage]
  assert.equal(await bodyOf(response), expected.digest('hex'))
  assert.equal(sent, size)
  await close()
})

test('a download waits for a caller that does not read', async () => {
  let written = 0
  const { port, key, close } = await startGateway({
    answer: (_request, response) => {
      const block = Buffer.alloc(65_536, 'x')
      const write = () => {
        while (written < 100 * MEGABYTE) {
          written += block.length
          if (!response.write(block)) {
            response.once('drain', write)
            return
          }
        }
        response.end()
      }
      write()
    },
  })
  const socket = connect(port, '127.0.0.1')
  socket.write(`GET / HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\n\r\n`)
  await once(socket, 'readable')
  assert.ok((await settled(() => written)) < 30 * MEGABYTE, `${written} bytes written ahead`)
  socket.destroy()
  await close()
})

test('100 Continue is sent only to a caller that may pass', async () => {
  const { port, key, seen, close } = await startGateway({
    answer: async (request, response) => response.end(await bodyOf(request)),
  })
  const head = (credential: string) =>
    `POST / HTTP/1.1\r\nHost: a\r\nX-API-Key: ${credential}\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n`
  const allowed = connect(port, '127.0.0.1')
  allowed.write(head(key))
  assert.equal(await readUntil(allowed, '\r\n\r\n'), 'HTTP/1.1 100 Continue\r\n\r\n')
  allowed.write('hello')
  assert.match(await readUntil(allowed, 'hello'), /^HTTP\/1\.1 200 /)
  assert.equal(seenHeader(seen[0]!, 'expect'), undefined)
  allowed.destroy()
  const refused = await sendRaw(port, head('nothing'))
  assert.match(refused, /^HTTP\/1\.1 401 .*\r\n[\s\S]*connection: close/i)
  assert.equal(seen.length, 1)
  const unknown = await sendRaw(
    port,
    head(key).replace('100-continue', 'miracles').replace('Host', 'Connection: close\r\nHost'),
  )
  assert.match(unknown, /^HTTP\/1\.1 417 /)
  await close()
})

test('interim answers and trailers reach the caller', async () => {
  const { port, key, close } = await startGateway({
    answer: (_request, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' })
      response.writeHead(200, { trailer: 'X-Sum, Set-Cookie' })
      response.write('data')
      response.addTrailers([
        ['X-Sum', '42'],
        ['Set-Cookie', 'late=1'],
      ])
      response.end()
    },
  })
  const socket = connect(port, '127.0.0.1')
  socket.write(`GET / HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\n\r\n`)
  const answer = await readUntil(socket, '42\r\n\r\n')
  socket.destroy()
  assert.match(answer, /^HTTP\/1\.1 103 [^\r]*\r\nlink: <\/a\.css>; rel=preload\r\n/i)
  assert.match(answer, /HTTP\/1\.1 200 /)
  assert.ok(answer.endsWith('4\r\ndata\r\n0\r\nX-Sum: 42\r\n\r\n'), answer)
  await close()
})

test('a caller that goes away takes its upstream request along, before and during the answer', async () => {
  for (const begins of [false, true]) {
    const { port, key, upstream, close } = await startGateway({
      answer: (_request, response) => {
        if (begins) response.write('first')
      },
    })
    const socket = connect(port, '127.0.0.1')
    socket.write(`GET / HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\n\r\n`)
    const [request] = (await once(upstream, 'request')) as [IncomingMessage]
    if (begins) await readUntil(socket, 'first')
    const ended = closed(request.socket)
    socket.destroy()
    await ended
    await close()
  }
})

test('a caller that breaks off its upload never makes a whole request of it', async () => {
  const { port, key, upstream, close } = await startGateway({ answer: () => {} })
  for (const framing of ['Content-Length: 10', 'Transfer-Encoding: chunked']) {
    const socket = connect(port, '127.0.0.1')
    const half = framing.startsWith('C') ? 'half' : '4\r\nhalf\r\n'
    socket.write(`POST / HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\n${framing}\r\n\r\n${half}`)
    const [request] = (await once(upstream, 'request')) as [IncomingMessage]
    const ended = closed(request)
    await once(request, 'data')
    socket.destroy()
    await ended
    assert.equal(request.complete, false)
  }
  await close()
})

test('a refused upload is answered before it ends: a short one keeps the connection, a long one does not', async () => {
  const { port, key, seen, close } = await startGateway()
  const short = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc'
  const good = `GET / HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\nConnection: close\r\n\r\n`
  const both = await sendRaw(port, short + good)
  assert.deepEqual(
    [...both.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1]),
    ['401', '200'],
  )
  for (const framing of [`Content-Length: ${100 * MEGABYTE}`, 'Transfer-Encoding: chunked']) {
    const socket = connect(port, '127.0.0.1')
    const ended = closed(socket)
    socket.write(`POST / HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n`)
    const answer = await readUntil(socket, '}')
    assert.match(answer, /^HTTP\/1\.1 401 /)
    assert.match(answer, /connection: close/i)
    // Whoever goes on sending is cut off after a bounded part.
    const block = framing.startsWith('C') ? 'x'.repeat(65_536) : `10000\r\n${'x'.repeat(65_536)}\r\n`
    let sent = 0
    const timer = setInterval(() => {
      sent += block.length
      socket.write(block)
    }, 1)
    socket.resume()
    await ended
    clearInterval(timer)
    assert.ok(sent < 20 * MEGABYTE, `${sent} bytes accepted`)
  }
  assert.equal(seen.length, 1)
  await close()
})

test('an upstream that answers before it has read the upload is heard', async () => {
  const { port, key, close } = await startGateway({
    answer: (request, response) => {
      request.pause()
      response.writeHead(413, { 'content-length': 3 })
      response.end('big')
    },
  })
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  const head = `POST / HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\nContent-Length: ${10 * MEGABYTE}\r\n\r\n`
  socket.write(`${head}${'x'.repeat(1000)}`)
  assert.match(await readUntil(socket, 'big'), /^HTTP\/1\.1 413 /)
  socket.destroy()
  await close()
})

test('a body comes through for every method, with its length, and GET without one has none', async () => {
  const { url, port, key, seen, close } = await startGateway({
    answer: async (request, response) => response.end(`${request.method} ${await bodyOf(request)}`),
  })
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'QUERY']) {
    const response = await fetch(url, { method, body: 'hello', headers: { 'x-api-key': key } })
    assert.equal(await response.text(), `${method} hello`)
    assert.equal(seenHeader(seen.at(-1)!, 'content-length'), '5')
  }
  const lines = `Host: a\r\nX-API-Key: ${key}\r\nConnection: close\r\n`
  assert.match(await sendRaw(port, `GET / HTTP/1.1\r\n${lines}Content-Length: 5\r\n\r\nhello`), /GET hello$/m)
  assert.match(
    await sendRaw(
      port,
      `POST / HTTP/1.1\r\n${lines}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    ),
    /POST hello$/m,
  )
  await sendRaw(port, `GET / HTTP/1.1\r\n${lines}\r\n`)
  assert.equal(seenHeader(seen.at(-1)!, 'content-length'), undefined)
  assert.equal(seenHeader(seen.at(-1)!, 'transfer-encoding'), undefined)
  await sendRaw(port, `POST / HTTP/1.1\r\n${lines}Content-Length: 0\r\n\r\n`)
  assert.equal(seenHeader(seen.at(-1)!, 'content-length'), '0')
  await close()
})
