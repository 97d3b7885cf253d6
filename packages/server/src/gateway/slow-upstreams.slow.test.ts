import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { readUntil, startGateway } from '../testing/gateway-fixture.ts'

const MEGABYTE = 1_048_576
const SECOND = { gatewayUpstreamTimeoutSeconds: 1 }
/** More than an upstream may take, and than the looks at it are apart. */
const LONGER_MS = 2000

async function codeIn(response: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of response) body += chunk
  return (JSON.parse(body) as { code: string }).code
}

describe('an upstream that has a second', { concurrency: true }, () => {
  it('is given up on when it does not take an upload', async () => {
    const { port, key, close } = await startGateway({ config: SECOND, answer: () => {} })
    const upload = httpRequest({ port, host: '127.0.0.1', method: 'PUT', headers: { 'x-api-key': key } })
    upload.on('error', () => {})
    upload.write(Buffer.alloc(20 * MEGABYTE))
    const [response] = (await once(upload, 'response')) as [IncomingMessage]
    assert.deepEqual([response.statusCode, await codeIn(response)], [504, 'UPSTREAM_TIMEOUT'])
    upload.destroy()
    await close()
  })

  it('is not blamed for a caller who takes longer over the upload', async () => {
    const { port, key, close } = await startGateway({
      config: SECOND,
      answer: (request, response) => request.resume().on('end', () => response.end('thanks')),
    })
    const socket = connect(port, '127.0.0.1')
    socket.write(`POST / HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\nContent-Length: 2\r\n\r\nx`)
    await pause(LONGER_MS)
    socket.write('y')
    assert.match(await readUntil(socket, 'thanks'), /^HTTP\/1\.1 200 /)
    socket.destroy()
    await close()
  })

  it('may say nothing for longer once its answer has begun', async () => {
    const { port, key, close } = await startGateway({
      config: SECOND,
      answer: (_request, response) => {
        response.write('first')
        setTimeout(() => response.end('last'), LONGER_MS)
      },
    })
    const socket = connect(port, '127.0.0.1')
    socket.write(`GET / HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\n\r\n`)
    assert.match(await readUntil(socket, 'last'), /^HTTP\/1\.1 200 [\s\S]*first[\s\S]*last/)
    socket.destroy()
    await close()
  })

  it('is given up on when it does not say whether it switches to WebSocket', async () => {
    const { port, key, upstream, close } = await startGateway({ config: SECOND })
    const upgrades: Duplex[] = []
    upstream.on('upgrade', (_request, duplex) => upgrades.push(duplex))
    const socket = connect(port, '127.0.0.1')
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
    socket.write(`GET / HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\n${upgrade}\r\n`)
    assert.match(await readUntil(socket, '}'), /^HTTP\/1\.1 504 [\s\S]*UPSTREAM_TIMEOUT/)
    socket.destroy()
    assert.equal(upgrades.length, 1)
    upgrades[0]!.destroy()
    await close()
  })
})
