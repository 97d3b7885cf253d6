import { METHODS } from 'node:http'
import type { Context } from '../../context.ts'
import type { App } from '../app.ts'
import { authorizer } from '../authorizer.ts'
import { AUTHORIZE_PREFIX } from '../original-request.ts'
import { atEndOfTurn } from '../turn.ts'

/**
 * Forward-auth: a proxy asks about a request of its own caller and gets 200 with who it is, or the refusal.
 * Answered in the first hook, before Fastify looks at a body: what the caller sent along is never read, whatever
 * its method and type, and the answer goes out past Fastify's reply, which would cost as much as verify does.
 */
export function registerAuthorize(app: App, context: Context): void {
  const handle = atEndOfTurn(authorizer(context))
  for (const method of METHODS) {
    // CONNECT is about a tunnel and never becomes a request.
    if (method !== 'CONNECT' && !app.supportedMethods.includes(method)) app.addHttpMethod(method)
  }
  app.route({
    method: app.supportedMethods,
    url: `${AUTHORIZE_PREFIX}*`,
    onRequest(request, reply, _done) {
      reply.hijack()
      handle(request.id, request.raw, reply.raw)
    },
    // Never reached: the hook does not call done.
    handler: (_request, reply) => reply,
  })
}
