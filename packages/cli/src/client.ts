import { EXIT } from './exit-code.ts'
import { Failure } from './failure.ts'
import { inert } from './inert.ts'
import type { Connection } from './key-source.ts'
import { parseProblem, problemFailure } from './problem.ts'
import type { Terminal } from './terminal.ts'

export type Query = Readonly<Record<string, string | undefined>>

/**
 * The administration API. Every call resolves to the body of a 2xx answer and throws a Failure otherwise.
 * The type of a body is what the API's reference promises.
 */
export interface Client {
  get<T>(path: string, query?: Query): Promise<T>
  /** `idempotencyKey`: what to send instead of a random one. */
  post<T>(path: string, body: unknown, idempotencyKey?: string): Promise<T>
  /** A POST that changes no resource, such as verify. It takes from limits, so it is sent once and never again. */
  ask<T>(path: string, body: unknown): Promise<T>
  /** `revision`: refuse (exit 5) when somebody else wrote in between. */
  patch<T>(path: string, body: unknown, revision?: number): Promise<T>
  delete(path: string): Promise<void>
}

const TIMEOUT_MS = 30_000
const ANSWER_MAX_CHARACTERS = 32 * 1024 * 1024

interface Call {
  readonly method: string
  readonly path: string
  readonly query?: Query
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export function makeClient(connection: Connection, terminal: Pick<Terminal, 'fetch' | 'randomId'>): Client {
  const call = <T>(request: Call): Promise<T> => answerOf<T>(connection, terminal.fetch, request)
  return {
    get: (path, query = {}) => call({ method: 'GET', path, query }),
    post: (path, body, idempotencyKey) =>
      call({
        method: 'POST',
        path,
        body,
        headers: { 'Idempotency-Key': idempotencyKey ?? terminal.randomId() },
      }),
    ask: (path, body) => call({ method: 'POST', path, body }),
    patch: (path, body, revision) =>
      call({
        method: 'PATCH',
        path,
        body,
        headers: revision === undefined ? {} : { 'If-Match': `"${revision}"` },
      }),
    delete: async (path) => {
      await call<unknown>({ method: 'DELETE', path })
    },
  }
}

/** A path of the API, each part escaped: a name from the command line can not leave its segment. */
export function pathOf(...segments: string[]): string {
  return segments.map((segment) => `/${escapeSegment(segment)}`).join('')
}

/** `.` and `..` would be taken for dot segments by the URL parser, escaped or not. */
function escapeSegment(segment: string): string {
  if (segment === '' || /^(?:\.|%2e){1,2}$/i.test(segment)) {
    throw new Failure(EXIT.usage, `${JSON.stringify(segment)} is neither a name nor an id`)
  }
  return encodeURIComponent(segment)
}

async function answerOf<T>(connection: Connection, fetch: Terminal['fetch'], call: Call): Promise<T> {
  const url = new URL(connection.url.pathname.replace(/\/$/, '') + call.path, connection.url)
  for (const [name, value] of Object.entries(call.query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, value)
  }
  const response = await send(fetch, url, connection, call)
  const { text, body } = await readBody(response, url)
  if (response.ok) return body as T
  if (response.status >= 300 && response.status < 400) throw redirectFailure(response, url)
  const problem = parseProblem(response.status, body, response.headers.get('Credence-Request-Id'))
  throw problemFailure(problem, hintFor(response.status, body === undefined && text !== '', connection))
}

/**
 * One try, and one more where the connection was lost on the way: a POST carries its Idempotency-Key, so that the
 * second does not issue another credential. What has no such key is not repeated: the first try may have worked.
 */
async function send(
  fetch: Terminal['fetch'],
  url: URL,
  connection: Connection,
  call: Call,
): Promise<Response> {
  const again = call.method === 'GET' || call.headers?.['Idempotency-Key'] !== undefined
  for (let attempt = 1; ; attempt++) {
    try {
      return await fetch(url, {
        method: call.method,
        // The key must not follow a redirect to another host, and administration has no reason to redirect.
        redirect: 'manual',
        signal: AbortSignal.timeout(TIMEOUT_MS),
        headers: {
          Authorization: `Bearer ${connection.key}`,
          Accept: 'application/json',
          ...(call.body === undefined ? {} : { 'Content-Type': 'application/json' }),
          ...call.headers,
        },
        ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      })
    } catch (error) {
      const code = causeCode(error)
      if (again && attempt === 1 && LOST_CONNECTION.has(code)) continue
      throw unreachable(url, code)
    }
  }
}

const LOST_CONNECTION: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])

function causeCode(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  if (error.name === 'TimeoutError') return 'TimeoutError'
  const cause: unknown = error.cause
  if (typeof cause === 'object' && cause !== null && 'code' in cause) return String(cause.code)
  return cause instanceof Error ? cause.message : error.name
}

function unreachable(url: URL, code: string): Failure {
  const why = code === 'TimeoutError' ? `no answer within ${TIMEOUT_MS / 1000} s` : code
  return new Failure(
    EXIT.unavailable,
    `cannot reach Credence at ${url.origin} (${why})`,
    'start it with: npm start (or credence start); another address: --url or CREDENCE_URL',
  )
}

async function readBody(response: Response, url: URL): Promise<{ text: string; body: unknown }> {
  let text: string
  try {
    text = await response.text()
  } catch (error) {
    throw unreachable(url, causeCode(error))
  }
  if (text.length > ANSWER_MAX_CHARACTERS)
    throw new Failure(EXIT.unavailable, `the answer of ${url.origin} is too long`)
  try {
    return { text, body: text === '' ? undefined : JSON.parse(text) }
  } catch {
    if (!response.ok) return { text, body: undefined }
    throw new Failure(
      EXIT.unavailable,
      `what answers at ${url.origin} is not Credence: the answer is not JSON`,
    )
  }
}

function redirectFailure(response: Response, url: URL): Failure {
  const location = response.headers.get('Location') ?? 'nowhere'
  return new Failure(
    EXIT.unavailable,
    `${url.origin} redirects to ${inert(location)}; redirects are not followed, since the key would go along`,
    'give the final address with --url',
  )
}

function hintFor(status: number, foreign: boolean, connection: Connection): string | null {
  if (foreign) return `the answer is not of Credence; is something else in front of ${connection.url.origin}?`
  if (status === 401) return `the key from ${connection.keyFrom} was not accepted`
  if (status === 403) return `the key from ${connection.keyFrom} may not do this`
  return null
}
