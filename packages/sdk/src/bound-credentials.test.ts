import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, request as requestOverTls } from 'node:https'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { selfSigned } from '@credence/server/testing/self-signed'
import { authenticatedFetch } from './authenticated-fetch.ts'
import { createGuard } from './guard.ts'
import { ADAPTERS } from './testing/guarded-apps.ts'
import { startGuarded } from './testing/guarded-server.ts'
import type { Fetch } from './transport.ts'

const PUBLIC_URL = 'https://orders.example/v1'

/** What a proxy of TLS before the server does with its path and host. */
function throughProxy(url: string): Fetch {
  return (input, init) => {
    const { pathname, search } = new URL(String(input))
    return fetch(url + pathname.slice('/v1'.length) + search, init)
  }
}

function keyPair() {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { jwk: publicKey.export({ format: 'jwk' }), secret: privateKey.export({ format: 'jwk' }) }
}

for (const adapter of ADAPTERS) {
  describe(`the guard on ${adapter.name}, asked with a key that is bound by DPoP`, () => {
    it('lets authenticatedFetch pass, each time with another proof, and nobody else with that key', async () => {
      const here = await startGuarded(adapter, { publicUrl: `${PUBLIC_URL}/` })
      try {
        const { jwk, secret } = keyPair()
        const key = await here.keyFor(['orders:read'], { binding: { type: 'dpop', jwk } })
        const options = { baseUrl: PUBLIC_URL, key, fetch: throughProxy(here.url) }
        const bound = authenticatedFetch({ ...options, dpop: secret })
        for (let i = 0; i < 3; i++) assert.equal((await bound('/v1/orders/7?page=2')).status, 200)
        const bare = authenticatedFetch({ ...options, header: 'x-api-key', dpop: secret })
        assert.equal((await bare('/v1/orders/7')).status, 200)
        const thief = await authenticatedFetch(options)('/v1/orders/7')
        assert.equal(thief.status, 401)
        assert.match(thief.headers.get('www-authenticate')!, /^DPoP realm="orders", error="invalid_token"/)
        const other = authenticatedFetch({ ...options, dpop: keyPair().secret })
        assert.equal((await other('/v1/orders/7')).status, 401)
        assert.equal(here.seen.requests.length, 4)
      } finally {
        await here.close()
      }
    })

    it('asks for a nonce once, which authenticatedFetch then puts into every proof', async () => {
      const here = await startGuarded(adapter, { publicUrl: PUBLIC_URL }, {}, { dpopNonces: true })
      try {
        const { jwk, secret } = keyPair()
        const key = await here.keyFor(['orders:read'], { binding: { type: 'dpop', jwk } })
        const statuses: number[] = []
        const send = throughProxy(here.url)
        const counting: Fetch = async (input, init) => {
          const response = await send(input, init)
          statuses.push(response.status)
          return response
        }
        const bound = authenticatedFetch({ baseUrl: PUBLIC_URL, key, dpop: secret, fetch: counting })
        for (let i = 0; i < 3; i++) {
          const response = await bound('/v1/orders/7')
          assert.equal(response.status, 200)
          assert.ok(response.headers.get('dpop-nonce'))
        }
        assert.deepEqual(statuses, [401, 200, 200, 200])
      } finally {
        await here.close()
      }
    })

    it('is not told the address by the request: without publicUrl no proof counts', async () => {
      const here = await startGuarded(adapter)
      try {
        const { jwk, secret } = keyPair()
        const key = await here.keyFor(['orders:read'], { binding: { type: 'dpop', jwk } })
        const bound = authenticatedFetch({ baseUrl: here.url, key, dpop: secret })
        assert.equal((await bound('/orders/7')).status, 401)
      } finally {
        await here.close()
      }
    })
  })
}

describe('authenticatedFetch with a key pair', () => {
  it('takes what WebCrypto makes, and tells at the first use of what is no private key, without quoting it', async () => {
    const seen: string[] = []
    const record: Fetch = async (_url, init) => {
      seen.push(new Headers(init?.headers).get('dpop')!)
      return new Response()
    }
    const options = { baseUrl: 'https://orders.example', key: 'k', fetch: record }
    const ec = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, false, [
      'sign',
      'verify',
    ])
    const okp = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
    await authenticatedFetch({ ...options, dpop: ec })('/')
    await authenticatedFetch({ ...options, dpop: okp })('/')
    const algorithms = seen.map((proof) => {
      const { alg, jwk } = JSON.parse(Buffer.from(proof.split('.')[0]!, 'base64url').toString())
      assert.ok(!('d' in jwk), 'the private key stays')
      return alg
    })
    assert.deepEqual(algorithms, ['ES384', 'EdDSA'])
    const { jwk, secret } = keyPair()
    for (const dpop of [jwk, { ...secret, d: 'c2VjcmV0' }, { kty: 'oct', k: 'c2VjcmV0' }]) {
      await assert.rejects(authenticatedFetch({ ...options, dpop })('/'), (error: Error) => {
        assert.ok(error instanceof TypeError)
        return /^dpop: /.test(error.message) && !error.message.includes('c2VjcmV0')
      })
    }
  })
})

describe('the guard, asked with a key that is bound to a client certificate', () => {
  it('tells the certificate of the connection, and believes Client-Cert from trusted proxies alone', async () => {
    const [server, client, other] = [selfSigned('server'), selfSigned('client'), selfSigned('other')]
    const here = await startGuarded(ADAPTERS[0]!)
    const key = await here.keyFor(['orders:read'], { binding: { type: 'mtls', certificate: client.cert } })
    const base = { api: 'orders', url: here.credence.url, key: here.guardKey }
    const derOf = (pem: string) => pem.replace(/-----[A-Z ]+-----|\s/g, '')
    const forged = { 'client-cert': `:${derOf(client.cert)}:` }
    const trusting = { trustedProxies: ['127.0.0.1'] }
    const cases = [
      [{}, client, {}, 200],
      [{}, other, {}, 401],
      [{}, {}, {}, 401],
      [{}, {}, forged, 401],
      [trusting, client, {}, 401],
      [trusting, {}, forged, 401],
      [{ ...trusting, proxyClientCert: true }, {}, forged, 200],
      [{ ...trusting, proxyClientCert: true }, client, {}, 401],
    ] as const
    for (const [index, [options, certificate, headers, expected]] of cases.entries()) {
      const guard = createGuard({ ...base, ...options })
      const app = createServer(
        { ...server, requestCert: true, rejectUnauthorized: false },
        guard.node('orders:read', (_request: IncomingMessage, response: ServerResponse) => response.end()),
      )
      await once(app.listen(0, '127.0.0.1'), 'listening')
      const { port } = app.address() as AddressInfo
      const status = await new Promise((resolve, reject) => {
        const sent = { host: '127.0.0.1', port, ca: server.cert, agent: false, ...certificate }
        requestOverTls({ ...sent, headers: { 'x-api-key': key, ...headers } }, (response) => {
          response.resume()
          resolve(response.statusCode)
        })
          .on('error', reject)
          .end()
      })
      assert.equal(status, expected, `case ${index}`)
      app.closeAllConnections()
      app.close()
    }
    await here.close()
  })
})
