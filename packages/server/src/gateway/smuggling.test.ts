import assert from 'node:assert/strict'
import { test } from 'node:test'
import { route, sendRaw, startGateway } from '../testing/gateway-fixture.ts'

/** Everything that is well formed passes, and the upstream reads as leniently as Node can. */
function startOpen() {
  return startGateway({
    api: { routes: [route('* /**=public')] },
    upstreamOptions: { insecureHTTPParser: true },
    config: { requestHeadTimeoutSeconds: 1 },
    answer: (request, response) => {
      request.resume()
      request.on('end', () => response.end('ok'))
      request.on('error', () => {})
    },
  })
}

/** The status line that each request on one connection got. */
function statuses(answer: string): number[] {
  return [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]))
}

test('a head that is not beyond doubt gets 400 as a problem, and the connection ends', async () => {
  const fixture = await startOpen()
  const next = 'GET /next HTTP/1.1\r\nHost: a\r\n\r\n'
  for (const [what, bytes] of [
    ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
    ['two Hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n'],
    ['a Host that is none', 'GET / HTTP/1.1\r\nHost: a/b@c\r\n\r\n'],
    ['an empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n'],
    ['two lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx'],
    ['a list of lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx'],
    ['a signed length', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx'],
    ['an enormous length', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\nx'],
    [
      'length and coding',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['two codings', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
    [
      'coding twice',
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['coding in 1.0', 'POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['obs-fold', 'GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n folded\r\n\r\n'],
    ['bare CR', 'GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\rX-B: 2\r\n\r\n'],
    ['NUL', 'GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\0\r\n\r\n'],
    ['a control character', 'GET / HTTP/1.1\r\nHost: a\r\nX-A: \x01\r\n\r\n'],
    ['space before the colon', 'GET / HTTP/1.1\r\nHost: a\r\nX-A : 1\r\n\r\n'],
    ['absolute-form', 'GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['asterisk-form', 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['CONNECT', 'CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['TRACE', 'TRACE / HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['another version', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n'],
    ['no version', 'GET /\r\n\r\n'],
    ['no HTTP', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
  ] as const) {
    const answer = await sendRaw(fixture.port, bytes + next)
    assert.deepEqual(statuses(answer), [400], what)
    assert.match(answer, /\r\nconnection: close\r\n/i, what)
    assert.match(answer, /application\/problem\+json/i, what)
  }
  assert.equal(fixture.seen.length, 0)
  await fixture.close()
})

test('a head that is too large gets 431', async () => {
  const fixture = await startOpen()
  const answer = await sendRaw(
    fixture.port,
    `GET / HTTP/1.1\r\nHost: a\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`,
  )
  assert.deepEqual(statuses(answer), [431])
  await fixture.close()
})

test('HTTP/1.0 needs no Host, and requests on one connection are answered in order', async () => {
  const fixture = await startOpen()
  assert.deepEqual(statuses(await sendRaw(fixture.port, 'GET /old HTTP/1.0\r\n\r\n')), [200])
  const one = (path: string) => `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi`
  const chunked = 'POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n'
  const last = 'GET /4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
  const answer = await sendRaw(fixture.port, one('/1') + one('/2') + chunked + last)
  assert.deepEqual(statuses(answer), [200, 200, 200, 200])
  assert.deepEqual(fixture.seen.map(({ url }) => url).sort(), ['/1', '/2', '/3', '/4', '/old'])
  await fixture.close()
})

test('a malformed request behind a good one cannot write into the answer of the good one', async () => {
  const fixture = await startOpen()
  const answer = await sendRaw(
    fixture.port,
    'GET /good HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost : a\r\n\r\n',
  )
  assert.deepEqual(statuses(answer), [200], answer)
  const broken = 'POST /bad HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'
  assert.deepEqual(statuses(await sendRaw(fixture.port, broken)), [])
  await fixture.close()
})
