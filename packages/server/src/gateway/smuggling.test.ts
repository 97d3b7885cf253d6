import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { type GatewayFixture, listen, route, sendRaw, startGateway } from '../testing/gateway-fixture.ts'

/** Third-party requests; they live beside the repository and are not part of it. */
const VECTORS = resolve(import.meta.dirname, '../../../../../shared/vectors/http-malformed')
/** A caller gives up when nothing comes for so long: some of the requests never end. Milliseconds. */
const SILENCE_MS = 400
const AT_ONCE = 40

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

async function sendAll(port: number, requests: readonly Buffer[]): Promise<string[]> {
  const answers: string[] = []
  const left = requests.entries()
  const worker = async () => {
    for (const [index, bytes] of left) answers[index] = await sendRaw(port, bytes, SILENCE_MS)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return answers
}

/**
 * Each request that the upstream saw is one that the gateway decided about, once, with this method and path; and
 * each 200 that a caller got is the answer to one that was seen. (Between the two are those whose caller went
 * away, or sent garbage behind them.)
 */
async function assertSameCount({ context, seen }: GatewayFixture): Promise<number> {
  const { decisions, defaultWorkspaceId: workspaceId, metrics } = context
  const passed = decisions.list({ workspaceId, limit: 10_000, code: 'VALID' })
  const known = new Map(passed.map((entry) => [entry.requestId, entry]))
  for (const { headers, method, url } of seen) {
    const entry = known.get(String(headers['x-credence-request-id']))
    assert.ok(entry, `the upstream saw ${method} ${url}, which the gateway did not forward`)
    assert.equal(`${method} ${url!.split('?')[0]}`, `${entry.method} ${entry.path}`)
    known.delete(entry.requestId)
  }
  const answered = /listener="gateway",status="200"\} (\d+)/.exec(await metrics.render())
  assert.ok(Number(answered![1]) <= seen.length)
  assert.ok(seen.length > 0, 'what is well formed is forwarded')
  return seen.length
}

interface LlhttpVector {
  readonly raw: string
  readonly title: string
}

/** The notation of llhttp's files: line breaks stand for CRLF unless written as escapes. */
function bytesOf(raw: string, lineBreak: string): Buffer {
  const text = raw
    .replace(/\\\n/g, '')
    .replace(/\n/g, lineBreak)
    .replace(/\\r/g, '\r')
    .replace(/\\n/g, '\n')
    .replace(/\\t/g, '\t')
    .replace(/\\f/g, '\f')
    .replace(/\\x([0-9a-fA-F]{2})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 16)))
  return Buffer.from(text, 'latin1')
}

function withHost(raw: string): string {
  return /^host:/im.test(raw) ? raw : raw.replace('\n', '\nHost: gateway.example\n')
}

test("llhttp's malformed requests are refused, or gateway and upstream count the same", async (t) => {
  if (!existsSync(VECTORS)) return t.diagnostic(`NOT RUN: no vectors at ${VECTORS}`)
  const vectors = JSON.parse(readFileSync(`${VECTORS}/llhttp-requests.json`, 'utf8')) as LlhttpVector[]
  const requests = vectors.flatMap(({ raw }) => [
    bytesOf(raw, '\r\n'),
    bytesOf(withHost(raw), '\r\n'),
    bytesOf(withHost(raw), '\n'),
  ])
  assert.ok(requests.length > 500)
  const fixture = await startOpen()
  await sendAll(fixture.port, requests)
  await fixture.gateway.close()
  const count = await assertSameCount(fixture)
  t.diagnostic(`${requests.length} requests sent, ${count} forwarded`)
  await fixture.close()
})

interface TeVectors {
  readonly te_mutations: Readonly<Record<string, string>>
}

/** Both ways round: the smuggled request behind what Content-Length covers, and behind the last chunk. */
function smuggling(line: string): Buffer[] {
  const hidden = 'GET /smuggled HTTP/1.1\r\nHost: gateway.example\r\n\r\n'
  const head = (length: number) =>
    `POST /carrier HTTP/1.1\r\nHost: gateway.example\r\nContent-Length: ${length}\r\n${line}\r\n\r\n`
  const endsByChunk = `0\r\n\r\n${hidden}`
  const chunk = `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`
  return [
    Buffer.from(head(endsByChunk.length) + endsByChunk, 'latin1'),
    Buffer.from(head(`${hidden.length.toString(16)}\r\n`.length) + chunk, 'latin1'),
  ]
}

function teRequests(): Buffer[] {
  const { te_mutations: mutations } = JSON.parse(
    readFileSync(`${VECTORS}/te-mutations.json`, 'utf8'),
  ) as TeVectors
  return Object.values(mutations).flatMap(smuggling)
}

test('no spelling of Transfer-Encoding beside Content-Length smuggles a request through', async (t) => {
  if (!existsSync(VECTORS)) return t.diagnostic(`NOT RUN: no vectors at ${VECTORS}`)
  const requests = teRequests()
  assert.ok(requests.length > 1000)
  const fixture = await startOpen()
  await sendAll(fixture.port, requests)
  await fixture.gateway.close()
  const count = await assertSameCount(fixture)
  t.diagnostic(`${requests.length} requests sent, ${count} forwarded`)
  await fixture.close()
})

test('the same requests do smuggle past a gateway that hands on bytes: the check above can fail', async (t) => {
  if (!existsSync(VECTORS)) return t.diagnostic(`NOT RUN: no vectors at ${VECTORS}`)
  const countOn = async (insecureHTTPParser: boolean) => {
    let count = 0
    const server = createServer({ insecureHTTPParser }, (request, response) => {
      if (request.url === '/smuggled') count += 1
      response.end()
    })
    await sendAll(await listen(server), teRequests().slice(0, 200))
    server.closeAllConnections()
    server.close()
    return count
  }
  assert.notEqual(await countOn(true), await countOn(false))
})

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
