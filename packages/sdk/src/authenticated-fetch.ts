import { HeldKey, type KeySource } from './key-source.ts'
import { parseServerUrl } from './server-url.ts'
import type { Fetch } from './transport.ts'

export interface AuthenticatedFetchOptions {
  /** The API that is called. The key goes to this origin and to no other; relative addresses are of it. */
  readonly baseUrl: string | URL
  /** An API key; with `username`, the password or client secret that goes beside it. */
  readonly key: KeySource
  /** A username or client id: the two are sent by HTTP Basic (RFC 7617), which the API has to accept. */
  readonly username?: string
  /** Where the key is put; Authorization, as a Bearer token, when left out. */
  readonly header?: 'authorization' | 'x-api-key'
  /** Unsafe: the key goes over the network unencrypted. */
  readonly allowPlainHttp?: boolean
  readonly fetch?: Fetch
}

export type AuthenticatedFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

/** As the Fetch standard has it. */
const MAX_REDIRECTS = 20
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
/** Headers about a body, for a request that has lost it (Fetch standard, section 4.4). */
const BODY_HEADERS = [
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-type',
]
const CREDENTIAL_HEADERS = ['authorization', 'x-api-key', 'cookie', 'proxy-authorization']

/**
 * `fetch` with a key of an API. When the key is refused (401) it is read again from its source, once, and if it has
 * changed the request is sent again. A redirect to another origin is followed without the key.
 * @throws TypeError when the address is none that a key may be sent to
 */
export function authenticatedFetch(options: AuthenticatedFetchOptions): AuthenticatedFetch {
  const { allowPlainHttp = false, header = 'authorization' } = options
  const base = parseServerUrl(options.baseUrl, { allowPlainHttp })
  const { username } = options
  if (username !== undefined && (username.includes(':') || header === 'x-api-key')) {
    throw new TypeError('username must hold no colon, and is sent in Authorization, not in X-API-Key')
  }
  const key = new HeldKey(options.key, username === undefined ? 'key' : 'password')
  const send = options.fetch ?? fetch
  return async (input, init = {}) => {
    const request = sendingOf(input, init, base)
    const sendWith = (secret: string) =>
      followed(send, request, header, header === 'authorization' ? authorizationOf(username, secret) : secret)
    const secret = await key.read()
    const response = await sendWith(secret)
    if (response.status !== 401) return response
    const other = await key.replacementOf(secret)
    if (other === null || !isRepeatable(request)) return response
    await response.body?.cancel()
    return sendWith(other)
  }
}

/** In UTF-8, as the challenge asks for (RFC 7617 section 2.1). */
function authorizationOf(username: string | undefined, secret: string): string {
  if (username === undefined) return `Bearer ${secret}`
  const bytes = new TextEncoder().encode(`${username}:${secret}`)
  return `Basic ${btoa(String.fromCharCode(...bytes))}`
}

/** A request before the key is added. */
interface Sending {
  readonly url: URL
  readonly method: string
  readonly headers: Headers
  readonly body: RequestInit['body']
  readonly redirect: NonNullable<RequestInit['redirect']>
  /** The rest of what the caller asked for: signal, cache, keepalive … */
  readonly init: RequestInit
}

/** @throws TypeError where the key must not go, or another credential is there already */
function sendingOf(input: string | URL | Request, init: RequestInit, base: URL): Sending {
  const request = input instanceof Request ? input : null
  const url = new URL(request === null ? (input as string | URL) : request.url, base)
  if (url.origin !== base.origin)
    throw new TypeError(`${url.origin} is not ${base.origin}, which the key is for`)
  const headers = new Headers(init.headers ?? request?.headers)
  const present = CREDENTIAL_HEADERS.slice(0, 2).find((name) => headers.has(name))
  if (present !== undefined) throw new TypeError(`the request has a header ${present} already`)
  return {
    ...{ url, headers },
    method: init.method ?? request?.method ?? 'GET',
    body: init.body ?? request?.body,
    redirect: init.redirect ?? request?.redirect ?? 'follow',
    init: { ...init, signal: init.signal ?? request?.signal ?? null },
  }
}

/** A stream can be read once. */
function isRepeatable({ body }: Pick<Sending, 'body'>): boolean {
  return !(body instanceof ReadableStream) && !isIterable(body)
}

function isIterable(body: RequestInit['body']): boolean {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body
}

/** Sends, and follows redirects as long as they stay at the origin: fetch itself would keep X-API-Key on its way. */
async function followed(send: Fetch, sending: Sending, header: string, value: string): Promise<Response> {
  let current = sending
  for (let redirects = 0; ; redirects += 1) {
    const headers = new Headers(current.headers)
    headers.set(header, value)
    const response = await send(current.url, { ...initOf(current), headers, redirect: 'manual' })
    if (sending.redirect === 'manual' || !REDIRECTS.has(response.status)) return response
    const location = response.headers.get('location')
    if (location === null) return response
    await response.body?.cancel()
    if (sending.redirect === 'error') throw new TypeError(`${current.url.origin} redirects`)
    if (redirects === MAX_REDIRECTS) throw new TypeError(`${current.url.origin} redirects without end`)
    const next = redirectedTo(current, response.status, location)
    if (next.url.origin !== sending.url.origin) return sendElsewhere(send, next)
    current = next
  }
}

/** The request that follows a redirect (Fetch standard, section 4.4). */
function redirectedTo(sending: Sending, status: number, location: string): Sending {
  const url = new URL(location, sending.url)
  const { method } = sending
  const isPost = method.toUpperCase() === 'POST'
  const losesBody = status === 303 ? !['GET', 'HEAD'].includes(method.toUpperCase()) : isPost && status < 303
  if (!losesBody) {
    if (!isRepeatable(sending))
      throw new TypeError(`${url.origin}: a body that is a stream cannot be sent again`)
    return { ...sending, url }
  }
  const headers = new Headers(sending.headers)
  for (const name of BODY_HEADERS) headers.delete(name)
  return { ...sending, url, headers, method: 'GET', body: null }
}

/** Another origin gets neither the key nor a body that was meant for the API. */
function sendElsewhere(send: Fetch, sending: Sending): Promise<Response> {
  if (sending.body !== null && sending.body !== undefined) {
    throw new TypeError(`redirected to ${sending.url.origin}, which the body is not for`)
  }
  const headers = new Headers(sending.headers)
  for (const name of CREDENTIAL_HEADERS) headers.delete(name)
  return send(sending.url, { ...initOf(sending), headers, redirect: 'follow' })
}

function initOf({ method, body, init }: Sending): RequestInit {
  const isStream = body instanceof ReadableStream || isIterable(body)
  return { ...init, method, body: body ?? null, ...(isStream && { duplex: 'half' }) }
}
