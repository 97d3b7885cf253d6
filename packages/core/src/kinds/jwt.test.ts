import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { JwsKeys } from '../jws-keys.ts'
import { aRequest } from '../testing/installation.ts'
import { anApi, aPrincipal } from '../testing/records.ts'
import { anIssuer, trusting } from '../testing/trusting-installation.ts'
import { verify } from '../verify.ts'

describe('a token', () => {
  it('is verified once, and then neither verified nor looked up as long as nothing changed', async () => {
    const here = trusting()
    const token = here.token()
    const api = here.put('api', anApi({ accepts: ['jwt'] }))
    await here.trusting.lookup.get('api', api.id)
    const cached = here.trusting.lookup.peek('api', api.id)!
    for (let i = 0; i < 3; i++) assert.equal(await here.codeOf(token, { api: cached }), 'VALID')
    const reads = here.reads.length
    for (let i = 0; i < 10; i++) assert.equal(await here.codeOf(token, { api: cached }), 'VALID')
    assert.equal(here.keysAsked, 1)
    assert.equal(here.reads.length, reads)
  })

  it('is verified anew when its issuer changed, when its keys did, and for a caller that must see its own write', async () => {
    const here = trusting()
    const token = here.token()
    assert.equal(await here.codeOf(token), 'VALID')
    assert.equal(await here.codeOf(token), 'VALID')
    assert.equal(here.keysAsked, 1)
    here.change('issuer', anIssuer({ revision: 2 }))
    assert.equal(await here.codeOf(token), 'VALID')
    assert.equal(here.keysAsked, 2)
    here.set.current = false
    assert.equal(await here.codeOf(token), 'VALID')
    assert.equal(here.keysAsked, 3)
    here.set.current = true
    assert.equal(await here.codeOf(token, { fresh: true }), 'VALID')
    assert.equal(here.keysAsked, 4)
  })

  it('is remembered by nothing else: the control, keys that go on being called current after they were replaced', async () => {
    const here = trusting()
    const token = here.token()
    for (let i = 0; i < 2; i++) assert.equal(await here.codeOf(token), 'VALID')
    const none = { keys: new JwsKeys([]), current: true }
    const { issuers } = here.trusting
    const replaced = { ...here.trusting, issuers: { ...issuers, keysOf: () => none } }
    const api = anApi({ accepts: ['jwt'] })
    assert.equal((await verify(aRequest(token, { api }), replaced)).code, 'VALID', 'nobody said so')
    here.set.current = false
    assert.equal((await verify(aRequest(token, { api }), replaced)).code, 'BAD_SIGNATURE')
  })

  it('is refused from the moment on at which the feed tells of its revocation', async () => {
    const here = trusting()
    const [one, other] = [here.token({ jti: 'a' }), here.token({ jti: 'b' })]
    for (const token of [one, other, one, other]) assert.equal(await here.codeOf(token), 'VALID')
    const revokedTokens = [{ tokenId: 'a', untilMs: null, reason: null }]
    here.change('issuer', anIssuer({ revision: 2, revokedTokens }))
    assert.equal(await here.codeOf(one), 'REVOKED')
    assert.equal(await here.codeOf(other), 'VALID')
    here.change('issuer', anIssuer({ revision: 3, revokedTokens, revokedBeforeMs: here.nowMs + 1 }))
    assert.equal(await here.codeOf(other), 'REVOKED')
  })

  it('counts with all others of its principal, whatever its jti', async () => {
    const here = trusting({ limits: [{ type: 'rate', name: 'default', limit: 2, windowSeconds: 60 }] })
    const codes = []
    for (const jti of ['a', 'b', 'c']) codes.push(await here.codeOf(here.token({ jti })))
    assert.deepEqual(codes, ['VALID', 'VALID', 'RATE_LIMITED'])
    const keys = here.taken.flatMap(({ applied }) => applied.map(({ key }) => key))
    assert.deepEqual([...new Set(keys)], [`credential:iss_000000000001/${aPrincipal().id}:rate:default`])
  })

  it('gives no scope that the API does not have, and none above the ceiling of its principal', async () => {
    const here = trusting({
      claims: {
        principal: { claim: 'sub', prefix: '' },
        scopes: { from: 'claim', claim: 'scope', prefix: '' },
        required: [],
      },
    })
    const [scope] = anApi().scopes
    const token = here.token({ scope: `${scope} made:up` })
    assert.equal(await here.codeOf(token, { scopes: scope! }), 'VALID')
    for (let i = 0; i < 2; i++)
      assert.equal(await here.codeOf(token, { scopes: 'made:up' }), 'INSUFFICIENT_SCOPE')
    here.change('principal', aPrincipal({ ceiling: [], revision: 2 }))
    assert.equal(await here.codeOf(token, { scopes: scope! }), 'INSUFFICIENT_SCOPE')
  })

  it('is judged at each API by the issuer that this one trusts, though it was proven at another', async () => {
    const here = trusting()
    const second = here.put('api', anApi({ id: 'api_000000000009', name: 'second', accepts: ['jwt'] }))
    const token = here.token()
    assert.equal(await here.codeOf(token), 'VALID')
    assert.equal(await here.codeOf(token, { api: second }), 'UNTRUSTED_ISSUER')
    here.trust(anIssuer({ id: 'iss_000000000002', apiId: second.id, disabledAtMs: 1 }))
    assert.equal(await here.codeOf(token, { api: second }), 'DISABLED')
    assert.equal(await here.codeOf(token), 'VALID')
  })

  it('ends at its exp also where it is warm, and has not begun before its nbf', async () => {
    const here = trusting()
    const token = here.token()
    for (let i = 0; i < 3; i++) assert.equal(await here.codeOf(token), 'VALID')
    here.nowMs += 300_000
    assert.equal(await here.codeOf(token), 'EXPIRED')
    here.nowMs -= 300_001
    assert.equal(await here.codeOf(token), 'NOT_YET_VALID')
  })

  it('that is not known is UNAVAILABLE without the store, never VALID and never refused', async () => {
    const here = trusting()
    here.isReachable = false
    assert.equal(await here.codeOf(here.token()), 'UNAVAILABLE')
  })
})
