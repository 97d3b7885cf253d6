import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type ApiRecord,
  type Decision,
  findHeader,
  type HttpAnswer,
  LookupUnavailable,
  limitHeaders,
  refuse,
  type VerifyRequest,
} from '@credence/core'
import type { Context } from '../context.ts'
import { type Asking, decide, observe } from '../decide.ts'
import { proxyIdentity } from '../gateway/identity-headers.ts'
import { apiFinder } from './api-ref.ts'
import { certificateFinder } from './client-certificate.ts'
import { type OriginalRequest, originalRequest } from './original-request.ts'
import { clientFinder, type Peer, peerFinder } from './peer.ts'
import { type ProxiedDoor, ProxiedPresenter } from './presenters.ts'
import { answerTo, dpopNonceOf, faultAnswer } from './problem.ts'
import { afterTheOthers } from './turn.ts'

/** nginx's auth_request makes a 500 of everything but these (and 2xx). */
const NGINX_UNDERSTANDS = new Set([200, 401, 403])
/** Peers for which the log has said what to set. */
const MAX_TOLD = 1000

/** Answers forward-auth's question about one request. Never throws. @param onAnswered told of each response */
export function authorizer(context: Context, onAnswered: (response: ServerResponse) => void) {
  const { config, defaultWorkspaceId } = context
  const { forwardStyle, trustedProxies } = config
  const peerOf = peerFinder(trustedProxies)
  const clientOf = clientFinder(trustedProxies)
  const findApi = apiFinder(context)
  const door: ProxiedDoor = { style: forwardStyle, certificateOf: certificateFinder(config), clientOf }
  const told = new Set<string>()

  const answer = afterTheOthers((response: ServerResponse, decision: Decision, requestId: string): void => {
    try {
      if (decision.code === 'VALID') writeAllowed(response, decision, requestId, context)
      else write(response, forProxy(answerTo(decision, requestId)))
      onAnswered(response)
    } catch (error) {
      fail(requestId, response, error)
    }
  })

  /** A refusal before there is anything to verify. */
  function refuseAsked(
    asking: Asking,
    request: IncomingMessage,
    response: ServerResponse,
    peer: Peer,
    decision: Decision,
  ): undefined {
    const facts = { method: null, path: null, ip: peer.ip, headers: request.rawHeaders }
    observe(context, asking, facts, decision, 0)
    answer(response, decision, asking.requestId)
  }

  function forProxy(full: HttpAnswer): HttpAnswer {
    if (forwardStyle !== 'nginx') return full
    // auth_request throws the body away, so what it says stands in a header, too: it is JSON in ASCII, in one line.
    const { body } = full
    const headers = {
      ...full.headers,
      'x-credence-status': String(full.status),
      'x-credence-problem': body,
    }
    return { status: NGINX_UNDERSTANDS.has(full.status) ? full.status : 403, headers, body }
  }

  function untrusted(peer: Peer): Decision {
    const ip = peer.ip ?? 'unknown'
    const detail = `the peer ${ip} is not in CREDENCE_TRUSTED_PROXIES; if it is a proxy of yours, set CREDENCE_TRUSTED_PROXIES=${ip}`
    if (!told.has(ip)) {
      if (told.size < MAX_TOLD) told.add(ip)
      context.log.warn({ peer: ip }, `forward-auth refused: ${detail}`)
    }
    return refuse(null, 'proxy', 'PROXY_UNTRUSTED', detail)
  }

  /** At once where nothing has to be read. */
  function authorize(
    requestId: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): undefined | Promise<void> {
    const peer = peerOf(request.socket)
    const asking: Asking = { requestId, via: 'forward-auth', workspaceId: defaultWorkspaceId }
    const refuseNow = (decision: Decision) => refuseAsked(asking, request, response, peer, decision)
    if (!peer.trusted) return refuseNow(untrusted(peer))
    const read = originalRequest(request, forwardStyle)
    if (!read.ok) return refuseNow(refuse(null, 'request', 'BAD_REQUEST', read.problem))
    const { original } = read

    const decideFor = (api: ApiRecord | null): undefined | Promise<void> => {
      if (api === null) {
        const detail = `there is no API ${JSON.stringify(original.apiRef)}`
        return refuseNow(refuse(null, 'route', 'ROUTE_UNKNOWN', detail))
      }
      const asked = askedAbout(original, api, peer, request)
      const deciding = decide(
        context,
        { requestId, via: 'forward-auth', workspaceId: api.workspaceId },
        asked,
      )
      if (deciding instanceof Promise) {
        return deciding.then((decision) => answer(response, decision, requestId))
      }
      answer(response, deciding, requestId)
      return undefined
    }
    const finding = findApi(original.apiRef)
    if (!(finding instanceof Promise)) return decideFor(finding)
    return finding.then(decideFor, (error: unknown) => {
      if (!(error instanceof LookupUnavailable)) throw error
      refuseNow(refuse(null, 'route', 'UNAVAILABLE', 'the store cannot be read'))
    })
  }

  function askedAbout(
    original: OriginalRequest,
    api: ApiRecord,
    peer: Peer,
    request: IncomingMessage,
  ): VerifyRequest {
    const { method, path, query } = original
    const { rawHeaders } = request
    const { ip, secure } = clientOf(peer, rawHeaders)
    return {
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
      presenter: new ProxiedPresenter(door, request, original, peer, api),
    }
  }

  function fail(requestId: string, response: ServerResponse, error: unknown): void {
    context.log.error({ err: error, request_id: requestId }, 'request failed')
    const fault = faultAnswer('INTERNAL', 'look into the log under this request id', requestId)
    if (response.headersSent) response.destroy()
    else write(response, fault)
    onAnswered(response)
  }

  return (requestId: string, request: IncomingMessage, response: ServerResponse): void => {
    try {
      authorize(requestId, request, response)?.catch((error) => fail(requestId, response, error))
    } catch (error) {
      fail(requestId, response, error)
    }
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
    const limits = limitHeaders(decision.limits, decision.retryAfterSeconds)
    for (const name in limits) headers.push(name, limits[name]!)
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
