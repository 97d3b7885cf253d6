import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import { HOST } from './site.ts'

/** Where to call, and whom to believe to be there. */
export interface Address {
  readonly port: number
  /** PEM. */
  readonly ca: string
  /** The client's own certificate and its key, PEM; left out: it shows none. */
  readonly shown?: { readonly cert: string; readonly key: string }
}

export interface Call {
  readonly method?: string
  /** As it is to stand on the wire; latin1. */
  readonly target?: string
  /** Lines. */
  readonly headers?: readonly string[]
  /** Framed with Content-Length unless the headers say chunked. */
  readonly body?: Buffer
}

export interface CallAnswer {
  readonly status: number
  /** By name in lower case, each line by itself. */
  readonly headers: ReadonlyMap<string, readonly string[]>
  readonly body: string
}

const SILENCE_MS = 15_000

/** One request on a connection of its own, byte for byte as given. */
export async function call(address: Address, given: Call): Promise<CallAnswer> {
  const { method = 'GET', target = '/orders/7', headers = [], body } = given
  const socket = await connected(address)
  const lines = [`${method} ${target} HTTP/1.1`, `Host: ${HOST}`, ...headers]
  if (!headers.some((line) => /^connection:/i.test(line))) lines.push('Connection: close')
  if (body !== undefined) lines.push(`Content-Length: ${body.length}`)
  socket.write(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'))
  if (body !== undefined) socket.write(body)
  const received = await readAnswer(socket, method)
  socket.destroy()
  return received
}

/** A connection that speaks HTTP/1.1 over TLS. */
export async function connected({ port, ca, shown = undefined }: Address): Promise<TLSSocket> {
  const options = { port, host: '127.0.0.1', servername: HOST, ca, ALPNProtocols: ['http/1.1'] }
  const socket = connect({ ...options, ...shown })
  await once(socket, 'secureConnect')
  socket.on('error', () => {})
  return socket
}

/** Reads until what came satisfies; rejects when the connection ends or is silent before. */
export function readUntil<T>(
  socket: TLSSocket,
  parse: (text: string, ended: boolean) => T | null,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let received = ''
    const late = setTimeout(() => socket.destroy(), SILENCE_MS)
    const finish = () => {
      clearTimeout(late)
      socket.off('data', onData).off('close', onClose)
    }
    const look = (ended: boolean) => {
      const parsed = parse(received, ended)
      if (parsed === null && !ended) return
      finish()
      if (parsed !== null) resolve(parsed)
      else reject(new Error(`the connection ended after ${JSON.stringify(received.slice(0, 300))}`))
    }
    const onData = (chunk: Buffer) => {
      received += chunk.toString('latin1')
      look(false)
    }
    const onClose = () => look(true)
    socket.on('data', onData).on('close', onClose)
  })
}

/** The first final answer on a connection. */
export function readAnswer(socket: TLSSocket, method: string): Promise<CallAnswer> {
  return readUntil(socket, (text, ended) => wholeAnswer(text, method, ended))
}

/** The first final answer; null: more is to come. */
function wholeAnswer(text: string, method: string, ended: boolean): CallAnswer | null {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd === -1) return null
  const [statusLine = '', ...lines] = text.slice(0, headEnd).split('\r\n')
  const status = Number(statusLine.split(' ')[1])
  if (status < 200 && status !== 101) return wholeAnswer(text.slice(headEnd + 4), method, ended)
  const headers = new Map<string, string[]>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    headers.set(name, [...(headers.get(name) ?? []), line.slice(colon + 1).trim()])
  }
  const rest = text.slice(headEnd + 4)
  const length = headers.get('content-length')?.[0]
  if (method === 'HEAD' || status === 204 || status === 304 || status === 101)
    return { status, headers, body: '' }
  if (length !== undefined) return rest.length < Number(length) ? null : { status, headers, body: utf8(rest) }
  if (headers.get('transfer-encoding')?.[0] !== 'chunked')
    return ended ? { status, headers, body: utf8(rest) } : null
  const body = dechunked(rest)
  return body === null ? null : { status, headers, body: utf8(body) }
}

function dechunked(text: string): string | null {
  let body = ''
  for (let at = 0; ; ) {
    const lineEnd = text.indexOf('\r\n', at)
    const size = lineEnd === -1 ? Number.NaN : Number.parseInt(text.slice(at, lineEnd), 16)
    if (Number.isNaN(size) || text.length < lineEnd + 2 + size + 2) return null
    if (size === 0) return body
    body += text.slice(lineEnd + 2, lineEnd + 2 + size)
    at = lineEnd + 2 + size + 2
  }
}

function utf8(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8')
}
