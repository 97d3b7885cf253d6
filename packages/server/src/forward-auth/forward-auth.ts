import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { Context } from '../context.ts'
import { misdirection } from '../doors/host-header.ts'
import { atEndOfTurn } from '../doors/turn.ts'
import { Authorizer, type Question } from './authorizer.ts'
import { AUTHORIZE_PREFIX } from './original-request.ts'

/** Of the listener that it shares. */
type ForwardAuthApp = Pick<FastifyInstance, 'addHook' | 'server'>

type Listener = (request: IncomingMessage, response: ServerResponse) => void

/**
 * Forward-auth: a proxy asks about a request of its own caller and gets 200 with who it is, or the refusal.
 * Answered before Fastify sees the request: its reading of a route, of a body and of a reply would cost as much as
 * verify does, and what the caller sent along is never read, whatever its method and type. Requests that are not
 * Fastify's own business (forward-auth's, unless they are malformed or the server is closing) never reach it.
 */
export function registerForwardAuth(app: ForwardAuthApp, context: Context): void {
  const { metrics, newRequestId } = context
  const authorizer = new Authorizer(context, ({ statusCode }) => metrics.responded('api', statusCode))
  const handle = atEndOfTurn<Question>((questions) => authorizer.answerAll(questions))
  let isClosing = false
  app.addHook('preClose', async () => {
    isClosing = true
  })
  const { server } = app
  const others = server.listeners('request') as Listener[]
  server.removeAllListeners('request')
  server.on('request', (request, response) => {
    const isOurs = request.url!.startsWith(AUTHORIZE_PREFIX) && !isClosing && misdirection(request) === null
    if (isOurs) handle({ requestId: newRequestId(), request, response })
    else for (const listener of others) listener.call(server, request, response)
  })
}
