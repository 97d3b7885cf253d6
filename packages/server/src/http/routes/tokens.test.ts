import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { bearer, fieldsOf, issue, makeApi, type ProblemBody, show, verify } from '../../testing/issuing.ts'
import { startTestServer, type TestResponse, type TestServer } from '../../testing/test-server.ts'

interface TokenBody extends ProblemBody {
  readonly access_token: string | null
  readonly token_type: string
  readonly expires_in: number
  readonly scope?: string
  readonly id: string
  readonly token_shown: boolean
}

let server: TestServer
let nowMs = Date.UTC(2026, 5, 16, 12)

before(async () => {
  server = await startTestServer({ clock: () => nowMs })
  await makeApi(server, 'orders')
  await makeApi(server, 'stock')
})
after(() => server.close())

function ask(
  key: string | null,
  body: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<TestResponse<TokenBody>> {
  const authorization = key === null ? { authorization: '' } : bearer(key)
  return server.request('POST', '/v1/tokens', { api: 'orders', ...body }, { ...authorization, ...headers })
}

async function tokenFor(key: string, body: Readonly<Record<string, unknown>> = {}) {
  const answer = await ask(key, body)
  assert.equal(answer.status, 200, answer.text)
  return { ...answer.body, access_token: answer.body.access_token! }
}

const aKey = (scopes: readonly string[] = ['orders:read', 'orders:write'], more: object = {}) =>
  issue(server, { api: 'orders', scopes, ...more })

async function codeOf(credential: string, api = 'orders', more: object = {}): Promise<string> {
  return (await verify(server, { api, credential, ...more })).code
}

describe('POST /v1/tokens', () => {
  it('answers as RFC 6749 section 5.1 has it, for no cache, and the token opens the API', async () => {
    const { secret, credential } = await aKey()
    const answer = await ask(secret, { scopes: ['orders:read'], expires_in: 60 })
    assert.equal(answer.status, 200, answer.text)
    assert.equal(answer.headers.get('cache-control'), 'no-store')
    const { access_token, id, ...rest } = answer.body
    assert.deepEqual(rest, { token_type: 'Bearer', expires_in: 60, scope: 'orders:read', token_shown: false })
    assert.match(access_token!, /^crd_live_at_[0-9A-Za-z]{50}$/)
    const verdict = await verify(server, { api: 'orders', credential: access_token })
    assert.deepEqual([verdict.code, verdict.scopes], ['VALID', ['orders:read']])
    const shown = await server.request('GET', `/v1/credentials/${id}`)
    assert.deepEqual(
      [shown.body.kind, shown.body.parent, shown.body.issued_by, shown.body.principal],
      ['access_token', credential.id, credential.id, (await show(server, credential.id)).principal],
    )
  })

  it('gives all that the credential has where nothing is asked for, spelled out, and nothing it gets later', async () => {
    const { secret, credential } = await aKey(['orders:*'])
    const token = await tokenFor(secret)
    assert.deepEqual([token.scope, token.expires_in], ['orders:read orders:write', 900])
    const narrow = await tokenFor(secret, { scopes: ['orders:read'] })
    await server.request('PATCH', `/v1/credentials/${credential.id}`, { add_scopes: ['*'] })
    assert.equal(
      await codeOf(narrow.access_token, 'orders', { scopes: 'orders:write' }),
      'INSUFFICIENT_SCOPE',
    )
    const nothing = await tokenFor(secret, { scopes: [] })
    assert.equal(nothing.scope, undefined)
    assert.equal(
      await codeOf(nothing.access_token, 'orders', { scopes: 'orders:read' }),
      'INSUFFICIENT_SCOPE',
    )
  })

  it('refuses more than the credential has, and says what was needed', async () => {
    const { secret } = await aKey(['orders:read'])
    const wider = await ask(secret, { scopes: ['orders:read', 'orders:write'] })
    assert.equal(wider.status, 403)
    assert.match(
      wider.headers.get('www-authenticate')!,
      /insufficient_scope.*scope="\(orders:read\) AND \(orders:write\)"/,
    )
    const many = Array.from({ length: 100 }, (_, i) => `orders:${i}${'x'.repeat(50)}`)
    assert.deepEqual(fieldsOf(await ask(secret, { scopes: many })), ['scopes'])
    const all = await aKey(['*'])
    assert.deepEqual(fieldsOf(await ask(all.secret, { scopes: ['orders:read', 'orders:fly'] })), [
      'scopes[1]',
    ])
    assert.deepEqual(fieldsOf(await ask(all.secret, { scopes: ['orders:*'] })), ['scopes[0]'])
  })

  it('gives no token that outlives the credential, its secret or what the API allows', async () => {
    await makeApi(server, 'brief', { max_lifetime_seconds: 30 })
    const brief = await issue(server, {
      ...{ api: 'brief', scopes: [], expires_at: new Date(nowMs + 20_500).toISOString() },
    })
    assert.equal((await tokenFor(brief.secret, { api: 'brief' })).expires_in, 20)
    const { secret, credential } = await aKey(['orders:read'], {
      expires_at: new Date(nowMs + 100_000).toISOString(),
    })
    assert.equal((await tokenFor(secret, { expires_in: 3600 })).expires_in, 100)
    await server.request('POST', `/v1/credentials/${credential.id}/rotate`, { overlap_seconds: 10 })
    const old = await tokenFor(secret)
    assert.equal(old.expires_in, 10)
    assert.equal(await codeOf(old.access_token), 'VALID')
    nowMs += 10_000
    assert.equal(await codeOf(old.access_token), 'EXPIRED')
    assert.deepEqual(fieldsOf(await ask(secret, { expires_in: 86_401 })), ['expires_in'])
    assert.deepEqual(fieldsOf(await ask(secret, { expires_in: 0 })), ['expires_in'])
  })

  it('gives a token for a token: no wider, no longer, and dead with the same credential', async () => {
    const { secret, credential } = await aKey()
    const first = await tokenFor(secret, { scopes: ['orders:read'], expires_in: 60 })
    const second = await tokenFor(first.access_token, { expires_in: 900 })
    assert.deepEqual([second.scope, second.expires_in], ['orders:read', 60])
    assert.equal((await ask(first.access_token, { scopes: ['orders:write'] })).status, 403)
    const shown = await server.request('GET', `/v1/credentials/${second.id}`)
    assert.deepEqual([shown.body.parent, shown.body.issued_by], [credential.id, first.id])
    await server.request('POST', `/v1/credentials/${credential.id}/revoke`, {})
    assert.equal(await codeOf(second.access_token), 'REVOKED')
    assert.equal((await ask(first.access_token)).status, 401)
  })

  it('gives tokens that are revoked one by one, by their id', async () => {
    const { secret } = await aKey()
    const [one, other] = [await tokenFor(secret), await tokenFor(secret)]
    const revoked = await server.request('POST', `/v1/credentials/${one.id}/revoke`, {
      reason: 'seen in a log',
    })
    assert.equal(revoked.status, 200, revoked.text)
    assert.equal(await codeOf(one.access_token), 'REVOKED')
    assert.equal(await codeOf(other.access_token), 'VALID')
    const self = await server.request('POST', '/v1/credentials/self/revoke', {}, bearer(other.access_token))
    assert.equal(self.status, 200)
    assert.equal(await codeOf(other.access_token), 'REVOKED')
    assert.equal(await codeOf(secret), 'VALID')
  })

  it('gives tokens that are neither rotated nor changed', async () => {
    const { secret } = await aKey()
    const { id, access_token } = await tokenFor(secret)
    const changes = { expires_at: null, conditions: null }
    for (const [method, path, body, headers] of [
      ['PATCH', `/v1/credentials/${id}`, changes, {}],
      ['POST', `/v1/credentials/${id}/rotate`, {}, {}],
      ['POST', '/v1/credentials/self/rotate', {}, bearer(access_token)],
    ] as const) {
      const answer = await server.request<ProblemBody>(method, path, body, headers)
      assert.equal(answer.status, 409, answer.text)
      assert.match(answer.body.detail!, /POST \/v1\/tokens/)
    }
  })

  it('gives none for the API credence, and one of another API does not administer', async () => {
    assert.deepEqual(fieldsOf(await ask(server.adminKey, { api: 'credence' })), ['api'])
    const { access_token } = await tokenFor((await aKey()).secret)
    const answer = await server.request<ProblemBody>(
      'GET',
      '/v1/credentials',
      undefined,
      bearer(access_token),
    )
    assert.deepEqual([answer.status, answer.body.code], [401, 'WRONG_AUDIENCE'])
  })

  it('tells an API that is not there from one that the credential may not use for nobody', async () => {
    const { secret } = await aKey()
    const made = await server.request<{ admin_key: { secret: string } }>('POST', '/v1/workspaces', {
      name: 'acme',
    })
    const elsewhere = await makeApi(
      server,
      'secret-orders',
      { base_path: '/elsewhere' },
      made.body.admin_key.secret,
    )
    const texts = new Set<string>()
    for (const api of ['stock', 'nothing', 'secret-orders', elsewhere, 'api_000000000000']) {
      const answer = await ask(secret, { api })
      assert.deepEqual(fieldsOf(answer), ['api'])
      texts.add(answer.body.detail!)
    }
    assert.equal(texts.size, 1)
    assert.deepEqual(fieldsOf(await ask(secret, { api: undefined })), ['api'])
  })

  it('answers whoever cannot prove anything as every protected API does', async () => {
    const { secret, credential } = await aKey()
    const none = await fetch(`${server.url}/v1/tokens`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body: '{' },
    })
    assert.equal(none.status, 401)
    assert.equal(none.headers.get('www-authenticate'), 'Bearer realm="credence"')
    const wrong = `${secret.slice(0, -1)}${secret.endsWith('0') ? '1' : '0'}`
    assert.equal((await ask(wrong)).body.code, 'MALFORMED')
    await server.request('POST', `/v1/credentials/${credential.id}/disable`, {})
    assert.equal((await ask(secret)).body.code, 'DISABLED')
  })

  it('gives tokens for keys where the API accepts tokens alone, and none where it accepts none', async () => {
    await makeApi(server, 'tokens-only', { accepts: ['access_token'] })
    await makeApi(server, 'keys-only', { accepts: ['api_key'] })
    const { secret } = await issue(server, {
      grants: [
        { api: 'tokens-only', scopes: ['tokens-only:read'] },
        { api: 'keys-only', scopes: ['keys-only:read'] },
      ],
    })
    assert.equal(await codeOf(secret, 'tokens-only'), 'KIND_NOT_ACCEPTED')
    const { access_token } = await tokenFor(secret, { api: 'tokens-only' })
    assert.equal(await codeOf(access_token, 'tokens-only'), 'VALID')
    assert.equal(await codeOf(access_token, 'keys-only'), 'KIND_NOT_ACCEPTED', 'and it is for one API alone')
    const refused = await ask(secret, { api: 'keys-only' })
    assert.deepEqual(fieldsOf(refused), ['api'])
    assert.match(refused.body.detail!, /access_token is not among its accepts/)
  })

  it('asks where the credential works, but not which requests it works for', async () => {
    const inside = { ip_ranges: ['127.0.0.0/8'], methods: ['GET'], paths: ['/orders/*'] }
    const { secret } = await aKey(['orders:read'], { conditions: inside })
    const { access_token } = await tokenFor(secret)
    const of = (method: string) => ({ request: { method, path: '/orders/7', ip: '127.0.0.1' } })
    assert.equal(await codeOf(access_token, 'orders', of('GET')), 'VALID')
    assert.equal(await codeOf(access_token, 'orders', of('POST')), 'CONDITION_FAILED')
    const outside = await aKey(['orders:read'], { conditions: { ip_ranges: ['192.0.2.0/24'] } })
    assert.equal((await ask(outside.secret)).body.code, 'CONDITION_FAILED')
  })

  it('counts as a request, against the same limits as what the token is used for', async () => {
    const limits = [{ name: 'default', limit: 3, window_seconds: 3600 }]
    const { secret } = await aKey(['orders:read'], { limits })
    const { access_token } = await tokenFor(secret)
    const other = await tokenFor(secret)
    assert.equal(await codeOf(access_token), 'VALID')
    assert.equal(await codeOf(other.access_token), 'RATE_LIMITED')
    const refused = await ask(secret)
    assert.equal(refused.status, 429)
    assert.ok(refused.headers.get('retry-after'))
  })

  it('makes one token for an Idempotency-Key, and shows it once', async () => {
    const { secret } = await aKey()
    const headers = { 'idempotency-key': 'job-1' }
    const first = await ask(secret, {}, headers)
    const again = await ask(secret, {}, headers)
    assert.deepEqual([again.status, again.body.id], [200, first.body.id])
    assert.deepEqual([first.body.token_shown, again.body.token_shown], [false, true])
    assert.equal(again.body.access_token, null)
    assert.equal((await ask(secret, { expires_in: 5 }, headers)).body.code, 'IDEMPOTENCY_MISMATCH')
    const stranger = await ask((await aKey()).secret, {}, headers)
    assert.notEqual(stranger.body.id, first.body.id)
  })

  it('leaves its tokens out of lists, unless they are asked for', async () => {
    const { secret, credential } = await aKey(['orders:read'], { principal: 'lister' })
    const token = await tokenFor(secret)
    const idsOf = async (query: string) => {
      const { body } = await server.request<{ items: { id: string }[] }>('GET', `/v1/credentials?${query}`)
      return body.items.map(({ id }) => id)
    }
    assert.deepEqual(await idsOf('principal=lister'), [credential.id])
    assert.deepEqual(await idsOf('principal=lister&kind=access_token'), [token.id])
    assert.deepEqual(await idsOf(`parent=${credential.id}`), [token.id])
  })

  it('is in the trail, and use of the token is use of the credential that it came from', async () => {
    const { secret, credential } = await aKey()
    const { access_token, id } = await tokenFor(secret)
    const before = (await show(server, credential.id)).usage.by_code.VALID
    assert.equal(await codeOf(access_token), 'VALID')
    assert.equal((await show(server, credential.id)).usage.by_code.VALID, before! + 1)
    const trail = await server.request<{
      items: { target: { id: string }; actor: unknown; detail: object }[]
    }>('GET', '/v1/audit')
    const entry = trail.body.items.find(({ target }) => target.id === id)!
    assert.match(JSON.stringify(entry), new RegExp(`"parent":"${credential.id}"`))
    assert.doesNotMatch(trail.text, new RegExp(access_token.slice(-38)))
  })

  it('gives tokens that keep neither the API nor the principal once the credential is gone', async () => {
    await makeApi(server, 'passing')
    const { secret, credential } = await issue(server, {
      ...{ api: 'passing', scopes: ['passing:read'], principal: 'passer-by' },
    })
    const { id } = await tokenFor(secret, { api: 'passing' })
    const gone = (path: string) => server.request('DELETE', path)
    assert.equal((await gone('/v1/apis/passing')).status, 409, 'the control: a key keeps it')
    assert.equal((await gone('/v1/principals/passer-by')).status, 409)
    assert.equal((await gone(`/v1/credentials/${credential.id}`)).status, 204)
    assert.equal((await gone('/v1/principals/passer-by')).status, 204)
    assert.equal((await gone('/v1/apis/passing')).status, 204)
    assert.equal((await server.request('GET', `/v1/credentials/${id}`)).status, 404)
  })

  it('gives tokens that are gone from the store an hour after they ended', async () => {
    const { secret } = await aKey()
    const { access_token, id } = await tokenFor(secret)
    nowMs += 901_000
    await server.context.store.forgetAccessTokensBefore(nowMs - 3_600_000)
    assert.equal(await codeOf(access_token), 'EXPIRED')
    nowMs += 3_600_000
    await server.context.store.forgetAccessTokensBefore(nowMs - 3_600_000)
    assert.equal((await server.request('GET', `/v1/credentials/${id}`)).status, 404)
    assert.ok(['EXPIRED', 'NOT_FOUND'].includes(await codeOf(access_token)))
  })
})
