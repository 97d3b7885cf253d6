import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { clientIdOf } from '../basic-credentials.ts'
import type { Binding, CredentialRecord } from '../records.ts'
import { SourceBudget } from '../source-budget.ts'
import { aRequest, Installation } from '../testing/installation.ts'
import { type SampleKey, sampleKey, signJws } from '../testing/jws-samples.ts'
import { aPresenter, boundTo } from '../testing/presenter.ts'
import { aCredential, anApi, aPrincipal } from '../testing/records.ts'
import { Trusting } from '../testing/trusting-installation.ts'
import { verify } from '../verify.ts'
import type { VerifyRequest } from '../verify-request.ts'

const api = anApi({ accepts: ['client_key', 'api_key'] })
const CLIENT_ID = clientIdOf(aPrincipal().id)
const KEY = sampleKey('ES256')
const OTHER_KEY = sampleKey('ES256', 'other')
const CERTIFICATE: Binding = { type: 'mtls', thumbprint: 'A'.repeat(43) }
const OTHER_THUMBPRINT = 'B'.repeat(43)

let here: Installation

beforeEach(() => {
  here = new Installation()
  here.put('api', api)
  // The memory of what was used begins when it is made, and takes what may be older for used.
  here.nowMs += 400_000
})

function issueKey(binding: Binding, change: Partial<CredentialRecord> = {}): CredentialRecord {
  const version = { version: 1, sealedDigest: '', createdAtMs: 0, endsAtMs: null, revokedAtMs: null }
  const own = { kind: 'client_key', keyPrefix: '', handle: binding.thumbprint, binding } as const
  return here.put('credential', aCredential({ ...own, versions: [version], ...change }))
}

function named({ jwk, signer }: SampleKey, kid: string): SampleKey {
  return { signer, jwk: Object.assign({ kid }, jwk) }
}

function claims(change: Record<string, unknown> = {}): Record<string, unknown> {
  const seconds = Math.floor(here.nowMs / 1000)
  const own = { iss: CLIENT_ID, sub: CLIENT_ID, aud: api.audience, jti: 'j1' }
  return { ...own, iat: seconds, exp: seconds + 60, ...change }
}

function assertion(change: Record<string, unknown> = {}, { signer }: SampleKey = KEY, header: object = {}) {
  return signJws('ES256', signer, claims(change), { alg: 'ES256', ...header })
}

function ask(value: string | null, change: Partial<VerifyRequest> = {}, verifier = here.verifier) {
  const headers = value === null ? [] : ['Authorization', `Bearer ${value}`]
  return verify(aRequest(null, { api, headers, presenter: aPresenter(), ...change }), verifier)
}

const showing = (thumbprint: string) => ({
  presenter: aPresenter({ certificate: () => ({ type: 'shown', thumbprint }) }),
})

describe('a client assertion (RFC 7523)', () => {
  beforeEach(() => issueKey(boundTo('signature', KEY)))

  it('proves the client whose key signed it, once', async () => {
    const one = assertion()
    const decision = await ask(one)
    assert.deepEqual([decision.code, decision.credential?.kind], ['VALID', 'client_key'])
    const again = await ask(one)
    assert.deepEqual([again.code, again.failedCheck], ['REPLAYED', 'binding'])
    assert.equal(again.credential?.id, decision.credential?.id, 'its owner sees who was played back')
    assert.equal((await ask(assertion({ jti: 'j2' }))).code, 'VALID')
    const resigned = assertion()
    assert.notEqual(resigned, one)
    assert.equal((await ask(resigned)).code, 'REPLAYED', 'a second signature of the same is no second one')
  })

  it('lets in one of 50 that race with it', async () => {
    const one = assertion()
    const decisions = await Promise.all(Array.from({ length: 50 }, () => ask(one)))
    const codes = decisions.map(({ code }) => code)
    assert.equal(codes.filter((code) => code === 'VALID').length, 1)
    assert.equal(codes.filter((code) => code === 'REPLAYED').length, 49)
  })

  it('is redeemed once for a request whose checks run again, and what failed later has used it up', async () => {
    const one = assertion()
    const refused = await ask(one, { scopes: 'orders:delete' })
    assert.deepEqual([refused.code, refused.failedCheck], ['INSUFFICIENT_SCOPE', 'scopes'])
    assert.equal((await ask(one)).code, 'REPLAYED')
  })

  it('is refused where nobody can tell that it counts once', async () => {
    assert.equal((await ask(assertion(), { presenter: null })).code, 'BINDING_MISMATCH')
  })

  it('needs iss, sub, one aud, jti and a near exp, as RFC 7523 section 3 has them', async () => {
    const seconds = Math.floor(here.nowMs / 1000)
    const wrong: [string, Record<string, unknown>, string, string][] = [
      ['two audiences', { aud: [api.audience, 'urn:other'] }, 'MALFORMED', 'secret'],
      ['a list of one', { aud: [api.audience] }, 'MALFORMED', 'secret'],
      ['the audience of another', { aud: 'urn:other' }, 'WRONG_AUDIENCE', 'audience'],
      ['no audience', { aud: undefined }, 'WRONG_AUDIENCE', 'audience'],
      ['another subject', { sub: 'cli_000000000009' }, 'MALFORMED', 'secret'],
      ['no subject', { sub: undefined }, 'MALFORMED', 'secret'],
      ['no jti', { jti: undefined }, 'MALFORMED', 'secret'],
      ['an empty jti', { jti: '' }, 'MALFORMED', 'secret'],
      ['a long jti', { jti: 'j'.repeat(257) }, 'MALFORMED', 'secret'],
      ['a jti that is a number', { jti: 7 }, 'MALFORMED', 'secret'],
      ['no end', { exp: undefined }, 'MALFORMED', 'secret'],
      ['an end too far', { exp: seconds + 311 }, 'MALFORMED', 'secret'],
      ['an end that is none', { exp: '1e309' }, 'MALFORMED', 'secret'],
      ['an end that has passed', { exp: seconds - 10 }, 'EXPIRED', 'time'],
      ['made in the future', { iat: seconds + 11 }, 'NOT_YET_VALID', 'time'],
      ['not yet', { nbf: seconds + 11 }, 'NOT_YET_VALID', 'time'],
    ]
    for (const [name, change, code, check] of wrong) {
      const decision = await ask(assertion(change))
      assert.deepEqual([decision.code, decision.failedCheck], [code, check], name)
    }
    assert.equal((await ask(assertion({ exp: seconds + 310 }))).code, 'VALID', 'the control')
    const last = { jti: 'j2', exp: seconds - 9, iat: seconds - 60 }
    assert.equal((await ask(assertion(last))).code, 'VALID', 'clocks may differ by ten seconds')
  })

  it('without iat counts once all the same, as long as the memory reaches back to when it could be used first', async () => {
    const bare = assertion({ iat: undefined })
    assert.deepEqual([(await ask(bare)).code, (await ask(bare)).code], ['VALID', 'REPLAYED'])
    const young = new Installation()
    young.put('api', api)
    young.nowMs += 15_000
    here = young
    issueKey(boundTo('signature', KEY))
    const refused = await ask(assertion({ iat: undefined }))
    assert.equal(refused.code, 'BINDING_MISMATCH')
    assert.match(refused.detail!, /make a fresh one, with iat/)
    assert.equal((await ask(assertion())).code, 'VALID', 'with iat it is known to be fresh')
  })

  it('is signed by an algorithm of the key alone: none and HMAC by the public key are refused', async () => {
    const publicBytes = Buffer.from(JSON.stringify(KEY.jwk))
    const forged = [
      ...['HS256', 'HS512'].map((alg) => signJws(alg as 'HS256', publicBytes, claims(), { alg })),
      ...['none', 'None', 'NONE'].map((alg) => signJws('ES256', KEY.signer, claims(), { alg })),
      signJws('ES512', sampleKey('ES512').signer, claims()),
    ]
    for (const one of forged) assert.equal((await ask(one)).code, 'BAD_SIGNATURE')
    const rsa = sampleKey('RS256')
    issueKey(boundTo('signature', { ...rsa, jwk: { ...rsa.jwk, alg: 'PS256' } }), { id: 'BBBBBBBBBBB1' })
    assert.equal((await ask(signJws('RS256', rsa.signer, claims()))).code, 'BAD_SECRET')
    assert.equal((await ask(signJws('PS256', rsa.signer, claims()))).code, 'VALID', 'the control')
    const unsigned = `${assertion().split('.').slice(0, 2).join('.')}.`
    assert.equal((await ask(unsigned)).code, 'MALFORMED')
  })

  it('believes no key that it brings along, no typ of another kind of token, and no extension', async () => {
    const own = assertion({}, OTHER_KEY, { jwk: OTHER_KEY.jwk, jku: 'https://evil.example/jwks' })
    assert.equal((await ask(own)).code, 'BAD_SECRET')
    for (const typ of ['at+jwt', 'dpop+jwt', 'JOSE']) {
      assert.equal((await ask(assertion({}, KEY, { typ }))).code, 'MALFORMED', typ)
    }
    assert.equal((await ask(assertion({}, KEY, { crit: ['exp'] }))).code, 'MALFORMED')
    for (const [index, typ] of ['JWT', 'application/jwt', 'client-authentication+jwt'].entries()) {
      assert.equal((await ask(assertion({ jti: `t${index}` }, KEY, { typ }))).code, 'VALID', typ)
    }
  })

  it('is found by the thumbprint as kid, by the kid of the key, or by none; another kid names no key', async () => {
    issueKey(boundTo('signature', named(OTHER_KEY, 'second')), {
      id: 'BBBBBBBBBBB2',
    })
    const codeWith = async (jti: string, kid: string | undefined, key: SampleKey) =>
      (await ask(assertion({ jti }, key, { kid }))).code
    assert.equal(await codeWith('k1', boundTo('signature', KEY).thumbprint, KEY), 'VALID')
    assert.equal(await codeWith('k2', undefined, OTHER_KEY), 'VALID')
    assert.equal(await codeWith('k3', 'second', OTHER_KEY), 'VALID')
    assert.equal(await codeWith('k4', boundTo('signature', OTHER_KEY).thumbprint, OTHER_KEY), 'VALID')
    assert.equal(await codeWith('k5', 'second', KEY), 'BAD_SECRET')
    assert.equal(await codeWith('k6', boundTo('signature', OTHER_KEY).thumbprint, KEY), 'BAD_SECRET')
    assert.equal(await codeWith('k7', 'third', KEY), 'BAD_SECRET')
  })

  it('by the key of another client is refused, and looks as if there were no such client', async () => {
    const other = here.put('principal', aPrincipal({ id: 'prn_000000000008', name: 'other' }))
    issueKey(boundTo('signature', OTHER_KEY), { id: 'BBBBBBBBBBB3', principalId: other.id })
    const otherId = clientIdOf(other.id)
    const byOther = assertion({}, OTHER_KEY, { kid: boundTo('signature', OTHER_KEY).thumbprint })
    const decision = await ask(byOther)
    assert.deepEqual([decision.code, decision.credential], ['BAD_SECRET', null])
    const unknown = await ask(assertion({ iss: 'cli_00000000000Z', sub: 'cli_00000000000Z' }))
    assert.equal(unknown.code, 'NOT_FOUND')
    const own = await ask(assertion({ iss: otherId, sub: otherId }, OTHER_KEY))
    assert.equal(own.code, 'VALID', 'the control')
  })

  it('of a client of another workspace is unknown', async () => {
    here.put('principal', aPrincipal({ id: 'prn_00000000000W', workspaceId: 'ws_2', name: 'there' }))
    issueKey(boundTo('signature', OTHER_KEY), {
      ...{ id: 'BBBBBBBBBBB4', workspaceId: 'ws_2', principalId: 'prn_00000000000W' },
    })
    const there = { iss: 'cli_00000000000W', sub: 'cli_00000000000W' }
    assert.equal((await ask(assertion(there, OTHER_KEY))).code, 'NOT_FOUND')
  })

  it('is REVOKED with its credential, also when it is remembered where that is; a new one for the same key works', async () => {
    const credential = issueKey(boundTo('signature', KEY))
    assert.equal((await ask(assertion({ jti: 'r1' }))).code, 'VALID')
    here.change('credential', { ...credential, state: 'revoked', revision: 2 })
    assert.equal((await ask(assertion({ jti: 'r2' }))).code, 'REVOKED')
    issueKey(boundTo('signature', KEY), { id: 'BBBBBBBBBBB5' })
    assert.equal((await ask(assertion({ jti: 'r3' }))).credential?.id, 'BBBBBBBBBBB5')
  })

  it('by a key that was replaced counts no more, and by the new one at once', async () => {
    const credential = issueKey(boundTo('signature', KEY))
    assert.equal((await ask(assertion({ jti: 'p1' }))).code, 'VALID')
    const binding = boundTo('signature', OTHER_KEY)
    here.change('credential', { ...credential, binding, handle: binding.thumbprint, revision: 2 })
    assert.equal((await ask(assertion({ jti: 'p2' }))).code, 'BAD_SECRET')
    assert.equal((await ask(assertion({ jti: 'p3' }, OTHER_KEY))).code, 'VALID')
  })

  it('reads the store once, and then knows where to look; it is remembered nowhere itself', async () => {
    await ask(assertion({ jti: 'c1' }))
    here.reads.length = 0
    const second = assertion({ jti: 'c2' })
    assert.equal((await ask(second)).code, 'VALID')
    assert.deepEqual(here.reads, [])
    const { proofs } = here.verifier
    assert.equal(proofs.get(proofs.keyOf(second)), undefined)
  })

  it('waits for the same moment, whether the client is unknown or the signature is wrong', async () => {
    for (const change of [{}, { iss: 'cli_00000000000Z', sub: 'cli_00000000000Z' }]) {
      let isTime = false
      const pace = async () => {
        await new Promise((resolve) => setImmediate(resolve))
        isTime = true
      }
      const decision = await ask(assertion(change, OTHER_KEY), {}, { ...here.verifier, pace })
      assert.notEqual(decision.code, 'VALID')
      assert.ok(isTime, 'nobody is told before')
    }
  })

  it('without the store passes as long as what is known may answer, and otherwise nobody can tell', async () => {
    const graceful = here.put('api', { ...api, outageGraceSeconds: 60 })
    const during = { api: graceful }
    await ask(assertion({ jti: 'g1' }), during)
    here.isReachable = false
    here.overdueMs = 1000
    assert.equal((await ask(assertion({ jti: 'g2' }), during)).code, 'VALID')
    assert.equal((await ask(assertion({ jti: 'g3' }, OTHER_KEY), during)).code, 'UNAVAILABLE')
    assert.equal((await ask(assertion({ jti: 'g4' }))).code, 'UNAVAILABLE', 'without a grace')
  })

  it('is taken as a bare key, and never under the scheme DPoP, which is a proof of another kind', async () => {
    const bare = ['X-API-Key', assertion({ jti: 's1' })]
    assert.equal((await ask(null, { headers: bare })).code, 'VALID')
    const dpop = ['Authorization', `DPoP ${assertion({ jti: 's2' })}`]
    assert.equal((await ask(null, { headers: dpop })).code, 'BINDING_MISMATCH')
  })

  it('is not taken where the API does not say so, nor at administration', async () => {
    const plain = anApi({ accepts: ['api_key', 'jwt'] })
    here.change('api', plain)
    assert.equal((await ask(assertion(), { api: plain })).code, 'KIND_NOT_ACCEPTED')
    const atHome = { api: null, homeApiId: () => api.id }
    assert.equal((await ask(assertion(), atHome)).code, 'KIND_NOT_ACCEPTED')
  })

  it('leaves to trusted issuers what does not begin as a client id does', async () => {
    const trusting = new Trusting()
    const both = anApi({ accepts: ['client_key', 'jwt'] })
    trusting.put('api', both)
    const token = trusting.token()
    assert.equal((await trusting.decide(token, { api: both })).code, 'UNTRUSTED_ISSUER')
    const claimed = trusting.token({ iss: CLIENT_ID, sub: CLIENT_ID })
    assert.equal((await trusting.decide(claimed, { api: both })).code, 'NOT_FOUND')
    assert.equal(trusting.keysAsked, 0)
    const escaped = signJws('ES256', KEY.signer, '{"iss":"\\u0063li_9","sub":"cli_9"}')
    assert.notEqual((await ask(escaped)).code, 'UNTRUSTED_ISSUER', 'however it is spelled')
  })
})

describe('a client certificate (RFC 8705)', () => {
  const shown = showing(CERTIFICATE.thumbprint)

  it('is the credential where client keys are taken and nothing else is presented', async () => {
    issueKey(CERTIFICATE)
    const decision = await ask(null, shown)
    assert.deepEqual([decision.code, decision.credential?.kind], ['VALID', 'client_key'])
    here.reads.length = 0
    assert.equal((await ask(null, shown)).code, 'VALID')
    assert.deepEqual(here.reads, [], 'the record is cached')
  })

  it('is not where an API or a route does not say so', async () => {
    issueKey(CERTIFICATE)
    const plain = anApi()
    here.change('api', plain)
    assert.equal((await ask(null, { ...shown, api: plain })).code, 'MISSING')
    const route = { method: '*', path: '/**', scopes: null, public: false, cost: 1 }
    const routed = anApi({ routes: [{ ...route, accepts: ['client_key'] }] })
    here.change('api', routed)
    assert.equal((await ask(null, { ...shown, api: routed, useRoutes: true })).code, 'VALID')
    const closed = { ...api, routes: [{ ...route, accepts: ['api_key' as const] }] }
    here.change('api', closed)
    assert.equal((await ask(null, { ...shown, api: closed, useRoutes: true })).code, 'MISSING')
    const atHome = { ...shown, api: null, homeApiId: () => api.id }
    assert.equal((await ask(null, atHome)).code, 'MISSING')
  })

  it('beside another credential is its proof, and no second credential', async () => {
    issueKey(CERTIFICATE)
    const { key, credential } = here.issue({ id: 'BBBBBBBBBBB6', binding: CERTIFICATE })
    const decision = await ask(key, shown)
    assert.deepEqual([decision.code, decision.credential?.id], ['VALID', credential.id])
    assert.equal((await ask(key, showing(OTHER_THUMBPRINT))).code, 'BINDING_MISMATCH')
    const wrong = await ask(`${key.slice(0, -1)}x`, shown)
    assert.notEqual(wrong.code, 'VALID', 'a wrong key does not fall back to the certificate')
  })

  it('that nobody has, of another workspace, or of a credential that was revoked, is NOT_FOUND at its moment', async () => {
    const credential = issueKey(CERTIFICATE)
    issueKey({ ...CERTIFICATE, thumbprint: OTHER_THUMBPRINT }, { id: 'BBBBBBBBBBB7', workspaceId: 'ws_2' })
    let paced = 0
    const pace = async () => {
      paced += 1
    }
    const verifier = { ...here.verifier, pace }
    for (const thumbprint of [OTHER_THUMBPRINT, 'C'.repeat(43)]) {
      const decision = await ask(null, showing(thumbprint), verifier)
      assert.deepEqual([decision.code, decision.failedCheck], ['NOT_FOUND', 'secret'])
    }
    assert.equal(paced, 2)
    assert.equal((await ask(null, shown, verifier)).code, 'VALID', 'the control')
    here.change('credential', { ...credential, state: 'revoked', revision: 2 })
    assert.equal((await ask(null, shown, verifier)).code, 'NOT_FOUND')
  })

  it('that was given back counts for whoever has it next, wherever its record is remembered', async () => {
    const credential = issueKey(CERTIFICATE)
    assert.equal((await ask(null, shown)).code, 'VALID')
    // What is decided first must be right: this verifier reads nothing again before it refuses.
    const rereads = new SourceBudget({ perSecond: 0, burst: 0, maxSources: 10 })
    const once = { ...here.verifier, rereads }
    const binding: Binding = { type: 'mtls', thumbprint: OTHER_THUMBPRINT }
    const revoked = { ...credential, state: 'revoked', revision: 2 } as const
    const replaced = { ...credential, binding, handle: OTHER_THUMBPRINT, revision: 3 }
    for (const [index, after] of [revoked, replaced].entries()) {
      here.change('credential', after)
      await here.verifier.lookup.read('credential', credential.id)
      assert.equal((await ask(null, shown, once)).code, 'NOT_FOUND')
      const next = issueKey(CERTIFICATE, { id: `BBBBBBBBBBD${index}` })
      here.knownKeys.set(CERTIFICATE.thumbprint, [credential.id])
      assert.equal((await ask(null, shown, once)).credential?.id, next.id)
      here.remove('credential', next.id)
      here.change('credential', credential)
      here.knownKeys.set(CERTIFICATE.thumbprint, [credential.id])
    }
  })

  it('does not step in for what is there and cannot be read', async () => {
    issueKey(CERTIFICATE)
    for (const headers of [
      ['Authorization', 'Digest x'],
      ['Authorization', 'Bearer a', 'Authorization', 'Bearer a'],
      ['X-API-Key', ''],
    ]) {
      assert.equal((await ask(null, { ...shown, headers })).code, 'MALFORMED')
    }
    const two = ['Authorization', 'Bearer a', 'X-API-Key', 'b']
    assert.equal((await ask(null, { ...shown, headers: two })).code, 'AMBIGUOUS')
  })

  it('of a disabled credential or principal is DISABLED, over its end EXPIRED', async () => {
    const credential = issueKey(CERTIFICATE)
    here.change('credential', { ...credential, state: 'disabled', revision: 2 })
    assert.equal((await ask(null, shown)).code, 'DISABLED')
    here.change('credential', { ...credential, expiresAtMs: here.nowMs, revision: 3 })
    assert.equal((await ask(null, shown)).code, 'EXPIRED')
    here.change('credential', { ...credential, revision: 4 })
    here.change('principal', aPrincipal({ disabledAtMs: 1 }))
    assert.equal((await ask(null, shown)).code, 'DISABLED')
  })

  it('is never taken for the thumbprint of a key, nor for a string that is presented', async () => {
    const { thumbprint } = boundTo('signature', KEY)
    issueKey(boundTo('signature', KEY))
    assert.equal((await ask(null, showing(thumbprint))).code, 'NOT_FOUND')
    issueKey(CERTIFICATE, { id: 'BBBBBBBBBBB8' })
    assert.equal((await ask(null, shown)).code, 'VALID')
    assert.equal((await ask(CERTIFICATE.thumbprint, shown)).code, 'MALFORMED')
    assert.equal((await ask(null, { headers: ['X-API-Key', CERTIFICATE.thumbprint] })).code, 'MALFORMED')
  })

  it('that cannot be read is BAD_REQUEST, and the lack of one is told beside the lack of anything else', async () => {
    issueKey(CERTIFICATE)
    const refused = { type: 'refused', code: 'BAD_REQUEST', detail: 'two of them' } as const
    const unread = await ask(null, { presenter: aPresenter({ certificate: () => refused }) })
    assert.deepEqual([unread.code, unread.failedCheck], ['BAD_REQUEST', 'extract'])
    const none = await ask(null)
    assert.equal(none.code, 'MISSING')
    assert.match(none.detail!, /nor a client certificate: the client showed none/)
    assert.equal((await ask(null, { presenter: null })).code, 'MISSING')
  })

  it('satisfies an API that takes bound credentials alone, as an assertion does', async () => {
    issueKey(CERTIFICATE)
    issueKey(boundTo('signature', KEY), { id: 'BBBBBBBBBBB9' })
    const strict = here.put('api', { ...api, requiresBinding: true })
    assert.equal((await ask(null, { ...shown, api: strict })).code, 'VALID')
    assert.equal((await ask(assertion(), { api: strict })).code, 'VALID')
    const { key } = here.issue({ id: 'BBBBBBBBBBC0' })
    assert.equal((await ask(key, { ...shown, api: strict })).code, 'BINDING_REQUIRED', 'the control')
  })
})
