import { connect, type Socket } from 'node:net'

export interface RawAnswer {
  readonly status: number
  /** By name in lower case; a repeated one's values are joined by a comma. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

/** The connection ended before a whole answer had come. */
export class Dropped extends Error {
  override name = 'Dropped'
}

/**
 * HTTP/1.1 over a bare socket, kept alive, one request at a time: node's own client would refuse to send most of
 * what a fuzz test wants to send.
 */
export class RawConnection {
  readonly #port: number
  readonly #silenceMs: number
  #socket: Socket | null = null

  /** @param silenceMs an answer that takes longer counts as none */
  constructor(port: number, silenceMs = 20_000) {
    this.#port = port
    this.#silenceMs = silenceMs
  }

  /** @throws Dropped */
  async send(bytes: Buffer, isHead: boolean): Promise<RawAnswer> {
    const socket = this.#open()
    const { answer, reusable } = await exchange(socket, bytes, isHead, this.#silenceMs).catch((error) => {
      this.close()
      throw error
    })
    if (!reusable) this.close()
    return answer
  }

  close(): void {
    this.#socket?.destroy()
    this.#socket = null
  }

  #open(): Socket {
    if (this.#socket === null || !this.#socket.writable || this.#socket.readableEnded) {
      this.close()
      this.#socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true })
      this.#socket.on('error', () => {})
    }
    return this.#socket
  }
}

interface Exchange {
  readonly answer: RawAnswer
  readonly reusable: boolean
}

function exchange(socket: Socket, bytes: Buffer, isHead: boolean, silenceMs: number): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0)
    let sent = false
    const finish = () => {
      clearTimeout(timer)
      socket.off('data', onData)
      socket.off('close', onClose)
    }
    const onData = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      let parsed: ReturnType<typeof parseAnswer>
      try {
        parsed = parseAnswer(received, isHead)
      } catch (error) {
        finish()
        return reject(error)
      }
      if (parsed === null) return
      finish()
      // An answer that came before all was sent leaves the rest of the request on the wire.
      const closes = parsed.answer.headers.get('connection') === 'close'
      resolve({ answer: parsed.answer, reusable: sent && !closes && parsed.length === received.length })
    }
    const onClose = () => {
      finish()
      reject(new Dropped(`dropped after ${received.length} bytes: ${received.toString('latin1', 0, 200)}`))
    }
    const timer = setTimeout(() => {
      finish()
      reject(new Dropped(`no whole answer in ${silenceMs} ms: ${received.toString('latin1', 0, 200)}`))
    }, silenceMs)
    socket.on('data', onData)
    socket.on('close', onClose)
    socket.write(bytes, () => {
      sent = true
    })
  })
}

/** The first final answer in the bytes; null: it is not whole yet. */
function parseAnswer(bytes: Buffer, isHead: boolean): { answer: RawAnswer; length: number } | null {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd === -1) return null
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n')
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1])
  if (!Number.isInteger(status)) throw new Error(`no status line: ${statusLine}`)
  const bodyStart = headEnd + 4
  if (status < 200) return parseAnswer(bytes.subarray(bodyStart), isHead)
  const headers = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    headers.set(name, headers.has(name) ? `${headers.get(name)}, ${value}` : value)
  }
  const hasBody = !isHead && status !== 204 && status !== 304
  const stated = headers.get('content-length')
  if (hasBody && stated === undefined) throw new Error(`an answer without length: ${statusLine}`)
  const length = bodyStart + (hasBody ? Number(stated) : 0)
  if (bytes.length < length) return null
  return { answer: { status, headers, body: bytes.toString('utf8', bodyStart, length) }, length }
}
