import assert from 'node:assert/strict'
import { createServer, request as requestOf } from 'node:http'
import { test } from 'node:test'
import { compileRoutes } from '@credence/core'
import { checkAsyncProperty, seed } from '@credence/core/testing/rounds'
import { closedAfter } from '@credence/server/testing/closed-after'
import { listen, route, startGateway } from '@credence/server/testing/gateway-fixture'
import { protectApi, putRecords } from '@credence/server/testing/protected-api'
import { type RawUpstream, startRawUpstream } from '@credence/server/testing/raw-upstream'
import fc from 'fast-check'
import { RawConnection } from './raw-connection.ts'
import { type Authorized, targetProblem } from './readings.ts'
import { type FuzzTarget, fuzzTarget } from './targets.ts'

const PARALLEL = 16
const BATCHES = 10_000 / PARALLEL
/** The key may read orders; to be authorized for /admin by any of them would be a hole. */
const ROUTES = [
  route('GET /open/**=public'),
  route('GET /orders/*=orders:read'),
  route('GET /orders/*/items=orders:read'),
  route('POST /orders=orders:read'),
  route('* /admin/**=orders:admin'),
  route('GET /Case=orders:read'),
  route('GET /a%20b/*=orders:read'),
  route('GET /caf%C3%A9/**=orders:read'),
  route('GET /files/**=orders:read'),
]
/** Behind /shop, which is cut off: everything may be read, but for what is named. */
const SHOP_ROUTES = [
  route('* /**=orders:read'),
  route('* /admin/**=orders:admin'),
  route('GET /orders/*/items=orders:admin'),
]

/** One for each route, and some that only look so. */
const PATHS = [
  ...[
    '/open/x',
    '/open',
    '/orders/7',
    '/orders/7/items',
    '/orders',
    '/admin/x',
    '/admin',
    '/Case',
    '/a%20b/1',
  ],
  ...[
    '/caf%C3%A9/x',
    '/files/a/b',
    '/shop',
    '/shop/x',
    '/shop/admin/x',
    '/shop/orders/7/items',
    '/shop/orders/7',
  ],
  ...['/case', '/x', '/', '/Admin/x', '/shop/Admin/x', '/openadmin', '/open/admin'],
]

/** Something that authorizes and forwards, and can be asked what it decided. */
interface Door {
  readonly port: number
  readonly headers: readonly string[]
  /** What was authorized under a request id; undefined: nothing. */
  readonly authorized: (requestId: string) => Authorized | undefined
}

/** Sends targets at the same time, and says of each that reached the upstream what is wrong with it. */
class Prober {
  readonly #door: Door
  readonly #upstream: RawUpstream
  readonly #idle: RawConnection[] = []
  /** Answers by status. */
  readonly statuses = new Map<number, number>()
  /** Targets that were forwarded, by the route that was authorized. */
  readonly forwarded = new Map<string, number>()

  constructor(door: Door, upstream: RawUpstream) {
    this.#door = door
    this.#upstream = upstream
  }

  async problemsOf(targets: readonly FuzzTarget[]): Promise<string[]> {
    const from = this.#upstream.seen.length
    const passed = (await Promise.all(targets.map((each) => this.#isAnswered200(each)))).filter(
      Boolean,
    ).length
    const seen = this.#upstream.seen.slice(from)
    const problems = [...this.#upstream.problems]
    if (seen.length !== passed) problems.push(`${seen.length} were forwarded, and ${passed} answered`)
    for (const { method, target, rawHeaders } of seen) {
      const at = rawHeaders.findIndex((name) => name.toLowerCase() === 'x-credence-request-id')
      const authorized = this.#door.authorized(rawHeaders[at + 1] ?? '')
      const what = `the upstream saw ${method} ${JSON.stringify(target)}`
      if (authorized === undefined || authorized.method !== method) {
        problems.push(`${what}, which nobody authorized`)
        continue
      }
      this.forwarded.set(authorized.route, (this.forwarded.get(authorized.route) ?? 0) + 1)
      const problem = targetProblem(target, authorized)
      if (problem !== null) problems.push(`${what}: ${problem}`)
    }
    return problems
  }

  async #isAnswered200({ method, target }: FuzzTarget): Promise<boolean> {
    const connection = this.#idle.pop() ?? new RawConnection(this.#door.port)
    const head = [`${method} ${target} HTTP/1.1`, 'Host: gateway.example', ...this.#door.headers]
    const bytes = Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1')
    const { status } = await connection.send(bytes, method === 'HEAD')
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
    this.#idle.push(connection)
    return status === 200
  }

  close(): void {
    for (const connection of this.#idle) connection.close()
  }
}

/** As browsers and many servers write a path; `/` where they would give up. */
function usualForm(target: string): string {
  try {
    const { pathname } = new URL(target, 'http://gateway.example')
    decodeURIComponent(pathname)
    return pathname
  } catch {
    return '/'
  }
}

function soundTargets(prober: Prober) {
  const batch = fc.tuple(...Array.from({ length: PARALLEL }, () => fuzzTarget(PATHS)))
  return fc.asyncProperty(batch, async (targets) => {
    assert.deepEqual(await prober.problemsOf(targets), [], JSON.stringify(targets))
  })
}

test('whatever path is asked for, the route that was authorized is the path that the upstream saw', async () => {
  const upstream = await startRawUpstream()
  const fixture = await startGateway({ api: { routes: ROUTES }, upstream: upstream.url })
  const { context, key, credential } = fixture
  const mount = { name: 'shop', basePath: '/shop', stripBasePath: true, upstream: upstream.url }
  const { api: shop } = await protectApi(context, { api: { ...mount, routes: SHOP_ROUTES } })
  const grants = [...credential.grants, { apiId: shop.id, scopes: ['orders:read'], roleIds: [] }]
  await putRecords(context, [{ table: 'credential', record: { ...credential, revision: 2, grants } }])
  const prober = new Prober(
    {
      port: fixture.port,
      headers: [`Authorization: Bearer ${key}`],
      authorized(requestId) {
        const entry = context.decisions.get(context.defaultWorkspaceId, requestId)
        if (entry?.decision.code !== 'VALID' || entry.path === null) return undefined
        const routes = entry.decision.api!.id === shop.id ? SHOP_ROUTES : ROUTES
        return { method: entry.method!, path: entry.path, route: entry.decision.route!, routes }
      },
    },
    upstream,
  )
  console.log(`each round sends ${PARALLEL} targets at the same time`)
  await checkAsyncProperty('paths through the gateway', BATCHES, soundTargets(prober))
  const print = (counts: Map<unknown, number>) =>
    [...counts].map(([what, count]) => `${what}: ${count}`).join(', ')
  console.log(`answers ${print(prober.statuses)}; forwarded ${print(prober.forwarded)}`)
  // Refusing everything would be sound, too.
  const open = [...ROUTES, ...SHOP_ROUTES].filter(({ scopes }) => scopes !== 'orders:admin')
  for (const { method, path } of open)
    assert.ok(prober.forwarded.has(`${method} ${path}`), `${method} ${path}`)
  prober.close()
})

test('a gateway that decides by the path in its usual form and forwards the target as it came is found out', async () => {
  const upstream = await startRawUpstream()
  const table = compileRoutes(ROUTES)
  const decided = new Map<string, Authorized>()
  const naive = createServer((request, response) => {
    const refuse = () => response.writeHead(403, { 'Content-Length': 0 }).end()
    const method = request.method!
    const path = usualForm(request.url!)
    const match = table.match(method, path)
    if (match.type !== 'route' || match.route.scopes === 'orders:admin') {
      refuse()
      return
    }
    const requestId = `r${decided.size}`
    decided.set(requestId, {
      method,
      path,
      route: `${match.route.method} ${match.route.path}`,
      routes: ROUTES,
    })
    const headers = { 'X-Credence-Request-Id': requestId }
    const options = { port: upstream.port, host: '127.0.0.1', method, path: request.url, headers }
    const forwarded = requestOf(options, (answer) => {
      answer.resume()
      response.writeHead(answer.statusCode!, { 'Content-Length': 0 }).end()
    })
    forwarded.on('error', refuse).end()
  })
  naive.on('clientError', (_error, socket) => {
    socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
  })
  const port = await listen(naive)
  closedAfter(async () => {
    naive.closeAllConnections()
    await new Promise((resolve) => naive.close(resolve))
  })
  const prober = new Prober(
    { port, headers: [], authorized: (requestId) => decided.get(requestId) },
    upstream,
  )
  const targets = fc.sample(fuzzTarget(PATHS), { numRuns: 10_000, seed: seed() })
  const problems: string[] = []
  for (let from = 0; from < targets.length; from += PARALLEL) {
    problems.push(...(await prober.problemsOf(targets.slice(from, from + PARALLEL))))
  }
  const misled = problems.filter((problem) => /it is \S+ \/\S*, authorized was/.test(problem))
  console.log(`${targets.length} targets, ${misled.length} led to another route, as ${misled[0]}`)
  assert.ok(misled.length > 0)
  prober.close()
})

test('each way of reading a path is found out where it leads to another route', () => {
  const of = (target: string, path: string, authorized: string) =>
    targetProblem(target, { method: 'GET', path, route: authorized, routes: ROUTES })
  assert.equal(of('/open/x?a=/../admin', '/open/x', 'GET /open/**'), null)
  assert.equal(of('/orders/7', '/orders/7', 'GET /orders/*'), null)
  assert.equal(of('/caf%C3%A9/x', '/caf%C3%A9/x', 'GET /caf%C3%A9/**'), null)
  for (const [target, path, authorized] of [
    ['/open/../admin', '/open/../admin', 'GET /open/**'],
    ['/open/%2e%2e/admin', '/open/x', 'GET /open/**'],
    ['/admin/x', '/open/x', 'GET /open/**'],
    ['/admin/x', '/admin/x', 'GET /open/**'],
    ['/orders/7/items', '/orders/7/items', 'GET /orders/*'],
    ['/open%2f..%2fadmin', '/open%2f..%2fadmin', 'GET /open/**'],
    ['/nowhere', '/nowhere', 'GET /open/**'],
  ] as const) {
    assert.notEqual(of(target, path, authorized), null, target)
  }
})
