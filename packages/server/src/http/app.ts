import type { ServerOptions } from 'node:https'
import { FAULTS, type FaultCode, LookupUnavailable, parseStrictJson } from '@credence/core'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify, { type FastifyError, type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { ListenerTls } from '../client-ca.ts'
import type { Context } from '../context.ts'
import { misdirection } from '../doors/host-header.ts'
import { faultAnswer } from '../doors/problem.ts'
import { isOfTls } from '../doors/tls-error.ts'
import type { FieldError } from '../operations/operation.ts'
import { StoreFault } from '../store/port.ts'
import { AllowedMethods } from './allowed-methods.ts'
import { lazyValidation } from './lazy-validation.ts'
import { unavailableAnswer } from './operation-answer.ts'
import { patternMeaning } from './schemas.ts'
import { send } from './send.ts'

export type App = FastifyInstance<
  import('node:http').Server,
  import('node:http').IncomingMessage,
  import('node:http').ServerResponse,
  import('fastify').FastifyBaseLogger,
  TypeBoxTypeProvider
>

/** More errors than these help nobody; the first ones are told. */
const MAX_ERRORS = 50

export interface ListenerOptions {
  /** Of node:http and node:https. */
  readonly http?: ServerOptions
  /** PEM texts; absent or null: plain HTTP. */
  readonly tls?: ListenerTls | null
}

/**
 * A Fastify application with Credence's manners: strict JSON, every field at fault named, problem+json for all
 * that goes wrong, a request id on every response. Routes are added by whoever makes a listener.
 */
export function createApp(context: Context, listener: ListenerOptions = {}): App {
  const { config, newRequestId } = context
  // Node's own answer to a request without Host would be a bare 400.
  const http = { ...listener.http, requireHostHeader: false }
  const app = fastify({
    ...(listener.tls ? { https: { ...http, ...listener.tls } } : { http }),
    forceCloseConnections: 'idle',
    logger: false,
    genReqId: newRequestId,
    requestIdHeader: false,
    bodyLimit: config.bodyLimitBytes,
    requestTimeout: config.requestHeadTimeoutSeconds * 1000,
    trustProxy: false,
    return503OnClosing: true,
    routerOptions: { maxParamLength: 512, ignoreTrailingSlash: false, caseSensitive: true },
    schemaController: { compilersFactory: { buildValidator: lazyValidation() } },
    ajv: {
      customOptions: {
        allErrors: true,
        removeAdditional: false,
        coerceTypes: false,
        useDefaults: true,
        allowUnionTypes: true,
      },
    },
    // A path that cannot be decoded fits no route, so no hook and no error handler would see it.
    frameworkErrors(error, request, reply) {
      send(reply, errorAnswer(error, request.id))
    },
    // What Node's parser refuses never becomes a request: answered here, and the connection is closed.
    clientErrorHandler(error, socket) {
      const code =
        'code' in error && error.code === 'HPE_HEADER_OVERFLOW' ? 'HEADERS_TOO_LARGE' : 'INVALID_REQUEST'
      const { status, headers, body } = faultAnswer(code, FAULTS[code].meaning, newRequestId())
      if (isOfTls(error) || !socket.writable) {
        socket.destroy()
        return
      }
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
      const length = Buffer.byteLength(body)
      socket.end(
        `HTTP/1.1 ${status} Error\r\n${lines.join('')}content-length: ${length}\r\nconnection: close\r\n\r\n${body}`,
        // Whoever was slow with the head need not be waited for with the end of the connection.
        () => socket.destroy(),
      )
    },
  } as FastifyServerOptions).withTypeProvider<TypeBoxTypeProvider>() as unknown as App

  // Node's own answer to an expectation that it does not know would be a bare 417.
  app.server.on('checkExpectation', (_request, response) => {
    const detail = 'no expectation is met but 100-continue'
    const { status, headers, body } = faultAnswer('INVALID_REQUEST', detail, newRequestId())
    response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body), connection: 'close' })
    response.end(body)
  })
  app.decorateRequest('actor', null as never)
  app.decorateRequest('rawBody', null as never)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, parsed) => {
    request.rawBody = body as Buffer
    // An empty body of an optional kind (revoke without a reason) is the empty object.
    const json = body.length === 0 ? { ok: true as const, value: {} } : parseStrictJson(body as Buffer)
    if (json.ok) return parsed(null, json.value)
    parsed(Object.assign(new Error(json.problem), { faultCode: 'INVALID_JSON' }))
  })
  app.addHook('onRequest', async (request, reply) => {
    reply.header('credence-request-id', request.id)
    reply.header('cache-control', 'no-store')
    request.rawBody = Buffer.alloc(0)
    const problem = misdirection(request.raw)
    if (problem === null) return
    reply.header('connection', 'close')
    return send(reply, faultAnswer('INVALID_REQUEST', problem, request.id))
  })
  const allowed = new AllowedMethods()
  app.addHook('onRoute', ({ url, method }) => allowed.add(url, method))
  app.setNotFoundHandler((request, reply) => {
    const methods = allowed.at(request.url.split('?', 1)[0]!)
    if (methods.length > 0 && !methods.includes(request.method)) {
      reply.header('allow', methods.join(', '))
      return send(
        reply,
        faultAnswer('METHOD_NOT_ALLOWED', `this path takes ${methods.join(', ')}`, request.id),
      )
    }
    return send(reply, faultAnswer('RESOURCE_NOT_FOUND', 'there is nothing at this path', request.id))
  })
  app.setErrorHandler((error: FastifyError & { faultCode?: FaultCode }, request, reply) => {
    const answer = errorAnswer(error, request.id)
    if (answer.status >= 500) context.log.error({ err: error, request_id: request.id }, 'request failed')
    send(reply, answer)
  })
  return app
}

function errorAnswer(error: FastifyError & { faultCode?: FaultCode }, requestId: string) {
  if (error instanceof StoreFault || error instanceof LookupUnavailable) return unavailableAnswer(requestId)
  if (error.faultCode !== undefined) return faultAnswer(error.faultCode, error.message, requestId)
  if (error.validation !== undefined) {
    const errors = error.validation
      .slice(0, MAX_ERRORS)
      .map((one) => fieldError(one, error.validationContext))
    const detail = errors.map((one) => `${one.field}: ${one.detail}`).join('; ')
    return faultAnswer('VALIDATION_FAILED', detail, requestId, errors)
  }
  const code = FASTIFY_FAULTS[error.code]
  if (code !== undefined) return faultAnswer(code, FAULTS[code].meaning, requestId)
  if (error.statusCode !== undefined && error.statusCode < 500) {
    return faultAnswer('INVALID_REQUEST', FAULTS.INVALID_REQUEST.meaning, requestId)
  }
  return faultAnswer('INTERNAL', 'look into the log under this request id', requestId)
}

const FASTIFY_FAULTS: Readonly<Record<string, FaultCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'BODY_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
}

type ValidationError = NonNullable<FastifyError['validation']>[number]

/** Ajv's `/routes/0/path` as `routes[0].path`, with what is allowed there. */
function fieldError(error: ValidationError, part: string | undefined): FieldError {
  const { params } = error
  const inside = params.missingProperty ?? params.additionalProperty
  const steps = error.instancePath.split('/').slice(1).map(unescapePointer)
  if (typeof inside === 'string') steps.push(inside)
  let field = ''
  for (const step of steps) field += /^\d+$/.test(step) ? `[${step}]` : `${field && '.'}${step}`
  const detail =
    params.additionalProperty !== undefined
      ? 'is not a known field'
      : params.missingProperty !== undefined
        ? 'is required'
        : Array.isArray(params.allowedValues)
          ? `must be one of ${params.allowedValues.join(', ')}`
          : ((typeof params.pattern === 'string' ? patternMeaning(params.pattern) : null) ??
            error.message ??
            'is not valid')
  return { field: (field || part) ?? 'body', detail: detail.slice(0, 300) }
}

function unescapePointer(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~').slice(0, 100)
}
