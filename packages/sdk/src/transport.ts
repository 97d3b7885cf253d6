import { CredenceError, errorFromAnswer } from './credence-error.ts'
import type { HeldKey } from './key-source.ts'
import type { Pacing } from './pacing.ts'

export type Fetch = (input: string | URL, init: RequestInit) => Promise<Response>

export interface TransportOptions {
  readonly url: URL
  readonly key: HeldKey
  readonly fetch: Fetch
  /** For one try, from sending to the last byte of the answer. */
  readonly timeoutMs: number
  /** How often a call that may be repeated is repeated. */
  readonly retries: number
  readonly pacing: Pacing
}

export interface Call {
  readonly method: string
  /** From the server's root, escaped. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | undefined>>
  /** Goes as JSON. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Whether a second try does no harm where the first has arrived: it changes nothing, or it has an Idempotency-Key. */
  readonly repeatable: boolean
  readonly signal?: AbortSignal | undefined
}

export interface Answer {
  /** Parsed JSON; null where the body is empty. */
  readonly body: unknown
  readonly headers: Headers
}

/** Sends calls to Credence. @throws CredenceError; or the reason of the call's own signal */
export type Transport = (call: Call) => Promise<Answer>

const FIRST_PAUSE_MS = 200
/** Whoever is told to wait longer is told so, and decides. */
const LONGEST_PAUSE_MS = 10_000
const PASSING_STATUSES: ReadonlySet<number> = new Set([429, 502, 503, 504])

export function makeTransport(options: TransportOptions): Transport {
  const { key, retries, pacing } = options
  return async (call) => {
    let hasNewKey = false
    for (let repeats = 0; ; ) {
      const secret = await key.read()
      const outcome = await tryOnce(options, call, secret)
      if (!(outcome instanceof CredenceError)) return outcome
      // Refused, so nothing was done: a call of any kind may be made again with the secret that is there now.
      if (outcome.status === 401 && !hasNewKey && (await key.replacementOf(secret)) !== null) {
        hasNewKey = true
        continue
      }
      const pauseMs = call.repeatable && repeats < retries ? pauseBefore(outcome, repeats, pacing) : null
      if (pauseMs === null) throw outcome
      await pacing.pause(pauseMs, call.signal)
      repeats += 1
    }
  }
}

/** How long to wait before the next try; null: none would help. */
function pauseBefore(error: CredenceError, repeats: number, { random }: Pacing): number | null {
  const { code, status, retry_after_seconds: retryAfter } = error
  if (code !== 'UNREACHABLE' && !PASSING_STATUSES.has(status ?? 0)) return null
  // At random, so that those who failed together do not come back together.
  const backoffMs = FIRST_PAUSE_MS * 2 ** repeats * (0.5 + random() / 2)
  const pauseMs = retryAfter === null ? backoffMs : retryAfter * 1000 + FIRST_PAUSE_MS * random()
  return pauseMs > LONGEST_PAUSE_MS ? null : pauseMs
}

async function tryOnce(
  options: TransportOptions,
  call: Call,
  secret: string,
): Promise<Answer | CredenceError> {
  const { fetch, timeoutMs } = options
  const url = urlOf(options.url, call)
  const late = AbortSignal.timeout(timeoutMs)
  try {
    const response = await fetch(url, {
      method: call.method,
      // The key must not follow a redirect to another host, and Credence has no reason to redirect.
      redirect: 'manual',
      signal: call.signal === undefined ? late : AbortSignal.any([late, call.signal]),
      headers: {
        Authorization: `Bearer ${secret}`,
        Accept: 'application/json',
        ...(call.body !== undefined && { 'Content-Type': 'application/json' }),
        ...call.headers,
      },
      ...(call.body !== undefined && { body: JSON.stringify(call.body) }),
    })
    const body = parsed(await response.text())
    if (response.ok && body !== undefined) return { body, headers: response.headers }
    return isRedirect(response) ? redirected(response, url) : errorFromAnswer(response, body)
  } catch (cause) {
    if (call.signal?.aborted) throw call.signal.reason
    return unreachable(url, late.aborted ? `no answer within ${timeoutMs} ms` : reasonOf(cause), cause)
  }
}

function urlOf(base: URL, { path, query = {} }: Call): URL {
  const url = new URL(base.pathname.replace(/\/$/, '') + path, base)
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, String(value))
  }
  return url
}

/** Undefined: not JSON. */
function parsed(text: string): unknown {
  if (text === '') return null
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** In a browser a redirect is hidden: a response of its own type, without a status. */
function isRedirect({ status, type }: Response): boolean {
  return type === 'opaqueredirect' || (status >= 300 && status < 400)
}

function redirected({ status }: Response, url: URL): CredenceError {
  const detail = `${url.origin} redirects, and redirects are not followed, since the key would go along; give the final address`
  return new CredenceError({ code: 'NOT_CREDENCE', title: 'Not an answer of Credence', detail, status })
}

function unreachable(url: URL, why: string, cause: unknown): CredenceError {
  const detail = `${url.origin}: ${why}`
  return new CredenceError({
    code: 'UNREACHABLE',
    title: 'Cannot reach Credence',
    detail,
    status: null,
    cause,
  })
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'the connection failed'
  const { cause } = error
  if (typeof cause === 'object' && cause !== null && 'code' in cause) return String(cause.code)
  return cause instanceof Error ? cause.message : error.message
}
