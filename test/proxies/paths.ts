import { canonicalTarget } from '@credence/core'
import { seed } from '@credence/core/testing/rounds'
import fc from 'fast-check'
import { targetProblem } from '../fuzz/readings.ts'
import { fuzzTarget } from '../fuzz/targets.ts'
import type { Call } from './caller.ts'
import { type Ask, bearer, type Check, type Door, Findings, protocolsOf, valuesOf } from './door.ts'
import { ROUTES } from './site.ts'
import type { Seen } from './upstream.ts'

const AT_ONCE = 8
const FUZZED = 300
const TARGETS = [
  ...['/orders/7', '/orders/7?a=1&b=%2e%2e/&c=/../admin', '/orders/7?', '/orders/7??x=?', '/orders/7/'],
  ...['/orders/%37', '/orders/%7e', '/orders/a%20b', '/orders/a+b', '/orders/%E2%82%AC', '/orders/%e2%82%ac'],
  ...[
    '/orders/%7Bx%7D',
    '/orders/%22',
    '/orders/%5B1%5D',
    '/orders/%7C',
    '/orders/%25',
    '/orders/%2B',
    '/orders/:x@y',
  ],
  ...[
    "/orders/!$&'()*,=~",
    '/open/../admin/x',
    '/open/%2e%2e/admin/x',
    '/open/.%2e/admin/x',
    '/open/./x',
    '/open/x/.',
  ],
  ...['/open//x', '//open/x', '/open/x//', '/open/..%2fadmin/x', '/open%2f..%2fadmin%2fx', '/orders%2f7'],
  ...['/admin/..%2f..%2fopen/x', '/admin/%2e%2e/open/x', '/open/..;/admin/x', '/open;a=b/x', '/orders/7;v=2'],
  ...['/orders/%3Bx', '/open/..%5cadmin/x', '/open/..\\admin/x', '/open/%252e%252e/admin/x', '/orders/%2500'],
  ...[
    '/orders/%00',
    '/orders/x%00',
    '/orders/%0d%0aX-A:%20b',
    '/orders/%c0%af',
    '/open/%ef%bc%8e%ef%bc%8e/admin/x',
  ],
  ...[
    '/Orders/7',
    '/ADMIN/x',
    '/open/#/admin',
    '/orders/7#x',
    '/orders/%23x',
    '/orders/%3Fx',
    '/orders/%',
    '/orders/%zz',
  ],
  ...[
    'http://orders.example/orders/7',
    'http://orders.example/open/../admin/x',
    'https://elsewhere.example/admin/x',
  ],
  ...['*', 'orders/7', '', '/', '/admin', '/socket', `/orders/${'x'.repeat(400)}`],
]
/** A colon-less scheme, white space and bytes beyond ASCII, which only some send on. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND', 'get', 'PURGE']

/** Refused, or: method and path that were authorized are what the protected API sees, however it reads them. */
export const pathCheck: Check = async (door) => {
  const findings = new Findings()
  const key = bearer(door.site.keys.writer)
  const paths = [
    '/orders/7',
    '/orders/7/items',
    '/open/x',
    '/open',
    '/admin/x',
    '/socket',
    '/orders',
    '/open/admin',
  ]
  const fuzzed = fc.sample(fuzzTarget(paths), { numRuns: FUZZED, seed: seed() })
  const calls: Call[] = [
    ...TARGETS.map((target) => ({ target })),
    ...METHODS.map((method) => ({ method, target: '/orders/7?x=1' })),
    ...fuzzed,
  ]
  for (const [protocol, ask] of protocolsOf(door)) {
    const from = door.site.upstream.seen.length
    const passed = await countPassed(
      ask,
      calls.map((call) => ({ ...call, headers: [key] })),
    )
    const seen = door.site.upstream.seen.slice(from)
    findings.equal(
      seen.length,
      passed,
      `requests that the upstream saw, of those answered 200 over ${protocol}`,
    )
    findings.expect(passed > 20, `only ${passed} requests passed over ${protocol}`)
    for (const each of seen) {
      const problem = await problemOf(door, each)
      if (problem !== null)
        findings.problems.push(`over ${protocol}: ${each.method} ${each.target}: ${problem}`)
    }
  }
  return findings.problems
}

/** How many of the calls the protected API answered. */
async function countPassed(ask: Ask, calls: readonly Call[]): Promise<number> {
  let passed = 0
  const left = calls.values()
  const worker = async () => {
    for (const call of left) {
      // A proxy may cut what is no HTTP at all; then nothing has passed.
      const answer = await ask(call).catch(() => null)
      const isUpstreams = answer?.headers.get('access-control-allow-origin')?.[0] === '*'
      if (answer?.status === 200 && isUpstreams) passed += 1
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return passed
}

interface ShownDecision {
  readonly code: string
  readonly method: string
  readonly path: string
  readonly route: string
}

async function problemOf(door: Door, seen: Seen): Promise<string | null> {
  const requestId = valuesOf(seen, 'x-credence-request-id').join()
  const { status, body } = await door.site.credence.request<ShownDecision>(
    'GET',
    `/v1/decisions/${requestId}`,
  )
  if (status !== 200 || body.code !== 'VALID') return `nobody allowed ${requestId}`
  if (body.method !== seen.method) return `allowed was ${body.method}`
  const canonical = canonicalTarget(seen.target)
  if (!canonical.ok) return `reached the upstream, and is not beyond doubt: ${canonical.problem}`
  const routes = ROUTES.map((route) => ({ scopes: null, public: false, accepts: null, cost: 1, ...route }))
  return targetProblem(canonical.path, { method: body.method, path: body.path, route: body.route, routes })
}

/** The query reaches the protected API as it came, and is nobody's instruction to the proxy. */
export const queryCheck: Check = async (door) => {
  const findings = new Findings()
  const queries = [
    '?a=1',
    '?a=%2e%2e&b=/../x',
    '?uri=/open/x&api=other',
    '?',
    '?a=b?c',
    '?api_key=x',
    '?a=%20+&b[]=1',
  ]
  for (const [protocol, ask] of protocolsOf(door)) {
    for (const query of queries) {
      const from = door.site.upstream.seen.length
      const answer = await ask({ target: `/orders/7${query}`, headers: [bearer(door.site.keys.writer)] })
      const seen = door.site.upstream.seen.slice(from).map(({ target }) => target)
      findings.equal([answer.status, ...seen], [200, `/orders/7${query}`], `over ${protocol}`)
    }
  }
  return findings.problems
}
