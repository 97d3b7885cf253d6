import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:https'
import { test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { listen, startGateway } from '../testing/gateway-fixture.ts'
import { selfSigned } from '../testing/self-signed.ts'

const MEGABYTE = 1_048_576

test('an upstream over TLS is forwarded to, and answers of every size come whole, if its certificate is trusted', async () => {
  const certificate = selfSigned('upstream')
  // No piece is like another, so one in the wrong place is seen.
  const large = Buffer.from(Uint32Array.from({ length: (5 * MEGABYTE) / 4 }, (_, i) => i).buffer)
  const upstream = createServer(certificate, (request, response) => {
    if (request.url === '/large') response.end(large)
    else response.end(`over TLS: ${request.headers['x-credence-principal']}`)
  })
  const upstreamPort = await listen(upstream)
  const { url, key, principal, close } = await startGateway({ upstream: `https://127.0.0.1:${upstreamPort}` })
  const get = (path: string) => fetch(url + path, { headers: { 'x-api-key': key } })
  assert.equal((await get('/')).status, 502)
  setDefaultCACertificates([...getCACertificates(), certificate.cert])
  for (let i = 0; i < 3; i += 1) {
    const [small, whole] = await Promise.all([get('/'), get('/large')])
    assert.equal(await small.text(), `over TLS: ${principal.id}`)
    assert.ok(large.equals(Buffer.from(await whole.arrayBuffer())))
  }
  await close()
  upstream.closeAllConnections()
  const closed = once(upstream, 'close')
  upstream.close()
  await closed
})
