import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect, createServer as createTcpServer, type Socket } from 'node:net'
import { resolve } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type GatewayFixture, listen, route, sendRaw, startGateway } from '../testing/gateway-fixture.ts'
import { startRawUpstream } from '../testing/raw-upstream.ts'

/** Third-party requests; they live beside the repository and are not part of it. */
const VECTORS = resolve(import.meta.dirname, '../../../../../shared/vectors/http-malformed')
/** A caller gives up when nothing comes for so long: some of the requests never end. Milliseconds. */
const SILENCE_MS = 400
const AT_ONCE = 40

/** A request as it was seen behind the gateway, by whichever upstream. */
interface Seen {
  readonly method: string
  readonly target: string
  readonly requestId: string | undefined
}

/** Bytes to send, out of the vector of this name. */
interface Sending {
  readonly vector: string
  readonly bytes: Buffer
}

/** Reads as leniently as Node can, so that what is hidden in a request is found. */
async function startBeforeLenient() {
  const fixture = await startGateway({
    api: { routes: [route('* /**=public')] },
    upstreamOptions: { insecureHTTPParser: true },
    config: { requestHeadTimeoutSeconds: 1 },
    answer: (request, response) => {
      request.resume()
      request.on('end', () => response.end('ok'))
      request.on('error', () => {})
    },
  })
  const seen = (): Seen[] =>
    fixture.seen.map(({ method, url, headers }) => {
      const requestId = headers['x-credence-request-id']?.toString()
      return { method: method!, target: url!, requestId }
    })
  return { fixture, seen, problems: [] as string[], close: fixture.close }
}

/** Takes the grammar by the letter: what it does not refuse can be framed in one way only. */
async function startBeforeStrict() {
  const raw = await startRawUpstream()
  const fixture = await startGateway({
    api: { routes: [route('* /**=public')] },
    upstream: raw.url,
    config: { requestHeadTimeoutSeconds: 1 },
  })
  const seen = (): Seen[] =>
    raw.seen.map(({ method, target, rawHeaders }) => {
      const at = rawHeaders.findIndex((name) => name.toLowerCase() === 'x-credence-request-id')
      return { method, target, requestId: at === -1 ? undefined : rawHeaders[at + 1] }
    })
  const close = async () => {
    await fixture.close()
    await raw.close()
  }
  return { fixture, seen, problems: raw.problems, close }
}

/** The answers, in the order of what was sent. */
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
function assertSameCount(
  { context }: GatewayFixture,
  seen: readonly Seen[],
  answers: readonly string[],
): void {
  const { decisions, defaultWorkspaceId: workspaceId } = context
  const passed = decisions.list({ workspaceId, limit: 10_000, code: 'VALID' })
  const known = new Map(passed.map((entry) => [entry.requestId, entry]))
  for (const { method, target, requestId } of seen) {
    const entry = known.get(String(requestId))
    assert.ok(entry, `the upstream saw ${method} ${target}, which the gateway did not forward`)
    assert.equal(`${method} ${target.split('?')[0]}`, `${entry.method} ${entry.path}`)
    known.delete(entry.requestId)
  }
  const answered = answers.flatMap(statuses).filter((status) => status === 200)
  assert.ok(answered.length <= seen.length, `${answered.length} answers to ${seen.length} requests`)
  assert.ok(seen.length > 0, 'what is well formed is forwarded')
}

/** Final status of each request on one connection. */
function statuses(answer: string): number[] {
  return [...answer.matchAll(/HTTP\/1\.1 ([2-5]\d{2}) /g)].map((match) => Number(match[1]))
}

/** Sends everything through gateways before both upstreams and says, in numbers, what became of it. */
async function assertNoneSmuggles(t: TestContext, sendings: readonly Sending[]): Promise<void> {
  for (const [reader, start] of [
    ['lenient', startBeforeLenient],
    ['strict', startBeforeStrict],
  ] as const) {
    const { fixture, seen, problems, close } = await start()
    const answers = await sendAll(
      fixture.port,
      sendings.map(({ bytes }) => bytes),
    )
    await fixture.gateway.close()
    assertSameCount(fixture, seen(), answers)
    assert.deepEqual(problems.slice(0, 5), [])
    const outcomes = { forwarded: 0, refused: 0, unfinished: 0 }
    for (const answer of answers) outcomes[outcomeOf(answer)] += 1
    const vectors = new Set(sendings.map(({ vector }) => vector)).size
    t.diagnostic(
      `${reader} upstream: ${vectors} vectors, sent in ${answers.length} forms: ${JSON.stringify(outcomes)}; ` +
        `${seen().length} requests counted by the gateway and by the upstream`,
    )
    await close()
  }
}

/** `unfinished`: the gateway waited for the rest of a request, and the caller gave up or its connection was cut. */
function outcomeOf(answer: string): 'forwarded' | 'refused' | 'unfinished' {
  const all = statuses(answer)
  if (all.length === 0) return 'unfinished'
  return all.includes(200) ? 'forwarded' : 'refused'
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

test("each of llhttp's requests is refused, or gateway and upstream count the same", async (t) => {
  if (!existsSync(VECTORS)) return t.diagnostic(`NOT RUN: no vectors at ${VECTORS}`)
  const vectors = JSON.parse(readFileSync(`${VECTORS}/llhttp-requests.json`, 'utf8')) as LlhttpVector[]
  assert.equal(vectors.length, 187)
  const sendings = vectors.flatMap(({ raw }, index) =>
    [bytesOf(raw, '\r\n'), bytesOf(withHost(raw), '\r\n'), bytesOf(withHost(raw), '\n')].map((bytes) => ({
      vector: String(index),
      bytes,
    })),
  )
  await assertNoneSmuggles(t, sendings)
})

const HIDDEN = 'GET /smuggled HTTP/1.1\r\nHost: gateway.example\r\n\r\n'
/** Ends the connection where everything before was understood, so that nobody waits for the silence. */
const LAST = 'GET /last HTTP/1.1\r\nHost: gateway.example\r\nConnection: close\r\n\r\n'

/**
 * A request is hidden behind what Content-Length covers, and behind the last chunk; the line under test stands
 * before Content-Length, and behind it.
 */
function smuggling(vector: string, line: string): Sending[] {
  const chunk = `${HIDDEN.length.toString(16)}\r\n`
  const bodies = [
    { body: `0\r\n\r\n${HIDDEN}`, length: `0\r\n\r\n${HIDDEN}`.length },
    { body: `${chunk}${HIDDEN}\r\n0\r\n\r\n`, length: chunk.length },
  ]
  return bodies.flatMap(({ body, length }) => {
    const stated = `Content-Length: ${length}`
    return [`${stated}\r\n${line}`, `${line}\r\n${stated}`].map((lines) => {
      const head = `POST /carrier HTTP/1.1\r\nHost: gateway.example\r\n${lines}\r\n\r\n`
      return { vector, bytes: Buffer.from(head + body + LAST, 'latin1') }
    })
  })
}

test('no spelling of Transfer-Encoding beside Content-Length smuggles a request through', async (t) => {
  if (!existsSync(VECTORS)) return t.diagnostic(`NOT RUN: no vectors at ${VECTORS}`)
  const text = readFileSync(`${VECTORS}/te-mutations.json`, 'utf8')
  const { te_mutations: mutations } = JSON.parse(text) as { te_mutations: Record<string, string> }
  assert.equal(Object.keys(mutations).length, 668)
  await assertNoneSmuggles(
    t,
    Object.entries(mutations).flatMap(([name, line]) => smuggling(name, line)),
  )
})

/** Every byte, in every place of the line where one may be slipped in. */
function bytesInTransferEncoding(): readonly (readonly [string, string])[] {
  const places = ['^Transfer-Encoding: chunked', 'Transfer^Encoding: chunked', 'Transfer-Encoding^: chunked']
  places.push('Transfer-Encoding:^chunked', 'Transfer-Encoding: ^chunked', 'Transfer-Encoding: chunked^')
  places.push(
    'Transfer-Encoding: x^chunked',
    'Transfer-Encoding: chunked^x',
    'X: x^Transfer-Encoding: chunked',
  )
  return places.flatMap((place) =>
    Array.from({ length: 256 }, (_, code) => {
      const line = place.replace('^', () => String.fromCharCode(code))
      return [`${place} ${code}`, line] as const
    }),
  )
}

test('no byte, wherever it stands in a Transfer-Encoding line, smuggles a request through', async (t) => {
  await assertNoneSmuggles(
    t,
    bytesInTransferEncoding().flatMap(([name, line]) => smuggling(name, line).slice(0, 1)),
  )
})

test('the same requests do smuggle where lenient and strict readers follow each other: they are no blanks', async () => {
  const requests = bytesInTransferEncoding().flatMap(([name, line]) => smuggling(name, line))
  const countOn = async (insecureHTTPParser: boolean) => {
    let count = 0
    const server = createServer({ insecureHTTPParser }, (request, response) => {
      if (request.url === '/smuggled') count += 1
      response.end()
    })
    const every32nd = requests.filter((_, index) => index % 32 === 0)
    await sendAll(
      await listen(server),
      every32nd.map(({ bytes }) => bytes),
    )
    server.closeAllConnections()
    server.close()
    return count
  }
  assert.notEqual(await countOn(true), await countOn(false))
})

test('a gateway that hands on bytes is seen by the count, and by the upstream that reads by the letter', async () => {
  const raw = await startRawUpstream()
  const { fixture, seen, close } = await startBeforeLenient()
  const sockets = new Set<Socket>()
  for (const [port, count] of [
    [Number(new URL(fixture.api.upstream!).port), seen],
    [raw.port, () => []],
  ] as const) {
    const pipe = createTcpServer((caller) => {
      const upstream = connect(port, '127.0.0.1')
      for (const socket of [caller, upstream]) sockets.add(socket.on('error', () => {}))
      caller.pipe(upstream).pipe(caller)
    })
    const sendings = smuggling('', 'Transfer-Encoding: chunked')
    const answers = await sendAll(
      await listen(pipe),
      sendings.map(({ bytes }) => bytes),
    )
    assert.throws(() => assertSameCount(fixture, count(), answers), assert.AssertionError)
    for (const socket of sockets) socket.destroy()
    pipe.close()
  }
  assert.equal(raw.problems.length, 4)
  await close()
  await raw.close()
})
