import assert from 'node:assert/strict'
import { createHash, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { calculateJwkThumbprint, type JWK, SignJWT } from 'jose'
import {
  checkDpopProof,
  DPOP_ALGORITHMS,
  type DpopResult,
  type ExpectedDpopProof,
  MAX_DPOP_LENGTH,
} from './dpop.ts'
import { DpopNonces } from './dpop-nonces.ts'
import { jwkThumbprint } from './jwk-thumbprint.ts'
import type { JwsAlgorithmName } from './jws-algorithm.ts'
import { MemoryReplayGuard } from './memory-replay-guard.ts'
import { encode, sampleKey, signJws } from './testing/jws-samples.ts'
import { checkProperty } from './testing/rounds.ts'

const NOW_MS = Date.UTC(2026, 5, 16, 12)
const CREDENTIAL = 'crd_live_abc'
const NONCES = new DpopNonces({ key: Buffer.alloc(32, 7), windowMs: 60_000 })
const ath = (credential: string) => createHash('sha256').update(credential).digest('base64url')

const EXPECTED: ExpectedDpopProof = {
  method: 'POST',
  uri: 'https://api.example/orders?page=2',
  credential: CREDENTIAL,
  thumbprint: jwkThumbprint(sampleKey('ES256').jwk),
  nonces: null,
}

interface Parts {
  readonly alg?: JwsAlgorithmName
  readonly which?: string
  readonly header?: Record<string, unknown>
  readonly claims?: Record<string, unknown>
}

const CLAIMS = {
  jti: 'j1',
  htm: 'POST',
  htu: 'https://api.example/orders',
  iat: NOW_MS / 1000,
  ath: ath(CREDENTIAL),
}

function proof({ alg = 'ES256', which, header = {}, claims = {} }: Parts = {}): string {
  const { jwk, signer } = sampleKey(alg, which)
  return signJws(alg, signer, { ...CLAIMS, ...claims }, { typ: 'dpop+jwt', alg, jwk, ...header })
}

function check(text: unknown, expected: Partial<ExpectedDpopProof> = {}, nowMs = NOW_MS): DpopResult {
  return checkDpopProof(text, { ...EXPECTED, ...expected }, nowMs)
}

function assertRefused(result: DpopResult, detail: RegExp, error = 'invalid_dpop_proof'): void {
  assert.ok(!result.ok, 'refused')
  assert.match(result.detail, detail)
  assert.deepEqual([result.code, result.error], ['BINDING_MISMATCH', error])
}

describe('a DPoP proof', () => {
  it('is accepted with every algorithm that counts, and says whose it is and what must be asked of the replay guard', () => {
    for (const alg of DPOP_ALGORITHMS) {
      const thumbprint = jwkThumbprint(sampleKey(alg).jwk)
      assert.ok(thumbprint !== null)
      assert.deepEqual(check(proof({ alg }), { thumbprint }), {
        ok: true,
        thumbprint,
        jti: 'j1',
        iat: NOW_MS / 1000,
        nonce: null,
        redeemable: {
          scope: `dpop:${thumbprint}`,
          id: 'j1',
          issuedAtMs: NOW_MS - 10_000,
          keepUntilMs: NOW_MS + 60_000 + 300_000,
        },
      })
    }
  })

  it('is accepted as jose signs it', async () => {
    for (const alg of ['ES256', 'EdDSA', 'PS256'] as const) {
      const { jwk, signer } = sampleKey(alg)
      const text = await new SignJWT(CLAIMS)
        .setProtectedHeader({ typ: 'dpop+jwt', alg, jwk: jwk as JWK })
        .sign(signer as KeyObject)
      const result = check(text, { thumbprint: null })
      assert.ok(result.ok && result.thumbprint === (await calculateJwkThumbprint(jwk as JWK)), alg)
    }
  })

  it('of another key than the one that the credential is bound to is refused', () => {
    assertRefused(check(proof({ which: 'other' })), /another key/, 'invalid_token')
    assert.ok(
      check(proof({ which: 'other' }), { thumbprint: null }).ok,
      'where nothing is bound yet it binds',
    )
  })

  it('that shows one key and is signed by another is refused', () => {
    assertRefused(check(proof({ header: { jwk: sampleKey('ES256', 'other').jwk } })), /signature/)
    const victim = sampleKey('ES256').jwk
    assertRefused(check(proof({ which: 'other', header: { jwk: victim } })), /signature/)
  })

  it('is refused on another method or URI', () => {
    for (const method of ['GET', 'post', 'POST ']) assertRefused(check(proof(), { method }), /htm/)
    for (const uri of [
      'http://api.example/orders',
      'https://api.example/orders/',
      'https://api.example/orders/1',
      'https://api.example:8443/orders',
      'https://other.example/orders',
    ]) {
      assertRefused(check(proof(), { uri }), /htu/)
    }
    assert.ok(check(proof({ claims: { htu: 'HTTPS://API.example:443/x/../orders?other#part' } })).ok)
    for (const htu of ['', '/orders', 'https://api.example@evil.example/orders']) {
      assertRefused(check(proof({ claims: { htu } })), /htu/)
    }
  })

  it('is the request at fault where that has no URI that could be compared', () => {
    const result = check(proof({ claims: { htu: 'nonsense' } }), { uri: 'nonsense' })
    assert.ok(!result.ok && result.code === 'BAD_REQUEST')
  })

  it('beside another credential, or without saying beside which, is refused', () => {
    assertRefused(
      check(proof({ claims: { ath: ath('crd_live_other') } })),
      /another credential/,
      'invalid_token',
    )
    assertRefused(check(proof({ claims: { ath: undefined } })), /without ath/)
    assertRefused(check(proof({ claims: { ath: '' } })), /another credential/, 'invalid_token')
    assert.ok(check(proof({ claims: { ath: undefined } }), { credential: null }).ok)
  })

  it('made too long ago, or too far ahead, is refused, and at the edges it is not', () => {
    const at = (seconds: number) => check(proof({ claims: { iat: NOW_MS / 1000 + seconds } }))
    assert.ok(at(-60).ok && at(10).ok && at(0.5).ok)
    assertRefused(at(-61), /more than 60 seconds ago/)
    assertRefused(at(11), /more than 10 seconds ahead/)
    for (const iat of [-1, 0, 1e300, -1e300]) assertRefused(check(proof({ claims: { iat } })), /iat/)
    const window = { maxAgeMs: 5000, maxAheadMs: 0 }
    assertRefused(check(proof(), { window }, NOW_MS + 5001), /more than 5 seconds ago/)
  })

  it('without the nonce of the server, or with an old one, is asked for the current one, and only once it is right otherwise', () => {
    const nonce = NONCES.current(NOW_MS)
    const old = NONCES.current(NOW_MS - 120_000)
    const result = check(proof({ claims: { nonce } }), { nonces: NONCES })
    assert.ok(result.ok && result.nonce === nonce)
    assertRefused(check(proof(), { nonces: NONCES }), /without the nonce/, 'use_dpop_nonce')
    assertRefused(check(proof({ claims: { nonce: old } }), { nonces: NONCES }), /nonce/, 'use_dpop_nonce')
    assertRefused(check(proof(), { nonces: NONCES, method: 'GET' }), /htm/)
    assert.ok(check(proof({ claims: { nonce: old } })).ok, 'where none is demanded, it is nobody to judge')
  })

  it('unsigned, signed with a secret, or with an algorithm that does not count is refused', () => {
    const { jwk } = sampleKey('ES256')
    const header = encode({ typ: 'dpop+jwt', alg: 'none', jwk })
    assertRefused(check(`${header}.${encode(CLAIMS)}.`), /three parts/)
    assertRefused(check(`${header}.${encode(CLAIMS)}.AAAA`), /not allowed/)
    assertRefused(check(proof({ alg: 'HS256' })), /secret member/)
    const secret = sampleKey('HS256')
    const text = signJws('HS256', secret.signer, CLAIMS, { typ: 'dpop+jwt', alg: 'HS256', jwk })
    assertRefused(check(text), /not allowed/)
    assertRefused(check(proof({ alg: 'ES512' }), { thumbprint: null }), /not allowed/)
  })

  it('that carries its private key is refused, though it is signed by it', () => {
    for (const alg of ['ES256', 'PS256', 'EdDSA'] as const) {
      const jwk = (sampleKey(alg).signer as KeyObject).export({ format: 'jwk' })
      assertRefused(check(proof({ alg, header: { jwk } }), { thumbprint: null }), /compromised/)
    }
  })

  it('of another type, without a key, or with a weak one is refused', () => {
    for (const typ of [undefined, 'JWT', 'dpop', 'DPOP+JWT', 'application/dpop+jwt']) {
      assertRefused(check(proof({ header: { typ } })), /typ/)
    }
    for (const jwk of [undefined, null, 'x', []]) assertRefused(check(proof({ header: { jwk } })), /no jwk/)
    assertRefused(check(proof({ header: { jwk: { kty: 'EC' } } })), /./)
    assertRefused(check(proof({ header: { jwk: { ...sampleKey('ES256').jwk, use: 'enc' } } })), /./)
    assertRefused(check(proof({ header: { crit: ['x'] } })), /crit/)
  })

  it('is checked with the key in its header, whatever names they have', () => {
    const { jwk } = sampleKey('ES256')
    assert.ok(check(proof({ header: { kid: 'a', jwk: { ...jwk, kid: 'b' } } })).ok)
  })

  it('with a claim that is missing, of another type, or too long is refused', () => {
    for (const name of ['jti', 'htm', 'htu', 'iat']) {
      for (const value of [undefined, null, true, {}, ['x']]) {
        assertRefused(check(proof({ claims: { [name]: value } })), /claim/)
      }
    }
    for (const claims of [{ jti: '' }, { jti: 'x'.repeat(257) }, { iat: '1' }, { ath: 1 }, { nonce: 1 }]) {
      assertRefused(check(proof({ claims })), /claim/)
    }
    assert.ok(check(proof({ claims: { jti: 'x'.repeat(256) } })).ok)
    const { jwk, signer } = sampleKey('ES256')
    const header = { typ: 'dpop+jwt', alg: 'ES256', jwk }
    const twice = JSON.stringify(CLAIMS).replace('{', '{"htm":"GET",')
    for (const payload of [twice, '[]', 'null', '"x"', '1', '', 'x']) {
      assertRefused(check(signJws('ES256', signer, payload, header)), /claim/)
    }
  })

  it('is refused once any character of it is another', () => {
    const text = proof()
    for (let at = 0; at < text.length; at += 1) {
      const other = text[at] === 'A' ? 'B' : 'A'
      assert.ok(!check(text.slice(0, at) + other + text.slice(at + 1)).ok, `at ${at}`)
    }
  })

  it('is the first once, and a replay from then on as long as it is fresh, on any node', async () => {
    let nowMs = NOW_MS - 60_000
    const guard = new MemoryReplayGuard({ maxRedemptions: 100, clock: () => nowMs })
    nowMs = NOW_MS
    const ask = async () => {
      const result = check(proof(), {}, nowMs)
      assert.ok(result.ok)
      const { scope, id, issuedAtMs, keepUntilMs } = result.redeemable
      return guard.redeem(scope, id, issuedAtMs, keepUntilMs)
    }
    assert.equal(await ask(), 'first')
    for (const afterMs of [0, 1, 60_000]) {
      nowMs = NOW_MS + afterMs
      assert.equal(await ask(), 'replayed')
    }
    assert.ok(!check(proof(), {}, NOW_MS + 60_001).ok)
  })

  it('has ids of its own: the same jti of another key is another proof', () => {
    const [one, two] = [check(proof()), check(proof({ which: 'other' }), { thumbprint: null })]
    assert.ok(one.ok && two.ok && one.jti === two.jti)
    assert.notEqual(one.redeemable.scope, two.redeemable.scope)
  })

  it('never throws, whatever is presented, and never repeats the credential', () => {
    const anything = fc.oneof(
      fc.anything(),
      fc.string(),
      fc.tuple(fc.jsonValue(), fc.jsonValue()).map(([a, b]) => `${encode(a)}.${encode(b)}.AAAA`),
      fc
        .dictionary(fc.constantFrom('typ', 'alg', 'jwk', 'kid', 'crit'), fc.jsonValue())
        .map((header) => proof({ header })),
      fc
        .dictionary(fc.constantFrom('jti', 'htm', 'htu', 'iat', 'ath', 'nonce'), fc.jsonValue())
        .map((claims) => proof({ claims })),
    )
    checkProperty(
      'anything for a proof',
      300,
      fc.property(anything, fc.boolean(), (text, isDemanded) => {
        const result = check(text, { nonces: isDemanded ? NONCES : null })
        assert.ok(result.ok || !result.detail.includes(CREDENTIAL))
      }),
    )
    assertRefused(check('x'.repeat(MAX_DPOP_LENGTH + 1)), /longer/)
  })
})

interface Vectors {
  readonly thumbprint: string
  readonly proofs: readonly {
    readonly section: string
    readonly method: string
    readonly uri: string
    readonly iat: number
    readonly credential: string | null
    readonly proof: string
  }[]
}

describe('the proofs of RFC 9449', () => {
  const path = new URL('../../../vectors/rfc9449/proofs.json', import.meta.url)
  const { thumbprint, proofs } = JSON.parse(readFileSync(path, 'utf8')) as Vectors
  for (const { section, method, uri, iat, credential, proof } of proofs) {
    it(`section ${section}: holds for its own request, at its time, and for nothing else`, () => {
      const expected = { method, uri, credential, thumbprint, nonces: null }
      const nowMs = iat * 1000
      const result = checkDpopProof(proof, expected, nowMs)
      assert.ok(result.ok, result.ok ? '' : result.detail)
      assert.equal(result.thumbprint, thumbprint)
      const elsewhere = { ...expected, uri: `${uri}/x` }
      assert.ok(!checkDpopProof(proof, elsewhere, nowMs).ok)
      assert.ok(!checkDpopProof(proof, { ...expected, method: 'PUT' }, nowMs).ok)
      assert.ok(!checkDpopProof(proof, { ...expected, credential: 'other' }, nowMs).ok)
      assert.ok(!checkDpopProof(proof, expected, nowMs + 61_000).ok)
      for (let index = 0; index < proof.length; index += 1) {
        const other = proof[index] === 'A' ? 'B' : 'A'
        const damaged = proof.slice(0, index) + other + proof.slice(index + 1)
        assert.ok(!checkDpopProof(damaged, expected, nowMs).ok, `character ${index}`)
      }
    })
  }
})
