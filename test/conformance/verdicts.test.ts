import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { formatKey, parseKey, VERDICT_CODES, type VerdictCode } from '@credence/core'
import { openFailingStore } from '@credence/server/testing/failing-store'
import { type ProtectedApi, protectApi, putRecords } from '@credence/server/testing/protected-api'
import type { Surfaces } from '@credence/server/testing/surfaces'
import { type Answer, ask, SURFACES, type Surface, send, startFor } from './ask.ts'
import { CASES, type Case, NOW_MS } from './cases.ts'

/** Status, error of the challenge (`bare`: none in it; null: no challenge), title: what callers build on. */
const LOOKS: Readonly<Partial<Record<VerdictCode, readonly [number, string | null, string]>>> = {
  MISSING: [401, 'bare', 'No credential'],
  MALFORMED: [401, 'invalid_token', 'Malformed credential'],
  BAD_REQUEST: [400, 'invalid_request', 'Bad request'],
  KIND_NOT_ACCEPTED: [401, 'invalid_token', 'Kind of credential not accepted'],
  ROUTE_UNKNOWN: [403, null, 'Unknown route'],
  TLS_REQUIRED: [403, null, 'TLS required'],
  PROXY_UNTRUSTED: [403, null, 'Proxy not trusted'],
  AMBIGUOUS: [400, 'invalid_request', 'More than one credential'],
  NOT_FOUND: [401, 'invalid_token', 'Credential not known'],
  DISABLED: [401, 'invalid_token', 'Credential disabled'],
  EXPIRED: [401, 'invalid_token', 'Credential expired'],
  NOT_YET_VALID: [401, 'invalid_token', 'Credential not yet valid'],
  REVOKED: [401, 'invalid_token', 'Credential revoked'],
  QUARANTINED: [401, 'invalid_token', 'Credential quarantined'],
  WRONG_AUDIENCE: [401, 'invalid_token', 'Credential not for this API'],
  CONDITION_FAILED: [403, null, 'Not under these conditions'],
  INSUFFICIENT_SCOPE: [403, 'insufficient_scope', 'Scope missing'],
  RATE_LIMITED: [429, null, 'Too many requests'],
  QUOTA_EXCEEDED: [429, null, 'Quota used up'],
  UNAVAILABLE: [503, null, 'Cannot decide now'],
}
/** No kind of this release can produce these. */
const OF_LATER_KINDS: readonly VerdictCode[] = [
  'UNTRUSTED_ISSUER',
  'BAD_SIGNATURE',
  'BINDING_REQUIRED',
  'BINDING_MISMATCH',
  'REPLAYED',
  // Only where passwords are guessed at: basic.test.ts.
  'LOCKED_OUT',
]
const ROUTES = [
  { method: 'GET', path: '/orders/*', scopes: 'orders:read', public: false, accepts: null, cost: 1 },
] as const
/** `r` and eleven characters. */
const REQUEST_ID_LENGTH = 12
const bearer = (key: string) => ({ authorization: `Bearer ${key}` })
const covered = new Set<VerdictCode>()

after(() => {
  console.log(`covered: ${[...covered].join(', ')}`)
  const expected = VERDICT_CODES.filter((code) => !OF_LATER_KINDS.includes(code))
  assert.deepEqual([...covered].sort(), [...expected].sort())
})

/** The API `orders` with the case's records; what asks administration has its grant there instead. */
async function arrange(surfaces: Surfaces, surface: Surface, { given = {}, version }: Partial<Case>) {
  const { context } = surfaces
  const api = { routes: ROUTES, upstream: surfaces.upstream, ...given.api }
  let credential = given.credential ?? {}
  if (surface === 'administration' && credential.grants === undefined) {
    const home = await context.store.readByName('api', context.defaultWorkspaceId, 'credence')
    const scopes = given.scopes === undefined ? ['apis:read'] : ['roles:read']
    credential = { ...credential, grants: [{ apiId: home!.id, scopes, roleIds: [] }] }
  }
  const made = await protectApi(context, { ...given, api, credential })
  if (version !== undefined) {
    const versions = made.credential.versions.map((one) => ({ ...one, ...version }))
    const record = { ...made.credential, revision: 2, versions }
    await putRecords(context, [{ table: 'credential', record }])
  }
  return made
}

function challenge(code: VerdictCode, realm: string, scope: string): string | null {
  const [, error, title] = LOOKS[code]!
  if (error === null) return null
  if (error === 'bare') return `Bearer realm="${realm}"`
  const value = `Bearer realm="${realm}", error="${error}", error_description="${title}"`
  return error === 'insufficient_scope' ? `${value}, scope="${scope}"` : value
}

/** What the caller is told, whole; forward-auth in style nginx says 403 for what nginx would make a 500 of. */
function refusal(surface: Surface, code: VerdictCode, more: Readonly<Record<string, string>> = {}): Answer {
  const [status, , title] = LOOKS[code]!
  const isAdmin = surface === 'administration'
  // Before the API is known there is no name but our own; a guard knows its API from the start.
  const isNameless = isAdmin || (code === 'BAD_REQUEST' && surface !== 'guard')
  const realm = isNameless ? 'credence' : 'orders'
  const required = code === 'INSUFFICIENT_SCOPE' ? (isAdmin ? 'apis:read' : 'orders:read') : null
  const value = challenge(code, realm, required ?? '')
  const type = `/problems/${code.toLowerCase().replaceAll('_', '-')}`
  const text = JSON.stringify({
    ...{ type, title, status, code },
    ...(required !== null && { required }),
    request_id: 'ID',
  })
  const isRestored = surface === 'nginx' && ![401, 403].includes(status)
  return {
    status: isRestored ? 403 : status,
    headers: {
      'cache-control': 'no-store',
      'content-length': String(Buffer.byteLength(text) + REQUEST_ID_LENGTH - 2),
      'content-type': 'application/problem+json',
      ...(value !== null && { 'www-authenticate': value }),
      ...(surface === 'nginx' && { 'x-credence-status': String(status), 'x-credence-problem': text }),
      ...more,
    },
    text,
  }
}

/** What whoever asks verify is told: all of it, since it protects the API. */
function verdict(one: Case, { credential, principal }: ProtectedApi): object {
  const { code, detail, isKnown = false, headers = {}, given } = one
  const knowsScopes = ['CONDITION_FAILED', 'INSUFFICIENT_SCOPE', 'RATE_LIMITED', 'QUOTA_EXCEEDED'].includes(
    code,
  )
  const [status] = LOOKS[code]!
  const limit = given?.credential?.limits?.[0]
  const reset = /t=(\d+)/.exec(headers.ratelimit ?? '')?.[1]
  const window = /w=(\d+)/.exec(headers['ratelimit-policy'] ?? '')?.[1]
  return {
    ...{ valid: false, code },
    ...(detail !== undefined && { detail }),
    credential: isKnown
      ? {
          ...{ id: credential.id, kind: 'api_key', name: null, version: 1, tags: [], metadata: {} },
          expires_at: credential.expiresAtMs === null ? null : new Date(credential.expiresAtMs).toISOString(),
        }
      : null,
    principal: isKnown
      ? { id: principal.id, name: principal.name, type: 'application', external_id: null, metadata: {} }
      : null,
    scopes: knowsScopes ? (given?.scopes ?? ['orders:read']) : [],
    required: ['BAD_REQUEST', 'ROUTE_UNKNOWN'].includes(code) ? null : 'orders:read',
    limits:
      limit === undefined
        ? []
        : [
            {
              ...{ name: limit.name, owner: 'credential', type: limit.type, limit: 1, remaining: 0 },
              reset_seconds: reset === undefined ? null : Number(reset),
              window_seconds: window === undefined ? null : Number(window),
            },
          ],
    retry_after_seconds: headers['retry-after'] === undefined ? null : Number(headers['retry-after']),
    stale_seconds: null,
    dpop_nonce: null,
    challenge: challenge(code, 'orders', 'orders:read'),
    ...{ status, request_id: 'ID' },
  }
}

/** Runs with a server that is closed whatever happens. */
async function withServer(
  surface: Surface,
  run: (surfaces: Surfaces) => Promise<void>,
  options: Parameters<typeof startFor>[1] = {},
): Promise<void> {
  const surfaces = await startFor(surface, { clock: () => NOW_MS, ...options })
  try {
    await run(surfaces)
  } finally {
    await surfaces.close()
  }
}

for (const surface of SURFACES) {
  describe(`verdicts at ${surface}`, () => {
    for (const one of CASES.filter((candidate) => candidate.at.includes(surface))) {
      test(`${one.code}: ${one.name}`, () =>
        withServer(surface, async (surfaces) => {
          const made = await arrange(surfaces, surface, one)
          const headers = one.present?.(made.key) ?? bearer(made.key)
          for (let n = 0; n < (one.passing ?? 0); n++) {
            const passed = await ask(surfaces, surface, { ...one.ask, headers })
            assert.equal(passed.status, 200)
          }
          const answer = await ask(surfaces, surface, { ...one.ask, headers })
          if (surface === 'verify')
            assert.deepEqual(JSON.parse(answer.text), await expected(one, made, answer))
          else assert.deepEqual(answer, refusal(surface, one.code, one.headers))
          covered.add(one.code)
        }))
    }

    test('VALID: everything holds', () =>
      withServer(surface, async (surfaces) => {
        const made = await arrange(surfaces, surface, {})
        const answer = await ask(surfaces, surface, { headers: bearer(made.key) })
        assert.equal(answer.status, 200)
        if (surface === 'verify') {
          const { valid, code, scopes, status } = JSON.parse(answer.text)
          assert.deepEqual(
            { valid, code, scopes, status },
            { valid: true, code: 'VALID', scopes: ['orders:read'], status: 200 },
          )
        } else if (surface === 'gateway') assert.equal(answer.text, 'upstream')
        else if (surface === 'guard') assert.equal(answer.text, made.principal.id)
        else if (surface !== 'administration') {
          assert.equal(answer.text, '')
          assert.equal(answer.headers['x-credence-principal'], made.principal.id)
          assert.equal(answer.headers['x-credence-credential'], made.credential.id)
          assert.equal(answer.headers['x-credence-scopes'], 'orders:read')
          assert.equal(answer.headers['cache-control'], 'no-store')
        }
        covered.add('VALID')
      }))

    test('NOT_FOUND and BAD_SECRET are one answer, byte for byte', () =>
      withServer(surface, async (surfaces) => {
        const { key, credential } = await arrange(surfaces, surface, {})
        const parsed = parseKey(key)
        assert.ok(typeof parsed === 'object')
        const wrong = formatKey(parsed.prefix, credential.id, 'A'.repeat(parsed.secret.length))
        const unknown = formatKey(parsed.prefix, 'zzzzzzzzzzzz', 'A'.repeat(parsed.secret.length))
        const answers = []
        for (const presented of [unknown, wrong]) {
          answers.push(await ask(surfaces, surface, { headers: bearer(presented) }))
        }
        assert.deepEqual(answers[0], answers[1])
        if (surface === 'verify') assert.equal(JSON.parse(answers[0]!.text).code, 'NOT_FOUND')
        else assert.deepEqual(answers[0], refusal(surface, 'NOT_FOUND'))
        // The operator is told which is which; in between, verify's own caller was VALID.
        const told = surfaces.context.decisions.list({ workspaceId: credential.workspaceId, limit: 10 })
        const codes = told.map(({ decision }) => decision.code).filter((code) => code !== 'VALID')
        assert.deepEqual(codes, ['BAD_SECRET', 'NOT_FOUND'])
        covered.add('NOT_FOUND').add('BAD_SECRET')
      }))

    test('UNAVAILABLE: the store cannot be read', async () => {
      const { store, fail } = openFailingStore()
      await withServer(
        surface,
        async (surfaces) => {
          const { key } = await arrange(surfaces, surface, {})
          // Whoever asks verify must be known still, or would hear only that nobody can be.
          if (surface === 'verify' || surface === 'guard') await ask(surfaces, surface, { headers: {} })
          fail(true)
          const answer = await ask(surfaces, surface, { headers: bearer(key) })
          fail(false)
          if (surface === 'verify') {
            const { valid, code, status, retry_after_seconds } = JSON.parse(answer.text)
            assert.deepEqual([valid, code, status, retry_after_seconds], [false, 'UNAVAILABLE', 503, 1])
          } else assert.deepEqual(answer, refusal(surface, 'UNAVAILABLE', { 'retry-after': '1' }))
          covered.add('UNAVAILABLE')
        },
        { store },
      )
    })
  })
}

for (const surface of ['forwarded', 'nginx', 'envoy'] as const) {
  test(`PROXY_UNTRUSTED at ${surface}: the peer is no proxy of ours`, () =>
    withServer(
      surface,
      async (surfaces) => {
        const { key } = await arrange(surfaces, surface, {})
        const answer = await ask(surfaces, surface, { headers: bearer(key) })
        assert.deepEqual(answer, refusal(surface, 'PROXY_UNTRUSTED'))
        covered.add('PROXY_UNTRUSTED')
      },
      { config: { trustedProxies: [] } },
    ))
}

test('administration whose caller is known answers UNAVAILABLE when its store fails later', async () => {
  const { store, fail } = openFailingStore()
  await withServer(
    'administration',
    async ({ api, adminKey }) => {
      const headers = bearer(adminKey)
      assert.equal((await send(`${api}/v1/apis`, { headers })).status, 200)
      fail(true)
      for (const path of ['/v1/apis', '/v1/credentials', '/v1/principals/billing', '/v1/audit']) {
        const answer = await send(api + path, { headers })
        assert.deepEqual(answer, refusal('administration', 'UNAVAILABLE', { 'retry-after': '1' }), path)
      }
      fail(false)
    },
    { store },
  )
})

test('a known path with a method it does not take is 405 and names those that it takes', () =>
  withServer('administration', async ({ api, adminKey }) => {
    const headers = bearer(adminKey)
    const put = await send(`${api}/v1/apis/orders`, { method: 'PUT', headers })
    assert.deepEqual([put.status, JSON.parse(put.text).code], [405, 'METHOD_NOT_ALLOWED'])
    assert.equal(put.headers.allow, 'DELETE, GET, HEAD, PATCH')
    const nowhere = await send(`${api}/v1/nowhere`, { method: 'PUT', headers })
    assert.equal(nowhere.status, 404)
    assert.equal(nowhere.headers.allow, undefined)
  }))

for (const surface of ['gateway', 'forwarded', 'nginx', 'envoy', 'guard'] as const) {
  test(`CORS at ${surface}: a true preflight of an origin and route that the API knows passes, nothing else`, () =>
    withServer(surface, async (surfaces) => {
      await arrange(surfaces, surface, { given: { api: { corsOrigins: ['https://app.example'] } } })
      const preflight = { origin: 'https://app.example', 'access-control-request-method': 'GET' }
      const status = async (method: string, path: string, headers: Record<string, string>) =>
        (await ask(surfaces, surface, { method, path, headers })).status
      assert.equal(await status('OPTIONS', '/orders/7', preflight), 200)
      const foreign = { ...preflight, origin: 'https://evil.example' }
      assert.equal(await status('OPTIONS', '/orders/7', foreign), 403)
      assert.equal(await status('OPTIONS', '/orders/7', { origin: preflight.origin }), 403)
      const deleting = { ...preflight, 'access-control-request-method': 'DELETE' }
      assert.equal(await status('OPTIONS', '/orders/7', deleting), 403)
      assert.equal(await status('OPTIONS', '/nowhere', preflight), 403)
      assert.equal(await status('GET', '/orders/7', preflight), 401)
    }))
}

/** Two places where verify says more than the case does: the text comes from a parser of its own. */
async function expected(one: Case, made: ProtectedApi, answer: Answer): Promise<object> {
  const told = JSON.parse(answer.text).detail
  if (one.code !== 'BAD_REQUEST') return verdict(one, made)
  assert.match(told, /^request\.path: /)
  return verdict({ ...one, detail: told }, made)
}
