import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { type Limiter, LimitUnavailable } from './limit.ts'
import type { CredentialRecord, Records, TableName } from './records.ts'
import { SourceBudget } from './source-budget.ts'
import { aRequest, Installation, keyOf } from './testing/installation.ts'
import { anApi, aPrincipal, aRole, aRoute } from './testing/records.ts'
import { verify } from './verify.ts'

describe('verify, when proof and records are cached', () => {
  let here: Installation
  let credential: CredentialRecord
  let key: string
  const ask = (change = {}) => verify(aRequest(key, change), here.verifier)

  beforeEach(async () => {
    here = new Installation()
    const issued = here.issue()
    credential = issued.credential
    key = issued.key
    assert.equal((await ask()).code, 'VALID')
    here.reads.length = 0
  })

  it('asks the store nothing', async () => {
    assert.equal((await ask({ scopes: 'orders:read' })).code, 'VALID')
    assert.deepEqual(here.reads, [])
  })

  it('runs state, time, conditions, scopes and limits again at every call', async () => {
    const conditions = { ipRanges: ['198.51.100.0/24'], methods: null, paths: null, timeWindow: null }
    const changes: [Partial<CredentialRecord>, string][] = [
      [{ state: 'disabled' }, 'DISABLED'],
      [{ expiresAtMs: here.nowMs }, 'EXPIRED'],
      [{ conditions }, 'CONDITION_FAILED'],
      [{ grants: [{ ...credential.grants[0]!, scopes: [] }] }, 'INSUFFICIENT_SCOPE'],
      [{ limits: [{ type: 'credits', name: 'none', limit: 1, refill: null }] }, 'QUOTA_EXCEEDED'],
      [{}, 'VALID'],
    ]
    for (const [change, code] of changes) {
      here.change('credential', { ...credential, ...change })
      assert.equal((await ask({ scopes: 'orders:read', cost: 2 })).code, code)
    }
  })

  it('expires at the very millisecond, though no record was read', async () => {
    here.change('credential', { ...credential, expiresAtMs: here.nowMs + 10 })
    assert.equal((await ask()).code, 'VALID')
    here.nowMs += 9
    assert.equal((await ask()).code, 'VALID')
    here.nowMs += 1
    assert.equal((await ask()).code, 'EXPIRED')
  })

  /** Warms the cache with a record that refuses; then the store gets one that allows, unknown to the cache. */
  async function recovers<T extends TableName>(table: T, bad: Records[T], good: Records[T], change = {}) {
    here.change(table, bad)
    const refused = await ask(change)
    assert.notEqual(refused.code, 'VALID')
    here.put(table, good)
    return (await ask(change)).code
  }

  it('never refuses because of a cached record: it is read again, and the fresh one decides', async () => {
    const disabled = { ...credential, state: 'disabled' } as const
    const narrow = { ...credential, grants: [] }
    assert.equal(await recovers('credential', disabled, credential), 'VALID')
    assert.equal(await recovers('credential', narrow, credential), 'VALID')
    assert.equal(await recovers('principal', aPrincipal({ disabledAtMs: 5 }), aPrincipal()), 'VALID')
    const reader = {
      ...credential,
      grants: [{ ...credential.grants[0]!, scopes: [], roleIds: [aRole().id] }],
    }
    here.change('credential', reader)
    const scopes = { scopes: 'orders:read' }
    assert.equal(await recovers('role', aRole({ scopes: [] }), aRole(), scopes), 'VALID')
  })

  it('never refuses because of a cached API: neither its routes, nor TLS, nor the kinds it accepts', async () => {
    const twins = [aRoute({ path: '/**', scopes: null }), aRoute({ path: '/ORDERS/*', public: true })]
    for (const stale of [
      anApi({ routes: [] }),
      anApi({ routes: twins }),
      anApi({ routes: [aRoute()], requiresTls: true }),
      anApi({ routes: [aRoute()], accepts: [] }),
    ]) {
      here.change('api', stale)
      const request = { api: stale, useRoutes: true, secure: false }
      assert.notEqual((await ask(request)).code, 'VALID')
      here.put('api', anApi({ routes: [aRoute()] }))
      assert.equal((await ask(request)).code, 'VALID')
    }
  })

  it('never refuses for want of a credential because of a cached API, nor because of a cached limit', async () => {
    const header = { headers: ['x-acme-key', key] }
    assert.equal((await ask({ ...header, api: anApi() })).code, 'MISSING')
    here.put('api', anApi({ credentialHeader: 'x-acme-key' }))
    assert.equal((await ask({ ...header, api: anApi() })).code, 'VALID')
    const limits = [{ type: 'quota', name: 'calls', limit: 1, period: 'month' }] as const
    here.change('credential', { ...credential, limits })
    assert.equal((await ask()).code, 'VALID')
    assert.equal((await ask()).code, 'QUOTA_EXCEEDED')
    here.put('credential', { ...credential, revision: 2, limits: [{ ...limits[0], limit: 9 }] })
    assert.equal((await ask()).code, 'VALID')
  })

  it('asks the store whether a limit still stands without counting the request again', async () => {
    const limits = [{ type: 'quota', name: 'calls', limit: 1, period: 'month' }] as const
    here.change('credential', { ...credential, limits })
    await ask()
    here.reads.length = here.taken.length = 0
    assert.equal((await ask()).code, 'QUOTA_EXCEEDED')
    assert.deepEqual(here.reads.toSorted(), [
      `api/${anApi().id}`,
      `credential/${credential.id}`,
      `principal/${aPrincipal().id}`,
    ])
    assert.equal(here.taken.length, 1)
  })

  it('reads again within a budget for each source; beyond it a refusal is as old as the lease allows', async () => {
    const rereads = new SourceBudget({ perSecond: 1, burst: 3, maxSources: 10 })
    const refused = async (ip: string) => {
      const before = here.reads.length
      const request = aRequest(key, { scopes: 'orders:write', ip })
      assert.equal((await verify(request, { ...here.verifier, rereads })).code, 'INSUFFICIENT_SCOPE')
      return here.reads.length > before
    }
    here.change('credential', {
      ...credential,
      grants: [{ ...credential.grants[0]!, scopes: ['orders:read'] }],
    })
    await ask()
    const flood = []
    for (let i = 0; i < 6; i++) flood.push(await refused('192.0.2.1'))
    assert.deepEqual(flood, [true, true, true, false, false, false])
    assert.equal(await refused('192.0.2.2'), true, 'another source has its own')
    here.nowMs += 1000
    assert.equal(await refused('192.0.2.1'), true)
  })

  it('drops the proof when its version is gone or holds another digest', async () => {
    const second = here.version(credential, 2)
    here.change('credential', { ...credential, versions: [second] })
    assert.equal((await ask()).code, 'BAD_SECRET')
    const other = { ...here.version(credential, 2), version: 1 }
    here.change('credential', credential)
    assert.equal((await ask()).code, 'VALID')
    here.change('credential', { ...credential, versions: [other] })
    assert.equal((await ask()).code, 'BAD_SECRET', 'a digest sealed for another version proves nothing')
    here.change('credential', { ...credential, versions: [second] })
    assert.equal((await verify(aRequest(keyOf(credential, 2)), here.verifier)).version, 2)
  })

  it('with fresh: reads API, credential, principal and roles anew', async () => {
    const grants = [{ ...credential.grants[0]!, roleIds: [aRole().id] }]
    here.change('credential', { ...credential, grants })
    here.put('role', aRole())
    await ask()
    here.reads.length = 0
    assert.equal((await ask({ fresh: true })).code, 'VALID')
    for (const [table, { id }] of [
      ['api', anApi()],
      ['credential', credential],
      ['principal', aPrincipal()],
      ['role', aRole()],
    ] as const) {
      assert.ok(here.reads.includes(`${table}/${id}`), table)
    }
    here.put('credential', { ...credential, state: 'revoked' })
    assert.equal((await ask({ fresh: true })).code, 'REVOKED', 'its own write, before the feed tells')
  })

  it('answers UNAVAILABLE, never VALID and never 401, where the store must be asked and cannot be', async () => {
    here.isReachable = false
    assert.equal((await ask()).code, 'VALID', 'what is known goes on')
    for (const change of [
      { fresh: true },
      { scopes: 'orders:write' },
      { headers: ['X-API-Key', keyOf(credential, 9)] },
    ]) {
      const decision = await ask(change)
      assert.equal(decision.code, 'UNAVAILABLE')
      assert.equal(decision.retryAfterSeconds, 1)
      assert.equal(decision.credential, null)
    }
    here.verifier.lookup.invalidate('principal', aPrincipal().id)
    assert.equal((await ask()).code, 'UNAVAILABLE')
  })

  describe('and the store is gone', () => {
    const graceful = anApi({ outageGraceSeconds: 30 })
    beforeEach(async () => {
      here.change('api', graceful)
      await ask({ api: graceful })
      here.isReachable = false
      here.overdueMs = 12_300
    })

    it('goes on with what is known while the grace of the API lasts, and says how old that may be', async () => {
      const decision = await ask({ api: graceful })
      assert.deepEqual([decision.code, decision.staleSeconds], ['VALID', 13])
      here.overdueMs = 30_000
      assert.equal((await ask({ api: graceful })).code, 'VALID')
      here.overdueMs = 30_001
      assert.equal((await ask({ api: graceful })).code, 'UNAVAILABLE')
    })

    it('answers UNAVAILABLE for an API that has not chosen a grace', async () => {
      assert.equal((await ask({ api: anApi() })).code, 'UNAVAILABLE')
    })

    it('answers UNAVAILABLE for who is not known, who asks for its own write, and what is known to refuse', async () => {
      const unknown = { headers: ['X-API-Key', keyOf(credential, 9)] }
      for (const change of [unknown, { fresh: true }, { scopes: 'orders:write' }]) {
        assert.equal((await ask({ api: graceful, ...change })).code, 'UNAVAILABLE')
      }
    })

    it('still runs time, conditions and limits', async () => {
      here.overdueMs = 0
      const limits = [{ type: 'quota', name: 'calls', limit: 1, period: 'month' }] as const
      here.isReachable = true
      here.change('credential', { ...credential, limits, expiresAtMs: here.nowMs + 1000 })
      assert.equal((await ask({ api: graceful })).code, 'VALID')
      here.isReachable = false
      here.overdueMs = 500
      assert.equal((await ask({ api: graceful })).code, 'QUOTA_EXCEEDED')
      here.nowMs += 1000
      assert.equal((await ask({ api: graceful })).code, 'UNAVAILABLE', 'expired, as far as is known')
    })

    it('is as before once the store is back', async () => {
      await ask({ api: graceful })
      here.isReachable = true
      const decision = await ask({ api: graceful })
      assert.deepEqual([decision.code, decision.staleSeconds], ['VALID', null])
    })
  })

  it('answers UNAVAILABLE where the limits cannot be counted, whether that shows at once or later', async () => {
    here.change('principal', aPrincipal({ limits: [{ type: 'quota', name: 'd', limit: 5, period: 'day' }] }))
    const limiters: Limiter[] = [
      always(() => Promise.reject(new LimitUnavailable('the ledger is away'))),
      always(() => {
        throw new LimitUnavailable('the ledger is away')
      }),
    ]
    for (const limiter of limiters) {
      const decision = await verify(aRequest(key), { ...here.verifier, limiter })
      assert.deepEqual([decision.code, decision.failedCheck], ['UNAVAILABLE', 'limits'])
      assert.equal(decision.retryAfterSeconds, 1)
    }
    const limiter = always(() => Promise.reject(new Error('a fault')))
    await assert.rejects(verify(aRequest(key), { ...here.verifier, limiter }), /a fault/)
  })

  it('lets a fault that is none of the store surface as one', async () => {
    const broken = { ...here.verifier, clock: () => assert.fail('no clock') }
    await assert.rejects(verify(aRequest(key), broken), /no clock/)
  })
})

function always(take: Limiter['take']): Limiter {
  return { take, takeOne: (applied, cost, nowMs) => take([applied], cost, nowMs) }
}
