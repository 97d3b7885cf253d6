import type { HttpAnswer } from '@credence/core/portable'
import type { CallerFor, Demand } from './admission.ts'
import {
  type GuardedRequest,
  isPreflight,
  type NodeRequest,
  requestFromFetch,
  requestFromNode,
  type Sender,
} from './guarded-request.ts'
import type { GuardParts, RouteOptions } from './node-guard.ts'

/** Who sent a request: `rest` is whatever the platform hands its handlers besides, for Hono the context. */
export type SenderOf = (request: Request, ...rest: readonly unknown[]) => Sender

export interface FetchParts extends GuardParts {
  /** Null: the client's address is not known. */
  readonly senderOf: SenderOf | null
}

export interface FetchHandlerOptions<R, Rest extends readonly unknown[]> extends RouteOptions {
  /** Answers true CORS preflights, which carry no credential; left out, they are verified like any other request. */
  readonly preflight?: (request: R, ...rest: Rest) => Response | Promise<Response>
}

/** Of Hono's context. */
export interface HonoContextLike {
  readonly req: { readonly raw: Request; readonly method: string }
  readonly env: unknown
  header(name: string, value: string): void
}

/** A handler of the Fetch standard: Next.js routes, Workers, Bun, Deno. */
export function fetchGuard<S, R extends Request, Rest extends readonly unknown[]>(
  { admission, remember, senderOf }: FetchParts,
  demand: Demand,
  handler: (request: R, caller: CallerFor<S>, ...rest: Rest) => Response | Promise<Response>,
  preflight: ((request: R, ...rest: Rest) => Response | Promise<Response>) | undefined,
) {
  return async (request: R, ...rest: Rest): Promise<Response> => {
    const asked = requestFromFetch(request, senderOf === null ? null : senderOf(request, ...rest))
    if (preflight !== undefined && isPreflight(asked)) return preflight(request, ...rest)
    const ruling = await admission.admit(asked, demand)
    if (ruling.type === 'refused') return responseOf(ruling.answer)
    remember(request, ruling.caller)
    // Where scopes are demanded, admission lets nobody pass who is not known.
    const response = await handler(request, ruling.caller as CallerFor<S>, ...rest)
    return withHeaders(response, ruling.headers)
  }
}

/** A middleware of Hono, on any platform; on Node it sees the header lines and the address of the connection. */
export function honoGuard(parts: FetchParts, demand: Demand, passes: boolean) {
  const { admission, remember } = parts
  return async (context: HonoContextLike, next: () => Promise<void>): Promise<Response | undefined> => {
    const asked = requestFromHono(context, parts)
    if (passes && isPreflight(asked)) {
      await next()
      return undefined
    }
    const ruling = await admission.admit(asked, demand)
    if (ruling.type === 'refused') return responseOf(ruling.answer)
    remember(context, ruling.caller)
    await next()
    for (const name in ruling.headers) context.header(name, ruling.headers[name]!)
    return undefined
  }
}

function requestFromHono(context: HonoContextLike, { senderOf, trust }: FetchParts): GuardedRequest {
  const { raw, method } = context.req
  const incoming = incomingOf(context.env)
  const sender = senderOf === null ? null : senderOf(raw, context)
  const told = requestFromFetch(raw, sender)
  if (incoming === null) return { ...told, method }
  const { rawHeaders, socket } = incoming
  const seen = requestFromNode({ method, rawHeaders, socket }, told.target, trust)
  return sender === null
    ? seen
    : { ...seen, ip: told.ip, secure: told.secure, certificate: told.certificate ?? seen.certificate }
}

/** The request that @hono/node-server made the Request of. */
function incomingOf(env: unknown): NodeRequest | null {
  const { incoming } = (typeof env === 'object' && env !== null ? env : {}) as { incoming?: unknown }
  if (typeof incoming !== 'object' || incoming === null) return null
  const { rawHeaders, socket } = incoming as Partial<NodeRequest>
  return Array.isArray(rawHeaders) && typeof socket === 'object' ? (incoming as NodeRequest) : null
}

function responseOf({ status, headers, body }: HttpAnswer): Response {
  return new Response(body, { status, headers: { ...headers } })
}

/** The handler's response with ours; one whose headers cannot be changed (a redirect, a fetched one) is copied. */
function withHeaders(response: Response, headers: Readonly<Record<string, string>>): Response {
  try {
    for (const name in headers) response.headers.set(name, headers[name]!)
    return response
  } catch {
    const copy = new Response(response.body, response)
    for (const name in headers) copy.headers.set(name, headers[name]!)
    return copy
  }
}
