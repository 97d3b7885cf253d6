import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { type TestContext, test } from 'node:test'
import { parseIpRange } from '@credence/core'
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose'
import type { Context } from '../context.ts'
import { registerForwardAuth } from '../forward-auth/forward-auth.ts'
import { createApp } from '../http/app.ts'
import { registerWellKnown } from '../http/well-known.ts'
import { keepSigningKeys } from '../operations/signing-keys.ts'
import {
  type GatewayFixtureOptions,
  listen,
  route,
  seenHeader,
  startGateway,
} from '../testing/gateway-fixture.ts'
import { putRecords } from '../testing/protected-api.ts'

const ISSUER = 'https://credence.example'
const AUDIENCE = 'https://orders.example'
const ROUTES = [route('GET /orders/*=orders:read'), route('GET /open=public')]
const PLAIN = 'principal principal-name external-id credential scopes workspace stale'.split(' ')

/** A gateway before an upstream that verifies what it is told, by the published keys alone. */
async function startTelling(t: TestContext, options: GatewayFixtureOptions = {}) {
  const time = { nowMs: Date.now() }
  const gateway = await startGateway({
    ...options,
    clock: () => time.nowMs,
    config: { publicUrl: ISSUER, trustedProxies: [parseIpRange('127.0.0.0/8')!], ...options.config },
    api: { routes: ROUTES, identityToken: true, ...options.api },
    principal: { name: 'Zoë', externalId: 'cus 42' },
  })
  t.after(gateway.close)
  const { context } = gateway
  await keepSigningKeys(context)
  await context.follower.poll()
  const keysUrl = await serveOthers(t, context)
  const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', keysUrl))
  const verified = async (token: string) =>
    (await jwtVerify(token, keys, { issuer: ISSUER, audience: AUDIENCE, typ: 'credence-identity+jwt' }))
      .payload
  return { ...gateway, time, verified, keysUrl }
}

/** The key set and forward-auth, on a listener of their own. */
async function serveOthers(t: TestContext, context: Context): Promise<string> {
  const app = createApp(context)
  registerForwardAuth(app, context)
  registerWellKnown(app, context)
  await app.ready()
  t.after(() => app.close())
  return `http://127.0.0.1:${await listen(app.server)}`
}

function toldBy(request: IncomingMessage | undefined): string {
  return seenHeader(request!, 'x-credence-identity') ?? ''
}

test('the upstream gets a short-lived JWT that says who is calling, and none of the plain headers', async (t) => {
  const { url, key, seen, verified, principal, credential, time } = await startTelling(t)
  assert.equal((await fetch(`${url}/orders/7`, { headers: { 'x-api-key': key } })).status, 200)
  const { jti, ...claims } = await verified(toldBy(seen[0]))
  const iat = Math.floor(time.nowMs / 1000)
  assert.deepEqual(claims, {
    ...{ iss: ISSUER, aud: AUDIENCE, sub: principal.id, client_id: principal.id, iat, exp: iat + 60 },
    ...{ scope: 'orders:read', credential: credential.id, credential_kind: 'api_key', credential_version: 1 },
    ...{ name: 'Zoë', external_id: 'cus 42', workspace: principal.workspaceId },
  })
  assert.match(jti!, /^[0-9A-Za-z]{22}$/)
  for (const name of PLAIN) assert.equal(seenHeader(seen[0]!, `x-credence-${name}`), undefined, name)
  assert.ok(seenHeader(seen[0]!, 'x-credence-request-id'))
  assert.equal(seenHeader(seen[0]!, 'x-api-key'), undefined)
})

test('without the setting the plain headers go on, and no JWT', async (t) => {
  const { url, key, seen } = await startTelling(t, { api: { identityToken: false } })
  await fetch(`${url}/orders/7`, { headers: { 'x-api-key': key } })
  assert.equal(toldBy(seen[0]), '')
  assert.ok(seenHeader(seen[0]!, 'x-credence-principal'))
})

test('one is handed on again for half of its life, and signed anew as soon as anything it says changed', async (t) => {
  const { url, key, seen, time, context, principal } = await startTelling(t)
  const told = async () => {
    await fetch(`${url}/orders/7`, { headers: { 'x-api-key': key } })
    return toldBy(seen.at(-1))
  }
  const first = await told()
  assert.equal(await told(), first)
  time.nowMs += 29_000
  await context.follower.poll()
  assert.equal(await told(), first)
  time.nowMs += 1_000
  await context.follower.poll()
  const second = await told()
  assert.notEqual(second, first)
  await putRecords(context, [{ table: 'principal', record: { ...principal, revision: 2, name: 'Zoë B' } }])
  assert.equal(decodeJwt(await told()).name, 'Zoë B')
})

test('what a caller sends under its name, or a name that could be taken for it, does not reach the upstream', async (t) => {
  const { url, key, seen, verified } = await startTelling(t)
  const forged = 'eyJhbGciOiJub25lIn0.e30.'
  const headers = { 'x-api-key': key, 'X-Credence-Identity': forged, X_Credence_Identity: forged }
  await fetch(`${url}/orders/7`, { headers })
  assert.ok(await verified(toldBy(seen.at(-1))))
  assert.equal(seenHeader(seen.at(-1)!, 'x_credence_identity'), undefined)
  await fetch(`${url}/open`, { headers })
  assert.equal(toldBy(seen.at(-1)), '', 'on a public route nobody was asked who they are')
})

test('it opens nothing here: it is no access token, whatever its signature', async (t) => {
  const { url, key, seen, context, api } = await startTelling(t)
  await fetch(`${url}/orders/7`, { headers: { 'x-api-key': key } })
  const token = toldBy(seen[0])
  await putRecords(context, [
    { table: 'api', record: { ...api, revision: 2, accepts: ['access_token', 'jwt'] } },
  ])
  const answer = await fetch(`${url}/orders/7`, { headers: { authorization: `Bearer ${token}` } })
  const { code } = (await answer.json()) as { code: string }
  assert.deepEqual([answer.status, code], [401, 'MALFORMED'])
})

test('a token of ours that comes on a public route stays here, as a key does', async (t) => {
  const { url, key, seen } = await startTelling(t)
  await fetch(`${url}/orders/7`, { headers: { 'x-api-key': key } })
  const ours = toldBy(seen[0])
  await fetch(`${url}/open`, { headers: { authorization: `Bearer ${ours}` } })
  assert.equal(seenHeader(seen[1]!, 'authorization'), undefined)
  const theirs = `${ours.split('.')[0]}.${Buffer.from('{"iss":"urn:else"}').toString('base64url')}.AAAA`
  await fetch(`${url}/open`, { headers: { authorization: `Bearer ${theirs}` } })
  assert.equal(seenHeader(seen[2]!, 'authorization'), `Bearer ${theirs}`, 'the control: of another issuer')
})

test('forward-auth hands the same JWT to the proxy, and overwrites what a caller may have sent as plain headers', async (t) => {
  const { key, keysUrl, verified, principal } = await startTelling(t)
  const asked = (uri: string, more: object) =>
    fetch(`${keysUrl}/v1/authorize/orders`, {
      headers: { 'x-forwarded-method': 'GET', 'x-forwarded-uri': uri, ...more },
    })
  const allowed = await asked('/orders/7', { 'x-api-key': key })
  assert.equal(allowed.status, 200)
  assert.equal((await verified(allowed.headers.get('x-credence-identity')!)).sub, principal.id)
  for (const name of PLAIN) assert.equal(allowed.headers.get(`x-credence-${name}`), '', name)
  const open = await asked('/open', {})
  assert.equal(open.headers.get('x-credence-identity'), '')
})
