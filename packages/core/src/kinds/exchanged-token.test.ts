import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CachedLookup } from '../cached-lookup.ts'
import type { IssuerRecord, IssuerToken, Records, TableName } from '../records.ts'
import { SourceBudget } from '../source-budget.ts'
import { aRequest, requestAtDoor } from '../testing/installation.ts'
import { anApi, aPrincipal } from '../testing/records.ts'
import { anIssuer, type Trusting, trusting } from '../testing/trusting-installation.ts'
import { verify } from '../verify.ts'
import type { Verifier } from '../verify-request.ts'

const READ_AND_WRITE = ['orders:read', 'orders:write']
const LIFE_MS = 300_000

/** An access token that came from a token of an issuer. */
class Exchanged {
  readonly here: Trusting
  readonly verifier: Verifier
  readonly key: string
  readonly token: IssuerToken
  #issuer: IssuerRecord

  constructor(issuer: Partial<IssuerRecord> = {}, over: Partial<IssuerToken> = {}, makeLookup = lookupOf) {
    this.here = trusting(issuer)
    this.#issuer = anIssuer(issuer)
    this.here.put('api', anApi({ accepts: ['jwt', 'access_token'] }))
    this.verifier = { ...this.here.trusting, lookup: makeLookup(this.here) }
    const { nowMs } = this.here
    this.token = { tokenId: 'job-1', issuedAtMs: nowMs, expiresAtMs: nowMs + LIFE_MS, ...over }
    const { key } = this.here.issue({
      ...{ id: 'TTTTTTTTTTT7', kind: 'access_token', keyPrefix: 'crd_live_at' },
      ...{ parentId: this.#issuer.id, issuerToken: this.token, expiresAtMs: nowMs + LIFE_MS },
      grants: [{ apiId: anApi().id, scopes: READ_AND_WRITE, roleIds: [] }],
    })
    this.key = key
  }

  async ask() {
    return verify(await requestAtDoor(this.key, this.verifier), this.verifier)
  }

  async codeOf(): Promise<string> {
    return (await this.ask()).code
  }

  changeIssuer(over: Partial<IssuerRecord>): void {
    this.#issuer = { ...this.#issuer, ...over, revision: this.#issuer.revision + 1 }
    this.here.put('issuer', this.#issuer)
    this.verifier.lookup.invalidate('issuer', this.#issuer.id)
  }
}

const BOUNDS = { maxEntries: 1000, maxBytes: 1e9 }
const lookupOf = (here: Trusting): CachedLookup => new CachedLookup(here, here.lease, BOUNDS)

type Change = (nowMs: number) => Partial<IssuerRecord>

/** What takes back one token among others of its issuer, by what its record says of that token. */
const BY_TOKEN: readonly Change[] = [
  (nowMs) => ({ revokedBeforeMs: nowMs + 1 }),
  (nowMs) => ({ revokedPrincipals: [{ principalId: aPrincipal().id, beforeMs: nowMs + 1, reason: null }] }),
  () => ({ revokedTokens: [{ tokenId: 'job-1', untilMs: null, reason: null }] }),
]

/** The code after each of these changes, each of them made when the token was VALID and prepared. */
async function codesAfter(
  changes: readonly Change[],
  token: Partial<IssuerToken> = {},
  makeLookup = lookupOf,
): Promise<string[]> {
  const codes: string[] = []
  for (const change of changes) {
    const one = new Exchanged({ clockSkewSeconds: 60 }, token, makeLookup)
    for (let i = 0; i < 2; i++) assert.equal(await one.codeOf(), 'VALID')
    one.changeIssuer(change(one.here.nowMs))
    codes.push(await one.codeOf())
  }
  return codes
}

describe("an access token that came from an issuer's token", () => {
  it('that was seen before is verified without any look-up, and by its issuer alone once that changed', async () => {
    const one = new Exchanged()
    for (let i = 0; i < 2; i++) assert.equal(await one.codeOf(), 'VALID')
    one.here.reads.length = 0
    for (let i = 0; i < 10; i++) assert.equal(await one.codeOf(), 'VALID')
    assert.deepEqual(one.here.reads, [])
    one.changeIssuer({})
    assert.equal(await one.codeOf(), 'VALID')
    assert.deepEqual(one.here.reads, [`issuer/${anIssuer().id}`])
    assert.equal(one.here.keysAsked, 0, 'its signature was verified when it was exchanged')
  })

  it('dies at once by each revocation that the token of the issuer dies by', async () => {
    assert.deepEqual(await codesAfter(BY_TOKEN), ['REVOKED', 'REVOKED', 'REVOKED'])
    const all: Change[] = [
      () => ({ disabledAtMs: 1 }),
      () => ({ apiId: 'api_000000000009' }),
      () => ({ workspaceId: 'ws_000000000009' }),
    ]
    assert.deepEqual(await codesAfter(all), ['DISABLED', 'WRONG_AUDIENCE', 'REVOKED'])
    const others: Change[] = [
      (nowMs) => ({ revokedBeforeMs: nowMs }),
      (nowMs) => ({ revokedPrincipals: [{ principalId: 'prn_x', beforeMs: nowMs + 1, reason: null }] }),
      () => ({ revokedTokens: [{ tokenId: 'job-2', untilMs: null, reason: null }] }),
    ]
    assert.deepEqual(await codesAfter(others), ['VALID', 'VALID', 'VALID'])
    const gone = new Exchanged()
    assert.equal(await gone.codeOf(), 'VALID')
    gone.here.remove('issuer', anIssuer().id)
    gone.verifier.lookup.invalidate('issuer', anIssuer().id)
    assert.equal(await gone.codeOf(), 'REVOKED')
  })

  it('negative control: one that keeps nothing, or something else, of what it came from is found out', async () => {
    const nothing = { tokenId: null, issuedAtMs: null }
    assert.deepEqual(await codesAfter(BY_TOKEN, nothing), ['REVOKED', 'REVOKED', 'VALID'])
    const other = { tokenId: 'job-2', issuedAtMs: trusting().nowMs + 1 }
    assert.deepEqual(await codesAfter(BY_TOKEN, other), ['VALID', 'VALID', 'VALID'])
  })

  it('negative control: an issuer that changes and leaves prepared callers as they are is found out', async () => {
    class Deaf extends CachedLookup {
      override slotOf<T extends TableName>(table: T, record: Records[T]) {
        const slot = super.slotOf(table, record)
        return slot && table === 'issuer' ? { record: slot.record } : slot
      }
    }
    const deaf = (here: Trusting) => new Deaf(here, here.lease, BOUNDS)
    assert.deepEqual(await codesAfter(BY_TOKEN, {}, deaf), ['VALID', 'VALID', 'VALID'])
  })

  it('may do what it was issued for, of what its issuer gives to all now and the API has', async () => {
    const one = new Exchanged()
    const scopesAfter = async (scopes: IssuerRecord['claims']['scopes']) => {
      one.changeIssuer({ claims: { ...anIssuer().claims, scopes } })
      return (await one.ask()).scopes
    }
    const claim = { from: 'claim', claim: 'scope', prefix: '' } as const
    assert.deepEqual(await scopesAfter({ from: 'mapping', scopes: ['orders:read'] }), ['orders:read'])
    assert.deepEqual(await scopesAfter({ from: 'mapping', scopes: ['else:read'] }), [])
    assert.deepEqual(await scopesAfter(claim), READ_AND_WRITE)
    const api = anApi({ accepts: ['access_token'], scopes: ['orders:write'], revision: 2 })
    one.here.put('api', api)
    one.verifier.lookup.invalidate('api', api.id)
    assert.deepEqual((await one.ask()).scopes, ['orders:write'], 'as its issuer’s tokens have it')
  })

  it('ends when the token that it came from is too old by what its issuer says now, and without iat at once', async () => {
    const one = new Exchanged()
    assert.equal(await one.codeOf(), 'VALID')
    one.here.nowMs += 60_000
    one.changeIssuer({ maxAgeSeconds: 61 })
    assert.equal(await one.codeOf(), 'VALID')
    one.here.nowMs += 1000
    const over = await one.ask()
    assert.deepEqual([over.code, over.failedCheck], ['EXPIRED', 'time'])
    assert.match(over.detail!, /came from, iss_/)
    const undated = new Exchanged({}, { issuedAtMs: null })
    assert.equal(await undated.codeOf(), 'VALID')
    undated.changeIssuer({ maxAgeSeconds: 86_400 })
    assert.equal(await undated.codeOf(), 'EXPIRED')
  })

  it('works when its issuer’s tokens work, and counts with those of its principal', async () => {
    const limits = [{ type: 'rate', name: 'default', limit: 2, windowSeconds: 60 }] as const
    const one = new Exchanged({ limits })
    const jwt = await verify(await requestAtDoor(one.here.token(), one.verifier), one.verifier)
    const codes = [jwt.code, await one.codeOf(), await one.codeOf()]
    assert.deepEqual(codes, ['VALID', 'VALID', 'RATE_LIMITED'])
    const keys = one.here.taken.flatMap(({ applied }) => applied.map(({ key }) => key))
    assert.deepEqual([...new Set(keys)], [`credential:${anIssuer().id}/${aPrincipal().id}:rate:default`])
    const conditions = { ipRanges: ['10.0.0.0/8'], methods: null, paths: null, timeWindow: null }
    one.changeIssuer({ conditions, limits: [] })
    assert.equal(await one.codeOf(), 'CONDITION_FAILED')
  })
})

describe("an issuer's token that is to be exchanged", () => {
  function exchange(here: Trusting, apiId: string | null, token = here.token({ jti: 'job-1' })) {
    const homeApiId = () => apiId ?? anApi().id
    const request = aRequest(token, {
      api: null,
      homeApiId,
      exchange: { kinds: ['jwt'], apiId, workspaceId: null },
    })
    return verify(request, here.trusting)
  }

  it('is verified for the API that a token is asked for, and by the issuers trusted there alone', async () => {
    const here = trusting()
    const other = here.put('api', anApi({ id: 'api_000000000009', name: 'other', accepts: ['jwt'] }))
    const { code, api, scopes, credential } = await exchange(here, anApi().id)
    assert.deepEqual([code, api?.id, scopes], ['VALID', anApi().id, READ_AND_WRITE])
    const { nowMs } = here
    const kept = { tokenId: 'job-1', issuedAtMs: nowMs, expiresAtMs: nowMs + LIFE_MS }
    assert.deepEqual(credential?.issuerToken, kept)
    for (const unknown of [other.id, 'api_000000000008', null]) {
      const refused = await exchange(here, unknown)
      assert.deepEqual([refused.code, refused.failedCheck], ['UNTRUSTED_ISSUER', 'secret'], String(unknown))
    }
    here.trust(anIssuer({ id: 'iss_000000000002', apiId: other.id, disabledAtMs: 1 }))
    assert.equal((await exchange(here, other.id)).code, 'DISABLED')
  })

  it('is not known at an API that is not there, whatever an earlier request proved where none was asked for', async () => {
    const here = trusting()
    const rereads = new SourceBudget({ perSecond: 0, burst: 1, maxSources: 1 })
    const verifier = { ...here.trusting, rereads }
    const home = aRequest(here.token(), { api: null, homeApiId: null })
    assert.equal(rereads.take(home.ip!, here.nowMs), true, 'whoever asked often: no refusal is read anew')
    for (let i = 0; i < 2; i++) assert.equal((await verify(home, verifier)).code, 'VALID')
    assert.equal(here.keysAsked, 1, 'its proof is remembered')
    const exchange = { kinds: ['jwt'], apiId: null, workspaceId: null } as const
    const refused = await verify({ ...home, homeApiId: () => 'api_unknown', exchange }, verifier)
    assert.deepEqual([refused.code, refused.credential], ['UNTRUSTED_ISSUER', null])
  })

  it('is taken where the API accepts access tokens alone, and is of no kind to exchange where that is said', async () => {
    const here = trusting()
    here.put('api', anApi({ accepts: ['access_token'] }))
    assert.equal((await exchange(here, anApi().id)).code, 'VALID')
    const exchangeKeys = { kinds: ['api_key'], apiId: anApi().id, workspaceId: null } as const
    const homeApiId = () => anApi().id
    const request = aRequest(here.token(), { api: null, homeApiId, exchange: exchangeKeys })
    const refused = await verify(request, here.trusting)
    assert.deepEqual([refused.code, refused.failedCheck], ['KIND_NOT_ACCEPTED', 'kind'])
  })
})
