import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { type ApiRecord, parseIpRange } from '@credence/core'
import { damagedKey } from '@credence/core/testing/damaged-key'
import { newId } from '../ids.ts'
import { readUntil, route, seenHeader, sendRaw, startGateway } from '../testing/gateway-fixture.ts'
import { protectApi, putRecords } from '../testing/protected-api.ts'

const ROUTES = [
  route('GET /orders/*=orders:read'),
  route('POST /orders/*=orders:write'),
  route('GET /public/**=public'),
  route('GET /admin=orders:admin'),
]

/** The status of a request whose target goes out exactly as written. */
async function statusOf(port: number, line: string, headers: string[] = []): Promise<number> {
  const head = [`${line} HTTP/1.1`, 'Host: gateway.example', 'Connection: close', ...headers]
  const answer = await sendRaw(port, `${head.join('\r\n')}\r\n\r\n`)
  return Number(answer.slice(9, 12))
}

test('a request without a valid credential never reaches the upstream, and is told why', async () => {
  const { url, key, seen, close } = await startGateway({ api: { routes: ROUTES } })
  const missing = await fetch(`${url}/orders/7`)
  assert.equal(missing.status, 401)
  assert.equal(missing.headers.get('www-authenticate'), 'Bearer realm="orders"')
  assert.equal(missing.headers.get('content-type'), 'application/problem+json')
  const problem = (await missing.json()) as { code: string; request_id: string }
  assert.equal(problem.code, 'MISSING')
  assert.equal(missing.headers.get('credence-request-id'), problem.request_id)
  const bad = await fetch(`${url}/orders/7`, { headers: { authorization: `Bearer ${damagedKey(key)}` } })
  assert.equal(bad.status, 401)
  const scope = await fetch(`${url}/orders/7`, { method: 'POST', headers: { 'x-api-key': key }, body: 'x' })
  assert.equal(scope.status, 403)
  assert.match(scope.headers.get('www-authenticate')!, /insufficient_scope.*scope="orders:write"/)
  assert.equal(((await scope.json()) as { required: string }).required, 'orders:write')
  assert.equal((await fetch(`${url}/nowhere`, { headers: { 'x-api-key': key } })).status, 403)
  assert.equal(seen.length, 0)
  await close()
})

test('an API without routes lets nothing pass: what no route names is denied', async () => {
  const { url, key, seen, close } = await startGateway({ api: { routes: [] } })
  assert.equal((await fetch(`${url}/anything`, { headers: { 'x-api-key': key } })).status, 403)
  assert.equal(seen.length, 0)
  await close()
})

test('a route without scopes needs a valid credential, and no scope', async () => {
  const { url, key, seen, close } = await startGateway({ scopes: [] })
  assert.equal((await fetch(`${url}/anything`)).status, 401)
  const response = await fetch(`${url}/anything`, { method: 'DELETE', headers: { 'x-api-key': key } })
  assert.equal(response.status, 200)
  assert.deepEqual(
    seen.map(({ method }) => method),
    ['DELETE'],
  )
  await close()
})

test('the answer comes back as the upstream gave it, with what is left of the limits', async () => {
  const { url, key, close } = await startGateway({
    credential: { limits: [{ type: 'rate', name: 'default', limit: 2, windowSeconds: 60 }] },
    answer: (_request, response) => {
      response.writeHead(207, [
        ...[
          'Content-Type',
          'text/x',
          'Set-Cookie',
          'a=1',
          'Set-Cookie',
          'b=2',
          'X-Hop',
          '1',
          'RateLimit',
          '"theirs";r=9',
        ],
        ...[
          'Connection',
          'keep-alive, X-Hop',
          'Credence-Request-Id',
          'forged',
          'Proxy-Authenticate',
          'Basic',
        ],
      ])
      response.end('whole')
    },
  })
  const headers = { authorization: `Bearer ${key}` }
  const response = await fetch(url, { headers })
  assert.equal(response.status, 207)
  assert.equal(await response.text(), 'whole')
  assert.deepEqual(response.headers.getSetCookie(), ['a=1', 'b=2'])
  assert.equal(response.headers.get('content-type'), 'text/x')
  assert.equal(response.headers.get('x-hop'), null)
  assert.equal(response.headers.get('proxy-authenticate'), null)
  assert.match(response.headers.get('credence-request-id')!, /^r[0-9A-Za-z]{11}$/)
  assert.match(response.headers.get('ratelimit')!, /^"default";r=1;t=\d+$/)
  assert.equal(response.headers.get('ratelimit-policy'), '"default";q=2;w=60')
  await fetch(url, { headers })
  const limited = await fetch(url, { headers })
  assert.equal(limited.status, 429)
  assert.match(limited.headers.get('retry-after')!, /^\d+$/)
  await close()
})

test('what was authorized is exactly what is forwarded, and what could be read in two ways is refused', async () => {
  const { port, key, seen, close } = await startGateway({ api: { routes: ROUTES } })
  const auth = [`Authorization: Bearer ${key}`]
  const refused = [
    ...[
      '/public/../admin',
      '/public/%2e%2e/admin',
      '/public/.%2E/admin',
      '/public/..',
      '/public/./x',
      '/./admin',
    ],
    ...[
      '/public/..;/admin',
      '/public;a=b/x',
      '/public/%3ba=b',
      '//admin',
      '/public//admin',
      '/public/%2fadmin',
    ],
    ...['/public/%5cadmin', '/public\\..\\admin', '/public/%00', '/public/x%0a', '/public/%252e%252e/admin'],
    ...['/public/%25%32%65', '/public/%u002e', '/public/%', '/public/%zz', '/public/x#y', '/public/\xe9'],
    ...[
      '/public/%c0%ae%c0%ae/admin',
      '/public/%ef%bc%8fadmin',
      'http://gateway.example/public/x',
      '*',
      'public/x',
    ],
    ...['http://admin/', '/public/x?a=\xff'],
  ]
  for (const target of refused) assert.equal(await statusOf(port, `GET ${target}`, auth), 400, target)
  assert.equal(await statusOf(port, 'OPTIONS *', auth), 400)
  // Other readings of a guarded path are refused as well, though a wildcard covers them literally.
  for (const target of ['/Admin', '/admin/', '/ADMIN']) {
    assert.notEqual(await statusOf(port, `GET ${target}`, auth), 200, target)
  }
  assert.equal(seen.length, 0)
  const passed = [
    ['/orders/7', '/orders/7'],
    ['/orders/%37', '/orders/7'],
    ['/orders/%7Ea', '/orders/~a'],
    ['/orders/a%c3%a9', '/orders/a%C3%A9'],
    ['/orders/7?q=%2e%2e/;a//b&&=%zz', '/orders/7?q=%2e%2e/;a//b&&=%zz'],
    ['/public/a.b/..c', '/public/a.b/..c'],
  ] as const
  for (const [target] of passed) assert.equal(await statusOf(port, `GET ${target}`, auth), 200, target)
  assert.deepEqual(
    seen.map(({ url }) => url),
    passed.map(([, forwarded]) => forwarded),
  )
  await close()
})

test('a method override changes neither the policy nor what the upstream does', async () => {
  const { port, key, seen, close } = await startGateway({ api: { routes: ROUTES } })
  const names = [
    'X-HTTP-Method-Override',
    'X-HTTP-Method',
    'X-Method-Override',
    'x_http_method_override',
    'X-Original-URL',
    'X-Rewrite-URL',
  ]
  for (const name of names) {
    const value = name.endsWith('URL') ? '/admin' : 'POST'
    assert.equal(await statusOf(port, 'GET /orders/7', [`X-API-Key: ${key}`, `${name}: ${value}`]), 200, name)
    assert.equal(
      await statusOf(port, 'POST /orders/7', [`X-API-Key: ${key}`, `${name}: GET`, 'Content-Length: 0']),
      403,
    )
  }
  assert.equal(seen.length, names.length)
  for (const request of seen) {
    assert.equal(request.method, 'GET')
    for (const name of names) assert.equal(seenHeader(request, name.toLowerCase()), undefined, name)
  }
  await close()
})

test('HEAD and OPTIONS get the policy of the real route', async () => {
  const { port, key, seen, close } = await startGateway({
    api: { routes: ROUTES, corsOrigins: ['https://app.example'] },
    answer: (_request, response) => response.end('body'),
  })
  const preflight = ['Access-Control-Request-Method: GET']
  assert.equal(await statusOf(port, 'HEAD /orders/7'), 401)
  assert.equal(await statusOf(port, 'HEAD /admin', [`X-API-Key: ${key}`]), 403)
  const head = await sendRaw(
    port,
    `HEAD /orders/7 HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\nConnection: close\r\n\r\n`,
  )
  assert.match(head, /^HTTP\/1\.1 200 /)
  assert.ok(head.endsWith('\r\n\r\n'), 'an answer to HEAD has no body')
  assert.equal(await statusOf(port, 'OPTIONS /orders/7', [`X-API-Key: ${key}`]), 403)
  assert.equal(await statusOf(port, 'OPTIONS /orders/7', ['Origin: https://evil.example', ...preflight]), 403)
  assert.equal(await statusOf(port, 'OPTIONS /elsewhere', ['Origin: https://app.example', ...preflight]), 403)
  assert.equal(await statusOf(port, 'OPTIONS /orders/7', ['Origin: https://app.example']), 403)
  assert.deepEqual(
    seen.map(({ method }) => method),
    ['HEAD'],
  )
  assert.equal(await statusOf(port, 'OPTIONS /orders/7', ['Origin: https://app.example', ...preflight]), 200)
  assert.equal(seen[1]!.method, 'OPTIONS')
  assert.equal(seenHeader(seen[1]!, 'x-credence-principal'), undefined)
  await close()
})

test('a request for no API is 404, and one API never answers for another', async () => {
  const { context, url, key, seen, close } = await startGateway({
    api: { basePath: '/orders', stripBasePath: true, routes: [route('GET /7=orders:read')] },
  })
  const other = await protectApi(context, { api: { name: 'other', upstream: url, basePath: '/other' } })
  const missing = await fetch(`${url}/nowhere`, { headers: { 'x-api-key': key } })
  assert.equal(missing.status, 404)
  assert.equal(((await missing.json()) as { code: string }).code, 'NO_UPSTREAM')
  assert.equal((await fetch(`${url}/orders/7`, { headers: { 'x-api-key': other.key } })).status, 401)
  assert.equal((await fetch(`${url}/orders/7?a=1`, { headers: { 'x-api-key': key } })).status, 200)
  assert.deepEqual(
    seen.map((request) => request.url),
    ['/7?a=1'],
  )
  await close()
})

test('a revoked credential and a changed route count from the moment the node has seen the change', async () => {
  const fixture = await startGateway({ api: { routes: [route('GET /a=orders:read')] } })
  const { context, url, key, api, credential, seen, close } = fixture
  const status = async () => (await fetch(`${url}/a`, { headers: { 'x-api-key': key } })).status
  assert.equal(await status(), 200)
  const stricter = { ...api, revision: 2, routes: [route('GET /a=orders:write')] }
  await putRecords(context, [{ table: 'api', record: stricter }])
  assert.equal(await status(), 403)
  await putRecords(context, [{ table: 'api', record: { ...api, revision: 3 } }])
  assert.equal(await status(), 200)
  const revoked = { ...credential, revision: 2, state: 'revoked', stateChangedAtMs: 1 } as const
  await putRecords(context, [{ table: 'credential', record: revoked }])
  assert.equal(await status(), 401)
  assert.equal(seen.length, 2)
  await close()
})

test('a store that cannot be read denies: nothing is let through unknown', async () => {
  let nowMs = Date.now()
  const fixture = await startGateway({ config: { leaseMs: 1000 }, clock: () => nowMs })
  const { context, url, key, seen, close } = fixture
  nowMs += 10_000
  const { store } = context
  const broken = { list: store.list, read: store.read }
  store.list = store.read = async () => {
    throw new Error('the disk is gone')
  }
  const response = await fetch(url, { headers: { 'x-api-key': key } })
  assert.equal(response.status, 503)
  assert.equal(response.headers.get('retry-after'), '1')
  assert.equal(((await response.json()) as { code: string }).code, 'UNAVAILABLE')
  assert.equal(seen.length, 0)
  Object.assign(store, broken)
  await close()
})

test('an upstream that is down gives 502, one that is slow 504, one that breaks off never looks whole', async () => {
  const silent: (() => void)[] = []
  const { url, key, context, upstream, close } = await startGateway({
    config: { gatewayUpstreamTimeoutSeconds: 1 },
    answer: (request, response) => {
      if (request.url === '/slow') silent.push(() => response.end())
      else if (request.url === '/garbage') request.socket.end('garbage\r\n\r\n')
      else if (request.url === '/cut') request.socket.destroy()
      else {
        response.writeHead(200, { 'content-length': 10 })
        response.write('half', () => request.socket.destroy())
      }
    },
  })
  const headers = { 'x-api-key': key }
  const codeOf = async (path: string) => {
    const response = await fetch(url + path, { headers })
    assert.equal(response.headers.get('content-type'), 'application/problem+json')
    return [response.status, ((await response.json()) as { code: string }).code]
  }
  assert.deepEqual(await codeOf('/cut'), [502, 'UPSTREAM_UNREACHABLE'])
  assert.deepEqual(await codeOf('/garbage'), [502, 'UPSTREAM_UNREACHABLE'])
  assert.deepEqual(await codeOf('/slow'), [504, 'UPSTREAM_TIMEOUT'])
  const half = await fetch(`${url}/half`, { headers })
  assert.equal(half.status, 200)
  await assert.rejects(half.text())
  silent[0]!()
  upstream.closeAllConnections()
  await new Promise((resolve) => upstream.close(resolve))
  assert.deepEqual(await codeOf('/gone'), [502, 'UPSTREAM_UNREACHABLE'])
  assert.match(
    await context.metrics.render(),
    /credence_http_requests_total\{listener="gateway",status="502"\} 3/,
  )
  await close()
})

test('an upstream is checked at the moment of connecting, so a name cannot be bent inwards later', async () => {
  const { context, port: free, upstream, close: closeFirst } = await startGateway()
  const upstreamPort = (upstream.address() as { port: number }).port
  let addresses = ['127.0.0.1']
  const fixture = await startGateway({
    upstream: `http://rebound.example:${upstreamPort}`,
    resolve: async () => addresses,
  })
  const { url, key, close } = fixture
  const status = async () => (await fetch(url, { headers: { 'x-api-key': key, connection: 'close' } })).status
  assert.equal(await status(), 200)
  upstream.closeAllConnections()
  addresses = ['127.0.0.1', '169.254.169.254']
  assert.equal(await status(), 502)
  addresses = ['10.0.0.1']
  assert.equal(await status(), 502)
  assert.ok(context.listeners.some(({ port }) => port === free))
  await close()
  await closeFirst()
})

test('an upstream on this machine is connected to for the workspace default alone, unless the owner allows it', async () => {
  for (const upstreamAllow of [null, [parseIpRange('127.0.0.0/8')!]]) {
    const resolve = async () => ['127.0.0.1']
    const { context, port, key, api, seen, close } = await startGateway({
      resolve,
      config: { upstreamAllow },
    })
    const workspaceId = newId('workspace', context.randomBytes)
    const row = { workspaceId, revision: 1, createdAtMs: 1, updatedAtMs: 1 }
    // As they may stand in a store from before: written past the check that administration makes.
    const foreign = (name: string): ApiRecord => ({
      ...{ ...api, ...row, id: newId('api', context.randomBytes), name, audience: `urn:${name}` },
      ...{ host: `${name}.example`, routes: [route('* /**=public')] },
      upstream: api.upstream!.replace('127.0.0.1', name),
    })
    await putRecords(context, [
      { table: 'workspace', record: { ...row, id: workspaceId, name: 'tenant', keyPrefix: 'tenant' } },
      { table: 'api', record: foreign('127.0.0.1') },
      { table: 'api', record: foreign('localhost') },
    ])
    const status = async (host: string) => {
      const lines = `Host: ${host}\r\nX-API-Key: ${key}\r\nConnection: close`
      return (await sendRaw(port, `GET / HTTP/1.1\r\n${lines}\r\n\r\n`)).slice(9, 12)
    }
    // First, so that there is an open connection that must not be used for the others.
    assert.equal(await status('a.example'), '200')
    const expected = upstreamAllow === null ? '502' : '200'
    assert.equal(await status('127.0.0.1.example'), expected)
    assert.equal(await status('localhost.example'), expected)
    assert.equal(seen.length, upstreamAllow === null ? 1 : 3)
    await close()
  }
})

test("the gateway does not forward to Credence's own listeners, though loopback is allowed", async () => {
  const fixture = await startGateway()
  const { context, url, port, close } = fixture
  const loop = await protectApi(context, {
    api: { name: 'loop', basePath: '/loop', upstream: `http://127.0.0.1:${port}` },
  })
  const response = await fetch(`${url}/loop`, { headers: { 'x-api-key': loop.key } })
  assert.equal(response.status, 502)
  await close()
})

test('closing lets a request in flight finish, closes idle connections, and cuts what outlasts the drain', async () => {
  const held: (() => void)[] = []
  const fixture = await startGateway({
    config: { drainSeconds: 1 },
    answer: (_request, response) => held.push(() => response.end('finished')),
  })
  const { port, key, gateway, upstream, close } = fixture
  const idle = connect(port, '127.0.0.1')
  await once(idle, 'connect')
  const busy = connect(port, '127.0.0.1')
  const stuck = connect(port, '127.0.0.1')
  for (const socket of [busy, stuck]) {
    socket.write(`GET / HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\n\r\n`)
    await once(upstream, 'request')
  }
  const idleClosed = once(idle, 'close')
  const stuckClosed = once(stuck, 'close')
  stuck.on('error', () => {})
  idle.resume()
  stuck.resume()
  const closed = gateway.close()
  await idleClosed
  held[0]!()
  const answer = await readUntil(busy, 'finished')
  assert.match(answer, /connection: close/i)
  await stuckClosed
  await closed
  await assert.rejects(listenerAnswers(port))
  await close()
})

async function listenerAnswers(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.destroy()
}

test('a head that does not come is cut off in time, and others are served meanwhile', async () => {
  const { port, url, key, close } = await startGateway({ config: { requestHeadTimeoutSeconds: 1 } })
  const slow = connect(port, '127.0.0.1')
  slow.on('error', () => {})
  slow.resume()
  const startedMs = performance.now()
  slow.write('GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ')
  const silent = connect(port, '127.0.0.1')
  silent.on('error', () => {})
  silent.resume()
  const ended = Promise.all([once(slow, 'close'), once(silent, 'close')])
  assert.equal((await fetch(url, { headers: { 'x-api-key': key } })).status, 200)
  await ended
  assert.ok(performance.now() - startedMs < 3000)
  await close()
})
