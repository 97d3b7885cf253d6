import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { serve } from '@hono/node-server'
import express from 'express'
import fastify from 'fastify'
import { type Context, Hono } from 'hono'
import type { Caller } from '../caller.ts'
import type { Guard } from '../guard.ts'

/** What the handlers behind a guard did. */
export interface Seen {
  /** Method and path of every request that came past the guard. */
  readonly requests: string[]
  /** Called when the first bytes of an upload have been read. */
  onFirstBytes: () => void
}

export interface GuardedApp {
  readonly port: number
  close(): Promise<void>
}

/**
 * The same small API on every kind of server:
 * `GET /orders/:id` (orders:read) says who is calling; `POST /orders` (orders:write) digests what was uploaded;
 * `GET /any` takes any credential; `GET /bulk` costs 3; `/cors` lets preflights pass and
 * `/strict` does not; `GET /unguarded` has no guard.
 */
export interface Adapter {
  readonly name: string
  /** Whether the guard sees the connection, and so the client's address. */
  readonly seesConnection: boolean
  serve(guard: Guard, seen: Seen): Promise<GuardedApp>
}

const CORS = { 'access-control-allow-origin': 'https://app.example' }

function told(
  seen: Seen,
  request: { method?: string | undefined },
  path: string,
  caller: Caller | null,
): string {
  seen.requests.push(`${request.method} ${path}`)
  return JSON.stringify(caller)
}

async function digest(body: AsyncIterable<Uint8Array>, seen: Seen): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of body) {
    seen.onFirstBytes()
    hash.update(chunk)
  }
  seen.requests.push('POST /orders')
  return hash.digest('hex')
}

/** Whether a guard has anything to say about a request that it never saw. */
function unguarded(guard: Guard, carrier: object): string {
  try {
    return guard.caller(carrier).principal.name
  } catch (error) {
    return `${guard.callerOrNull(carrier)}: ${(error as Error).message}`
  }
}

const onFastify: Adapter = {
  name: 'fastify',
  seesConnection: true,
  async serve(guard, seen) {
    const app = fastify()
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    app.get('/orders/:id', { onRequest: guard.fastify('orders:read') }, async (request) =>
      told(seen, request, '/orders', guard.caller(request)),
    )
    app.post('/orders', { onRequest: guard.fastify(['orders:write']) }, async (request) =>
      digest(request.body as Readable, seen),
    )
    app.get('/any', { onRequest: guard.fastify(null) }, async (request) =>
      told(seen, request, '/any', guard.callerOrNull(request)),
    )
    app.get('/bulk', { onRequest: guard.fastify('orders:read', { cost: 3 }) }, async (request) =>
      told(seen, request, '/bulk', guard.caller(request)),
    )
    app.route({
      method: ['GET', 'OPTIONS'],
      url: '/cors',
      onRequest: guard.fastify('orders:read', { preflight: 'pass' }),
      handler: async (request, reply) => {
        reply.headers(CORS)
        return told(seen, request, '/cors', guard.callerOrNull(request))
      },
    })
    app.route({
      method: ['GET', 'OPTIONS'],
      url: '/strict',
      onRequest: guard.fastify('orders:read'),
      handler: async (request) => told(seen, request, '/strict', guard.caller(request)),
    })
    app.get('/unguarded', async (request) => unguarded(guard, request))
    await app.listen({ host: '127.0.0.1', port: 0 })
    return { port: portOf(app.server), close: () => app.close() }
  },
}

const onExpress: Adapter = {
  name: 'express',
  seesConnection: true,
  serve(guard, seen) {
    const app = express()
    // Under a mount, where Express takes the mount's part of the path away.
    const orders = express.Router()
    orders.get('/:id', guard.express('orders:read'), (request, response) => {
      response.send(told(seen, request, '/orders', guard.caller(request)))
    })
    orders.post('/', guard.express(['orders:write']), async (request, response) => {
      response.send(await digest(request, seen))
    })
    app.use('/orders', orders)
    app.get('/any', guard.express(null), (request, response) => {
      response.send(told(seen, request, '/any', guard.callerOrNull(request)))
    })
    app.get('/bulk', guard.express('orders:read', { cost: 3 }), (request, response) => {
      response.send(told(seen, request, '/bulk', guard.caller(request)))
    })
    app.all('/cors', guard.express('orders:read', { preflight: 'pass' }), (request, response) => {
      response.set(CORS).send(told(seen, request, '/cors', guard.callerOrNull(request)))
    })
    app.all('/strict', guard.express('orders:read'), (request, response) => {
      response.send(told(seen, request, '/strict', guard.caller(request)))
    })
    app.get('/unguarded', (request, response) => {
      response.send(unguarded(guard, request))
    })
    return listening(createServer(app))
  },
}

function honoApp(guard: Guard, seen: Seen): Hono {
  const app = new Hono()
  app.get('/orders/:id', guard.hono('orders:read'), (context) =>
    context.text(told(seen, context.req, '/orders', guard.caller(context))),
  )
  app.post('/orders', guard.hono(['orders:write']), async (context) => {
    const body = Readable.fromWeb(context.req.raw.body as Parameters<typeof Readable.fromWeb>[0])
    return context.text(await digest(body, seen))
  })
  app.get('/any', guard.hono(null), (context) =>
    context.text(told(seen, context.req, '/any', guard.callerOrNull(context))),
  )
  app.get('/bulk', guard.hono('orders:read', { cost: 3 }), (context) =>
    context.text(told(seen, context.req, '/bulk', guard.caller(context))),
  )
  app.all('/cors', guard.hono('orders:read', { preflight: 'pass' }), (context: Context) =>
    context.text(told(seen, context.req, '/cors', guard.callerOrNull(context)), 200, CORS),
  )
  app.all('/strict', guard.hono('orders:read'), (context) =>
    context.text(told(seen, context.req, '/strict', guard.caller(context))),
  )
  app.get('/unguarded', (context) => context.text(unguarded(guard, context)))
  return app
}

const onHono: Adapter = {
  name: 'hono on Node',
  seesConnection: true,
  serve: (guard, seen) => serveFetch(honoApp(guard, seen).fetch),
}

const onHonoElsewhere: Adapter = {
  name: 'hono elsewhere',
  seesConnection: false,
  serve(guard, seen) {
    const app = honoApp(guard, seen)
    return serveFetch((request) => app.fetch(request))
  },
}

const onNode: Adapter = {
  name: 'node:http',
  seesConnection: true,
  serve(guard, seen) {
    const who = (path: string) => (request: IncomingMessage, response: ServerResponse, caller: Caller) => {
      assertSame(guard.caller(request), caller)
      response.end(told(seen, request, path, caller))
    }
    const routes: Record<string, (request: IncomingMessage, response: ServerResponse) => unknown> = {
      orders: guard.node('orders:read', who('/orders')),
      upload: guard.node(['orders:write'], async (request: IncomingMessage, response: ServerResponse) => {
        response.end(await digest(request, seen))
      }),
      any: guard.node(null, (request: IncomingMessage, response: ServerResponse, caller) => {
        response.end(told(seen, request, '/any', caller))
      }),
      bulk: guard.node('orders:read', who('/bulk'), { cost: 3 }),
      cors: guard.node('orders:read', who('/cors'), {
        preflight: (request, response) => {
          response.writeHead(200, CORS)
          response.end(told(seen, request, '/cors', null))
        },
      }),
      strict: guard.node('orders:read', who('/strict')),
      unguarded: (request, response) => response.end(unguarded(guard, request)),
    }
    return listening(createServer((request, response) => routes[routeOf(request)]?.(request, response)))
  },
}

const onFetch: Adapter = {
  name: 'fetch',
  seesConnection: false,
  serve(guard, seen) {
    const who = (path: string) => (request: Request, caller: Caller) => {
      assertSame(guard.caller(request), caller)
      return new Response(told(seen, request, path, caller))
    }
    const routes: Record<string, (request: Request) => Promise<Response>> = {
      orders: guard.fetch('orders:read', who('/orders')),
      upload: guard.fetch(['orders:write'], async ({ body }: Request) => {
        const bytes = Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0])
        return new Response(await digest(bytes, seen))
      }),
      any: guard.fetch(null, (request: Request, caller) => new Response(told(seen, request, '/any', caller))),
      bulk: guard.fetch('orders:read', who('/bulk'), { cost: 3 }),
      cors: guard.fetch('orders:read', who('/cors'), {
        preflight: (request) => new Response(told(seen, request, '/cors', null), { headers: CORS }),
      }),
      strict: guard.fetch('orders:read', who('/strict')),
      unguarded: async (request) => new Response(unguarded(guard, request)),
    }
    return serveFetch(async (request) => {
      const { pathname: url } = new URL(request.url)
      return (
        (await routes[routeOf({ method: request.method, url })]?.(request)) ??
        new Response('', { status: 404 })
      )
    })
  },
}

export const ADAPTERS: readonly Adapter[] = [onFastify, onExpress, onHono, onHonoElsewhere, onNode, onFetch]

function routeOf({ method, url = '' }: { method?: string | undefined; url?: string | undefined }): string {
  const name = url.split(/[/?]/)[1] ?? ''
  return name === 'orders' && method === 'POST' ? 'upload' : name
}

function assertSame(a: unknown, b: unknown): void {
  if (a !== b) throw new Error('the handler was given another caller than the guard remembers')
}

function serveFetch(fetch: (request: Request) => Response | Promise<Response>): Promise<GuardedApp> {
  return new Promise((resolve) => {
    const server = serve({ fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => {
      resolve({ port, close: () => closing(server as Server) })
    })
  })
}

async function listening(server: Server): Promise<GuardedApp> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: portOf(server), close: () => closing(server) }
}

function portOf(server: Pick<Server, 'address'>): number {
  return (server.address() as AddressInfo).port
}

async function closing(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}
