import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { type ConnectionOptions, connect as connectOverTls } from 'node:tls'
import { certificateThumbprint, DpopNonces, parseIpRange } from '@credence/core'
import type { Config } from '../config.ts'
import { derFrom } from '../http/certificate-text.ts'
import { askOverTls } from '../testing/ask-over-tls.ts'
import { dpopClient, signingClient } from '../testing/bound-clients.ts'
import { type GatewayFixtureOptions, route, seenHeader, startGateway } from '../testing/gateway-fixture.ts'
import { selfSigned } from '../testing/self-signed.ts'

const ROUTES = [
  route('GET /orders/*=orders:read'),
  route('POST /orders/*=orders:read'),
  route('GET /open=public'),
]

/** The memory of used proofs begins with the process; these tests begin a while later. */
async function startBound(options: GatewayFixtureOptions) {
  let aheadMs = 0
  const clock = () => Date.now() + aheadMs
  const fixture = await startGateway({ ...options, clock, api: { routes: ROUTES, ...options.api } })
  aheadMs = 20_000
  return { ...fixture, clock }
}

async function codeOf(response: Response): Promise<string> {
  if (response.status < 400) return String(response.status)
  return ((await response.json()) as { code: string }).code
}

test('DPoP: a bound key passes beside a proof by jose, once; neither key nor proof goes on to the upstream', async () => {
  const client = await dpopClient()
  const { url, key, seen, clock, close } = await startBound({ credential: { binding: client.binding } })
  const target = `${url}/orders/7`
  const proof = await client.proof('GET', target, key, clock())
  const headers = { authorization: `DPoP ${key}`, dpop: proof }
  assert.equal((await fetch(`${target}?page=2`, { headers })).status, 200)
  assert.equal(seenHeader(seen[0]!, 'dpop'), undefined)
  assert.equal(seenHeader(seen[0]!, 'authorization'), undefined)
  const again = await fetch(target, { headers })
  assert.equal(again.status, 401)
  assert.match(again.headers.get('www-authenticate')!, /^DPoP realm="orders", error="invalid_dpop_proof"/)
  assert.equal(await codeOf(again), 'REPLAYED')
  await close()
})

test('DPoP: without a proof, as Bearer, or for another URI it is 401 with the challenge of RFC 9449', async () => {
  const client = await dpopClient()
  const { url, key, seen, clock, close } = await startBound({ credential: { binding: client.binding } })
  const target = `${url}/orders/7`
  const proofFor = (uri: string) => client.proof('GET', uri, key, clock())
  const refusals: [Record<string, string>, string, RegExp][] = [
    [{ 'x-api-key': key }, 'BINDING_REQUIRED', /error="invalid_token"/],
    [{ authorization: `Bearer ${key}`, dpop: await proofFor(target) }, 'BINDING_MISMATCH', /invalid_token/],
    [{ 'x-api-key': key, dpop: await proofFor(`${url}/orders/8`) }, 'BINDING_MISMATCH', /invalid_dpop_proof/],
    [
      { 'x-api-key': key, dpop: await proofFor('https://evil.example/orders/7') },
      'BINDING_MISMATCH',
      /proof/,
    ],
    [{ 'x-api-key': key, dpop: `${await proofFor(target)}, x` }, 'BINDING_MISMATCH', /invalid_dpop_proof/],
  ]
  for (const [headers, code, challenge] of refusals) {
    const response = await fetch(target, { headers })
    assert.equal(response.status, 401)
    assert.match(response.headers.get('www-authenticate')!, challenge)
    assert.match(response.headers.get('www-authenticate')!, /^DPoP .*algs="ES256 /)
    assert.equal(await codeOf(response), code)
  }
  assert.equal(seen.length, 0)
  await close()
})

test('DPoP: of 100 that race with one proof, one passes', async () => {
  const client = await dpopClient()
  const { url, key, seen, clock, close } = await startBound({ credential: { binding: client.binding } })
  const proof = await client.proof('GET', `${url}/orders/7`, key, clock())
  const headers = { authorization: `DPoP ${key}`, dpop: proof }
  const codes = await Promise.all(
    Array.from({ length: 100 }, async () => codeOf(await fetch(`${url}/orders/7`, { headers }))),
  )
  assert.equal(codes.filter((code) => code === '200').length, 1)
  assert.equal(codes.filter((code) => code === 'REPLAYED').length, 99)
  assert.equal(seen.length, 1)
  await close()
})

test('the URI is that of CREDENCE_GATEWAY_PUBLIC_URL and of the host of the API, whatever Host and X-Forwarded-Host say', async () => {
  const client = await dpopClient()
  const binding = client.binding
  const config = { gatewayPublicUrl: 'https://edge.example/gw/' }
  const { url, key, clock, close } = await startBound({ credential: { binding }, config })
  const ask = async (uri: string, more: Record<string, string> = {}) => {
    const dpop = await client.proof('GET', uri, key, clock())
    return codeOf(await fetch(`${url}/orders/7`, { headers: { 'x-api-key': key, dpop, ...more } }))
  }
  assert.equal(await ask('https://edge.example/gw/orders/7'), '200')
  assert.equal(await ask(`${url}/orders/7`), 'BINDING_MISMATCH')
  const forged = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' }
  assert.equal(await ask('https://evil.example/orders/7', forged), 'BINDING_MISMATCH')
  await close()
})

test('DPoP nonces: one is demanded and handed out, and answers go on handing it out', async () => {
  const client = await dpopClient()
  const config = { dpopNonces: true }
  const { url, key, context, clock, close } = await startBound({
    credential: { binding: client.binding },
    config,
  })
  assert.ok(context.verifier.dpopNonces instanceof DpopNonces)
  const target = `${url}/orders/7`
  const ask = async (claims: Record<string, unknown>) =>
    fetch(target, {
      headers: { 'x-api-key': key, dpop: await client.proof('GET', target, key, clock(), claims) },
    })
  const first = await ask({})
  const nonce = first.headers.get('dpop-nonce')
  assert.match(first.headers.get('www-authenticate')!, /error="use_dpop_nonce"/)
  const second = await ask({ nonce })
  assert.deepEqual([second.status, second.headers.get('dpop-nonce')], [200, nonce])
  assert.equal((await ask({ nonce: 'made up' })).status, 401)
  await close()
})

test('a public route asks nobody for a proof, and hands on what stands in its place', async () => {
  const { url, seen, close } = await startBound({})
  assert.equal((await fetch(`${url}/open`, { headers: { dpop: 'for the upstream' } })).status, 200)
  assert.equal(seenHeader(seen[0]!, 'dpop'), 'for the upstream')
  await close()
})

test('a signed request passes with the content that it was signed for, whole, and no other', async () => {
  const client = await signingClient()
  const { url, key, seen, clock, close } = await startBound({
    credential: { binding: client.binding },
    answer: (request, response) => request.pipe(response),
  })
  const target = `${url}/orders/7`
  const content = JSON.stringify({ quantity: 7 })
  const signed = () => client.headers({ method: 'POST', url: target, key, nowMs: clock(), content })
  const headers = await signed()
  const right = await fetch(target, { method: 'POST', body: content, headers })
  assert.equal(await right.text(), content, 'it reached the upstream')
  assert.equal(await codeOf(await fetch(target, { method: 'POST', body: content, headers })), 'REPLAYED')
  const tampered = await fetch(target, {
    method: 'POST',
    body: content.replace('7', '8'),
    headers: await client.headers({ method: 'POST', url: target, key, nowMs: clock() - 1000, content }),
  })
  assert.equal(await codeOf(tampered), 'BINDING_MISMATCH')
  const unsigned = await fetch(target, { method: 'POST', body: content, headers: { 'x-api-key': key } })
  assert.equal(await codeOf(unsigned), 'BINDING_REQUIRED')
  const bare = await client.headers({ method: 'GET', url: target, key, nowMs: clock() - 2000 })
  assert.equal((await fetch(target, { headers: bare })).status, 200)
  assert.equal(seen.length, 2)
  await close()
})

test('content that is longer than may be held is refused, with and without a length, and nothing is forwarded', async () => {
  const client = await signingClient()
  const { url, key, seen, clock, close } = await startBound({
    credential: { binding: client.binding },
    config: { bodyLimitBytes: 1024 },
  })
  const target = `${url}/orders/7`
  const content = 'x'.repeat(1025)
  for (const chunked of [false, true]) {
    const nowMs = clock() - (chunked ? 1000 : 0)
    const headers = await client.headers({ method: 'POST', url: target, key, nowMs, content })
    const body = chunked ? new Blob([content]).stream() : content
    const response = await fetch(target, { method: 'POST', body, headers, duplex: 'half' } as RequestInit)
    assert.equal(await codeOf(response), 'BAD_REQUEST')
  }
  assert.equal(seen.length, 0)
  await close()
})

const SERVER = selfSigned('gateway')
const CLIENT = selfSigned('client')
const OTHER = selfSigned('other')
const thumbprintOf = (cert: string) => certificateThumbprint(derFrom(cert)!)

async function startMtls(config: Partial<Config>, tls: GatewayFixtureOptions['tls']) {
  const binding = { type: 'mtls', thumbprint: thumbprintOf(CLIENT.cert) } as const
  return startBound({ credential: { binding }, config, ...(tls !== undefined && { tls }) })
}

test('mutual TLS: the certificate of the connection counts, and no other, and no header', async () => {
  const asking = { requestCert: true, rejectUnauthorized: false } as const
  const { port, key, seen, close } = await startMtls({ tlsClientCert: 'any' }, { ...SERVER, ...asking })
  const headers = { 'x-api-key': key }
  assert.equal(await askOverTls({ port, ca: SERVER.cert }, headers, CLIENT), '200')
  assert.equal(await askOverTls({ port, ca: SERVER.cert }, headers, OTHER), 'BINDING_MISMATCH')
  assert.equal(await askOverTls({ port, ca: SERVER.cert }, headers), 'BINDING_REQUIRED')
  const forged = { ...headers, 'client-cert': `:${Buffer.from(derFrom(CLIENT.cert)!).toString('base64')}:` }
  assert.equal(await askOverTls({ port, ca: SERVER.cert }, forged), 'BINDING_REQUIRED')
  assert.equal(await askOverTls({ port, ca: SERVER.cert }, forged, CLIENT), '200')
  assert.equal(seenHeader(seen.at(-1)!, 'client-cert'), undefined, 'nobody hands hearsay on')
  await close()
})

test('mutual TLS with authorities: a certificate that none of them vouches for is none', async () => {
  const asking = { requestCert: true, rejectUnauthorized: false, ca: OTHER.cert } as const
  const { port, key, close } = await startMtls({ tlsClientCert: 'ca' }, { ...SERVER, ...asking })
  assert.equal(await askOverTls({ port, ca: SERVER.cert }, { 'x-api-key': key }, CLIENT), 'BINDING_REQUIRED')
  assert.equal(
    await askOverTls({ port, ca: SERVER.cert }, { 'x-api-key': key }, OTHER),
    'BINDING_MISMATCH',
    'it was looked at',
  )
  await close()
})

/** One request on a connection of its own, and the session to resume it by. */
async function askResumably(port: number, key: string, options: ConnectionOptions) {
  const socket = connectOverTls({ host: '127.0.0.1', port, ca: SERVER.cert, ...options })
  let session: Buffer | null = null
  socket.on('session', (one: Buffer) => {
    session = one
  })
  await once(socket, 'secureConnect')
  const isResumed = socket.isSessionReused()
  socket.write(`GET /orders/7 HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\nConnection: close\r\n\r\n`)
  let answer = ''
  for await (const chunk of socket) answer += String(chunk)
  return { code: /"code":"([A-Z_]+)"/.exec(answer)?.[1] ?? '200', session: session!, isResumed }
}

test('a resumed session is as good as the one it resumes: without a certificate it stays without', async () => {
  const asking = { requestCert: true, rejectUnauthorized: false } as const
  const any = await startMtls({ tlsClientCert: 'any' }, { ...SERVER, ...asking })
  const bare = await askResumably(any.port, any.key, {})
  assert.equal(bare.code, 'BINDING_REQUIRED')
  const resumed = await askResumably(any.port, any.key, { session: bare.session, ...CLIENT })
  assert.deepEqual([resumed.isResumed, resumed.code], [true, 'BINDING_REQUIRED'])
  const shown = await askResumably(any.port, any.key, CLIENT)
  assert.equal(shown.code, '200')
  const again = await askResumably(any.port, any.key, { session: shown.session })
  assert.deepEqual([again.isResumed, again.code], [true, '200'], 'only whoever was there has its secrets')
  await any.close()
  // Node calls resumed sessions of TLS 1.3 authorized where it knows no certificate.
  const ca = await startMtls({ tlsClientCert: 'ca' }, { ...SERVER, ...asking, ca: OTHER.cert })
  const unvouched = await askResumably(ca.port, ca.key, CLIENT)
  const later = await askResumably(ca.port, ca.key, { session: unvouched.session })
  assert.deepEqual(
    [unvouched.code, later.isResumed, later.code],
    ['BINDING_REQUIRED', true, 'BINDING_REQUIRED'],
  )
  await ca.close()
})

test('Client-Cert counts from a trusted proxy where it is set that all of them say it, and else from nobody', async () => {
  const trustedProxies = [parseIpRange('127.0.0.0/8')!]
  const header = (cert: string) => `:${Buffer.from(derFrom(cert)!).toString('base64')}:`
  const cases: [Partial<Config>, string][] = [
    [{ trustedProxies, proxyClientCert: true }, '200'],
    [{ trustedProxies, proxyClientCert: false }, 'BINDING_REQUIRED'],
    [{ trustedProxies: [], proxyClientCert: true }, 'BINDING_REQUIRED'],
  ]
  for (const [config, expected] of cases) {
    const { url, key, close } = await startMtls(config, undefined)
    const ask = async (more: Record<string, string>) =>
      codeOf(await fetch(`${url}/orders/7`, { headers: { 'x-api-key': key, ...more } }))
    assert.equal(await ask({ 'client-cert': header(CLIENT.cert) }), expected)
    if (expected === '200') {
      assert.equal(await ask({ 'client-cert': header(OTHER.cert) }), 'BINDING_MISMATCH')
      assert.equal(
        await ask({ 'client-cert': `${header(CLIENT.cert)}, ${header(OTHER.cert)}` }),
        'BAD_REQUEST',
      )
      assert.equal(await ask({}), 'BINDING_REQUIRED')
    }
    await close()
  }
})
