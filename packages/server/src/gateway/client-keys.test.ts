import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Binding,
  type CredentialRecord,
  certificateThumbprint,
  clientIdOf,
  parseIpRange,
} from '@credence/core'
import { derFrom } from '../http/certificate-text.ts'
import { askOverTls } from '../testing/ask-over-tls.ts'
import { assertionClient } from '../testing/assertion-client.ts'
import { type GatewayFixtureOptions, route, seenHeader, startGateway } from '../testing/gateway-fixture.ts'
import { selfSigned } from '../testing/self-signed.ts'

const SERVER = selfSigned('gateway')
const CLIENT = selfSigned('client')
const OTHER = selfSigned('other')
const PRINCIPAL = 'prn_0123456789ab'
const CLIENT_ID = clientIdOf(PRINCIPAL)
const AUDIENCE = 'https://orders.example'

const certificateOf = (cert: string): Binding => ({
  type: 'mtls',
  thumbprint: certificateThumbprint(derFrom(cert)!),
})

function clientKey(binding: Binding): Partial<CredentialRecord> {
  const version = { version: 1, sealedDigest: '', createdAtMs: 0, endsAtMs: null, revokedAtMs: null }
  return { kind: 'client_key', keyPrefix: '', handle: binding.thumbprint, binding, versions: [version] }
}

/** The memory of what was used begins with the process; these tests begin a while later. */
async function start(binding: Binding, options: GatewayFixtureOptions = {}) {
  let aheadMs = 0
  const clock = () => Date.now() + aheadMs
  const fixture = await startGateway({
    ...options,
    clock,
    api: { accepts: ['client_key', 'api_key'], ...options.api },
    principal: { id: PRINCIPAL },
    credential: clientKey(binding),
  })
  aheadMs = 20_000
  const ask = async (headers: Record<string, string>) => {
    const response = await fetch(`${fixture.url}/orders/7`, { headers })
    return response.status < 400
      ? String(response.status)
      : ((await response.json()) as { code: string }).code
  }
  return { ...fixture, clock, ask }
}

test('an assertion by jose passes once, and goes on to no upstream', async () => {
  for (const alg of ['ES256', 'PS256', 'EdDSA'] as const) {
    const client = await assertionClient(alg)
    const { ask, seen, clock, close } = await start(client.binding)
    const claims = { clientId: CLIENT_ID, audience: AUDIENCE, nowMs: clock() }
    const authorization = `Bearer ${await client.assertion(claims)}`
    assert.equal(await ask({ authorization }), '200', alg)
    assert.equal(seenHeader(seen[0]!, 'authorization'), undefined)
    assert.equal(await ask({ authorization }), 'REPLAYED')
    assert.equal(seen.length, 1)
    await close()
  }
})

test('of 50 that race with one assertion, one passes', async () => {
  const client = await assertionClient()
  const { ask, seen, clock, close } = await start(client.binding)
  const token = await client.assertion({ clientId: CLIENT_ID, audience: AUDIENCE, nowMs: clock() })
  const authorization = `Bearer ${token}`
  const codes = await Promise.all(Array.from({ length: 50 }, () => ask({ authorization })))
  assert.equal(codes.filter((code) => code === '200').length, 1)
  assert.equal(codes.filter((code) => code === 'REPLAYED').length, 49)
  assert.equal(seen.length, 1)
  await close()
})

test('an assertion for two, for somebody else, about another, by another key or of another client is refused', async () => {
  const client = await assertionClient()
  const stranger = await assertionClient()
  const { ask, seen, clock, close } = await start(client.binding)
  const claims = { clientId: CLIENT_ID, audience: AUDIENCE, nowMs: clock() }
  const wrong: [string, string][] = [
    [await client.assertion({ ...claims, audience: [AUDIENCE, 'https://evil.example'] }), 'MALFORMED'],
    [await client.assertion({ ...claims, audience: 'https://evil.example' }), 'WRONG_AUDIENCE'],
    [await client.assertion({ ...claims, subject: 'cli_ba9876543210' }), 'MALFORMED'],
    [await stranger.assertion(claims), 'NOT_FOUND'],
    [await client.assertion({ ...claims, clientId: 'cli_ba9876543210' }), 'NOT_FOUND'],
    [await client.assertion({ ...claims, nowMs: clock() - 120_000 }), 'EXPIRED'],
  ]
  for (const [token, code] of wrong) assert.equal(await ask({ authorization: `Bearer ${token}` }), code)
  assert.equal(seen.length, 0)
  assert.equal(await ask({ authorization: `Bearer ${await client.assertion(claims)}` }), '200', 'the control')
  await close()
})

test('a self-signed certificate of the connection is the credential, where nothing else is presented', async () => {
  const tls = { ...SERVER, requestCert: true, rejectUnauthorized: false } as const
  const { port, key, seen, close } = await start(certificateOf(CLIENT.cert), {
    config: { tlsClientCert: 'any' },
    tls,
  })
  const to = { port, ca: SERVER.cert }
  assert.equal(await askOverTls(to, {}, CLIENT), '200')
  assert.equal(await askOverTls(to, {}, OTHER), 'NOT_FOUND')
  assert.equal(await askOverTls(to, {}), 'MISSING')
  // The fixture's key is of a credential without a secret: beside it, the certificate does not step in.
  assert.equal(await askOverTls(to, { 'x-api-key': key }, CLIENT), 'NOT_FOUND')
  assert.equal(seen.length, 1)
  await close()
})

test('Client-Cert is the credential from a trusted proxy that says it, and from nobody else', async () => {
  const header = (cert: string) => `:${Buffer.from(derFrom(cert)!).toString('base64')}:`
  const trustedProxies = [parseIpRange('127.0.0.0/8')!]
  for (const [config, expected] of [
    [{ trustedProxies, proxyClientCert: true }, '200'],
    [{ trustedProxies, proxyClientCert: false }, 'MISSING'],
    [{ trustedProxies: [], proxyClientCert: true }, 'MISSING'],
  ] as const) {
    const { ask, close } = await start(certificateOf(CLIENT.cert), { config })
    assert.equal(await ask({ 'client-cert': header(CLIENT.cert) }), expected)
    if (expected === '200') {
      assert.equal(await ask({ 'client-cert': header(OTHER.cert) }), 'NOT_FOUND')
      const two = `${header(CLIENT.cert)}, ${header(OTHER.cert)}`
      assert.equal(await ask({ 'client-cert': two }), 'BAD_REQUEST')
      assert.equal(await ask({}), 'MISSING')
    }
    await close()
  }
})

test('an API that does not say so takes neither', async () => {
  const client = await assertionClient()
  const trustedProxies = [parseIpRange('127.0.0.0/8')!]
  const { ask, clock, close } = await start(client.binding, {
    api: { accepts: ['api_key', 'jwt'] },
    config: { trustedProxies, proxyClientCert: true },
  })
  const token = await client.assertion({ clientId: CLIENT_ID, audience: AUDIENCE, nowMs: clock() })
  assert.equal(await ask({ authorization: `Bearer ${token}` }), 'KIND_NOT_ACCEPTED')
  const shown = `:${Buffer.from(derFrom(CLIENT.cert)!).toString('base64')}:`
  assert.equal(await ask({ 'client-cert': shown }), 'MISSING')
  await close()
})

test('where a route is public nobody uses an assertion up, so it is kept from the upstream; what is not ours goes on', async () => {
  const client = await assertionClient()
  const { ask, seen, clock, close } = await start(client.binding, {
    api: { routes: [route('GET /orders/*=public')] },
  })
  const claims = { audience: AUDIENCE, nowMs: clock() }
  const ours = `Bearer ${await client.assertion({ ...claims, clientId: CLIENT_ID })}`
  assert.equal(await ask({ authorization: ours }), '200')
  assert.equal(seenHeader(seen[0]!, 'authorization'), undefined)
  const theirs = `Bearer ${await client.assertion({ ...claims, clientId: 'https://sso.example' })}`
  assert.equal(await ask({ authorization: theirs }), '200')
  assert.equal(seenHeader(seen[1]!, 'authorization'), theirs)
  await close()
})
