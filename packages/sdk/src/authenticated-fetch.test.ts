import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, describe, it } from 'node:test'
import { authenticatedFetch } from './authenticated-fetch.ts'
import type { Fetch } from './transport.ts'

interface Received {
  readonly method: string
  readonly url: string
  readonly authorization: string | null
  readonly apiKey: string | null
  readonly cookie: string | null
  readonly body: string
}

/** A server that keeps what it received; closed at the end of the test. */
async function startApi(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const { authorization = null, 'x-api-key': apiKey = null, cookie = null } = request.headers
    received.push({
      method: request.method!,
      url: request.url!,
      authorization,
      apiKey: apiKey as string | null,
      cookie,
      body,
    })
    answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received }
}

const ok = (_request: IncomingMessage, response: ServerResponse) => response.end('ok')
const accepts = (key: string) => (request: IncomingMessage, response: ServerResponse) => {
  response.writeHead(request.headers.authorization === `Bearer ${key}` ? 200 : 401).end()
}
const redirect =
  (status: number, location: string) => (request: IncomingMessage, response: ServerResponse) => {
    if (request.url === '/start') response.writeHead(status, { location }).end()
    else response.end('end')
  }

describe('authenticatedFetch', () => {
  it('puts a username and its password, or a client id and its secret, on it by HTTP Basic, in UTF-8', async () => {
    const { url, received } = await startApi(ok)
    await authenticatedFetch({ baseUrl: url, username: 'amélie', key: 'crème brûlée' })('/orders')
    await authenticatedFetch({ baseUrl: url, username: 'cli_8fT2', key: async () => 'crd_live_cs_x' })(
      '/orders',
    )
    const tokens = received.map(({ authorization }) => /^Basic (.+)$/.exec(authorization ?? '')?.[1] ?? '')
    assert.deepEqual(
      tokens.map((token) => Buffer.from(token, 'base64').toString()),
      ['amélie:crème brûlée', 'cli_8fT2:crd_live_cs_x'],
    )
    for (const wrong of [
      { baseUrl: url, key: 'k', username: 'a:b' },
      { baseUrl: url, key: 'k', username: 'a', header: 'x-api-key' },
    ] as const) {
      assert.throws(() => authenticatedFetch(wrong), TypeError)
    }
    const twoLines = authenticatedFetch({ baseUrl: url, username: 'a', key: 'one\ntwo' })
    await assert.rejects(twoLines('/orders'), /not one line of text/)
  })

  it('puts the key on what goes to its API, as a Bearer token or in X-API-Key', async () => {
    const { url, received } = await startApi(ok)
    const bearer = authenticatedFetch({ baseUrl: url, key: 'k1' })
    assert.equal(await (await bearer('/orders?page=2')).text(), 'ok')
    await bearer(new URL('/orders', url), { method: 'POST', body: 'b', headers: { 'x-a': '1' } })
    await bearer(new Request(`${url}/orders`, { method: 'PUT', body: 'c' }))
    await authenticatedFetch({ baseUrl: url, key: async () => 'k2', header: 'x-api-key' })('orders')
    assert.deepEqual(
      received.map(({ method, url, authorization, apiKey, body }) => [
        method,
        url,
        authorization ?? apiKey,
        body,
      ]),
      [
        ['GET', '/orders?page=2', 'Bearer k1', ''],
        ['POST', '/orders', 'Bearer k1', 'b'],
        ['PUT', '/orders', 'Bearer k1', 'c'],
        ['GET', '/orders', 'k2', ''],
      ],
    )
  })

  it('sends it to no other origin, and not beside another credential', async () => {
    const { url, received } = await startApi(ok)
    const call = authenticatedFetch({ baseUrl: url, key: 'k1' })
    for (const other of [
      'http://127.0.0.1:1/',
      'https://elsewhere.example/',
      '//elsewhere.example/x',
      'data:,x',
    ]) {
      await assert.rejects(call(other), { name: 'TypeError', message: /the key is for/ }, other)
    }
    for (const headers of [{ Authorization: 'Basic x' }, { 'X-API-Key': 'other' }]) {
      await assert.rejects(call('/', { headers }), /a header .* already/)
    }
    assert.deepEqual(received, [])
  })

  it('refuses plain http but to this machine, unless it is told that the network is its own', () => {
    const key = 'k1'
    assert.throws(() => authenticatedFetch({ baseUrl: 'http://orders.example', key }), /read on the way/)
    authenticatedFetch({ baseUrl: 'http://orders.example', key, allowPlainHttp: true })
    authenticatedFetch({ baseUrl: 'http://[::1]:8080', key })
    authenticatedFetch({ baseUrl: 'https://orders.example', key })
  })

  it('reads the key again after a 401, once, and sends the request again if it has changed', async () => {
    const { url, received } = await startApi(accepts('new'))
    const keys = ['old', 'new', 'newer']
    const call = authenticatedFetch({ baseUrl: url, key: () => keys.shift()! })
    assert.equal((await call('/', { method: 'POST', body: 'b' })).status, 200)
    assert.equal((await call('/')).status, 200, 'what was read is kept')
    assert.deepEqual(
      received.map(({ authorization, body }) => [authorization, body]),
      [
        ['Bearer old', 'b'],
        ['Bearer new', 'b'],
        ['Bearer new', ''],
      ],
    )
  })

  it('those who are refused together share one reading', async () => {
    const { url } = await startApi(accepts('new'))
    let readings = 0
    const key = () => (++readings === 1 ? 'old' : 'new')
    const call = authenticatedFetch({ baseUrl: url, key })
    const statuses = await Promise.all(Array.from({ length: 5 }, async () => (await call('/')).status))
    assert.deepEqual(statuses, [200, 200, 200, 200, 200])
    assert.equal(readings, 2)
  })

  it('hands on the 401 where the key is the same, the second is refused too, or the body is a stream', async () => {
    const { url, received } = await startApi(accepts('another'))
    assert.equal((await authenticatedFetch({ baseUrl: url, key: () => 'same' })('/')).status, 401)
    assert.equal((await authenticatedFetch({ baseUrl: url, key: 'fixed' })('/')).status, 401)
    assert.equal(received.length, 2)
    let n = 0
    const changing = authenticatedFetch({ baseUrl: url, key: () => `k${++n}` })
    assert.equal((await changing('/')).status, 401)
    assert.equal(received.length, 4)
    const streamed = { method: 'POST', body: new Blob(['b']).stream(), duplex: 'half' } as const
    assert.equal((await changing('/', streamed)).status, 401)
    assert.equal(received.length, 5)
  })

  it('follows a redirect at its origin with the key, as the Fetch standard has it', async () => {
    const expected: [number, string, string, string][] = [
      [301, 'POST', 'GET', ''],
      [302, 'POST', 'GET', ''],
      [303, 'PUT', 'GET', ''],
      [307, 'POST', 'POST', 'b'],
      [308, 'PUT', 'PUT', 'b'],
    ]
    for (const [status, method, followed, body] of expected) {
      const { url, received } = await startApi(redirect(status, '/end?x'))
      const call = authenticatedFetch({ baseUrl: url, key: 'k1', header: 'x-api-key' })
      assert.equal(await (await call('/start', { method, body: 'b' })).text(), 'end')
      const { method: second, url: target, apiKey, body: sent } = received[1]!
      assert.deepEqual([second, target, apiKey, sent], [followed, '/end?x', 'k1', body], String(status))
    }
  })

  it('follows a redirect to another origin without the key, and not at all with a body', async () => {
    const elsewhere = await startApi(ok)
    for (const header of ['authorization', 'x-api-key'] as const) {
      const { url } = await startApi(redirect(302, `${elsewhere.url}/file`))
      const call = authenticatedFetch({ baseUrl: url, key: 'k1', header })
      assert.equal(await (await call('/start', { headers: { cookie: 'sid=1' } })).text(), 'ok')
      const { authorization, apiKey, cookie } = elsewhere.received.at(-1)!
      assert.deepEqual([authorization, apiKey, cookie], [null, null, null])
    }
    const { url } = await startApi(redirect(307, `${elsewhere.url}/file`))
    const upload = authenticatedFetch({ baseUrl: url, key: 'k1' })('/start', { method: 'POST', body: 'b' })
    await assert.rejects(upload, /which the body is not for/)
    assert.equal(elsewhere.received.length, 2)
  })

  it('the key does not come back with a redirect from elsewhere', async () => {
    const home = await startApi((request, response) => {
      if (request.url === '/start') response.writeHead(302, { location: elsewhere.url }).end()
      else response.end('home')
    })
    const elsewhere = await startApi((_request, response) => {
      response.writeHead(302, { location: `${home.url}/back` }).end()
    })
    const response = await authenticatedFetch({ baseUrl: home.url, key: 'k1' })('/start')
    assert.equal(await response.text(), 'home')
    assert.deepEqual(
      home.received.map(({ authorization }) => authorization),
      ['Bearer k1', null],
    )
  })

  it('leaves a redirect alone where it is told to, and ends one that has no end', async () => {
    const { url, received } = await startApi((_request, response) => {
      response.writeHead(302, { location: '/start' }).end()
    })
    const call = authenticatedFetch({ baseUrl: url, key: 'k1' })
    assert.equal((await call('/start', { redirect: 'manual' })).status, 302)
    await assert.rejects(call('/start', { redirect: 'error' }), /redirects/)
    await assert.rejects(call('/start'), /without end/)
    assert.equal(received.length, 2 + 21)
  })

  it('a key that cannot be sent is told without the key', async () => {
    const asked: unknown[] = []
    const send: Fetch = async (...args) => {
      asked.push(args)
      return new Response()
    }
    const call = authenticatedFetch({
      baseUrl: 'https://orders.example',
      key: () => 'secret\r\nX-A: b',
      fetch: send,
    })
    await assert.rejects(
      call('/'),
      (error: Error) => /KEY_UNREADABLE/.test(error.message) && !/secret/.test(error.message),
    )
    assert.deepEqual(asked, [])
  })

  it('ends with the reason of the caller’s signal', async () => {
    const { url } = await startApi(() => {})
    const controller = new AbortController()
    const reason = new Error('enough')
    const call = authenticatedFetch({ baseUrl: url, key: 'k1' })('/', { signal: controller.signal })
    controller.abort(reason)
    await assert.rejects(call, reason)
  })
})
