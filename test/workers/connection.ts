import { Agent, request as httpRequest } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'

export interface Reply<T> {
  readonly status: number
  readonly headers: NodeJS.Dict<string | string[]>
  readonly text: string
  /** Parsed JSON; undefined where the body is none. */
  readonly body: T
}

/** One connection that is kept: all its requests reach the same worker, one after the other. */
export class Connection {
  readonly #url: string
  readonly #key: string
  readonly #agent: Agent

  /** @param key presented with every request, unless its headers hold an authorization */
  constructor(url: string, key: string) {
    this.#url = url
    this.#key = key
    const options = { keepAlive: true, maxSockets: 1, rejectUnauthorized: false }
    this.#agent = url.startsWith('https:') ? new TlsAgent(options) : new Agent(options)
  }

  /** @throws Error when the connection breaks */
  request<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Reply<T>> {
    const send = this.#url.startsWith('https:') ? tlsRequest : httpRequest
    const text = body === undefined ? null : JSON.stringify(body)
    const json =
      text === null ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
    return new Promise((resolve, reject) => {
      const request = send(this.#url + path, {
        method,
        agent: this.#agent,
        headers: { authorization: `Bearer ${this.#key}`, ...json, ...headers },
      })
      request.once('error', reject)
      request.once('response', (response) => {
        let answer = ''
        response.setEncoding('utf8')
        response.on('data', (part: string) => {
          answer += part
        })
        response.once('error', reject)
        response.once('end', () => {
          const isJson = response.headers['content-type']?.includes('json') === true
          // Tests know what they asked for; a wrong guess fails in their assertions.
          const parsed = (isJson ? JSON.parse(answer) : undefined) as T
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text: answer, body: parsed })
        })
      })
      request.end(text ?? undefined)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}
