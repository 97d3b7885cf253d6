import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { parseIpRange } from '@credence/core'
import {
  type GatewayFixture,
  type GatewayFixtureOptions,
  route,
  seenHeader,
  sendRaw,
  startGateway,
} from '../testing/gateway-fixture.ts'

/** Sends header lines as they are and gives the request as the upstream saw it. */
async function forwarded(
  fixture: GatewayFixture,
  lines: string[],
  target = '/orders/7',
): Promise<IncomingMessage> {
  const before = fixture.seen.length
  const head = [`GET ${target} HTTP/1.1`, 'Host: gateway.example:1', ...lines]
  if (!lines.some((line) => /^connection:/i.test(line))) head.push('Connection: close')
  const answer = await sendRaw(fixture.port, `${head.join('\r\n')}\r\n\r\n`, 1000)
  assert.match(answer, /^HTTP\/1\.1 200 /, answer)
  assert.equal(fixture.seen.length, before + 1)
  return fixture.seen[before]!
}

async function withGateway(options: GatewayFixtureOptions, run: (fixture: GatewayFixture) => Promise<void>) {
  const fixture = await startGateway(options)
  try {
    await run(fixture)
  } finally {
    await fixture.close()
  }
}

const ROUTES = [route('GET /orders/*=orders:read'), route('GET /open=public')]

test('the upstream is told who calls: ids plain, names percent-encoded', async () => {
  const principal = { name: 'Zoë & Söhne 100%', externalId: 'cus/42 ü' }
  await withGateway(
    { api: { routes: ROUTES }, principal, scopes: ['orders:read', 'orders:write'] },
    async (fixture) => {
      const request = await forwarded(fixture, [`Authorization: Bearer ${fixture.key}`])
      for (const [name, value] of [
        ['x-credence-principal', fixture.principal.id],
        ['x-credence-principal-name', 'Zo%C3%AB%20%26%20S%C3%B6hne%20100%25'],
        ['x-credence-external-id', 'cus%2F42%20%C3%BC'],
        ['x-credence-credential', fixture.credential.id],
        ['x-credence-scopes', 'orders:read orders:write'],
        ['x-credence-workspace', fixture.context.defaultWorkspaceId],
        ['x-forwarded-for', '127.0.0.1'],
        ['x-forwarded-proto', 'http'],
        ['x-forwarded-host', 'gateway.example:1'],
        ['via', '1.1 credence'],
        ['host', fixture.api.upstream!.slice('http://'.length)],
      ] as const) {
        assert.equal(seenHeader(request, name), value, name)
      }
      assert.match(seenHeader(request, 'x-credence-request-id')!, /^r[0-9A-Za-z]{11}$/)
    },
  )
})

test('identity headers that come in are removed, however they are spelt', async () => {
  await withGateway({ api: { routes: ROUTES } }, async (fixture) => {
    const forged = [
      'X-Credence-Principal: prn_forged',
      'x-credence-principal: prn_forged',
      'X-CREDENCE-PRINCIPAL: prn_forged',
      'X_Credence_Principal: prn_forged',
      'x_credence_scopes: *',
      'X-Credence_External-Id: forged',
      'X.Credence.External.Id: forged',
      "X'Credence'Scopes: *",
      'X-Credence-Anything: forged',
      'Credence-Request-Id: forged',
      'X_Forwarded_For: 203.0.113.1',
      'X_API_Key: forged',
      'Content_Length: 3',
      'Transfer_Encoding: chunked',
      'X_Real_IP: 203.0.113.1',
    ]
    const known = await forwarded(fixture, [...forged, `X-API-Key: ${fixture.key}`])
    const open = await forwarded(fixture, forged, '/open')
    for (const request of [known, open]) {
      assert.doesNotMatch(request.rawHeaders.join('\n'), /forged|203\.0\.113|^\*$/m)
      const names = request.rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase())
      assert.deepEqual(
        names.filter((name) => /[_.']/.test(name)),
        [],
      )
    }
    assert.equal(seenHeader(known, 'x-credence-principal'), fixture.principal.id)
    assert.equal(seenHeader(known, 'x-credence-external-id'), undefined)
    assert.equal(seenHeader(open, 'x-credence-principal'), undefined)
  })
})

test('Connection takes along what it names, but none of what we say', async () => {
  await withGateway({ api: { routes: ROUTES } }, async (fixture) => {
    const request = await forwarded(fixture, [
      'Connection: X-Credence-Principal, x-credence-scopes, X-Forwarded-For, Via, X-Only-Here, close',
      'X-Only-Here: 1',
      'X-Stays: 1',
      'Keep-Alive: timeout=5',
      'TE: trailers',
      'Proxy-Authorization: Basic eDp5',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABkAAQAAP__',
      `X-API-Key: ${fixture.key}`,
    ])
    for (const name of [
      'x-only-here',
      'keep-alive',
      'te',
      'proxy-authorization',
      'upgrade',
      'http2-settings',
    ]) {
      assert.equal(seenHeader(request, name), undefined, name)
    }
    assert.equal(seenHeader(request, 'x-stays'), '1')
    assert.equal(seenHeader(request, 'x-credence-principal'), fixture.principal.id)
    assert.equal(seenHeader(request, 'x-credence-scopes'), 'orders:read')
    assert.equal(seenHeader(request, 'x-forwarded-for'), '127.0.0.1')
    assert.equal(seenHeader(request, 'via'), '1.1 credence')
  })
})

test('the presented credential ends at the gateway, wherever it stood', async () => {
  const api = { routes: ROUTES, credentialHeader: 'x-shop-key', queryParameter: 'key' }
  await withGateway({ api }, async (fixture) => {
    const { key } = fixture
    const secret = key.slice(-38)
    const everywhere = await forwarded(
      fixture,
      [`Authorization: Bearer ${key}`, `X-API-Key: ${key}`, `X-Shop-Key: ${key}`, 'Cookie: a=1'],
      `/orders/7?a=1&key=${key}&b=%2e`,
    )
    assert.doesNotMatch(everywhere.rawHeaders.join('\n') + everywhere.url, new RegExp(secret))
    assert.equal(everywhere.url, '/orders/7?a=1&b=%2e')
    assert.equal(seenHeader(everywhere, 'cookie'), 'a=1')
    assert.equal((await forwarded(fixture, [], `/orders/7?k%65y=${key}`)).url, '/orders/7')
    // On a public route nobody looks at the credential, and the key must not pass all the same.
    const basic = Buffer.from(`user:${key}`).toString('base64')
    const lines = [`Authorization: Basic ${basic}`, `X-API-Key: ${key}`, `X-Shop-Key: Bearer ${key}`]
    const open = await forwarded(fixture, lines, `/open?key=${key}`)
    assert.doesNotMatch(open.rawHeaders.join('\n') + open.url, new RegExp(`${secret}|${basic}`))
    const foreign = await forwarded(
      fixture,
      ['Authorization: Bearer upstream-token', 'X-API-Key: theirs'],
      '/open?key=theirs',
    )
    assert.equal(seenHeader(foreign, 'authorization'), 'Bearer upstream-token')
    assert.equal(seenHeader(foreign, 'x-api-key'), 'theirs')
    assert.equal(foreign.url, '/open?key=theirs')
  })
})

test('a password ends at the gateway, also on the public routes of an API of which one takes it', async () => {
  const basic = `Basic ${Buffer.from('ann:hurdle vex quib gnaw').toString('base64')}`
  for (const [accepts, passedOn] of [
    [['api_key'], basic],
    [['basic'], undefined],
    [['client_secret', 'api_key'], undefined],
  ] as const) {
    for (const place of ['api', 'route'] as const) {
      const routes = [{ ...ROUTES[0]!, accepts: place === 'route' ? accepts : null }, ROUTES[1]!]
      const api = { routes, accepts: place === 'api' ? accepts : (['api_key'] as const) }
      await withGateway({ api }, async (fixture) => {
        const open = await forwarded(fixture, [`Authorization: ${basic}`], '/open')
        assert.equal(seenHeader(open, 'authorization'), passedOn)
        const bearer = await forwarded(fixture, ['Authorization: Bearer upstream-token'], '/open')
        assert.equal(seenHeader(bearer, 'authorization'), 'Bearer upstream-token')
      })
    }
  }
})

test('the verified key is kept from the upstream in headers and parameters in which nobody looks for it, too', async () => {
  await withGateway({ api: { routes: ROUTES } }, async (fixture) => {
    const { key, credential } = fixture
    const secret = key.slice(-38)
    const request = await forwarded(
      fixture,
      [
        `Authorization: Bearer ${key}`,
        `Cookie: a=1; key=${key}; b="2"`,
        `Cookie: ${key}`,
        `Cookie: c=%22${key}%22; d=4`,
        `X-Token: Bearer ${key}`,
        `Referer: https://shop.example/?api_key=${key}#top`,
        // The id is no secret, nor is a key that nobody verified ours to take away.
        `X-Issued: ${credential.id}`,
        `Cookie: id=${credential.id}; e=5`,
        'X-Other: crd_live_short',
      ],
      `/orders/7?a=1&token=${key}&b=%2e&${key}&c=${credential.id}`,
    )
    assert.doesNotMatch(request.rawHeaders.join('\n') + request.url, new RegExp(secret))
    assert.equal(request.url, `/orders/7?a=1&b=%2e&c=${credential.id}`)
    assert.equal(seenHeader(request, 'cookie'), `a=1; b="2", d=4, id=${credential.id}; e=5`)
    for (const name of ['x-token', 'referer']) assert.equal(seenHeader(request, name), undefined, name)
    assert.equal(seenHeader(request, 'x-issued'), credential.id)
    assert.equal(seenHeader(request, 'x-other'), 'crd_live_short')
    assert.equal((await forwarded(fixture, [`X-API-Key: ${key}`], `/orders/7?token=${key}`)).url, '/orders/7')
  })
})

test('what anybody says about forwarding is dropped; what a trusted proxy says is extended', async () => {
  const said = [
    'X-Forwarded-For: 203.0.113.9',
    'X-Forwarded-For: 198.51.100.4',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Host: shop.example',
    'X-Forwarded-Port: 443',
    'Forwarded: for=203.0.113.9',
    'X-Real-IP: 203.0.113.9',
    'Via: 1.0 first',
  ]
  await withGateway({ api: { routes: ROUTES } }, async (fixture) => {
    const request = await forwarded(fixture, [...said, `X-API-Key: ${fixture.key}`])
    assert.equal(seenHeader(request, 'x-forwarded-for'), '127.0.0.1')
    assert.equal(seenHeader(request, 'x-forwarded-proto'), 'http')
    assert.equal(seenHeader(request, 'x-forwarded-host'), 'gateway.example:1')
    for (const name of ['x-forwarded-port', 'forwarded', 'x-real-ip'])
      assert.equal(seenHeader(request, name), undefined)
    assert.equal(seenHeader(request, 'via'), '1.0 first, 1.1 credence')
  })
  const trustedProxies = [parseIpRange('127.0.0.1')!, parseIpRange('198.51.100.0/24')!]
  const conditions = { ipRanges: ['203.0.113.9'], methods: null, paths: null, timeWindow: null }
  const options = {
    api: { routes: ROUTES, requiresTls: true },
    config: { trustedProxies },
    credential: { conditions },
  }
  await withGateway(options, async (fixture) => {
    const request = await forwarded(fixture, [...said, `X-API-Key: ${fixture.key}`])
    assert.equal(seenHeader(request, 'x-forwarded-for'), '203.0.113.9, 198.51.100.4, 127.0.0.1')
    assert.equal(seenHeader(request, 'x-forwarded-proto'), 'https')
    assert.equal(seenHeader(request, 'x-forwarded-host'), 'shop.example')
    const head = [
      'GET /orders/7 HTTP/1.1',
      'Host: a',
      `X-API-Key: ${fixture.key}`,
      'Connection: close',
      ...said,
    ]
    const plain = await sendRaw(
      fixture.port,
      `${head.join('\r\n').replace('Proto: https', 'Proto: http')}\r\n\r\n`,
    )
    assert.match(plain, /^HTTP\/1\.1 403 [\s\S]*TLS_REQUIRED/)
    const elsewhere = await sendRaw(
      fixture.port,
      `${head.join('\r\n').replace('For: 203.0.113.9', 'For: 203.0.113.8')}\r\n\r\n`,
    )
    assert.match(elsewhere, /^HTTP\/1\.1 403 [\s\S]*CONDITION_FAILED/)
  })
})
