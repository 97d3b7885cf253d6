import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { beforeEach, describe, it } from 'node:test'
import type { Decision } from './decision.ts'
import { challengeOf } from './dpop-challenge.ts'
import { DpopNonces } from './dpop-nonces.ts'
import type { SignedRequest } from './message-component.ts'
import type { Presenter } from './presenter.ts'
import type { Binding } from './records.ts'
import { ReplayUnavailable } from './replay-guard.ts'
import { aRequest, Installation } from './testing/installation.ts'
import { sampleKey } from './testing/jws-samples.ts'
import { signedRequest } from './testing/message-samples.ts'
import { aDpopProof, aPresenter, boundTo, THERE } from './testing/presenter.ts'
import { anApi } from './testing/records.ts'
import { verify } from './verify.ts'
import type { Verifier, VerifyRequest } from './verify-request.ts'

const KEY = sampleKey('ES256')
const OTHER_KEY = sampleKey('ES256', 'other')

let here: Installation
let key: string

function issueBound(binding: Binding | null): void {
  key = here.issue({ binding }).key
}

function ask(headers: readonly string[], change: Partial<VerifyRequest> = {}, verifier = here.verifier) {
  return verify(aRequest(null, { headers, presenter: aPresenter(), ...change }), verifier)
}

function proof(claims: Record<string, unknown> = {}, signer = KEY, credential = key): string {
  return aDpopProof(signer, credential, here.nowMs, claims)
}

const underDpop = (one: string) => ['Authorization', `DPoP ${key}`, 'DPoP', one]
const says = ({ code, failedCheck, dpop }: Decision) => [code, failedCheck, dpop?.error ?? null]

beforeEach(() => {
  here = new Installation()
  // The memory of proofs begins when it is made, and takes what was made before for old.
  here.nowMs += 60_000
})

describe('a credential that is bound by DPoP', () => {
  beforeEach(() => issueBound(boundTo('dpop', KEY)))

  it('is VALID beside a proof of its key, under the scheme DPoP and as a bare key', async () => {
    assert.equal((await ask(underDpop(proof()))).code, 'VALID')
    assert.equal((await ask(['X-API-Key', key, 'dpop', proof({ jti: 'j2' })])).code, 'VALID')
    const prepared = await ask(underDpop(proof({ jti: 'j3' })))
    assert.deepEqual([prepared.code, prepared.dpop], ['VALID', null])
  })

  it('is BINDING_REQUIRED without a proof, wherever it stands', async () => {
    for (const headers of [
      ['Authorization', `Bearer ${key}`],
      ['Authorization', `DPoP ${key}`],
      ['X-API-Key', key],
    ]) {
      const decision = await ask(headers)
      assert.deepEqual(says(decision), ['BINDING_REQUIRED', 'binding', 'invalid_token'], String(headers[1]))
      assert.match(challengeOf(decision)!, /^DPoP realm="orders", error="invalid_token", .*algs="ES256 /)
    }
  })

  it('is refused as Bearer with a good proof beside it (RFC 9449 section 7.2), and the proof is not used up', async () => {
    const one = proof()
    const asBearer = await ask(['Authorization', `Bearer ${key}`, 'DPoP', one])
    assert.deepEqual(says(asBearer), ['BINDING_MISMATCH', 'binding', 'invalid_token'])
    assert.equal((await ask(underDpop(one))).code, 'VALID')
  })

  it('is refused beside a proof of another key, request, credential or time', async () => {
    const wrong: [string, string, string][] = [
      ['another key', proof({}, OTHER_KEY), 'invalid_token'],
      ['another method', proof({ htm: 'POST' }), 'invalid_dpop_proof'],
      ['another URI', proof({ htu: 'https://api.example/orders/8' }), 'invalid_dpop_proof'],
      ['another host', proof({ htu: 'https://evil.example/orders/7' }), 'invalid_dpop_proof'],
      ['another credential', proof({}, KEY, `${key}x`), 'invalid_token'],
      ['no credential', proof({ ath: undefined }), 'invalid_dpop_proof'],
      ['too old', proof({ iat: here.nowMs / 1000 - 61 }), 'invalid_dpop_proof'],
      ['too far ahead', proof({ iat: here.nowMs / 1000 + 11 }), 'invalid_dpop_proof'],
      ['no proof at all', 'x', 'invalid_dpop_proof'],
    ]
    for (const [name, one, error] of wrong) {
      assert.deepEqual(says(await ask(underDpop(one))), ['BINDING_MISMATCH', 'binding', error], name)
    }
    assert.equal((await ask(underDpop(proof()))).code, 'VALID', 'the control')
  })

  it('is MALFORMED beside two proofs, and beside one that is too long', async () => {
    const two = [...underDpop(proof()), 'DPoP', proof({ jti: 'j2' })]
    assert.deepEqual(says(await ask(two)), ['MALFORMED', 'binding', 'invalid_dpop_proof'])
    assert.equal((await ask(underDpop('x'.repeat(8193)))).code, 'MALFORMED')
  })

  it('is REPLAYED beside a proof that was used before, with whatever credential', async () => {
    const one = proof()
    assert.equal((await ask(underDpop(one))).code, 'VALID')
    assert.deepEqual(says(await ask(underDpop(one))), ['REPLAYED', 'binding', 'invalid_dpop_proof'])
    assert.equal((await ask(underDpop(proof({ jti: 'j2' })))).code, 'VALID')
  })

  it('of 100 that present one proof at once lets one pass', async () => {
    const one = proof()
    const codes = await Promise.all(Array.from({ length: 100 }, async () => (await ask(underDpop(one))).code))
    assert.equal(codes.filter((code) => code === 'VALID').length, 1)
    assert.equal(codes.filter((code) => code === 'REPLAYED').length, 99)
  })

  it('does not find its own claim when the checks run again from the store', async () => {
    // The grant came after the record was cached, and the feed has not told.
    const { credential } = here.issue({ binding: boundTo('dpop', KEY), grants: [] })
    const wanted = { scopes: 'orders:read' }
    await ask(underDpop(proof()), wanted)
    const [grant] = here.issue({ binding: boundTo('dpop', KEY) }).credential.grants
    here.put('credential', { ...credential, grants: [grant!], revision: 2 })
    assert.equal((await ask(underDpop(proof({ jti: 'j2' })), wanted)).code, 'VALID')
    // The claim stands all the same for a request that is refused afterwards.
    here.change('credential', { ...credential, grants: [{ ...grant!, scopes: [] }], revision: 3 })
    const one = proof({ jti: 'j3' })
    assert.equal((await ask(underDpop(one), wanted)).code, 'INSUFFICIENT_SCOPE')
    assert.equal((await ask(underDpop(one), wanted)).code, 'REPLAYED')
  })

  it('that was bound to another key since is held against that one, before the feed tells', async () => {
    await ask(underDpop(proof()))
    const { credential } = here.issue({ binding: boundTo('dpop', OTHER_KEY), revision: 2 })
    assert.equal((await ask(underDpop(proof({ jti: 'j2' }, OTHER_KEY)))).code, 'VALID')
    assert.equal(credential.revision, 2)
  })

  it('is UNAVAILABLE where nobody knows which proofs were used', async () => {
    const redeem = () => Promise.reject(new ReplayUnavailable('gone'))
    const blind: Verifier = { ...here.verifier, replayGuard: { redeem } }
    const decision = await ask(underDpop(proof()), {}, blind)
    assert.deepEqual([decision.code, decision.failedCheck], ['UNAVAILABLE', 'binding'])
  })

  it('goes on being proven while the store is gone, where the API has chosen to go on, and takes a proof once', async () => {
    const api = here.put('api', anApi({ outageGraceSeconds: 60 }))
    assert.equal((await ask(underDpop(proof()), { api })).code, 'VALID')
    here.isReachable = false
    here.overdueMs = 5000
    const one = proof({ jti: 'j2' })
    const [first, again] = [await ask(underDpop(one), { api }), await ask(underDpop(one), { api })]
    assert.deepEqual([first.code, first.staleSeconds], ['VALID', 5])
    assert.equal(again.code, 'UNAVAILABLE', 'what is known does not allow it, and may be out of date')
    assert.equal((await ask(['X-API-Key', key], { api })).code, 'UNAVAILABLE')
  })

  it('is asked for a fresh proof where the memory of used ones begins later', async () => {
    const young: Verifier = { ...here.verifier, replayGuard: { redeem: async () => 'too_old' } }
    const decision = await ask(underDpop(proof()), {}, young)
    assert.deepEqual(says(decision), ['BINDING_MISMATCH', 'binding', 'invalid_dpop_proof'])
    assert.match(decision.detail!, /fresh one/)
  })

  it('is refused where nothing is known of the request, in words that say what to set', async () => {
    assert.equal((await ask(underDpop(proof()), { presenter: null })).code, 'BINDING_MISMATCH')
    const problem = 'set CREDENCE_SOMETHING'
    const presenter = aPresenter({ uri: () => ({ known: false, problem }) })
    const decision = await ask(underDpop(proof()), { presenter })
    assert.deepEqual([decision.code, decision.detail], ['BINDING_MISMATCH', problem])
    const other = await ask(underDpop(proof({ htu: 'https://other.example/orders/7' })))
    assert.match(other.detail!, /here it is https:\/\/api\.example\/orders\/7, by the test$/)
  })

  it('must hold a nonce where one is demanded, and every answer says which', async () => {
    const nonces = new DpopNonces({ key: Buffer.alloc(32, 7), windowMs: 60_000 })
    const demanding: Verifier = { ...here.verifier, dpopNonces: nonces }
    const nonce = nonces.current(here.nowMs)
    const wanting = { error: 'use_dpop_nonce', nonce }
    const without = await ask(underDpop(proof()), {}, demanding)
    assert.deepEqual([without.code, without.dpop], ['BINDING_MISMATCH', wanting])
    assert.deepEqual((await ask(['X-API-Key', key], {}, demanding)).dpop, wanting)
    const right = await ask(underDpop(proof({ nonce })), {}, demanding)
    assert.deepEqual([right.code, right.dpop], ['VALID', { error: null, nonce }])
    const wrong = await ask(underDpop(proof({ jti: 'j9', nonce: 'x' })), {}, demanding)
    assert.deepEqual(wrong.dpop, wanting)
  })

  it('is asked for its proof also where only who it is is asked', async () => {
    const whoOnly = { api: null, homeApiId: null }
    assert.equal((await ask(['Authorization', `DPoP ${key}`], whoOnly)).code, 'BINDING_REQUIRED')
    assert.equal((await ask(underDpop(proof()), whoOnly)).code, 'VALID')
    const atHome = { api: null, homeApiId: () => anApi().id }
    assert.equal((await ask(['X-API-Key', key], atHome)).code, 'BINDING_REQUIRED')
    assert.equal((await ask(underDpop(proof({ jti: 'j2' })), atHome)).code, 'VALID')
  })

  it('is refused for its secret first: the proof of a credential that nobody has tells nothing', async () => {
    const unknown = `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`
    const headers = ['Authorization', `DPoP ${unknown}`, 'DPoP', proof({}, KEY, unknown)]
    assert.equal((await ask(headers)).failedCheck, 'secret')
  })
})

describe('a credential that is bound to no key', () => {
  beforeEach(() => issueBound(null))

  it('under the scheme DPoP is BINDING_MISMATCH, warm and cold, since its key is not that of the proof (section 7.1)', async () => {
    for (let i = 0; i < 2; i++) {
      assert.equal((await ask(underDpop(proof({ jti: `j${i}` })))).code, 'BINDING_MISMATCH')
      assert.equal((await ask(['Authorization', `Bearer ${key}`])).code, 'VALID')
    }
  })

  it('passes beside a proof that it does not need', async () => {
    assert.equal((await ask(['X-API-Key', key, 'DPoP', proof()])).code, 'VALID')
  })

  it('is BINDING_REQUIRED at an API that takes bound ones alone, warm and cold; who brings none is offered both', async () => {
    const api = here.put('api', anApi({ requiresBinding: true }))
    for (let i = 0; i < 2; i++) {
      assert.equal((await ask(['X-API-Key', key], { api })).code, 'BINDING_REQUIRED')
    }
    const missing = await ask([], { api })
    assert.match(challengeOf(missing)!, /^Bearer realm="orders", DPoP realm="orders", algs="ES256 [^"]+"$/)
    issueBound(boundTo('dpop', KEY))
    here.verifier.lookup.invalidate('credential', 'AAAAAAAAAAA4')
    assert.equal((await ask(underDpop(proof()), { api })).code, 'VALID')
  })
})

describe('a credential that is bound to a client certificate', () => {
  const thumbprint = 'A'.repeat(43)
  const shown = (one: string): Presenter =>
    aPresenter({ certificate: () => ({ type: 'shown', thumbprint: one }) })
  beforeEach(() => issueBound({ type: 'mtls', thumbprint }))

  it('is VALID over a connection with that certificate, and BINDING_MISMATCH with another', async () => {
    const headers = ['Authorization', `Bearer ${key}`]
    for (let i = 0; i < 2; i++) {
      assert.equal((await ask(headers, { presenter: shown(thumbprint) })).code, 'VALID')
      assert.equal((await ask(headers, { presenter: shown('B'.repeat(43)) })).code, 'BINDING_MISMATCH')
    }
  })

  it('is BINDING_REQUIRED without a certificate, with the challenge of RFC 8705 section 3', async () => {
    for (const presenter of [aPresenter(), null]) {
      const decision = await ask(['X-API-Key', key], { presenter })
      assert.equal(decision.code, 'BINDING_REQUIRED')
      assert.match(challengeOf(decision)!, /^Bearer realm="orders", error="invalid_token"/)
    }
  })

  it('is not proven by a DPoP proof, and passes on what is wrong with what a proxy says', async () => {
    assert.equal((await ask(underDpop(proof()))).code, 'BINDING_MISMATCH')
    assert.equal((await ask(['X-API-Key', key, 'DPoP', proof()])).code, 'BINDING_REQUIRED')
    const refused = { type: 'refused', code: 'BAD_REQUEST', detail: 'more than one Client-Cert' } as const
    const presenter = aPresenter({ certificate: () => refused })
    assert.equal((await ask(['X-API-Key', key], { presenter })).code, 'BAD_REQUEST')
  })
})

describe('a credential whose requests are signed', () => {
  const base = { scheme: 'https', authority: 'api.example', target: '/orders/7' } as const
  const covering = (more = '') => `("@method" "@target-uri" "x-api-key"${more});created=${here.nowMs / 1000}`
  const request = (headers: readonly string[]): SignedRequest => ({ ...base, method: 'GET', headers })
  const signed = (input: string, signer = KEY, headers: readonly string[] = ['X-API-Key', key]) =>
    signedRequest(request(headers), input, 'ES256', signer.signer).headers
  beforeEach(() => issueBound(boundTo('signature', KEY)))

  it('is VALID once signed by its key over method, target and credential, and then REPLAYED', async () => {
    const headers = signed(covering())
    assert.equal((await ask(headers)).code, 'VALID')
    assert.equal((await ask(headers)).code, 'REPLAYED')
  })

  it('is refused unsigned, signed by another key, over less, for another target, or yesterday', async () => {
    assert.equal((await ask(['X-API-Key', key])).code, 'BINDING_REQUIRED')
    const created = here.nowMs / 1000
    const wrong: [string, readonly string[]][] = [
      ['another key', signed(covering(), OTHER_KEY)],
      ['without the credential', signed(`("@method" "@target-uri");created=${created}`)],
      ['nothing covered', signed(`();created=${created}`)],
      ['old', signed(`("@method" "@target-uri" "x-api-key");created=${created - 61}`)],
      ['another keyid', signed(`${covering()};keyid="other"`)],
      ['another algorithm', signed(`${covering()};alg="ed25519"`)],
    ]
    for (const [name, headers] of wrong) assert.equal((await ask(headers)).code, 'BINDING_MISMATCH', name)
    const elsewhere = aPresenter({ uri: () => ({ ...THERE, target: '/orders/8' }) })
    assert.equal((await ask(signed(covering()), { presenter: elsewhere })).code, 'BINDING_MISMATCH')
    assert.equal((await ask(signed(covering()))).code, 'VALID', 'the control')
  })

  it('with content must cover its digest, which is recomputed; content that cannot be had is refused', async () => {
    const content = Buffer.from('{"quantity":7}')
    const digest = `sha-256=:${createHash('sha256').update(content).digest('base64')}:`
    const lines = ['X-API-Key', key, 'Content-Digest', digest]
    const holding = (bytes: Buffer) => aPresenter({ hasContent: () => true, content: async () => bytes })
    const covered = () => signed(covering(' "content-digest"'), KEY, lines)
    assert.equal((await ask(covered(), { presenter: holding(Buffer.from('{}')) })).code, 'BINDING_MISMATCH')
    const unknown = { code: 'BINDING_MISMATCH', detail: 'not here' } as const
    const elsewhere = aPresenter({ hasContent: () => true, content: async () => unknown })
    assert.equal((await ask(covered(), { presenter: elsewhere })).detail, 'not here')
    const uncovered = signed(covering(), KEY, lines)
    assert.equal((await ask(uncovered, { presenter: holding(content) })).code, 'BINDING_MISMATCH')
    assert.equal((await ask(covered(), { presenter: holding(content) })).code, 'VALID')
  })
})
