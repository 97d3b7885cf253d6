import { damagedKey } from '@credence/core/testing/damaged-key'
import type { Call, CallAnswer } from './caller.ts'
import { type Ask, askSeen, bearer, type Check, type Door, Findings, protocolsOf, valuesOf } from './door.ts'

/** As many at the same time. */
const CROWD = 200

interface Refusal {
  readonly call: Call
  readonly status: number
  readonly code: string
  /** Value of WWW-Authenticate, or its pattern; null: none. */
  readonly challenge: string | RegExp | null
  /** Whether limits are told. */
  readonly limits?: boolean
}

/** Whatever is refused reaches the caller as Credence says it, and does not reach the protected API. */
export const refusalCheck: Check = async (door) => {
  const findings = new Findings()
  for (const [protocol, ask] of protocolsOf(door)) {
    for (const refusal of await refusalsAt(door, ask)) {
      const { answer, seen } = await askSeen(door, ask, refusal.call)
      const what = `${refusal.code} over ${protocol}`
      findings.equal(seen.length, 0, `${what} reached the upstream`)
      compareRefusal(findings, what, answer, refusal)
    }
    const head = await askSeen(door, ask, { method: 'HEAD' })
    findings.equal(
      [head.answer.status, head.answer.body, head.seen.length],
      [401, '', 0],
      `HEAD over ${protocol}`,
    )
    findings.equal(
      head.answer.headers.get('www-authenticate'),
      ['Bearer realm="orders"'],
      `HEAD over ${protocol}`,
    )
  }
  return findings.problems
}

async function refusalsAt(door: Door, ask: Ask): Promise<Refusal[]> {
  const { writer, powerless } = door.site.keys
  const limited = await door.site.keys.limited()
  const first = await ask({ headers: [`X-API-Key: ${limited}`] })
  if (first.status !== 200) throw new Error(`the first request within the limit got ${first.status}`)
  const invalid = /^Bearer realm="orders", error="invalid_token", error_description="[^"]+"$/
  const ambiguous = /^Bearer realm="orders", error="invalid_request", error_description="[^"]+"$/
  return [
    { call: {}, status: 401, code: 'MISSING', challenge: 'Bearer realm="orders"' },
    { call: { headers: [bearer(damagedKey(writer))] }, status: 401, code: 'MALFORMED', challenge: invalid },
    {
      call: { headers: ['Authorization: Basic eDp5'] },
      status: 401,
      code: 'KIND_NOT_ACCEPTED',
      challenge: invalid,
    },
    {
      call: { headers: [bearer(powerless)] },
      status: 403,
      code: 'INSUFFICIENT_SCOPE',
      challenge: /^Bearer realm="orders", error="insufficient_scope", .*scope="orders:read"$/,
    },
    {
      call: { target: '/nowhere', headers: [bearer(writer)] },
      status: 403,
      code: 'ROUTE_UNKNOWN',
      challenge: null,
    },
    {
      call: { headers: [`X-API-Key: ${limited}`] },
      status: 429,
      code: 'RATE_LIMITED',
      challenge: null,
      limits: true,
    },
    {
      call: { headers: [bearer(writer), `X-API-Key: ${powerless}`] },
      status: 400,
      code: 'AMBIGUOUS',
      challenge: ambiguous,
    },
  ]
}

/** Two Authorization headers: whoever reads the first only would let one ride on the other. */
export const twiceCheck: Check = async (door) => {
  const findings = new Findings()
  const { writer, powerless } = door.site.keys
  const [[, ask]] = protocolsOf(door) as [ReturnType<typeof protocolsOf>[number]]
  for (const headers of [
    [bearer(writer), bearer(powerless)],
    [bearer(powerless), bearer(writer)],
  ]) {
    const { answer, seen } = await askSeen(door, ask, { headers })
    // Some proxies refuse them by themselves, and Credence takes them for no credential.
    findings.expect([400, 401].includes(answer.status), `two Authorization headers: ${answer.status}`)
    findings.equal(seen.length, 0, 'two Authorization headers reached the upstream')
  }
  return findings.problems
}

/** Callers that come together get each its own answer, and the protected API is told of each who it is. */
export const crowdCheck: Check = async (door) => {
  const findings = new Findings()
  const { writer, writerId, powerless } = door.site.keys
  const kinds = [
    { headers: [bearer(writer)], target: '/orders/writer', status: 200 },
    { headers: [bearer(powerless)], target: '/orders/powerless', status: 403 },
    { headers: [], target: '/orders/nobody', status: 401 },
    { headers: [], target: '/open/nobody', status: 200 },
  ]
  for (const [protocol, ask] of protocolsOf(door)) {
    const from = door.site.upstream.seen.length
    const crowd = Array.from({ length: CROWD }, (_, i) => kinds[i % kinds.length]!)
    const wrong = await Promise.all(
      crowd.map(async ({ headers, target, status }) => {
        const answer = await ask({ headers, target })
        return answer.status === status ? [] : [`${target} got ${answer.status} over ${protocol}`]
      }),
    )
    findings.problems.push(...wrong.flat())
    const seen = door.site.upstream.seen.slice(from)
    findings.equal(seen.length, CROWD / 2, `requests that reached the upstream over ${protocol}`)
    for (const each of seen) {
      const expected = each.target === '/orders/writer' ? writerId : ''
      findings.equal(
        valuesOf(each, 'x-credence-credential').join(),
        expected,
        `${each.target} over ${protocol}`,
      )
    }
  }
  return findings.problems
}

export function compareRefusal(
  findings: Findings,
  what: string,
  answer: CallAnswer,
  expected: Refusal,
): void {
  const { status, headers, body } = answer
  const header = (name: string) => headers.get(name) ?? []
  findings.equal(status, expected.status, what)
  findings.equal(header('content-type'), ['application/problem+json'], `${what}: Content-Type`)
  findings.equal(header('cache-control'), ['no-store'], `${what}: Cache-Control`)
  const problem = problemIn(body)
  findings.equal([problem.status, problem.code], [expected.status, expected.code], `${what}: body`)
  findings.equal(header('credence-request-id'), [problem.request_id], `${what}: request id`)
  const challenges = header('www-authenticate')
  const { challenge } = expected
  const isChallenged =
    challenge === null
      ? challenges.length === 0
      : challenges.length === 1 &&
        (typeof challenge === 'string' ? challenges[0] === challenge : challenge.test(challenges[0]!))
  findings.expect(isChallenged, `${what}: WWW-Authenticate is ${JSON.stringify(challenges)}`)
  if (expected.limits !== true) return
  for (const [name, pattern] of [
    ['retry-after', /^\d+$/],
    ['ratelimit', /^"default";r=0;t=\d+$/],
    ['ratelimit-policy', /^"default";q=1;w=3600$/],
  ] as const) {
    findings.expect(
      header(name).length === 1 && pattern.test(header(name)[0]!),
      `${what}: ${name} is ${header(name)}`,
    )
  }
}

interface Problem {
  readonly status?: unknown
  readonly code?: unknown
  readonly request_id?: unknown
}

export function problemIn(body: string): Problem {
  try {
    return JSON.parse(body) as Problem
  } catch {
    return {}
  }
}

/** Refusals that are the protected API's own pass as they are, and are not taken for Credence's. */
export const foreignRefusalCheck: Check = async (door) => {
  const findings = new Findings()
  for (const [protocol, ask] of protocolsOf(door)) {
    for (const status of [400, 401, 403, 404, 429, 500, 503]) {
      const target = `/orders/answers-${status}`
      const answer = await ask({ target, headers: [bearer(door.site.keys.writer)] })
      const what = `the upstream's own ${status} over ${protocol}`
      findings.equal([answer.status, answer.body], [status, `the upstream's own ${status}`], what)
      findings.equal(answer.headers.get('www-authenticate'), ['Upstream'], `${what}: WWW-Authenticate`)
      findings.equal(answer.headers.get('retry-after'), ['77'], `${what}: Retry-After`)
    }
  }
  return findings.problems
}
