import { type DpopKey, DpopProver } from './dpop-proof.ts'
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
  /** Where the key is put; Authorization, as a Bearer token or beside a DPoP proof, when left out. */
  readonly header?: 'authorization' | 'x-api-key'
  /** The key pair that the key is bound to: each request then carries a proof of it (DPoP, RFC 9449). */
  readonly dpop?: DpopKey
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
const CREDENTIAL_HEADERS = ['authorization', 'x-api-key', 'dpop', 'cookie', 'proxy-authorization']

/**
 * `fetch` with a key of an API. When the key is refused (401) it is read again from its source, once, and if it has
 * changed the request is sent again; so it is, once, where the server asks for a nonce in the proof. A redirect to
 * another origin is followed without the key.
 * @throws TypeError when the address is none that a key may be sent to
 */
export function authenticatedFetch(options: AuthenticatedFetchOptions): AuthenticatedFetch {
  const { allowPlainHttp = false, header = 'authorization' } = options
  const base = parseServerUrl(options.baseUrl, { allowPlainHttp })
  const { username, dpop = null } = options
  const presentation = new Presentation(header, username, dpop)
  const key = new HeldKey(options.key, username === undefined ? 'key' : 'password')
  const send = options.fetch ?? fetch
  return async (input, init = {}) => {
    const request = sendingOf(input, init, base)
    const sendWith = async (secret: string) => {
      const response = await followed(send, request, presentation.of(secret))
      if (!presentation.wantsNonce(response) || !isRepeatable(request)) return response
      await response.body?.cancel()
      return followed(send, request, presentation.of(secret))
    }
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

/** Adds the key, and what belongs beside it, to the headers of one request. */
type AddCredential = (headers: Headers, method: string, url: URL) => Promise<void>

/** How a key is presented: alone, or beside a proof of the key pair that it is bound to. */
class Presentation {
  readonly #header: 'authorization' | 'x-api-key'
  readonly #username: string | undefined
  readonly #prover: DpopProver | null
  #nonce: string | null = null

  constructor(header: 'authorization' | 'x-api-key', username: string | undefined, dpop: DpopKey | null) {
    if (username !== undefined && (username.includes(':') || header === 'x-api-key' || dpop !== null)) {
      throw new TypeError('username must hold no colon, and is sent in Authorization, without dpop')
    }
    this.#header = header
    this.#username = username
    this.#prover = dpop === null ? null : new DpopProver(dpop)
  }

  of(secret: string): AddCredential {
    const value = this.#valueOf(secret)
    return async (headers, method, url) => {
      headers.set(this.#header, value)
      if (this.#prover === null) return
      headers.set('dpop', await this.#prover.prove({ method, url, credential: secret, nonce: this.#nonce }))
    }
  }

  #valueOf(secret: string): string {
    if (this.#header === 'x-api-key') return secret
    return this.#prover === null ? authorizationOf(this.#username, secret) : `DPoP ${secret}`
  }

  /** Keeps the nonce that the server hands out. @returns whether the request failed for want of it */
  wantsNonce({ status, headers }: Response): boolean {
    if (this.#prover === null) return false
    const before = this.#nonce
    this.#nonce = headers.get('dpop-nonce') ?? before
    const asked = headers.get('www-authenticate')?.includes('error="use_dpop_nonce"') === true
    return status === 401 && asked && this.#nonce !== before
  }
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
  const present = CREDENTIAL_HEADERS.slice(0, 3).find((name) => headers.has(name))
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
async function followed(send: Fetch, sending: Sending, addCredential: AddCredential): Promise<Response> {
  let current = sending
  for (let redirects = 0; ; redirects += 1) {
    const headers = new Headers(current.headers)
    await addCredential(headers, current.method.toUpperCase(), current.url)
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
