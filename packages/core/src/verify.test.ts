import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Decision } from './decision.ts'
import type { CredentialRecord, RateLimit } from './records.ts'
import { aRequest, Installation, keyOf } from './testing/installation.ts'
import { aCredential, anApi, aPrincipal, aRoute } from './testing/records.ts'
import { verify } from './verify.ts'
import type { VerifyRequest } from './verify-request.ts'

const perMinute: RateLimit = { type: 'rate', name: 'default', limit: 1, windowSeconds: 60 }

/** Verifies the key of a credential with these fields, at a new installation. */
async function verdictOf(
  change: Partial<CredentialRecord>,
  request: Partial<VerifyRequest> = {},
): Promise<Decision & { taken: number }> {
  const here = new Installation()
  const { key } = here.issue({ limits: [perMinute], ...change })
  const decision = await verify(aRequest(key, request), here.verifier)
  return { ...decision, taken: here.taken.length }
}

describe('verify answers', () => {
  it('VALID with the identity, the version, the scopes and what is left of the limits', async () => {
    const decision = await verdictOf({}, { scopes: 'orders:read' })
    assert.equal(decision.code, 'VALID')
    assert.equal(decision.failedCheck, null)
    assert.equal(decision.credential?.id, aCredential().id)
    assert.equal(decision.version, 1)
    assert.equal(decision.principal?.externalId, 'cus_42')
    assert.deepEqual(decision.scopes, ['orders:read'])
    assert.equal(decision.limits[0]?.remaining, 0)
  })

  const dead = { ...aCredential(), state: 'revoked', expiresAtMs: 1, limits: [perMinute] } as const
  const later = Date.UTC(2030, 0)
  const elsewhere = { ipRanges: ['198.51.100.0/24'], methods: null, paths: null, timeWindow: null }
  const cases: [string, Partial<CredentialRecord>, Partial<VerifyRequest>, string, string][] = [
    ['REVOKED', { state: 'revoked', stateReason: 'leaked' }, {}, 'state', 'revoked: leaked'],
    ['DISABLED', { state: 'disabled' }, {}, 'state', 'disabled'],
    ['QUARANTINED', { state: 'quarantined' }, {}, 'state', 'quarantined'],
    ['EXPIRED', { expiresAtMs: 1 }, {}, 'time', 'ended at'],
    ['NOT_YET_VALID', { notBeforeMs: later }, {}, 'time', 'begins at'],
    ['WRONG_AUDIENCE', { grants: [] }, {}, 'audience', 'no grant for API orders'],
    ['CONDITION_FAILED', { conditions: elsewhere }, {}, 'conditions', 'ip_ranges'],
    ['INSUFFICIENT_SCOPE', {}, { scopes: 'orders:write' }, 'scopes', 'needed: orders:write; has orders:read'],
    ['TLS_REQUIRED', {}, { api: anApi({ requiresTls: true }), secure: false }, 'tls', 'without TLS'],
    ['KIND_NOT_ACCEPTED', {}, { api: anApi({ accepts: ['jwt'] }) }, 'kind', 'api_key is not among jwt'],
    ['ROUTE_UNKNOWN', {}, { useRoutes: true }, 'route', 'no route of orders covers GET /orders/7'],
    ['BAD_REQUEST', {}, { useRoutes: true, path: null }, 'request', 'path is not known'],
    ['MISSING', {}, { headers: [] }, 'extract', 'neither Authorization nor X-API-Key'],
    ['MALFORMED', {}, { headers: ['X-API-Key', 'hunter2'] }, 'extract', 'no kind of credential'],
    [
      'KIND_NOT_ACCEPTED',
      {},
      { headers: ['Authorization', 'Basic YTpi'] },
      'kind',
      'basic is not among api_key',
    ],
  ]
  for (const [code, change, request, check, detail] of cases) {
    it(`${code} at the check ${check} (${detail}), and takes nothing from any limit`, async () => {
      const here = new Installation()
      if (request.api) here.put('api', request.api)
      const { key } = here.issue({ limits: [perMinute], ...change })
      const decision = await verify(aRequest(key, request), here.verifier)
      assert.equal(decision.code, code)
      assert.equal(decision.failedCheck, check)
      assert.ok(decision.detail?.includes(detail), decision.detail ?? 'no detail')
      assert.deepEqual(here.taken, [])
      const denied = await verify(aRequest(key, request), here.verifier)
      assert.equal(denied.code, code, 'the same when it is asked again')
    })
  }

  it('the secret first: of a dead credential nothing is said to whom does not hold it', async () => {
    const here = new Installation()
    here.issue(dead)
    const forged = keyOf({ id: dead.id, keyPrefix: dead.keyPrefix }, 9)
    const decision = await verify(aRequest(forged), here.verifier)
    assert.equal(decision.code, 'BAD_SECRET')
    assert.equal(decision.credential, null)
    assert.equal(decision.principal, null)
  })

  it('state, then time, audience, conditions, scopes, limits: each only once those before it hold', async () => {
    let credential: Partial<CredentialRecord> = {
      state: 'revoked',
      expiresAtMs: 1,
      grants: [],
      conditions: elsewhere,
    }
    const fixes: [string, Partial<CredentialRecord>][] = [
      ['REVOKED', { state: 'active' }],
      ['EXPIRED', { expiresAtMs: null }],
      ['WRONG_AUDIENCE', { grants: aCredential().grants }],
      ['CONDITION_FAILED', { conditions: null }],
      ['INSUFFICIENT_SCOPE', { grants: [{ ...aCredential().grants[0]!, scopes: ['orders:write'] }] }],
      ['VALID', {}],
    ]
    for (const [code, fix] of fixes) {
      const decision = await verdictOf(credential, { scopes: 'orders:write' })
      assert.equal(decision.code, code)
      assert.equal(decision.taken, code === 'VALID' ? 1 : 0)
      credential = { ...credential, ...fix }
    }
  })

  it('RATE_LIMITED with the wait and the limit once it is used up, and QUOTA_EXCEEDED for a quota', async () => {
    const here = new Installation()
    const { key } = here.issue({ limits: [perMinute] })
    assert.equal((await verify(aRequest(key), here.verifier)).code, 'VALID')
    const limited = await verify(aRequest(key), here.verifier)
    assert.equal(limited.code, 'RATE_LIMITED')
    assert.equal(limited.retryAfterSeconds, 60)
    assert.equal(limited.limits[0]?.name, 'default')
    here.nowMs += 60_000
    assert.equal((await verify(aRequest(key), here.verifier)).code, 'VALID')
    const quota = await verdictOf(
      { limits: [{ type: 'quota', name: 'daily', limit: 1, period: 'day' }] },
      { cost: 2 },
    )
    assert.equal(quota.code, 'QUOTA_EXCEEDED')
  })

  it('takes what the call says, else what the route says, else 1', async () => {
    const api = anApi({ routes: [aRoute({ cost: 5 })] })
    const here = new Installation()
    here.put('api', api)
    const { key } = here.issue({ limits: [{ ...perMinute, limit: 100 }] })
    for (const request of [{}, { api, useRoutes: true }, { api, useRoutes: true, cost: 3 }]) {
      assert.equal((await verify(aRequest(key, request), here.verifier)).code, 'VALID')
    }
    assert.deepEqual(
      here.taken.map(({ cost }) => cost),
      [1, 5, 3],
    )
  })

  it('what a route and a call ask for are both needed', async () => {
    const api = anApi({ routes: [aRoute({ scopes: 'orders:read' })] })
    for (const [scopes, code] of [
      [['orders:read'], 'INSUFFICIENT_SCOPE'],
      [['orders:write'], 'INSUFFICIENT_SCOPE'],
      [['orders:read', 'orders:write'], 'VALID'],
    ] as const) {
      const here = new Installation()
      here.put('api', api)
      const { key } = here.issue({ grants: [{ apiId: api.id, scopes, roleIds: [] }] })
      const decision = await verify(
        aRequest(key, { api, useRoutes: true, scopes: 'orders:write' }),
        here.verifier,
      )
      assert.equal(decision.code, code, scopes.join())
    }
  })

  it('a public route passes without anybody, reads nothing and takes nothing', async () => {
    const here = new Installation()
    const api = anApi({ routes: [aRoute({ public: true })] })
    const decision = await verify(aRequest(null, { api, useRoutes: true }), here.verifier)
    assert.equal(decision.code, 'VALID')
    assert.equal(decision.public, true)
    assert.equal(decision.credential, null)
    assert.deepEqual(here.reads, [])
    assert.deepEqual(here.taken, [])
  })

  it('whoever asks for scopes gets nobody without them, also where the route is public or a preflight', async () => {
    const here = new Installation()
    const { key } = here.issue()
    const preflight = ['Origin', 'https://app.example', 'Access-Control-Request-Method', 'GET']
    const api = here.put('api', anApi({ routes: [aRoute({ public: true })], corsOrigins: ['*'] }))
    const asked = { api, useRoutes: true, scopes: 'orders:read' } as const
    const codeOf = async (presented: string | null, change: Partial<VerifyRequest>) =>
      (await verify(aRequest(presented, { ...asked, ...change }), here.verifier)).code
    assert.equal(await codeOf(null, {}), 'MISSING')
    assert.equal(await codeOf(null, { method: 'OPTIONS', headers: preflight }), 'MISSING')
    assert.equal(await codeOf(null, { method: 'OPTIONS', headers: preflight, scopes: null }), 'VALID')
    assert.equal(await codeOf(key, { scopes: 'orders:write' }), 'INSUFFICIENT_SCOPE')
    assert.equal(await codeOf(key, {}), 'VALID')
  })

  it('TLS is demanded of public routes too', async () => {
    const here = new Installation()
    const api = here.put('api', anApi({ routes: [aRoute({ public: true })], requiresTls: true }))
    const decision = await verify(aRequest(null, { api, useRoutes: true, secure: false }), here.verifier)
    assert.equal(decision.code, 'TLS_REQUIRED')
  })

  it('DISABLED when the principal is switched off, gone, or of another workspace', async () => {
    const principals = [{ disabledAtMs: 5 }, null, { workspaceId: 'ws_000000000099' }]
    for (const change of principals) {
      const here = new Installation()
      const { key } = here.issue()
      if (change === null) here.remove('principal', aPrincipal().id)
      else here.put('principal', aPrincipal(change))
      assert.equal((await verify(aRequest(key), here.verifier)).code, 'DISABLED')
    }
  })
})

describe('verify across workspaces', () => {
  const foreign = { workspaceId: 'ws_000000000099' }

  it("answers NOT_FOUND for another workspace's credential: the operator is told, the caller is not", async () => {
    const decision = await verdictOf(foreign)
    assert.equal(decision.code, 'NOT_FOUND')
    assert.equal(decision.credential, null)
    assert.equal(decision.principal, null)
    assert.ok(decision.detail?.includes('ws_000000000099'))
    assert.equal(decision.taken, 0)
  })

  it('decides for the API of whoever calls where homeApiId says which', async () => {
    const home = { api: null, homeApiId: () => 'api_000000000002', scopes: 'orders:write' }
    assert.equal((await verdictOf({}, home)).code, 'INSUFFICIENT_SCOPE')
    const decision = await verdictOf({}, { ...home, scopes: 'orders:read' })
    assert.equal(decision.code, 'VALID')
    assert.equal(decision.api?.id, 'api_000000000002')
    assert.equal(decision.taken, 1)
    const gone = await verdictOf({}, { ...home, homeApiId: () => 'api_000000000404' })
    assert.equal(gone.code, 'WRONG_AUDIENCE')
  })

  it('asked for no API tells who it is, and takes nothing; a dead credential is nobody', async () => {
    const nobody = { api: null, homeApiId: null }
    const decision = await verdictOf({ grants: [] }, nobody)
    assert.equal(decision.code, 'VALID')
    assert.equal(decision.taken, 0)
    assert.equal((await verdictOf({ state: 'disabled' }, nobody)).code, 'DISABLED')
  })

  it('asked for no API holds it to address and hours, and to none where it may be anywhere', async () => {
    const nobody = { api: null, homeApiId: null, ip: '198.51.100.1', method: 'POST', path: '/elsewhere' }
    const open = { ipRanges: null, methods: ['GET'], paths: ['/orders/**'], timeWindow: null }
    assert.equal((await verdictOf({ conditions: open }, nobody)).code, 'VALID')
    const inside = { ...open, ipRanges: ['192.0.2.0/24'] }
    const refused = await verdictOf({ conditions: inside }, nobody)
    assert.deepEqual([refused.code, refused.failedCheck], ['CONDITION_FAILED', 'conditions'])
    assert.equal((await verdictOf({ conditions: inside }, { ...nobody, ip: '192.0.2.7' })).code, 'VALID')
    assert.equal((await verdictOf({ conditions: inside }, { ...nobody, anywhere: true })).code, 'VALID')
    const home = { ...nobody, homeApiId: () => 'api_000000000002', anywhere: true }
    assert.equal((await verdictOf({ conditions: inside }, home)).code, 'CONDITION_FAILED')
  })
})
