import { connect, type IncomingHttpHeaders } from 'node:http2'
import type { Address, Call, CallAnswer } from './caller.ts'
import { HOST } from './site.ts'

/** The same call over HTTP/2, where a path may hold what no request line could. */
export async function callHttp2({ port, ca }: Address, given: Call): Promise<CallAnswer> {
  const { method = 'GET', target = '/orders/7', headers = [], body } = given
  const session = connect(`https://127.0.0.1:${port}`, { ca, servername: HOST })
  const lines: Record<string, string[]> = {}
  for (const line of headers) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    lines[name] = [...(lines[name] ?? []), line.slice(colon + 1).trim()]
  }
  // What may stand once only must not be a list.
  const single = Object.entries(lines).map(([name, values]) => [
    name,
    values.length === 1 ? values[0]! : values,
  ])
  const pseudo = { ':method': method, ':path': target, ':authority': HOST, ':scheme': 'https' }
  try {
    return await new Promise((resolve, reject) => {
      session.on('error', reject)
      const stream = session.request(
        { ...Object.fromEntries(single), ...pseudo },
        { endStream: body === undefined },
      )
      let received = ''
      let answered: IncomingHttpHeaders | null = null
      stream.on('response', (head) => {
        answered = head
      })
      stream.setEncoding('utf8').on('data', (text: string) => {
        received += text
      })
      stream.on('error', reject)
      stream.on('close', () => {
        if (answered === null) reject(new Error('the stream ended without an answer'))
        else resolve(answerOf(answered, received))
      })
      if (body !== undefined) stream.end(body)
    })
  } finally {
    session.destroy()
  }
}

function answerOf(head: IncomingHttpHeaders, body: string): CallAnswer {
  const headers = new Map<string, readonly string[]>()
  for (const [name, value] of Object.entries(head)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value : [value])
  }
  return { status: Number(head[':status']), headers, body }
}
