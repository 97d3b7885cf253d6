import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { decryptionJwk, encryptJwe } from '@credence/core/testing/jwe-samples'
import {
  type LocalIssuer,
  signingKey,
  signToken,
  startLocalIssuer,
} from '../../issuers/testing/local-issuer.ts'
import { dpopClient } from '../../testing/bound-clients.ts'
import { bearer, fieldsOf, makeApi, type ProblemBody, verify } from '../../testing/issuing.ts'
import { startTestServer, type TestServer } from '../../testing/test-server.ts'

interface TokenBody extends ProblemBody {
  readonly access_token: string | null
  readonly token_type: string
  readonly expires_in: number
  readonly scope?: string
  readonly id: string
  readonly request_id: string
}

const AUDIENCE = 'https://orders.example'
const PUBLIC_URL = 'http://127.0.0.1'
const key = signingKey('k1')
const encryption = decryptionJwk('ECDH-ES+A256KW', { kid: 'enc-1' })

let server: TestServer
let sso: LocalIssuer
let nowMs = Math.floor(Date.now() / 1000) * 1000
let issuers = 0
/** A new one for each test: what is revoked stays so. */
let issuer = { id: '', name: '' }

before(async () => {
  sso = await startLocalIssuer(key)
  server = await startTestServer({ clock: () => nowMs, config: { publicUrl: PUBLIC_URL } })
  await makeApi(server, 'stock')
  for (const name of ['ci', 'other']) await made('/v1/principals', { name, type: 'service' })
})
after(async () => {
  await server.close()
  await sso.close()
})

beforeEach(anotherIssuer)

async function anotherIssuer(): Promise<void> {
  issuers += 1
  const name = `orders-${issuers}`
  await makeApi(server, name, { accepts: ['access_token'] })
  const trusted = { issuer: sso.url, audience: AUDIENCE, algorithms: ['ES256'], jwks_uri: `${sso.url}/jwks` }
  const { id } = await made('/v1/issuers', { name, api: name, ...trusted })
  issuer = { id, name }
}

async function made(path: string, body: object): Promise<{ id: string }> {
  const answer = await server.request<{ id: string }>('POST', path, body)
  assert.equal(answer.status, 201, answer.text)
  return answer.body
}

/** Of a job of `ci`; scopes are those of the test's own API. */
function aJwt(over: object = {}): string {
  const seconds = Math.floor(nowMs / 1000)
  const scope = `${issuer.name}:read ${issuer.name}:write admin:all`
  const claims = { iss: sso.url, sub: 'ci', aud: AUDIENCE, scope, jti: 'job-1', iat: seconds }
  return signToken(key, { ...claims, exp: seconds + 300, ...over })
}

function ask(jwt: string, body: object = {}, headers: Record<string, string> = bearer(jwt)) {
  return server.request<TokenBody>('POST', '/v1/tokens', { api: issuer.name, ...body }, headers)
}

async function exchange(jwt: string, body: object = {}) {
  const answer = await ask(jwt, body)
  assert.equal(answer.status, 200, answer.text)
  return { ...answer.body, access_token: answer.body.access_token! }
}

async function codeOf(credential: string, more: object = {}): Promise<string> {
  return (await verify(server, { api: issuer.name, credential, ...more })).code
}

async function patchIssuer(change: object): Promise<void> {
  const answer = await server.request('PATCH', `/v1/issuers/${issuer.name}`, change)
  assert.equal(answer.status, 200, answer.text)
}

async function revoke(body: object): Promise<void> {
  const answer = await server.request('POST', `/v1/issuers/${issuer.name}/revoke`, body)
  assert.equal(answer.status, 200, answer.text)
}

const inASecond = () => ({ before: new Date(nowMs + 1000).toISOString() })

describe("POST /v1/tokens with a trusted issuer's token", () => {
  it('gives an access token as the principal that the token names, of its scopes that the API has', async () => {
    const { name } = issuer
    const { access_token, id, ...rest } = await exchange(aJwt())
    const whole = `${name}:read ${name}:write`
    assert.deepEqual(rest, { token_type: 'Bearer', expires_in: 300, scope: whole, token_shown: false })
    const verdict = await verify(server, { api: name, credential: access_token })
    assert.deepEqual([verdict.code, verdict.principal?.name], ['VALID', 'ci'])
    assert.deepEqual(verdict.scopes, [`${name}:read`, `${name}:write`])
    const shown = await server.request('GET', `/v1/credentials/${id}`)
    assert.deepEqual([shown.body.kind, shown.body.parent], ['access_token', issuer.id])
    const listed = await server.request<{ items: { id: string }[] }>(
      'GET',
      `/v1/credentials?parent=${issuer.id}`,
    )
    assert.deepEqual(
      listed.body.items.map((item) => item.id),
      [id],
    )
    const trail = await server.request('GET', '/v1/audit')
    assert.match(trail.text, new RegExp(`"parent":"${issuer.id}","parent_jti":"job-1"`))
    assert.equal(await codeOf(aJwt()), 'KIND_NOT_ACCEPTED', 'the token itself goes to one address only')
  })

  it('gives fewer scopes where they are asked for, and never more than the token has', async () => {
    const { name } = issuer
    const narrow = await exchange(aJwt(), { scopes: [`${name}:read`] })
    assert.equal(narrow.scope, `${name}:read`)
    assert.equal(await codeOf(narrow.access_token, { scopes: `${name}:write` }), 'INSUFFICIENT_SCOPE')
    const reader = aJwt({ scope: `${name}:read` })
    assert.equal((await ask(reader, { scopes: [`${name}:write`] })).body.code, 'INSUFFICIENT_SCOPE')
    assert.equal((await exchange(aJwt({ scope: 'admin:all' }))).scope, undefined)
  })

  it('gives none that outlives the exp of the token, whatever leeway the clock of its issuer has', async () => {
    const token = await exchange(aJwt(), { expires_in: 3600 })
    assert.equal(token.expires_in, 300)
    assert.equal((await exchange(aJwt(), { expires_in: 60 })).expires_in, 60)
    const jwt = aJwt()
    nowMs += 300_000
    assert.equal(await codeOf(token.access_token), 'EXPIRED')
    const late = await ask(jwt)
    assert.deepEqual([late.status, late.body.code], [409, 'CONFLICT'], 'still VALID by the leeway')
    nowMs += 60_000
    assert.equal((await ask(jwt)).body.code, 'EXPIRED')
  })

  it('gives one that dies with the acknowledgement of each revocation of its issuer', async () => {
    const all = [
      ['REVOKED', () => revoke(inASecond())],
      ['REVOKED', () => revoke({ ...inASecond(), principal: 'ci' })],
      ['REVOKED', () => revoke({ jti: 'job-1' })],
      ['DISABLED', () => patchIssuer({ disabled: true })],
      ['INSUFFICIENT_SCOPE', () => patchIssuer({ claims: { scopes: [`${issuer.name}:write`] } })],
      ['REVOKED', () => server.request('DELETE', `/v1/issuers/${issuer.name}`)],
    ] as const
    for (const [code, change] of all) {
      const tokens = [await exchange(aJwt()), await exchange((await exchange(aJwt())).access_token)]
      const scopes = `${issuer.name}:read`
      for (const { access_token } of tokens) assert.equal(await codeOf(access_token, { scopes }), 'VALID')
      await change()
      for (const { access_token } of tokens)
        assert.equal(await codeOf(access_token, { scopes }), code, String(change))
      await anotherIssuer()
    }
  })

  it('gives one that goes on when another token, another principal or an earlier moment is meant', async () => {
    const { access_token } = await exchange(aJwt())
    await revoke({ jti: 'job-2' })
    await revoke({ ...inASecond(), principal: 'other' })
    await revoke({ before: new Date(nowMs).toISOString() })
    assert.equal(await codeOf(access_token), 'VALID')
    await revoke({ jti: 'job-1' })
    assert.equal(await codeOf(access_token), 'REVOKED')
    assert.equal((await ask(aJwt())).body.code, 'REVOKED')
  })

  it('gives one that is of the past once it was given, whatever iat its token has by the leeway of clocks', async () => {
    const { access_token } = await exchange(aJwt({ iat: nowMs / 1000 + 30 }))
    nowMs += 1000
    await revoke({ before: new Date(nowMs).toISOString() })
    assert.equal(await codeOf(access_token), 'REVOKED')
  })

  it('gives one that is revoked by itself, and by whoever holds it', async () => {
    const [one, other] = [await exchange(aJwt()), await exchange(aJwt())]
    await server.request('POST', `/v1/credentials/${one.id}/revoke`, {})
    assert.deepEqual([await codeOf(one.access_token), await codeOf(other.access_token)], ['REVOKED', 'VALID'])
    const self = await server.request('POST', '/v1/credentials/self/revoke', {}, bearer(other.access_token))
    assert.equal(self.status, 200)
    assert.equal(await codeOf(other.access_token), 'REVOKED')
  })

  it('counts with the tokens of the principal at the issuer, and not with those of another one', async () => {
    await patchIssuer({ limits: [{ name: 'default', limit: 2, window_seconds: 3600 }] })
    const { access_token } = await exchange(aJwt())
    assert.equal(await codeOf(access_token), 'VALID')
    assert.equal(await codeOf(access_token), 'RATE_LIMITED')
    assert.equal((await ask(aJwt({ jti: 'job-2' }))).status, 429)
    assert.equal((await ask(aJwt({ sub: 'other' }))).status, 200)
  })

  it('takes encrypted tokens', async () => {
    await patchIssuer({ decryption: { jwks: { keys: [encryption] } } })
    const { access_token } = await exchange(await encryptJwe(aJwt(), encryption, 'A256GCM'))
    assert.equal(await codeOf(access_token), 'VALID')
    await revoke({ jti: 'job-1' })
    assert.equal(await codeOf(access_token), 'REVOKED')
  })

  it('demands the proof of a token that is bound to a key, and gives one that is bound to it', async () => {
    const client = await dpopClient()
    assert.equal(client.binding.type, 'dpop')
    const jwt = aJwt({ cnf: { jkt: client.binding.thumbprint } })
    assert.equal((await ask(jwt)).body.code, 'BINDING_REQUIRED')
    // The memory of used proofs begins with the process; this begins a while later.
    nowMs += 20_000
    const proof = await client.proof('POST', `${PUBLIC_URL}/v1/tokens`, jwt, nowMs)
    const bound = await ask(jwt, {}, { authorization: `DPoP ${jwt}`, dpop: proof })
    assert.deepEqual([bound.status, bound.body.token_type], [200, 'DPoP'], bound.text)
    assert.equal(await codeOf(bound.body.access_token!), 'BINDING_REQUIRED')
  })

  it('takes none of an issuer that is trusted for another API, and tells nobody which APIs there are', async () => {
    const jwt = aJwt()
    const answers = new Set<string>()
    for (const api of ['stock', 'nothing', 'api_000000000000', 'credence']) {
      const { status, headers, body } = await ask(jwt, { api })
      const { request_id, ...told } = body
      assert.match(request_id, /./)
      answers.add(JSON.stringify([status, headers.get('www-authenticate'), told]))
    }
    assert.equal(answers.size, 1, [...answers].join('\n'))
    assert.match([...answers][0]!, /401.*realm=.*credence.*UNTRUSTED_ISSUER/)
    const malformed = new Set<string>()
    for (const api of ['stock', 'nothing']) malformed.add((await ask('e30.e30.AAAA', { api })).body.code)
    assert.deepEqual([...malformed], ['MALFORMED'])
    assert.equal((await ask(aJwt({ aud: 'https://else.example' }))).body.code, 'WRONG_AUDIENCE')
    assert.equal((await ask(aJwt({ sub: 'nobody' }))).body.code, 'NOT_FOUND')
  })

  it('gives none for the API credence, whatever may be administered with the token itself', async () => {
    const name = `admin-${issuer.name}`
    const keys = { algorithms: ['ES256'], jwks_uri: `${sso.url}/jwks` }
    const claims = { scopes: ['credentials:read'] }
    await made('/v1/issuers', { name, api: 'credence', issuer: sso.url, audience: name, ...keys, claims })
    const jwt = aJwt({ aud: name })
    assert.equal((await server.request('GET', '/v1/credentials', undefined, bearer(jwt))).status, 200)
    const unknown = await ask(jwt, { api: 'nothing' })
    assert.equal(unknown.body.code, 'UNTRUSTED_ISSUER', 'whatever was proven for administration')
    assert.deepEqual(fieldsOf(await ask(jwt, { api: 'credence' })), ['api'])
  })

  it('needs an API that accepts its tokens or access tokens: an issuer of another one is of no use', async () => {
    await makeApi(server, 'keys-only', { accepts: ['api_key'] })
    const keys = { algorithms: ['ES256'], jwks_uri: `${sso.url}/jwks` }
    const trusted = { name: 'useless', api: 'keys-only', issuer: sso.url, audience: AUDIENCE, ...keys }
    const refused = await server.request<ProblemBody>('POST', '/v1/issuers', trusted)
    assert.deepEqual([refused.status, fieldsOf(refused)], [422, ['api']])
  })

  it('makes one for an Idempotency-Key of a principal, and none of another one is told', async () => {
    const headers = (jwt: string) => ({ ...bearer(jwt), 'idempotency-key': 'job' })
    const [first, again] = [aJwt(), aJwt({ jti: 'job-2' })]
    const one = await ask(first, {}, headers(first))
    const replay = await ask(again, {}, headers(again))
    assert.deepEqual([replay.body.id, replay.body.access_token], [one.body.id, null])
    const stranger = aJwt({ sub: 'other' })
    assert.notEqual((await ask(stranger, {}, headers(stranger))).body.id, one.body.id)
  })
})

describe("POST /v1/tokens with an issuer's token, in a workspace of its own,", () => {
  it('takes the API by its id, and gives a token of that workspace', async () => {
    const workspace = await server.request<{ admin_key: { secret: string } }>('POST', '/v1/workspaces', {
      name: 'acme',
    })
    const admin = bearer(workspace.body.admin_key.secret)
    const api = await makeApi(
      server,
      'elsewhere',
      { audience: AUDIENCE, base_path: '/elsewhere' },
      workspace.body.admin_key.secret,
    )
    await server.request('POST', '/v1/principals', { name: 'ci', type: 'service' }, admin)
    const keys = { algorithms: ['ES256'], jwks: { keys: [key.jwk] } }
    const trusted = { name: 'sso', api, issuer: sso.url, audience: AUDIENCE, ...keys }
    const created = await server.request('POST', '/v1/issuers', trusted, admin)
    assert.equal(created.status, 201, created.text)
    const jwt = aJwt({ scope: 'elsewhere:read' })
    const { access_token, id } = await exchange(jwt, { api })
    const shown = await server.request('GET', `/v1/credentials/${id}`, undefined, admin)
    assert.equal(shown.body.parent, created.body.id)
    assert.equal((await server.request('GET', `/v1/credentials/${id}`)).status, 404)
    assert.equal(await codeOf(access_token), 'NOT_FOUND', 'an API of the same audience, of another workspace')
    assert.equal((await ask(jwt, { api: 'elsewhere' })).body.code, 'UNTRUSTED_ISSUER')
  })
})
