import { type IpRange, parseIpRange, parseScopeExpression } from '@credence/core/portable'
import { Admission, type CallerFor, type Demand } from './admission.ts'
import type { Caller } from './caller.ts'
import type { CredenceError } from './credence-error.ts'
import {
  type FetchHandlerOptions,
  type FetchParts,
  fetchGuard,
  honoGuard,
  type SenderOf,
} from './fetch-guard.ts'
import type { NodeRequest } from './guarded-request.ts'
import { HeldKey, type KeySource } from './key-source.ts'
import {
  expressGuard,
  fastifyGuard,
  type MiddlewareOptions,
  type NodeHandlerOptions,
  type NodeResponse,
  nodeGuard,
  type RouteOptions,
} from './node-guard.ts'
import { REAL_PACING } from './pacing.ts'
import { parseServerUrl } from './server-url.ts'
import { type Fetch, makeTransport } from './transport.ts'

export interface GuardOptions {
  /** The API that is protected, as Credence knows it: its name or id, or `{workspace}/{name}`. */
  readonly api: string
  /** The server's address. */
  readonly url: string | URL
  /** A key with the scope `credentials:verify:{api}` on the API `credence`, and no other: not the admin key. */
  readonly key: KeySource
  /**
   * Addresses and ranges of the proxies before this server, whose X-Forwarded-For and X-Forwarded-Proto count. None
   * when left out: then the client is the other end of the connection. Does not apply to `fetch`.
   */
  readonly trustedProxies?: readonly string[]
  /**
   * Whether each of those proxies says in `Client-Cert` (RFC 9440) which certificate its client showed, and removes
   * what clients send under that name.
   */
  readonly proxyClientCert?: boolean
  /**
   * How clients reach this server: scheme, host, and the path before its own. Credentials that are bound by DPoP or sign
   * their requests need it, since a proof names the whole address; it is never taken from a request.
   */
  readonly publicUrl?: string | URL
  /** Who sent a request, where there is no connection to see: `fetch`, and Hono elsewhere than on Node. */
  readonly senderOf?: SenderOf
  /** How long to wait for the verdict; 2000 when left out. Then the answer is 503. */
  readonly timeoutMs?: number
  /** Unsafe: keys go over the network unencrypted, this one and those of callers. */
  readonly allowPlainHttp?: boolean
  /**
   * Told why requests are refused with 503: no connection, a key that is not accepted. Once for each reason, until it
   * works again; console.error when left out.
   */
  readonly onFault?: (fault: CredenceError) => void
  readonly fetch?: Fetch
}

/** `orders:read`, `a AND (b OR c)`, or a list of which all are needed. */
export type Scopes = string | readonly string[]

/**
 * Protects routes of this server by asking Credence about each request. Refusals are answered as the gateway would.
 * Where the API has routes in Credence, they apply too, and the scopes given here are needed besides. With `null` for
 * scopes, any credential of the API will do, and routes that are public let everybody pass.
 */
export interface Guard {
  fastify(scopes: Scopes | null, options?: MiddlewareOptions): ReturnType<typeof fastifyGuard>
  express(scopes: Scopes | null, options?: MiddlewareOptions): ReturnType<typeof expressGuard>
  hono(scopes: Scopes | null, options?: MiddlewareOptions): ReturnType<typeof honoGuard>
  node<S extends Scopes | null, Request extends NodeRequest, Response extends NodeResponse>(
    scopes: S,
    handler: (request: Request, response: Response, caller: CallerFor<S>) => unknown,
    options?: NodeHandlerOptions<Request, Response>,
  ): (request: Request, response: Response) => Promise<void>
  fetch<S extends Scopes | null, R extends Request, Rest extends readonly unknown[]>(
    scopes: S,
    handler: (request: R, caller: CallerFor<S>, ...rest: Rest) => Response | Promise<Response>,
    options?: FetchHandlerOptions<R, Rest>,
  ): (request: R, ...rest: Rest) => Promise<Response>
  /**
   * Who sent a request that this guard let pass. @param carrier what the handler was given: Fastify's or Express's
   * request, Hono's context, a Request
   * @throws Error where there is nobody: the guard was not asked, or a public route or a preflight passed
   */
  caller(carrier: object): Caller
  /** The same, with null for nobody. */
  callerOrNull(carrier: object): Caller | null
}

const TIMEOUT_MS = 2000

/** @throws TypeError that says which option is wrong */
export function createGuard(options: GuardOptions): Guard {
  const {
    api,
    timeoutMs = TIMEOUT_MS,
    allowPlainHttp = false,
    trustedProxies = [],
    proxyClientCert = false,
    senderOf = null,
  } = options
  if (api === '') throw new TypeError('api: the name of the API that is protected')
  const callers = new WeakMap<object, Caller>()
  const transport = makeTransport({
    ...{ timeoutMs, retries: 0, pacing: REAL_PACING },
    url: parseServerUrl(options.url, { allowPlainHttp }),
    key: new HeldKey(options.key),
    fetch: options.fetch ?? fetch,
  })
  const parts: FetchParts = {
    admission: new Admission({
      api,
      publicUrl: publicBaseOf(options.publicUrl),
      transport,
      onFault: options.onFault ?? complain,
    }),
    trust: { trustedProxies: trustedProxies.map(rangeOf), proxyClientCert },
    senderOf,
    remember(carrier, caller) {
      if (caller !== null) callers.set(carrier, caller)
    },
  }
  return guardOf(parts, callers)
}

function guardOf(parts: FetchParts, callers: WeakMap<object, Caller>): Guard {
  const passes = (options: MiddlewareOptions | undefined) => options?.preflight === 'pass'
  return {
    fastify: (scopes, options) => fastifyGuard(parts, demandOf(scopes, options), passes(options)),
    express: (scopes, options) => expressGuard(parts, demandOf(scopes, options), passes(options)),
    hono: (scopes, options) => honoGuard(parts, demandOf(scopes, options), passes(options)),
    node: (scopes, handler, options) =>
      nodeGuard(parts, demandOf(scopes, options), handler, options?.preflight),
    fetch: (scopes, handler, options) =>
      fetchGuard(parts, demandOf(scopes, options), handler, options?.preflight),
    caller(carrier) {
      const caller = callers.get(carrier)
      if (caller !== undefined) return caller
      throw new Error(
        'nobody is known of this request: no guard let it pass, or one that asks for no credential did',
      )
    },
    callerOrNull: (carrier) => callers.get(carrier) ?? null,
  }
}

/** A scope expression that is wrong is a mistake in the program, so it is told when the program starts. */
function demandOf(scopes: Scopes | null, { cost }: RouteOptions = {}): Demand {
  if (cost !== undefined && !(Number.isSafeInteger(cost) && cost >= 0)) {
    throw new TypeError('cost: a whole number, 0 or more')
  }
  return { scopes: scopes === null ? null : expressionOf(scopes), cost: cost ?? null }
}

function expressionOf(scopes: Scopes): string {
  const list = typeof scopes === 'string' ? [scopes] : scopes
  if (list.length === 0) throw new TypeError('scopes: none is named; null asks for any credential of the API')
  const text = list.length === 1 ? list[0]! : list.map((one) => `(${one})`).join(' AND ')
  const parsed = parseScopeExpression(text)
  if (!parsed.ok) throw new TypeError(`scopes: ${parsed.problem}`)
  return text
}

/** Without a slash at its end. A path may follow; a query may not. */
function publicBaseOf(given: string | URL | undefined): string | null {
  if (given === undefined) return null
  const url = URL.canParse(given) ? new URL(given) : null
  const isWhole = url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === ''
  if (!isWhole || url.search !== '' || url.hash !== '') {
    throw new TypeError(
      'publicUrl: an address such as https://orders.example, without user, query and fragment',
    )
  }
  return url.origin + url.pathname.replace(/\/$/, '')
}

function rangeOf(text: string): IpRange {
  const range = parseIpRange(text)
  if (range === null) throw new TypeError(`trustedProxies: ${JSON.stringify(text)} is no address or range`)
  return range
}

function complain({ message }: CredenceError): void {
  console.error(`credence guard: ${message}`)
}
