import type { HttpAnswer } from '@credence/core/portable'
import type { Admission, Admitted, CallerFor, Demand } from './admission.ts'
import type { Caller } from './caller.ts'
import { isPreflight, type NodeRequest, requestFromNode, type Trust } from './guarded-request.ts'

/** What the adapters need of a response of node:http; Express's is one. */
export interface NodeResponse {
  readonly headersSent: boolean
  setHeader(name: string, value: string): unknown
  writeHead(status: number, headers: Record<string, string>): unknown
  end(body: Uint8Array): unknown
}

/** Of a request of Express. */
export interface ExpressRequestLike extends NodeRequest {
  /** The target as it came, before a router took its part away. */
  readonly originalUrl: string
}

/** Of a request of Fastify. */
export interface FastifyRequestLike {
  readonly raw: NodeRequest
  /** The target as it came, before `rewriteUrl`. */
  readonly originalUrl: string
}

/** Of a reply of Fastify. */
export interface FastifyReplyLike {
  readonly sent: boolean
  code(status: number): unknown
  headers(values: Record<string, string>): unknown
  send(body: Uint8Array): unknown
}

export interface GuardParts {
  readonly admission: Admission
  readonly trust: Trust
  /** Remembers who is calling, by the request or context that the framework hands on. */
  readonly remember: (carrier: object, caller: Caller | null) => void
}

export interface RouteOptions {
  /** What a request takes from the limits; what the API's route says when left out, else 1. */
  readonly cost?: number
}

export interface MiddlewareOptions extends RouteOptions {
  /**
   * `pass`: a true CORS preflight, which carries no credential, goes on to what stands behind, without a caller.
   * Otherwise it is verified as any other request, and so refused, unless the API in Credence lets its origin pass.
   */
  readonly preflight?: 'verify' | 'pass'
}

export interface NodeHandlerOptions<Request, Response> extends RouteOptions {
  /** Answers true CORS preflights, which carry no credential; left out, they are verified like any other request. */
  readonly preflight?: (request: Request, response: Response) => unknown
}

type NextFunction = (error?: unknown) => void

/** Express, and whatever else takes `(request, response, next)`. */
export function expressGuard({ admission, trust, remember }: GuardParts, demand: Demand, passes: boolean) {
  return (request: ExpressRequestLike, response: NodeResponse, next: NextFunction): void => {
    const asked = requestFromNode(request, request.originalUrl, trust)
    if (passes && isPreflight(asked)) {
      next()
      return
    }
    admission
      .admit(asked, demand)
      .then((ruling) => {
        if (ruling.type === 'refused') {
          refuseNode(response, ruling.answer)
          return
        }
        remember(request, ruling.caller)
        setHeaders(response, ruling)
        next()
      })
      .catch(next)
  }
}

/** A hook of Fastify, for `onRequest`: before the body is read. */
export function fastifyGuard({ admission, trust, remember }: GuardParts, demand: Demand, passes: boolean) {
  return async (request: FastifyRequestLike, reply: FastifyReplyLike): Promise<unknown> => {
    const asked = requestFromNode(request.raw, request.originalUrl, trust)
    if (passes && isPreflight(asked)) return undefined
    const ruling = await admission.admit(asked, demand)
    if (ruling.type === 'admitted') {
      remember(request, ruling.caller)
      reply.headers(ruling.headers)
      return undefined
    }
    // Somebody else has answered meanwhile, a time-out for one.
    if (reply.sent) return reply
    const { status, headers, body } = ruling.answer
    reply.code(status)
    reply.headers(headers)
    // As bytes: to a text Fastify adds a charset, which JSON types do not have (RFC 8259 section 11).
    reply.send(encoded(body))
    return reply
  }
}

/** A listener of node:http. */
export function nodeGuard<S, Request extends NodeRequest, Response extends NodeResponse>(
  { admission, trust, remember }: GuardParts,
  demand: Demand,
  handler: (request: Request, response: Response, caller: CallerFor<S>) => unknown,
  preflight: ((request: Request, response: Response) => unknown) | undefined,
) {
  return async (request: Request, response: Response): Promise<void> => {
    const asked = requestFromNode(request, request.url ?? '', trust)
    if (preflight !== undefined && isPreflight(asked)) {
      await preflight(request, response)
      return
    }
    const ruling = await admission.admit(asked, demand)
    if (ruling.type === 'refused') {
      refuseNode(response, ruling.answer)
      return
    }
    remember(request, ruling.caller)
    setHeaders(response, ruling)
    // Where scopes are demanded, admission lets nobody pass who is not known.
    await handler(request, response, ruling.caller as CallerFor<S>)
  }
}

function setHeaders(response: NodeResponse, { headers }: Admitted): void {
  if (response.headersSent) return
  for (const name in headers) response.setHeader(name, headers[name]!)
}

function refuseNode(response: NodeResponse, { status, headers, body }: HttpAnswer): void {
  // Somebody else has answered meanwhile, a time-out for one.
  if (response.headersSent) return
  const bytes = encoded(body)
  response.writeHead(status, { ...headers, 'content-length': String(bytes.length) })
  response.end(bytes)
}

function encoded(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
