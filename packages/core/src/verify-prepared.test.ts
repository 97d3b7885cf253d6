import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { beforeEach, describe, it } from 'node:test'
import { CachedLookup } from './cached-lookup.ts'
import { ProofCache } from './proof-cache.ts'
import type { CredentialRecord, Records, TableName } from './records.ts'
import { Installation, requestAtDoor } from './testing/installation.ts'
import { aCredential, anApi, aPrincipal, aRole } from './testing/records.ts'
import { verify, verifyNow } from './verify.ts'
import type { VerifyRequest } from './verify-request.ts'

describe('verify, when the caller is prepared', () => {
  let here: Installation
  let credential: CredentialRecord
  let key: string
  const roled = (change: Partial<CredentialRecord> = {}) => ({
    ...credential,
    grants: [{ ...credential.grants[0]!, scopes: [], roleIds: [aRole().id] }],
    ...change,
  })

  /** Asks until the caller is prepared, then forgets what was read on the way. */
  async function prepare(change: Partial<VerifyRequest> = {}) {
    for (let i = 0; i < 2; i++) await verify(await requestAtDoor(key, here.verifier, change), here.verifier)
    assert.ok(!(verifyNow(await requestAtDoor(key, here.verifier, change), here.verifier) instanceof Promise))
    here.reads.length = here.taken.length = 0
  }

  async function ask(change: Partial<VerifyRequest> = {}) {
    return verify(await requestAtDoor(key, here.verifier, change), here.verifier)
  }

  beforeEach(async () => {
    here = new Installation()
    here.put('role', aRole())
    const issued = here.issue({ limits: [{ type: 'rate', name: 'r', limit: 1000, windowSeconds: 1 }] })
    credential = issued.credential
    key = issued.key
    await prepare({ scopes: 'orders:read' })
  })

  it('answers at once what it answers whom it does not know, and reads nothing', async () => {
    const request = await requestAtDoor(key, here.verifier, { scopes: 'orders:read' })
    const warm = verifyNow(request, here.verifier)
    assert.ok(!(warm instanceof Promise))
    assert.deepEqual(here.reads, [])
    const anew = { ...here.verifier, proofs: new ProofCache(10, randomBytes) }
    const asUnknown = await verify(request, anew)
    assert.equal(asUnknown.seat, null)
    assert.deepEqual({ ...warm, limits: [], seat: null }, { ...asUnknown, limits: [] })
  })

  const changes: { [T in TableName]?: [string, (now: CredentialRecord) => Partial<Records[T]>, string][] } = {
    credential: [
      ['revoked', () => ({ state: 'revoked' }), 'REVOKED'],
      ['disabled', () => ({ state: 'disabled' }), 'DISABLED'],
      ['ended', () => ({ expiresAtMs: 1 }), 'EXPIRED'],
      ['without its grant', () => ({ grants: [] }), 'WRONG_AUDIENCE'],
      [
        'with fewer scopes',
        ({ grants }) => ({ grants: [{ ...grants[0]!, scopes: [] }] }),
        'INSUFFICIENT_SCOPE',
      ],
      [
        'with its version revoked',
        ({ versions }) => ({ versions: [{ ...versions[0]!, revokedAtMs: 1 }] }),
        'REVOKED',
      ],
      [
        'with its version ended',
        ({ versions }) => ({ versions: [{ ...versions[0]!, endsAtMs: 1 }] }),
        'EXPIRED',
      ],
      [
        'with another digest',
        ({ versions }) => ({ versions: [{ ...versions[0]!, sealedDigest: 'k1.x' }] }),
        'BAD_SECRET',
      ],
      [
        'with a condition',
        () => ({
          conditions: { ipRanges: ['198.51.100.0/24'], methods: null, paths: null, timeWindow: null },
        }),
        'CONDITION_FAILED',
      ],
      [
        'with a limit',
        () => ({ limits: [{ type: 'credits', name: 'c', limit: 1, refill: null }] }),
        'QUOTA_EXCEEDED',
      ],
    ],
    principal: [
      ['disabled', () => ({ disabledAtMs: 1 }), 'DISABLED'],
      ['with an empty ceiling', () => ({ ceiling: [] }), 'INSUFFICIENT_SCOPE'],
      [
        'with a limit',
        () => ({ limits: [{ type: 'quota', name: 'q', limit: 1, period: 'day' }] }),
        'QUOTA_EXCEEDED',
      ],
    ],
    api: [
      [
        'with a limit',
        () => ({ limits: [{ type: 'quota', name: 'q', limit: 1, period: 'day' }] }),
        'QUOTA_EXCEEDED',
      ],
      ['that accepts no keys', () => ({ accepts: [] }), 'KIND_NOT_ACCEPTED'],
      ['that requires TLS', () => ({ requiresTls: true }), 'TLS_REQUIRED'],
    ],
    role: [['with fewer scopes', () => ({ scopes: [] }), 'INSUFFICIENT_SCOPE']],
  }
  const originals = { api: anApi(), principal: aPrincipal(), role: aRole() }
  for (const [table, cases] of Object.entries(changes) as [
    keyof typeof originals | 'credential',
    [string, (now: CredentialRecord) => object, string][],
  ][]) {
    for (const [what, change, code] of cases) {
      it(`refuses with ${code} from the first request after its ${table} came to be one ${what}`, async () => {
        if (table === 'role') {
          here.change('credential', roled())
          await prepare({ scopes: 'orders:read' })
        }
        const original = table === 'credential' ? credential : originals[table]
        here.change(table, { ...original, ...change(credential) } as never)
        const request = { scopes: 'orders:read', secure: false, cost: 2 }
        assert.equal((await ask(request)).code, code)
        here.change(table, original as never)
        assert.equal((await ask(request)).code, 'VALID', 'and is as before once that is taken back')
      })
    }
  }

  it('refuses when a role was deleted, or its credential, or its principal', async () => {
    here.change('credential', roled())
    await prepare({ scopes: 'orders:read' })
    here.remove('role', aRole().id)
    here.verifier.lookup.invalidate('role', aRole().id)
    assert.equal((await ask({ scopes: 'orders:read' })).code, 'INSUFFICIENT_SCOPE')
    here.change('credential', credential)
    await prepare()
    here.remove('principal', aPrincipal().id)
    here.verifier.lookup.invalidate('principal', aPrincipal().id)
    assert.equal((await ask()).code, 'DISABLED')
    here.remove('credential', credential.id)
    here.verifier.lookup.invalidate('credential', credential.id)
    assert.equal((await ask()).code, 'NOT_FOUND')
  })

  it('sees a role that was not there when it asked before', async () => {
    here.remove('role', aRole().id)
    here.verifier.lookup.invalidate('role', aRole().id)
    here.change('credential', roled())
    assert.equal((await ask({ scopes: 'orders:read' })).code, 'INSUFFICIENT_SCOPE')
    await ask()
    here.change('role', aRole())
    assert.equal((await ask({ scopes: 'orders:read' })).code, 'VALID')
  })

  it('asks the store again after everything was dropped, and once the lease is over', async () => {
    here.verifier.lookup.clear()
    assert.equal((await ask()).code, 'VALID')
    assert.ok(here.reads.includes(`credential/${credential.id}`))
    await prepare()
    const request = await requestAtDoor(key, here.verifier)
    here.overdueMs = 1
    here.put('credential', { ...credential, state: 'revoked' })
    assert.equal((await verify(request, here.verifier)).code, 'REVOKED')
    assert.ok(here.reads.includes(`credential/${credential.id}`))
  })

  it('asks the store where the caller must see its own write', async () => {
    here.put('credential', { ...credential, state: 'revoked' })
    assert.equal((await ask()).code, 'VALID', 'the control: until the feed tells')
    assert.equal((await ask({ fresh: true })).code, 'REVOKED')
  })

  it('goes on within the outage grace of the API alone', async () => {
    const graceful = anApi({ outageGraceSeconds: 2 })
    here.change('api', graceful)
    await prepare()
    const request = await requestAtDoor(key, here.verifier)
    here.isReachable = false
    here.overdueMs = 2000
    assert.deepEqual((await verify(request, here.verifier)).staleSeconds, 2)
    here.overdueMs = 2001
    assert.equal((await verify(request, here.verifier)).code, 'UNAVAILABLE')
  })

  it('begins and ends at the very millisecond', async () => {
    const { nowMs } = here
    here.change('credential', { ...credential, notBeforeMs: nowMs - 5, expiresAtMs: nowMs + 10 })
    await prepare()
    here.nowMs = nowMs + 9
    assert.equal((await ask()).code, 'VALID')
    here.nowMs = nowMs + 10
    assert.equal((await ask()).code, 'EXPIRED')
    here.nowMs = nowMs - 6
    assert.equal((await ask()).code, 'NOT_YET_VALID')
  })

  it('counts every request', async () => {
    for (let i = 0; i < 3; i++) await ask()
    assert.equal(here.taken.length, 3)
    assert.equal(here.taken[0]!.applied.length, 1)
  })

  it('takes the same string for no password, and not for bound to a key', async () => {
    assert.equal((await ask({ headers: ['Authorization', `Basic ${key}`] })).code, 'KIND_NOT_ACCEPTED')
    assert.equal((await ask({ headers: ['Authorization', `DPoP ${key}`] })).code, 'BINDING_MISMATCH')
    assert.equal((await ask({ headers: ['X-API-Key', key] })).code, 'VALID')
  })

  it('decides for each API by its own grant, whichever was asked for last', async () => {
    const other = anApi({ id: 'api_000000000009', name: 'other' })
    here.put('api', other)
    here.change('credential', {
      ...credential,
      grants: [credential.grants[0]!, { apiId: other.id, scopes: ['other:read'], roleIds: [] }],
    })
    for (let i = 0; i < 3; i++) {
      assert.deepEqual((await ask()).scopes, ['orders:read'])
      const api = await here.verifier.lookup.get('api', other.id)
      assert.deepEqual((await ask({ api: api! })).scopes, ['other:read'])
    }
  })

  it('keeps who asks while records of others stream past, and reads them no more', async () => {
    const lookup = new CachedLookup(here, here.lease, { maxEntries: 20, maxBytes: 1e9 })
    const verifier = { ...here.verifier, lookup, proofs: new ProofCache(10, randomBytes) }
    await verify(await requestAtDoor(key, verifier), verifier)
    here.reads.length = 0
    for (let index = 0; index < 200; index += 1) {
      await lookup.read('credential', `absent${index}`)
      here.put('credential', aCredential({ id: `other${index}` }))
      await lookup.read('credential', `other${index}`)
      assert.equal((await verify(await requestAtDoor(key, verifier), verifier)).code, 'VALID')
    }
    assert.ok(!here.reads.includes(`credential/${credential.id}`))
  })
})
