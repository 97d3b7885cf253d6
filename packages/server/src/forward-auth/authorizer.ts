import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type ApiRecord,
  type Decision,
  findHeader,
  type HttpAnswer,
  LookupUnavailable,
  limitLines,
  refuse,
} from '@credence/core'
import type { Context } from '../context.ts'
import { type Asked, type Asking, decideAll, observe } from '../decide.ts'
import { apiFinder } from '../doors/api-ref.ts'
import { certificateFinder } from '../doors/client-certificate.ts'
import { proxyIdentity } from '../doors/identity-headers.ts'
import { clientFinder, type Peer, peerFinder } from '../doors/peer.ts'
import { answerTo, dpopNonceOf, faultAnswer } from '../doors/problem.ts'
import { handleTogether, type Steps } from '../doors/together.ts'
import { type OriginalRequest, originalRequest } from './original-request.ts'
import { type ProxiedDoor, ProxiedPresenter } from './proxied-presenter.ts'

/** nginx's auth_request makes a 500 of everything but these (and 2xx). */
const NGINX_UNDERSTANDS = new Set([200, 401, 403])
/** Peers for which the log has said what to set. */
const MAX_TOLD = 1000

/** A proxy's question about a request of its own caller. */
export interface Question {
  readonly requestId: string
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** Answers the questions of forward-auth. */
export class Authorizer {
  readonly #context: Context
  readonly #onAnswered: (response: ServerResponse) => void
  readonly #peerOf: ReturnType<typeof peerFinder>
  readonly #clientOf: ReturnType<typeof clientFinder>
  readonly #findApi: ReturnType<typeof apiFinder>
  readonly #door: ProxiedDoor
  readonly #told = new Set<string>()
  readonly #steps: Steps<Question, Asked, Decision> = {
    read: (question) => this.#read(question),
    decideAll: (asked) => decideAll(this.#context, asked),
    answer: (question, decision) => this.#answer(question, decision),
    fail: (question, error) => this.#fail(question, error),
  }

  /** @param onAnswered told of each response */
  constructor(context: Context, onAnswered: (response: ServerResponse) => void) {
    const { config } = context
    this.#context = context
    this.#onAnswered = onAnswered
    this.#peerOf = peerFinder(config.trustedProxies)
    this.#clientOf = clientFinder(config.trustedProxies)
    this.#findApi = apiFinder(context)
    this.#door = {
      style: config.forwardStyle,
      certificateOf: certificateFinder(config),
      clientOf: this.#clientOf,
    }
  }

  /** Never throws. */
  answerAll(questions: readonly Question[]): void {
    handleTogether(questions, this.#steps)
  }

  /** What is asked; null: it is refused already, before there is anything to verify. */
  #read(question: Question): Asked | null | Promise<Asked | null> {
    const { request } = question
    const peer = this.#peerOf(request.socket)
    if (!peer.trusted) return this.#refuse(question, peer, this.#untrusted(peer))
    const read = originalRequest(request, this.#context.config.forwardStyle)
    if (!read.ok) return this.#refuse(question, peer, refuse(null, 'request', 'BAD_REQUEST', read.problem))
    const { original } = read
    const finding = this.#findApi(original.apiRef)
    if (!(finding instanceof Promise)) return this.#askedAbout(question, original, peer, finding)
    return finding.then(
      (api) => this.#askedAbout(question, original, peer, api),
      (error: unknown) => {
        if (!(error instanceof LookupUnavailable)) throw error
        const decision = refuse(null, 'route', 'UNAVAILABLE', 'the store cannot be read')
        return this.#refuse(question, peer, decision)
      },
    )
  }

  #askedAbout(
    question: Question,
    original: OriginalRequest,
    peer: Peer,
    api: ApiRecord | null,
  ): Asked | null {
    if (api === null) {
      const detail = `there is no API ${JSON.stringify(original.apiRef)}`
      return this.#refuse(question, peer, refuse(null, 'route', 'ROUTE_UNKNOWN', detail))
    }
    const { requestId, request } = question
    const { method, path, query } = original
    const { rawHeaders } = request
    const { ip, secure } = this.#clientOf(peer, rawHeaders)
    return {
      asking: { requestId, via: 'forward-auth', workspaceId: api.workspaceId },
      request: {
        api,
        homeApiId: null,
        credential: null,
        headers: rawHeaders,
        query,
        method,
        path,
        // Without the header the address would be the proxy's own, which says nothing about the caller.
        ip: findHeader(rawHeaders, 'x-forwarded-for', 0) === -1 ? null : ip,
        secure,
        useRoutes: true,
        scopes: null,
        cost: null,
        fresh: false,
        presenter: new ProxiedPresenter(this.#door, request, original, peer, api),
      },
    }
  }

  #untrusted(peer: Peer): Decision {
    const ip = peer.ip ?? 'unknown'
    const detail = `the peer ${ip} is not in CREDENCE_TRUSTED_PROXIES; if it is a proxy of yours, set CREDENCE_TRUSTED_PROXIES=${ip}`
    if (!this.#told.has(ip)) {
      if (this.#told.size < MAX_TOLD) this.#told.add(ip)
      this.#context.log.warn({ peer: ip }, `forward-auth refused: ${detail}`)
    }
    return refuse(null, 'proxy', 'PROXY_UNTRUSTED', detail)
  }

  #refuse(question: Question, peer: Peer, decision: Decision): null {
    const { requestId, request } = question
    const asking: Asking = { requestId, via: 'forward-auth', workspaceId: this.#context.defaultWorkspaceId }
    observe(
      this.#context,
      asking,
      { method: null, path: null, ip: peer.ip, headers: request.rawHeaders },
      decision,
      0,
    )
    this.#answer(question, decision)
    return null
  }

  #answer({ requestId, response }: Question, decision: Decision): void {
    if (decision.code === 'VALID') writeAllowed(response, decision, requestId, this.#context)
    else write(response, this.#forProxy(answerTo(decision, requestId)))
    this.#onAnswered(response)
  }

  #forProxy(full: HttpAnswer): HttpAnswer {
    if (this.#context.config.forwardStyle !== 'nginx') return full
    // auth_request throws the body away, so what it says stands in a header, too: it is JSON in ASCII, in one line.
    const { body } = full
    const headers = {
      ...full.headers,
      'x-credence-status': String(full.status),
      'x-credence-problem': body,
    }
    return { status: NGINX_UNDERSTANDS.has(full.status) ? full.status : 403, headers, body }
  }

  #fail({ requestId, response }: Question, error: unknown): void {
    this.#context.log.error({ err: error, request_id: requestId }, 'request failed')
    const fault = faultAnswer('INTERNAL', 'look into the log under this request id', requestId)
    if (response.headersSent) response.destroy()
    else write(response, fault)
    this.#onAnswered(response)
  }
}

/** 200: who is calling and what is left, in headers that the proxy hands on. */
function writeAllowed(
  response: ServerResponse,
  decision: Decision,
  requestId: string,
  { identityTokens }: Pick<Context, 'identityTokens'>,
): void {
  const headers = proxyIdentity(decision, requestId, identityTokens)
  if (decision.limits.length > 0) {
    for (const part of limitLines(decision.limits, decision.retryAfterSeconds)) headers.push(part)
  }
  const nonce = dpopNonceOf(decision)
  if (nonce !== null) headers.push('DPoP-Nonce', nonce)
  headers.push('Credence-Request-Id', requestId, 'Cache-Control', 'no-store', 'Content-Length', '0')
  response.writeHead(200, headers)
  response.end()
}

function write(response: ServerResponse, { status, headers, body }: HttpAnswer): void {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) })
  response.end(body)
}
