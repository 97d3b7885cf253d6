import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { TLSSocket } from 'node:tls'
import { connected, readAnswer, readUntil } from './caller.ts'
import { askSeen, bearer, type Check, type Door, Findings, protocolsOf, valuesOf } from './door.ts'
import { HOST } from './site.ts'

const CHUNK_BYTES = 65_536
/** 64 MiB: beyond every buffer in between. */
const CHUNKS = 1024

/** A large body arrives whole, and begins to arrive before it has been sent: nobody keeps it. */
export const uploadCheck: Check = async (door) => {
  const findings = new Findings()
  await upload(door, `Content-Length: ${CHUNKS * CHUNK_BYTES}`, findings)
  await upload(door, 'Transfer-Encoding: chunked', findings)
  return findings.problems
}

async function upload(door: Door, framing: string, findings: Findings): Promise<void> {
  const isChunked = framing.startsWith('Transfer')
  const { seen } = door.site.upstream
  const from = seen.length
  const socket = await begin(door, ['POST /orders/upload HTTP/1.1', bearer(door.site.keys.writer), framing])
  const hash = createHash('sha256')
  for (let i = 0; i < CHUNKS; i += 1) {
    const chunk = randomBytes(CHUNK_BYTES)
    hash.update(chunk)
    const size = isChunked ? Buffer.from(`${CHUNK_BYTES.toString(16)}\r\n`) : Buffer.alloc(0)
    const isFlushed = socket.write(Buffer.concat([size, chunk, Buffer.from(isChunked ? '\r\n' : '')]))
    if (!isFlushed) await once(socket, 'drain')
    // Half of it is under way, and the protected API has been asked.
    if (i === CHUNKS / 2 && !(await until(() => seen.length > from, `${framing}: streamed`, findings))) {
      socket.destroy()
      return
    }
  }
  if (isChunked) socket.write('0\r\n\r\n')
  const { status, body } = await readAnswer(socket, 'POST')
  const expected = { bytes: CHUNKS * CHUNK_BYTES, sha256: hash.digest('hex') }
  findings.equal([status, body], [200, JSON.stringify(expected)], framing)
  socket.destroy()
}

/** Who may not write is told so before its body has been read, and none of it reaches the protected API. */
export const refusedUploadCheck: Check = async (door) => {
  const findings = new Findings()
  const { seen } = door.site.upstream
  const from = seen.length
  for (const more of [[], ['Expect: 100-continue']]) {
    const socket = await begin(door, ['POST /orders/upload HTTP/1.1', 'Content-Length: 100000000', ...more])
    socket.write(Buffer.alloc(1000))
    const late = setTimeout(() => socket.destroy(), PATIENCE_MS)
    const answer = await readAnswer(socket, 'POST').catch(() => null)
    clearTimeout(late)
    findings.equal(answer?.status, 401, `a body without a credential ${more.join()}`)
    const challenge = answer?.headers.get('www-authenticate')
    findings.equal(challenge, ['Bearer realm="orders"'], 'WWW-Authenticate')
    socket.destroy()
  }
  findings.equal(seen.length, from, 'the upstream saw a refused upload')
  return findings.problems
}

/** A WebSocket is authorized as the GET that it is, and then a tunnel; no other upgrade gets through. */
export const upgradeCheck: Check = async (door) => {
  const findings = new Findings()
  const handshake = [
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ]
  const key = bearer(door.site.keys.writer)
  const socket = await begin(door, ['GET /socket HTTP/1.1', 'Connection: Upgrade', ...handshake, key], '')
  const { status, headers } = await readAnswer(socket, 'GET')
  findings.equal(status, 101, 'a WebSocket')
  findings.equal(
    headers.get('sec-websocket-accept'),
    ['s3pPLMBiTxaQ9kYGzzhZRbK+xOo='],
    'Sec-WebSocket-Accept',
  )
  if (status === 101) {
    for (const text of ['one', 'two', 'x'.repeat(100_000)]) {
      socket.write(text)
      const echoed = await readUntil(socket, (came) => (came.length < text.length ? null : came))
      findings.expect(echoed === text, `the tunnel gave ${echoed.slice(0, 20)} for ${text.slice(0, 20)}`)
    }
  }
  socket.destroy()

  const from = door.site.upstream.seen.length
  const nobody = await begin(door, ['GET /socket HTTP/1.1', 'Connection: Upgrade', ...handshake], '')
  findings.equal((await readAnswer(nobody, 'GET')).status, 401, 'a WebSocket without a credential')
  nobody.destroy()
  findings.equal(door.site.upstream.seen.length, from, 'it reached the upstream')

  for (const upgrade of ['h2c', 'websocket, h2c', 'TLS/1.2']) {
    const lines = [
      `Upgrade: ${upgrade}`,
      'HTTP2-Settings: AAMAAABkAAQAAP__',
      'Connection: Upgrade, HTTP2-Settings',
    ]
    const other = await begin(door, ['GET /orders/7 HTTP/1.1', ...lines, key], '')
    const answer = await readAnswer(other, 'GET')
    other.destroy()
    findings.expect(answer.status !== 101, `an upgrade to ${upgrade} was answered ${answer.status}`)
    const upgrades = door.site.upstream.seen.slice(from).flatMap((seen) => valuesOf(seen, 'upgrade'))
    findings.equal(upgrades, [], `an upgrade to ${upgrade} reached the upstream`)
  }
  return findings.problems
}

/** Each event of a stream reaches the caller when it is sent. */
export const eventCheck: Check = async (door) => {
  const findings = new Findings()
  const socket = await begin(door, ['GET /events HTTP/1.1', bearer(door.site.keys.writer)])
  let received = ''
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1')
  })
  const first = () => received.includes('data: first')
  await until(first, 'the first event of a stream comes before the second is sent', findings)
  door.site.upstream.sendSecondEvent()
  await until(() => received.includes('data: second'), 'the second event', findings)
  findings.expect(/^HTTP\/1\.1 200 /.test(received), 'a stream of events')
  socket.destroy()
  return findings.problems
}

/** Browsers' preflights pass where the API names their origin, and are refused elsewhere. */
export const preflightCheck: Check = async (door) => {
  const findings = new Findings()
  const asking = (origin: string) => [`Origin: ${origin}`, 'Access-Control-Request-Method: POST']
  for (const [protocol, ask] of protocolsOf(door)) {
    const call = { method: 'OPTIONS', target: '/orders/7' }
    const known = await askSeen(door, ask, { ...call, headers: asking('https://app.example') })
    findings.equal([known.answer.status, known.seen.length], [200, 1], `a preflight over ${protocol}`)
    for (const seen of known.seen) {
      findings.equal(seen.method, 'OPTIONS', `a preflight over ${protocol}`)
      findings.equal(
        valuesOf(seen, 'x-credence-principal').join(),
        '',
        `a preflight over ${protocol} is somebody`,
      )
    }
    for (const headers of [asking('https://elsewhere.example'), asking('https://app.example').slice(0, 1)]) {
      const other = await askSeen(door, ask, { ...call, headers })
      findings.equal([other.answer.status, other.seen.length], [401, 0], `${headers.join()} over ${protocol}`)
    }
  }
  return findings.problems
}

/** HEAD is HEAD all the way, by the rules of GET. */
export const headCheck: Check = async (door) => {
  const findings = new Findings()
  for (const [protocol, ask] of protocolsOf(door)) {
    const { answer, seen } = await askSeen(door, ask, {
      method: 'HEAD',
      headers: [bearer(door.site.keys.writer)],
    })
    const methods = seen.map(({ method }) => method)
    findings.equal([answer.status, answer.body, ...methods], [200, '', 'HEAD'], `HEAD over ${protocol}`)
  }
  return findings.problems
}

/** Writes a head and leaves the connection open for what follows. */
async function begin(
  door: Door,
  lines: readonly string[],
  connection = 'Connection: close',
): Promise<TLSSocket> {
  const socket = await connected(door)
  const [requestLine, ...headers] = lines
  const all = [requestLine, `Host: ${HOST}`, ...headers, ...(connection === '' ? [] : [connection])]
  socket.write(`${all.join('\r\n')}\r\n\r\n`)
  return socket
}

const PATIENCE_MS = 5000

/** Whether it came to hold in time; otherwise it is a finding. */
async function until(holds: () => boolean, what: string, findings: Findings): Promise<boolean> {
  const deadline = performance.now() + PATIENCE_MS
  while (!holds()) {
    if (performance.now() > deadline) {
      findings.problems.push(`not so: ${what}`)
      return false
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return true
}
