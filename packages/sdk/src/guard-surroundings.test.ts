import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import { ADAPTERS } from './testing/guarded-apps.ts'
import { type GuardedServer, startGuarded } from './testing/guarded-server.ts'

for (const adapter of ADAPTERS) {
  describe(`the guard on ${adapter.name}, when Credence cannot be asked`, () => {
    it('answers 503 and says why once, without the key, until Credence is there again', async () => {
      const here = await startGuarded(adapter, { timeoutMs: 10_000, fetch: (...args) => answer(...args) })
      let answer: typeof fetch = fetch
      try {
        const key = await here.keyFor(['orders:read'])
        const statusOf = async () => {
          const response = await fetch(`${here.url}/orders/7`, { headers: { 'x-api-key': key } })
          return [response.status, response.headers.get('retry-after'), await response.text()] as const
        }
        assert.equal((await statusOf())[0], 200)
        here.seen.requests.length = 0
        answer = async () => {
          throw new TypeError('fetch failed', { cause: Object.assign(new Error(), { code: 'ECONNREFUSED' }) })
        }
        for (let n = 0; n < 2; n += 1) {
          const [status, retryAfter, text] = await statusOf()
          assert.deepEqual([status, retryAfter], [503, '1'])
          assert.deepEqual(JSON.parse(text), {
            ...{
              type: '/problems/unavailable',
              title: 'Cannot decide now',
              status: 503,
              code: 'UNAVAILABLE',
            },
          })
        }
        assert.deepEqual(here.seen.requests, [])
        assert.deepEqual(
          here.faults.map(({ code, detail }) => [code, detail]),
          [['UNREACHABLE', `${here.credence.url}: ECONNREFUSED`]],
        )
        assert.ok(!inspect(here.faults, { depth: 9 }).includes(here.guardKey))
        answer = fetch
        assert.equal((await statusOf())[0], 200)
        const valid = {
          valid: true,
          code: 'VALID',
          principal: null,
          credential: null,
          limits: [],
          request_id: 'r',
        }
        const { request_id: _, ...partial } = valid
        for (const body of [{ valid: true }, { ...valid, code: 'REVOKED' }, partial, 'VALID', null]) {
          answer = async () => Response.json(body)
          assert.equal((await statusOf())[0], 503, 'what is no verdict opens nothing')
        }
        answer = async () => Response.json(valid)
        assert.equal((await statusOf())[0], 401, 'where scopes are demanded, nobody is let pass')
        answer = async () => Response.json({ title: 'No', code: 'INSUFFICIENT_SCOPE' }, { status: 403 })
        assert.equal((await statusOf())[0], 503, 'a guard that may not ask opens nothing')
        assert.deepEqual(
          here.faults.map(({ code }) => code),
          ['UNREACHABLE', 'NOT_CREDENCE', 'INSUFFICIENT_SCOPE'],
        )
      } finally {
        await here.close()
      }
    })

    it('answers 503 when the verdict is late, and when its key is not accepted', async () => {
      const late = await startGuarded(adapter, {
        timeoutMs: 1,
        fetch: (_, { signal }) => untilAborted(signal!),
      })
      const unknown = await startGuarded(adapter, { key: 'crd_live_unknown' })
      try {
        for (const { url, seen, faults } of [late, unknown]) {
          assert.equal((await fetch(`${url}/orders/7`)).status, 503)
          assert.deepEqual(seen.requests, [])
          assert.equal(faults.length, 1)
        }
        assert.equal(late.faults[0]?.code, 'UNREACHABLE')
        assert.equal(unknown.faults[0]?.status, 401)
      } finally {
        await late.close()
        await unknown.close()
      }
    })
  })

  describe(`the guard on ${adapter.name}, about the address of the client`, () => {
    const conditions = { ip_ranges: ['192.0.2.0/24'] }
    const forwarded = { 'x-forwarded-for': '192.0.2.7' }
    const codeOf = async (here: GuardedServer, headers: Record<string, string>) => {
      const key = await here.keyFor(['orders:read'], { conditions })
      const response = await fetch(`${here.url}/orders/7`, { headers: { 'x-api-key': key, ...headers } })
      return ((await response.json()) as { code?: string }).code ?? 'VALID'
    }

    it('believes no header that nobody was named trustworthy for', async () => {
      const here = await startGuarded(adapter)
      try {
        assert.equal(await codeOf(here, forwarded), 'CONDITION_FAILED')
        await here.credence.request('PATCH', '/v1/apis/orders', { requires_tls: true })
        assert.equal(await codeOf(here, { 'x-forwarded-proto': 'https' }), 'TLS_REQUIRED')
        await here.credence.request('PATCH', '/v1/apis/orders', { requires_tls: false })
        const known = adapter.seesConnection ? 'VALID' : 'CONDITION_FAILED'
        const own = await here.keyFor(['orders:read'], { conditions: { ip_ranges: ['127.0.0.1'] } })
        const response = await fetch(`${here.url}/orders/7`, { headers: { 'x-api-key': own, ...forwarded } })
        assert.equal(((await response.json()) as { code?: string }).code ?? 'VALID', known)
      } finally {
        await here.close()
      }
    })

    it('believes the proxies that it is told to trust, or whoever it is told to ask', async () => {
      const options = adapter.seesConnection
        ? { trustedProxies: ['127.0.0.1'] }
        : { senderOf: ({ headers }: Request) => ({ ip: headers.get('x-forwarded-for'), secure: true }) }
      const here = await startGuarded(adapter, options, { requires_tls: true })
      try {
        const tls = { 'x-forwarded-proto': 'https' }
        assert.equal(await codeOf(here, { ...forwarded, ...tls }), 'VALID')
        // Walked from the right: what stands further left was written by whoever sent the request.
        const forged = { 'x-forwarded-for': '192.0.2.7, 203.0.113.9', ...tls }
        assert.equal(await codeOf(here, forged), 'CONDITION_FAILED')
        if (adapter.seesConnection) assert.equal(await codeOf(here, forwarded), 'TLS_REQUIRED')
      } finally {
        await here.close()
      }
    })
  })

  describe(`the guard on ${adapter.name}, where the API has routes`, () => {
    const routes = [
      { method: 'GET', path: '/any', public: true },
      { method: 'GET', path: '/orders/*', public: true },
      { method: 'GET', path: '/bulk', scopes: 'orders:write' },
    ]

    it('asks for what they need besides, and what they open is open only to a guard without scopes', async () => {
      const here = await startGuarded(adapter, {}, { routes })
      try {
        const key = await here.keyFor(['orders:read'])
        const headers = { authorization: `Bearer ${key}` }
        const nobody = await fetch(`${here.url}/any`)
        assert.deepEqual([nobody.status, await nobody.text()], [200, 'null'])
        assert.equal((await fetch(`${here.url}/orders/7`)).status, 401)
        assert.equal((await fetch(`${here.url}/orders/7`, { headers })).status, 200)
        const bulk = await fetch(`${here.url}/bulk`, { headers })
        assert.deepEqual(
          [bulk.status, ((await bulk.json()) as { required: string }).required],
          [403, 'orders:write'],
        )
        assert.equal(
          (await fetch(`${here.url}/cors`, { headers })).status,
          403,
          'what no route names is denied',
        )
      } finally {
        await here.close()
      }
    })
  })
}

function untilAborted(signal: AbortSignal): Promise<Response> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
}
