import { createServer, type Socket } from 'node:net'
import { closedAfter } from './closed-after.ts'
import { listen } from './gateway-fixture.ts'

/** A request as it stood on the wire. */
export interface WireRequest {
  readonly method: string
  /** Not decoded, not normalised. */
  readonly target: string
  /** Name, value, name, value …. */
  readonly rawHeaders: readonly string[]
  readonly body: string
}

export interface RawUpstream {
  readonly port: number
  readonly url: string
  /** Every request that arrived whole, oldest first. */
  readonly seen: WireRequest[]
  /** Whatever arrived that two parsers could frame in two ways. */
  readonly problems: string[]
  readonly close: () => Promise<void>
}

type Read =
  | { readonly type: 'request'; readonly request: WireRequest; readonly length: number }
  | { readonly type: 'more' }
  | { readonly type: 'problem'; readonly problem: string }

/**
 * An upstream that takes the grammar of RFC 9112 by the letter and repairs nothing: what it reads, every other
 * parser reads the same. Answers each request with 200.
 */
export async function startRawUpstream(): Promise<RawUpstream> {
  const seen: WireRequest[] = []
  const problems: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    let received = ''
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    // A gateway that lets go of a connection is no event here.
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1')
      for (let read = readRequest(received); read.type !== 'more'; read = readRequest(received)) {
        if (read.type === 'problem') {
          problems.push(`${read.problem}: ${JSON.stringify(received.slice(0, 500))}`)
          socket.destroy()
          return
        }
        seen.push(read.request)
        received = received.slice(read.length)
        socket.write(
          `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${read.request.method === 'HEAD' ? '' : 'ok'}`,
        )
      }
    })
  })
  const port = await listen(server)
  const close = closedAfter(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return { port, url: `http://127.0.0.1:${port}`, seen, problems, close }
}

/** token of RFC 9110 section 5.6.2, then a target without white space. */
const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) HTTP\/1\.1$/
/** No fold, no space before the colon, no control character but a tab within the value. */
const FIELD_LINE =
  /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?|)[ \t]*$/
const FRAMING_NAME = /^(?:content[^a-z0-9]?length|transfer[^a-z0-9]?encoding)$/i

/** The first request in what was received. */
export function readRequest(received: string): Read {
  const headEnd = received.indexOf('\r\n\r\n')
  if (headEnd === -1) return received.length > 100_000 ? problem('a head without end') : { type: 'more' }
  const [requestLine = '', ...lines] = received.slice(0, headEnd).split('\r\n')
  const [, method, target] = REQUEST_LINE.exec(requestLine) ?? []
  if (method === undefined || target === undefined) return problem('request line')
  const rawHeaders: string[] = []
  for (const line of lines) {
    const field = FIELD_LINE.exec(line)
    if (field === null) return problem(`field line ${JSON.stringify(line)}`)
    rawHeaders.push(field[1]!, field[2]!)
  }
  const body = readBody(received, headEnd + 4, rawHeaders)
  if (body.type !== 'body') return body
  return { type: 'request', request: { method, target, rawHeaders, body: body.text }, length: body.end }
}

type ReadBody =
  | Exclude<Read, { type: 'request' }>
  | { readonly type: 'body'; readonly text: string; readonly end: number }

function readBody(received: string, start: number, rawHeaders: readonly string[]): ReadBody {
  const valuesOf = (name: string) =>
    rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]!.toLowerCase() === name)
  const lengths = valuesOf('content-length')
  const codings = valuesOf('transfer-encoding')
  // `Transfer_Encoding` is a framing to whoever folds names.
  const framings = rawHeaders.filter((name, i) => i % 2 === 0 && FRAMING_NAME.test(name)).length
  if (framings > 1 || framings > lengths.length + codings.length) return problem('more than one framing')
  if (codings.length === 1) {
    return codings[0] === 'chunked' ? readChunks(received, start) : problem('transfer coding')
  }
  if (lengths.length === 0) return { type: 'body', text: '', end: start }
  if (!/^\d{1,9}$/.test(lengths[0]!)) return problem('content length')
  const end = start + Number(lengths[0])
  return received.length < end ? { type: 'more' } : { type: 'body', text: received.slice(start, end), end }
}

function readChunks(received: string, start: number): ReadBody {
  let text = ''
  for (let at = start; ; ) {
    const lineEnd = received.indexOf('\r\n', at)
    if (lineEnd === -1) return { type: 'more' }
    const size = received.slice(at, lineEnd)
    if (!/^[0-9a-fA-F]{1,7}$/.test(size)) return problem('chunk size')
    const from = lineEnd + 2
    const to = from + Number.parseInt(size, 16)
    if (received.length < to + 2) return { type: 'more' }
    if (received.slice(to, to + 2) !== '\r\n') return problem('chunk without its end, or trailers')
    text += received.slice(from, to)
    at = to + 2
    if (from === to) return { type: 'body', text, end: at }
  }
}

function problem(text: string): Read & { type: 'problem' } {
  return { type: 'problem', problem: text }
}
