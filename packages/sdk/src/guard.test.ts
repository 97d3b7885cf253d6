import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { after, before, beforeEach, describe, it } from 'node:test'
import { inspect } from 'node:util'
import { formatKey, parseKey } from '@credence/core'
import type { Caller } from './caller.ts'
import { createGuard } from './guard.ts'
import { ADAPTERS } from './testing/guarded-apps.ts'
import { type GuardedServer, sendLines, startGuarded } from './testing/guarded-server.ts'

const perMinute = [{ name: 'default', limit: 3, window_seconds: 60 }]
const PREFLIGHT = { origin: 'https://app.example', 'access-control-request-method': 'GET' }

for (const adapter of ADAPTERS) {
  describe(`the guard on ${adapter.name}`, () => {
    let here: GuardedServer
    before(async () => {
      here = await startGuarded(adapter)
    })
    after(() => here.close())
    beforeEach(() => {
      here.seen.requests.length = 0
    })

    const get = (path: string, key: string | null, init: RequestInit = {}) =>
      fetch(here.url + path, {
        ...init,
        headers: { ...(key !== null && { authorization: `Bearer ${key}` }), ...init.headers },
      })

    /** A refusal, whole: problem+json with the request's id, and no handler was reached. */
    async function refusal(response: Response): Promise<Record<string, unknown>> {
      const body = (await response.json()) as Record<string, unknown>
      assert.equal(response.headers.get('content-type'), 'application/problem+json')
      assert.equal(response.headers.get('cache-control'), 'no-store')
      assert.equal(response.headers.get('credence-request-id'), body.request_id ?? null)
      assert.equal(body.status, response.status)
      assert.deepEqual(here.seen.requests, [])
      return body
    }

    it('lets pass what holds the scope, and the handler knows who is calling', async () => {
      const key = await here.keyFor(['orders:read'], { limits: perMinute, metadata: { tier: 'gold' } })
      const response = await get('/orders/7?page=2', key)
      assert.equal(response.status, 200)
      const caller = (await response.json()) as Caller
      assert.equal(caller.principal.external_id, 'cus_42')
      assert.deepEqual(caller.scopes, ['orders:read'])
      assert.deepEqual(caller.credential.metadata, { tier: 'gold' })
      assert.equal(caller.credential.version, 1)
      assert.deepEqual(caller.limits[0], {
        ...{ name: 'default', owner: 'credential', type: 'rate', limit: 3, remaining: 2 },
        ...{ reset_seconds: 20, window_seconds: 60 },
      })
      assert.equal(response.headers.get('credence-request-id'), caller.request_id)
      assert.equal(response.headers.get('ratelimit'), '"default";r=2;t=20')
      assert.equal(response.headers.get('ratelimit-policy'), '"default";q=3;w=60')
      assert.deepEqual(here.seen.requests, ['GET /orders'])
    })

    it('asks for a credential with a bare challenge, and lets no handler see the request', async () => {
      const response = await get('/orders/7', null)
      assert.equal(response.status, 401)
      assert.equal(response.headers.get('www-authenticate'), 'Bearer realm="orders"')
      const { request_id, ...body } = await refusal(response)
      assert.deepEqual(body, {
        ...{ type: '/problems/missing', title: 'No credential', status: 401, code: 'MISSING' },
      })
      assert.match(String(request_id), /^r\w{11}$/)
    })

    it('says which scope is missing', async () => {
      const response = await get('/orders/7', await here.keyFor(['orders:write']))
      assert.equal(response.status, 403)
      assert.equal(
        response.headers.get('www-authenticate'),
        'Bearer realm="orders", error="insufficient_scope", error_description="Scope missing", scope="orders:read"',
      )
      const { code, required } = await refusal(response)
      assert.deepEqual({ code, required }, { code: 'INSUFFICIENT_SCOPE', required: 'orders:read' })
    })

    it('refuses a wrong secret and an unknown id alike', async () => {
      const parsed = parseKey(await here.keyFor(['orders:read']))
      assert.ok(parsed !== null && typeof parsed === 'object')
      for (const id of [parsed.id, 'zzzzzzzzzzzz']) {
        const wrong = formatKey(parsed.prefix, id, 'A'.repeat(parsed.secret.length))
        const response = await get('/orders/7', wrong)
        assert.equal(response.status, 401)
        assert.equal((await refusal(response)).code, 'NOT_FOUND')
      }
    })

    it('answers 429 with what is left and how long to wait, counting what a route costs', async () => {
      const key = await here.keyFor(['orders:read'], { limits: perMinute })
      assert.equal((await get('/bulk', key)).status, 200)
      here.seen.requests.length = 0
      const response = await get('/orders/7', key)
      assert.equal(response.status, 429)
      assert.equal(response.headers.get('retry-after'), '20')
      assert.match(response.headers.get('ratelimit') ?? '', /^"default";r=0;t=\d+$/)
      assert.equal(response.headers.get('ratelimit-policy'), '"default";q=3;w=60')
      assert.equal((await refusal(response)).code, 'RATE_LIMITED')
    })

    it('refuses two different credentials, and two Authorization lines of which Node would keep the first', async () => {
      const key = await here.keyFor(['orders:read'])
      const two = await get('/orders/7', key, { headers: { 'x-api-key': 'another' } })
      assert.equal(two.status, 400)
      assert.equal((await refusal(two)).code, 'AMBIGUOUS')
      const line = `Authorization: Bearer ${key}`
      const once = await sendLines(here.app.port, ['GET /orders/7 HTTP/1.1', line])
      assert.match(once, /^HTTP\/1\.1 200 /)
      for (const second of [line, 'authorization: Bearer other']) {
        here.seen.requests.length = 0
        const repeated = await sendLines(here.app.port, ['GET /orders/7 HTTP/1.1', line, second])
        assert.match(repeated, /^HTTP\/1\.1 401 /)
        assert.match(repeated, /"code":"MALFORMED"/)
        assert.deepEqual(here.seen.requests, [])
      }
    })

    it('refuses a target that could be read in two ways, and a head too large to ask about', async () => {
      const key = await here.keyFor(['orders:read'])
      const target = await get('/orders/a%2Fb', key)
      assert.equal(target.status, 400)
      assert.equal((await refusal(target)).code, 'BAD_REQUEST')
      const lines = Array.from({ length: 201 }, (_, i) => `X-Filler-${i}: 1`)
      const many = await sendLines(here.app.port, ['GET /orders/7 HTTP/1.1', ...lines])
      assert.match(many, /^HTTP\/1\.1 400 /)
      assert.match(many, /"code":"BAD_REQUEST"/)
      assert.deepEqual(here.seen.requests, [])
      assert.deepEqual(here.faults, [])
    })

    it('does not touch the body: the handler reads it while it is still being sent', async () => {
      const key = await here.keyFor(['orders:write'])
      const bytes = randomBytes(1_500_000)
      const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/octet-stream' }
      const sending = httpRequest(`${here.url}/orders`, { method: 'POST', headers })
      const answering = new Promise<string>((resolve, reject) => {
        sending.on('error', reject)
        sending.on('response', async (response) => {
          let text = ''
          for await (const chunk of response) text += chunk
          resolve(text)
        })
      })
      const begun = new Promise<void>((resolve) => {
        here.seen.onFirstBytes = resolve
      })
      sending.write(bytes.subarray(0, 500_000))
      await begun
      sending.end(bytes.subarray(500_000))
      assert.equal(await answering, createHash('sha256').update(bytes).digest('hex'))
    })

    it('refuses an upload without waiting for its end', async () => {
      const sending = httpRequest(`${here.url}/orders`, { method: 'POST' })
      const status = await new Promise((resolve, reject) => {
        sending.on('error', reject).on('response', (response) => resolve(response.statusCode))
        sending.write('the rest never comes')
      })
      sending.destroy()
      assert.equal(status, 401)
      assert.deepEqual(here.seen.requests, [])
    })

    it('judges HEAD as GET, and says nothing in its body', async () => {
      const head = (key: string | null) => get('/orders/7', key, { method: 'HEAD' })
      const refused = await head(null)
      assert.deepEqual([refused.status, await refused.text()], [401, ''])
      assert.equal(refused.headers.get('www-authenticate'), 'Bearer realm="orders"')
      const passed = await head(await here.keyFor(['orders:read']))
      assert.deepEqual([passed.status, await passed.text()], [200, ''])
    })

    it('lets a true preflight pass only where it is told to, and no other OPTIONS', async () => {
      const options = (path: string, headers: Readonly<Record<string, string>>) =>
        fetch(here.url + path, { method: 'OPTIONS', headers })
      const passed = await options('/cors', PREFLIGHT)
      assert.equal(passed.status, 200)
      assert.equal(passed.headers.get('access-control-allow-origin'), 'https://app.example')
      assert.equal(await passed.text(), 'null', 'nobody is known of it')
      here.seen.requests.length = 0
      assert.equal((await options('/strict', PREFLIGHT)).status, 401)
      assert.equal((await options('/cors', { origin: 'https://app.example' })).status, 401)
      assert.equal((await fetch(`${here.url}/cors`, { headers: PREFLIGHT })).status, 401)
      assert.deepEqual(here.seen.requests, [])
    })

    it('with null for scopes takes any credential of the API, and still none of another', async () => {
      assert.equal((await get('/any', await here.keyFor(['orders:write']))).status, 200)
      here.seen.requests.length = 0
      const { status, headers } = await get('/any', here.guardKey)
      assert.equal(status, 401)
      assert.match(headers.get('www-authenticate') ?? '', /Credential not for this API/)
      assert.equal((await get('/any', null)).status, 401)
      assert.deepEqual(here.seen.requests, [])
    })

    it('knows nobody of a request that it never saw', async () => {
      const response = await get('/unguarded', await here.keyFor(['orders:read']))
      assert.match(await response.text(), /^null: nobody is known of this request/)
    })

    it('a key that was just revoked is refused', async () => {
      const key = await here.keyFor(['orders:read'])
      assert.equal((await get('/orders/7', key)).status, 200)
      const { id } = ((await (await get('/any', key)).json()) as Caller).credential
      await here.credence.request('POST', `/v1/credentials/${id}/revoke`, { reason: 'test' })
      here.seen.requests.length = 0
      const response = await get('/orders/7', key)
      assert.equal(response.status, 401)
      assert.equal((await refusal(response)).code, 'REVOKED')
    })
  })
}

describe('a guard', () => {
  const options = { api: 'orders', url: 'https://credence.example', key: 'crd_live_secret' }

  it('is refused at once where it could not work: address, scopes, cost, proxies, API', () => {
    const wrong: [RegExp, () => unknown][] = [
      [/read on the way/, () => createGuard({ ...options, url: 'http://credence.example' })],
      [/not one such as/, () => createGuard({ ...options, url: 'credence.example' })],
      [/user, a query/, () => createGuard({ ...options, url: 'https://a:b@credence.example' })],
      [/publicUrl: an address such as/, () => createGuard({ ...options, publicUrl: 'orders.example' })],
      [/publicUrl: an address such as/, () => createGuard({ ...options, publicUrl: 'https://a/?b' })],
      [/trustedProxies: "everybody"/, () => createGuard({ ...options, trustedProxies: ['everybody'] })],
      [/name of the API/, () => createGuard({ ...options, api: '' })],
      [/scopes:/, () => createGuard(options).fastify('')],
      [/none is named/, () => createGuard(options).express([])],
      [/scopes:/, () => createGuard(options).hono('orders:read AND')],
      [/cost:/, () => createGuard(options).fastify('orders:read', { cost: -1 })],
    ]
    for (const [message, make] of wrong) assert.throws(make, { name: 'TypeError', message })
    createGuard({ ...options, url: 'http://credence:6749', allowPlainHttp: true })
    createGuard({ ...options, url: 'http://127.0.0.1:6749' })
    createGuard({ ...options, url: 'http://[::1]:6749/behind/a/prefix' })
  })

  it('prints nothing of its key', () => {
    const guard = createGuard(options)
    assert.ok(!inspect(guard, { depth: 9, showHidden: true }).includes(options.key))
    assert.ok(!JSON.stringify(guard).includes(options.key))
  })

  it('hands on neither cookies nor what HTTP/2 puts among the headers', async () => {
    let asked: { request: { headers: [string, string][] } } | null = null
    const guard = createGuard({
      ...options,
      fetch: async (_, { body }) => {
        asked = JSON.parse(String(body))
        return new Response('', { status: 500 })
      },
      onFault: () => {},
    })
    const hook = guard.fastify('orders:read')
    const raw = { method: 'GET', rawHeaders: [':path', '/', 'Cookie', 'sid=1', 'X-A', 'b'], socket: {} }
    const reply = { sent: false, code: () => {}, headers: () => {}, send: () => {} }
    await hook({ raw, originalUrl: '/' }, reply)
    assert.deepEqual(asked!.request.headers, [['X-A', 'b']])
  })
})
