import type { Context } from '../context.ts'
import type { App } from './app.ts'

/**
 * `/healthz`: the process lives. `/readyz`: it may be sent requests; fails first when shutting down, and while the
 * feed has not been confirmed within the bound. `/metrics`: Prometheus text, summed over the processes of the node.
 */
export function registerHealth(app: App, context: Context): void {
  const { follower, metrics, node, readiness } = context
  app.get('/healthz', { schema: { hide: true } }, () => ({ status: 'ok' }))
  app.get('/readyz', { schema: { hide: true } }, (_request, reply) => {
    if (readiness.ready && follower.holds()) return reply.send({ status: 'ready' })
    const status = readiness.ready ? 'store_unreachable' : 'shutting_down'
    return reply.code(503).header('retry-after', '1').send({ status })
  })
  app.get('/metrics', { schema: { hide: true } }, async (_request, reply) =>
    reply.type(metrics.contentType).send(await node.metrics()),
  )
}
