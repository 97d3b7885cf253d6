import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  checkMessageSignature,
  type ExpectedMessageSignature,
  type MessageSignatureResult,
} from './check-message-signature.ts'
import { type Jwk, readJwk } from './jwk.ts'
import type { SignedRequest } from './message-component.ts'
import { sampleKey } from './testing/jws-samples.ts'
import { signedRequest } from './testing/message-samples.ts'
import { checkProperty } from './testing/rounds.ts'

const NOW_MS = Date.UTC(2026, 5, 16, 12)
const NOW = NOW_MS / 1000
const SECRET = 'crd_live_abc'

const REQUEST: SignedRequest = {
  method: 'POST',
  scheme: 'https',
  authority: 'api.example',
  target: '/orders?page=2',
  headers: ['Host', 'api.example', 'Authorization', `Bearer ${SECRET}`, 'Content-Digest', 'sha-256=:YQ==:'],
}

const EXPECTED: ExpectedMessageSignature = {
  key: keyOf('ES256'),
  algorithm: 'ecdsa-p256-sha256',
  thumbprint: 'T',
  keyId: 'k1',
  tag: null,
  credentialHeader: 'authorization',
  hasContent: true,
  isNonceDemanded: false,
}

const COVERED = '"@method" "@target-uri" "authorization" "content-digest"'
const PARAMETERS = `;created=${NOW};keyid="k1"`

function keyOf(name: 'ES256', which?: string) {
  const reading = readJwk(sampleKey(name, which).jwk as Jwk)
  assert.ok(reading.ok)
  return reading.key
}

function signed(input: string, request = REQUEST, which?: string, label?: string): SignedRequest {
  return signedRequest(request, input, 'ES256', sampleKey('ES256', which).signer, label)
}

function check(
  request: SignedRequest,
  expected: Partial<ExpectedMessageSignature> = {},
  nowMs = NOW_MS,
): MessageSignatureResult {
  return checkMessageSignature(request, { ...EXPECTED, ...expected }, nowMs)
}

function assertRefused(result: MessageSignatureResult, detail: RegExp, code = 'BINDING_MISMATCH'): void {
  assert.ok(!result.ok, 'refused')
  assert.match(result.detail, detail)
  assert.equal(result.code, code)
}

describe('a signed request', () => {
  it('is accepted once all that is demanded is covered, and says what to ask of the replay guard', () => {
    const result = check(signed(`(${COVERED})${PARAMETERS};nonce="n1";alg="ecdsa-p256-sha256"`))
    assert.deepEqual(result, {
      ok: true,
      label: 'sig1',
      parameters: {
        created: NOW,
        expires: null,
        nonce: 'n1',
        alg: 'ecdsa-p256-sha256',
        keyid: 'k1',
        tag: null,
      },
      redeemable: {
        scope: 'signature:T',
        id: 'nonce:n1',
        issuedAtMs: NOW_MS - 10_000,
        keepUntilMs: NOW_MS + 60_000 + 300_000,
      },
    })
  })

  it('that is not signed needs a proof; one whose headers cannot be read has a wrong one', () => {
    assertRefused(check(REQUEST), /not signed/, 'BINDING_REQUIRED')
    assertRefused(
      check({ ...REQUEST, headers: [...REQUEST.headers, 'Signature', 'a=:YQ==:'] }),
      /same signatures/,
    )
  })

  it('signed by another key is refused, whatever it calls itself', () => {
    assertRefused(check(signed(`(${COVERED})${PARAMETERS}`, REQUEST, 'other')), /not that of the key/)
    assertRefused(check(signed(`(${COVERED});created=${NOW};keyid="k2"`)), /keyid/)
    assert.ok(
      check(signed(`(${COVERED});created=${NOW}`)).ok,
      'without a keyid the key is known all the same',
    )
    assert.ok(check(signed(`(${COVERED});created=${NOW};keyid="k2"`), { keyId: null }).ok)
  })

  it('is refused where method, target, credential or content digest are not covered', () => {
    for (const [components, detail] of [
      ['', /target/],
      ['"@method" "authorization" "content-digest"', /target/],
      ['"@method" "@authority" "authorization" "content-digest"', /target/],
      ['"@method" "@authority" "@path" "authorization" "content-digest"', /target/],
      ['"@method" "@authority" "@query" "authorization" "content-digest"', /target/],
      ['"@method" "@path" "@query" "authorization" "content-digest"', /target/],
      [
        '"@method" "@authority" "@path" "@query-param";name="page" "authorization" "content-digest"',
        /target/,
      ],
      ['"@target-uri" "authorization" "content-digest"', /@method/],
      ['"@method" "@target-uri" "content-digest"', /authorization/],
      ['"@method" "@target-uri" "authorization"', /content-digest/],
      ['"@method" "@target-uri" "authorization" "content-digest";key="sha-256"', /content-digest/],
    ] as const) {
      assertRefused(check(signed(`(${components})${PARAMETERS}`)), detail)
    }
    assertRefused(check(signed(`(${COVERED})${PARAMETERS}`), { alsoCovered: ['date'] }), /date/)
  })

  it('that covers what is not there is refused', () => {
    const request = signed(`(${COVERED} "x-note")${PARAMETERS}`, {
      ...REQUEST,
      headers: [...REQUEST.headers, 'X-Note', 'a'],
    })
    assert.ok(check(request).ok)
    const headers = request.headers.map((text) => (text === 'X-Note' ? 'X-Other' : text))
    assertRefused(check({ ...request, headers }), /"x-note" is covered and not there/)
  })

  it('may cover its target in every way that leaves nothing of it open', () => {
    for (const target of [
      '"@target-uri"',
      '"@authority" "@request-target"',
      '"@authority" "@path" "@query"',
    ]) {
      const input = `("@method" ${target} "authorization" "content-digest";sf)${PARAMETERS}`
      assert.ok(check(signed(input)).ok, target)
    }
    const short = { ...REQUEST, target: '/orders' }
    assert.ok(
      check(signed(`("@method" "@authority" "@path" "authorization" "content-digest")${PARAMETERS}`, short))
        .ok,
    )
    assert.ok(
      check(signed(`("@method" "@target-uri")${PARAMETERS}`), { hasContent: false, credentialHeader: null })
        .ok,
    )
  })

  it('does not pass as another: method, target, authority, credential and digest cannot be exchanged', () => {
    const request = signed(`(${COVERED})${PARAMETERS}`)
    const replaced = (from: string, to: string) =>
      request.headers.map((text) => (text.includes(from) ? text.replace(from, to) : text))
    for (const changed of [
      { method: 'DELETE' },
      { target: '/orders?page=3' },
      { target: '/orders' },
      { target: '/admin?page=2' },
      { authority: 'other.example' },
      { scheme: 'http' as const },
      { headers: replaced(SECRET, 'crd_live_other') },
      { headers: replaced('sha-256=:YQ==:', 'sha-256=:Yg==:') },
      { headers: [...request.headers, 'Authorization', 'Bearer second'] },
    ]) {
      assertRefused(check({ ...request, ...changed }), /not that of the key/)
    }
    const passing = { headers: [...request.headers, 'X-Other', 'not covered'] }
    assert.ok(check({ ...request, ...passing }).ok)
  })

  it('made too long ago, too far ahead, past its end, or at no time at all is refused', () => {
    const at = (parameters: string) => check(signed(`(${COVERED});keyid="k1"${parameters}`))
    assert.ok(at(`;created=${NOW - 60}`).ok && at(`;created=${NOW + 10}`).ok)
    assertRefused(at(`;created=${NOW - 61}`), /60 seconds ago/)
    assertRefused(at(`;created=${NOW + 11}`), /10 seconds ahead/)
    assertRefused(at(''), /without created/)
    assertRefused(at(`;created=${NOW};expires=${NOW}`), /expires/)
    assert.ok(at(`;created=${NOW};expires=${NOW + 1}`).ok)
  })

  it('with another algorithm than the key has is refused, and is not verified by what the message says', () => {
    assertRefused(check(signed(`(${COVERED})${PARAMETERS};alg="hmac-sha256"`)), /alg/)
    assertRefused(check(signed(`(${COVERED})${PARAMETERS};alg="ES256"`)), /alg/)
    assertRefused(
      check(signed(`(${COVERED})${PARAMETERS}`), { algorithm: 'hmac-sha256' }),
      /not that of the key/,
    )
  })

  it('has the nonce and the tag that are demanded', () => {
    const request = signed(`(${COVERED})${PARAMETERS}`)
    assertRefused(check(request, { isNonceDemanded: true }), /nonce/)
    assertRefused(check(signed(`(${COVERED})${PARAMETERS};nonce=""`), { isNonceDemanded: true }), /nonce/)
    assertRefused(check(request, { tag: 'app' }), /tag/)
    assertRefused(check(signed(`(${COVERED})${PARAMETERS};tag="app"`)), /tag/)
    assert.ok(check(signed(`(${COVERED})${PARAMETERS};tag="app"`), { tag: 'app' }).ok)
  })

  it('may be signed by others too, but only once by what counts', () => {
    const byProxy = signed(
      `("@method");created=1;keyid="proxy"`,
      signed(`(${COVERED})${PARAMETERS}`),
      'other',
      'p',
    )
    assert.ok(check(byProxy).ok)
    const twice = signed(`("@method")${PARAMETERS}`, signed(`(${COVERED})${PARAMETERS}`), undefined, 'b')
    assertRefused(check(twice), /not exactly one/)
  })

  it('has one id for the replay guard: the nonce, or what was signed, and never the signature', () => {
    const id = (request: SignedRequest) => {
      const result = check(request)
      assert.ok(result.ok)
      return result.redeemable.id
    }
    const request = signed(`(${COVERED})${PARAMETERS}`)
    assert.match(id(request), /^base:[A-Za-z0-9_-]{43}$/)
    // Two signatures of the same request are different bytes, and so is one that anybody makes of the other.
    assert.equal(id(signed(`(${COVERED})${PARAMETERS}`)), id(request))
    assert.notEqual(id(signed(`(${COVERED});created=${NOW - 1};keyid="k1"`)), id(request))
    const nonce = id(request)
    assert.equal(id(signed(`(${COVERED})${PARAMETERS};nonce="${nonce}"`)), `nonce:${nonce}`)
  })

  it('is never thrown at, whatever its headers, target and authority are, and its credential is never repeated', () => {
    const pieces = fc.constantFrom(
      'a=',
      '(',
      ')',
      '"@method"',
      '"x"',
      ' ',
      ';',
      'created=1',
      ':YQ==:',
      ',',
      '"',
      '\\',
      '%"',
      '@1',
      '?1',
      '-0',
      ';key="a"',
      ';sf',
      ';bs',
    )
    const field = fc.oneof(
      fc.string(),
      fc.array(pieces, { maxLength: 30 }).map((all) => all.join('')),
    )
    checkProperty(
      'anything for signatures',
      500,
      fc.property(
        field,
        field,
        fc.string(),
        fc.string(),
        fc.string(),
        (input, signature, target, authority, method) => {
          const headers = [...REQUEST.headers, 'Signature-Input', input, 'Signature', signature, 'x', input]
          const result = check({ ...REQUEST, headers, target, authority, method })
          assert.ok(!result.ok && !result.detail.includes(SECRET))
          const covered = signatureOf(input)
          assert.ok(
            !check({ ...REQUEST, headers: [...REQUEST.headers, ...covered], target: `/${target}` }).ok,
          )
        },
      ),
    )
  })

  it('takes bounded time to refuse, however much of it is covered', () => {
    const keys = Array.from({ length: 60 }, (_, index) => `"x";key="k${index}"`).join(' ')
    const dictionary = Array.from({ length: 1000 }, (_, index) => `k${index}=${index}`).join(', ')
    const params = Array.from({ length: 60 }, (_, index) => `"@query-param";name="${index}"`).join(' ')
    const query = Array.from({ length: 250 }, (_, index) => `${index}=${'%20'.repeat(20)}`).join('&')
    const startedMs = performance.now()
    for (const components of [keys, params]) {
      const headers = [...REQUEST.headers, 'X', dictionary, ...signatureOf(`a=(${COVERED} ${components})`)]
      assertRefused(check({ ...REQUEST, headers, target: `/?${query}` }), /not that of the key/)
    }
    assert.ok(performance.now() - startedMs < 2000)
  })
})

function signatureOf(input: string): string[] {
  return ['Signature-Input', `${input}${PARAMETERS}`, 'Signature', 'a=:YQ==:']
}
