import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { FAULTS, type FaultCode } from '@credence/core'
import type { Dispatcher } from 'undici'
import type { Context } from '../context.ts'
import { faultAnswer } from '../doors/problem.ts'
import type { Admitted } from './admit.ts'
import { sendAnswer } from './answer.ts'
import { RequestBody } from './request-body.ts'
import { endToEnd, responseHeaders } from './response-headers.ts'
import type { SlowCallers } from './slow-callers.ts'
import type { Awaited, Pending, SlowUpstreams } from './slow-upstreams.ts'
import { upstreamHeaders, upstreamQuery } from './upstream-headers.ts'

export interface Exchange {
  readonly context: Context
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly admitted: Admitted
  /** False while the gateway shuts down: then every answer ends its connection. */
  readonly keepsAlive: () => boolean
  readonly slowCallers: SlowCallers
  readonly slowUpstreams: SlowUpstreams
  /** Ends a response at the end of this turn; see turn.ts. */
  readonly finish: (ending: Ending) => void
}

/** A response that ends with a small body. */
export interface Ending {
  readonly response: ServerResponse
  /** As latin1. */
  readonly body: string
}

/** What undici is to send: the request as it was authorized. */
export function dispatchOptions({ context, request, admitted }: Exchange): Dispatcher.DispatchOptions {
  const { api, decision, requestId, peer, path, query, host, contentLength } = admitted
  const { rawHeaders, httpVersion, method } = request
  const forwarded = { rawHeaders, httpVersion, host, contentLength }
  return {
    path: path + upstreamQuery(query, api, decision, context),
    // Node's parser knows the methods it lets pass; undici takes any token.
    method: method as Dispatcher.HttpMethod,
    headers: upstreamHeaders(forwarded, peer, api, decision, requestId, context),
    body: null,
    // Whether more requests may follow on the connection before this one is answered: they never do.
    blocking: false,
  }
}

/** Sends an admitted request to its upstream and the answer back, once, streaming both ways. */
export function forward(exchange: Exchange, pool: Dispatcher): void {
  const { admitted, request, slowCallers } = exchange
  const body = admitted.hasBody && admitted.held === null ? new RequestBody(request) : null
  if (body !== null) slowCallers.expectBody(request)
  const options = dispatchOptions(exchange)
  options.body = body ?? admitted.held
  pool.dispatch(options, new Relay(exchange, body))
}

/** A body of this size that came in one piece is sent in one piece. */
const SMALL_BYTES = 8192

function lengthOf(headers: readonly string[]): number {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]!.length === 14 && headers[i]!.toLowerCase() === 'content-length')
      return Number(headers[i + 1])
  }
  return -1
}

/** Undici's raw interface: header lines as they stood on the wire, and no stream in between. */
export class Relay implements Dispatcher.DispatchHandler, Pending {
  movedAtLook = 0
  place: number | null = null
  readonly #exchange: Exchange
  readonly #body: RequestBody | null
  #abort: ((error?: Error) => void) | null = null
  #resume: (() => void) | null = null
  /** Content-Length of the answer; -1: not said. */
  #length = -1
  /** The whole body of the answer, held until its end, which is a moment away. */
  #small: string | null = null
  #isGone = false
  #isDone = false

  constructor(exchange: Exchange, body: RequestBody | null) {
    this.#exchange = exchange
    this.#body = body
    exchange.response.on('close', () => this.#callerGone())
  }

  /** Whoever asked does not want the answer any more: the upstream need not go on with it. */
  #callerGone(): void {
    this.#isGone = true
    if (!this.#isDone) this.#abort?.(new Error('the caller went away'))
  }

  awaited(): Awaited {
    const { request, response } = this.#exchange
    if (response.headersSent) return response.writableNeedDrain ? null : 'body'
    // What its sender does not send is no fault of the upstream's; what it does not take is.
    const isSent = this.#body === null || request.complete || request.isPaused()
    return isSent ? 'head' : null
  }

  giveUp(): void {
    this.#abort?.(new UpstreamSilent())
  }

  /** It is over, or somebody else looks after the two connections from here on. */
  protected end(): void {
    this.#isDone = true
    this.#exchange.slowUpstreams.leave(this)
  }

  onConnect(abort: (error?: Error) => void): void {
    this.#abort = abort
    if (this.#isGone) abort(new Error('the caller went away'))
    else this.#exchange.slowUpstreams.watch(this)
  }

  onBodySent(): void {
    this.#exchange.slowUpstreams.moved(this)
  }

  onUpgrade(_status: number, _rawHeaders: Buffer[], socket: Duplex): void {
    // Nothing that is relayed asked for one.
    socket.destroy()
    this.#fail('UPSTREAM_UNREACHABLE')
  }

  onHeaders(status: number, rawHeaders: Buffer[], resume: () => void): boolean {
    const { response, admitted, context, keepsAlive, slowUpstreams } = this.#exchange
    slowUpstreams.moved(this)
    if (status < 200) {
      // HTTP/1.0 knows no interim answers (RFC 9110 section 15.2); Node learnt to write all of them in 26.2.
      if (this.#exchange.request.httpVersion === '1.1')
        response.writeInformation?.(status, endToEnd(rawHeaders))
      return true
    }
    const headers = responseHeaders(rawHeaders, admitted.decision, admitted.requestId)
    if (!keepsAlive()) headers.push('Connection', 'close')
    this.#resume = resume
    this.#length = lengthOf(headers)
    response.writeHead(status, headers)
    context.metrics.responded('gateway', status)
    return true
  }

  onData(chunk: Buffer): boolean {
    const { response, slowUpstreams } = this.#exchange
    slowUpstreams.moved(this)
    if (chunk.length === this.#length && chunk.length <= SMALL_BYTES) {
      this.#small = chunk.toString('latin1')
      return true
    }
    if (response.write(chunk)) return true
    response.once('drain', this.#resume!)
    return false
  }

  onComplete(trailers: Buffer[] | string[] | null): void {
    this.end()
    const { response } = this.#exchange
    if (trailers !== null && trailers.length > 0) addTrailers(response, trailers)
    // As a string of bytes it goes out in one piece with the head, which halves the cost of writing.
    if (this.#small === null) response.end()
    else this.#exchange.finish({ response, body: this.#small })
  }

  onError(error: Error): void {
    this.end()
    if (this.#isGone) return
    this.#fail(faultOf(error), error)
  }

  #fail(code: FaultCode, error?: Error): void {
    const { context, request, response, admitted, keepsAlive } = this.#exchange
    const { requestId, api, upstream } = admitted
    const cause = error !== undefined && 'code' in error ? error.code : undefined
    context.log.warn(
      { request_id: requestId, api: api.name, upstream, code, cause, detail: error?.message },
      'upstream failed',
    )
    // Half an answer must not look whole.
    if (response.headersSent) {
      response.destroy()
      return
    }
    const answer = faultAnswer(code, FAULTS[code].meaning, requestId)
    context.metrics.responded('gateway', answer.status)
    this.#body?.destroy()
    const unreadBytes = this.#body === null || request.complete ? 0 : Number.POSITIVE_INFINITY
    sendAnswer(request, response, answer, { unreadBytes, closes: !keepsAlive(), expects: false })
  }
}

class UpstreamSilent extends Error {
  readonly code = 'ETIMEDOUT'

  constructor() {
    super('nothing came from the upstream for too long')
  }
}

const TIMEOUTS = new Set(['UND_ERR_CONNECT_TIMEOUT', 'ETIMEDOUT'])

function faultOf(error: Error): 'UPSTREAM_TIMEOUT' | 'UPSTREAM_UNREACHABLE' {
  return 'code' in error && TIMEOUTS.has(String(error.code)) ? 'UPSTREAM_TIMEOUT' : 'UPSTREAM_UNREACHABLE'
}

/** What would change how a message is framed, routed or authenticated has no place behind it (RFC 9110 section 6.5.1). */
const NOT_IN_TRAILERS =
  /^(?:content-|transfer-encoding|host|connection|set-cookie|www-authenticate|cache-control|credence-)/i

/** Trailers can go only where the answer is chunked; node drops them elsewhere. */
function addTrailers(response: ServerResponse, raw: readonly (Buffer | string)[]): void {
  const trailers: [string, string][] = []
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]!.toString('latin1')
    if (!NOT_IN_TRAILERS.test(name)) trailers.push([name, raw[i + 1]!.toString('latin1')])
  }
  response.addTrailers(trailers)
}
