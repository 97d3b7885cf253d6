import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: unknown
}

export interface FakeAnswer {
  readonly status?: number
  readonly body?: unknown
  /** Sent as it stands instead of `body`. */
  readonly raw?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Closes the connection instead of answering. */
  readonly lost?: boolean
}

/** `GET /v1/apis` → what it answers; a function sees the request. */
export type FakeRoutes = Readonly<Record<string, FakeAnswer | ((request: SeenRequest) => FakeAnswer)>>

export interface FakeServer {
  readonly url: string
  readonly requests: SeenRequest[]
  stop(): Promise<void>
}

/** A real HTTP server that answers as told, and 404 problem+json otherwise. */
export async function startFakeServer(routes: FakeRoutes): Promise<FakeServer> {
  const requests: SeenRequest[] = []
  const server = createServer(async (message, response) => {
    const request = await seenRequest(message)
    requests.push(request)
    const route = routes[`${request.method} ${request.path}`]
    const answer = typeof route === 'function' ? route(request) : (route ?? NO_ROUTE)
    if (answer.lost === true) message.socket.destroy()
    else send(response, answer)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    stop: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

const NO_ROUTE: FakeAnswer = {
  status: 404,
  body: {
    type: '/problems/not-found',
    title: 'Not found',
    status: 404,
    code: 'NOT_FOUND',
    request_id: 'r404',
  },
}

async function seenRequest(message: IncomingMessage): Promise<SeenRequest> {
  let text = ''
  for await (const chunk of message) text += chunk
  const url = new URL(message.url ?? '/', 'http://fake')
  return {
    method: message.method ?? '',
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: message.headers,
    body: text === '' ? undefined : JSON.parse(text),
  }
}

function send(response: ServerResponse, answer: FakeAnswer): void {
  const status = answer.status ?? 200
  const type = status < 400 ? 'application/json' : 'application/problem+json'
  response.writeHead(status, { 'content-type': type, ...answer.headers })
  response.end(answer.raw ?? (answer.body === undefined ? '' : JSON.stringify(answer.body)))
}

/** An address of this machine at which nothing listens: a server was there and has stopped. */
export async function deadUrl(): Promise<string> {
  const server = await startFakeServer({})
  await server.stop()
  return server.url
}
