import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { closed, connectTls, startGateway } from '../testing/gateway-fixture.ts'
import { selfSigned } from '../testing/self-signed.ts'

const SERVER = selfSigned('gateway')

function head(key: string, ...lines: string[]): string {
  return ['GET /orders HTTP/1.1', 'Host: a', `X-API-Key: ${key}`, ...lines, '', ''].join('\r\n')
}

test('slow heads, dripping bodies and answers that are not read are cut off over TLS, too', async () => {
  const { port, key, upstream, close } = await startGateway({
    tls: SERVER,
    config: { gatewayStallSeconds: 1, requestHeadTimeoutSeconds: 1 },
    answer: (request, response) => {
      request.resume()
      const block = Buffer.alloc(65_536)
      const write = () => {
        while (response.write(block));
      }
      response.on('drain', write)
      if (request.method === 'GET') write()
    },
  })
  const slow = await connectTls(port, SERVER.cert)
  slow.write('GET / HTTP/1.1\r\nHost: a\r\n')
  slow.resume()
  await closed(slow)

  const dripping = await connectTls(port, SERVER.cert)
  dripping.write(head(key, 'Transfer-Encoding: chunked').replace('GET', 'POST'))
  dripping.resume()
  const timer = setInterval(() => dripping.write('1\r\nx\r\n'), 100)
  const [upload] = await requestOf(upstream)
  await Promise.all([closed(dripping), closed(upload)])
  clearInterval(timer)
  assert.equal(upload.complete, false)

  const full = await connectTls(port, SERVER.cert)
  full.write(head(key))
  const [download] = await requestOf(upstream)
  await closed(download.socket)
  full.destroy()
  await close()
})

function requestOf(upstream: NodeJS.EventEmitter): Promise<[IncomingMessage & { socket: Socket }]> {
  return once(upstream, 'request') as Promise<[IncomingMessage & { socket: Socket }]>
}
