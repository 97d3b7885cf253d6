import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { calculateJwkThumbprint, type JWK } from 'jose'
import { jwkThumbprint } from './jwk-thumbprint.ts'
import { sampleKey } from './testing/jws-samples.ts'
import { checkProperty } from './testing/rounds.ts'

describe('the thumbprint of a key', () => {
  it('is that of RFC 7638 section 3.1, whatever else the key has and in whatever order', () => {
    const n =
      '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw'
    const expected = 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs'
    assert.equal(jwkThumbprint({ kty: 'RSA', n, e: 'AQAB', alg: 'RS256', kid: '2011-04-29' }), expected)
    assert.equal(jwkThumbprint({ e: 'AQAB', d: 'secret', n, kty: 'RSA' }), expected)
  })

  it('is that of RFC 8037 appendix A.3', () => {
    const x = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'
    const expected = 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k'
    assert.equal(jwkThumbprint({ kty: 'OKP', crv: 'Ed25519', x }), expected)
  })

  it('is what jose says, of every kind of key', async () => {
    for (const name of ['ES256', 'ES384', 'ES512', 'RS256', 'EdDSA'] as const) {
      const { jwk } = sampleKey(name)
      assert.equal(jwkThumbprint(jwk), await calculateJwkThumbprint(jwk as JWK), name)
    }
  })

  it('differs between keys, and is the same for both halves of a pair', () => {
    const { jwk, signer } = sampleKey('ES256')
    assert.ok(!Buffer.isBuffer(signer))
    assert.equal(jwkThumbprint(createPublicKey(signer).export({ format: 'jwk' })), jwkThumbprint(jwk))
    assert.notEqual(jwkThumbprint(jwk), jwkThumbprint(sampleKey('ES256', 'other').jwk))
  })

  it('does not exist of a secret, nor of what lacks a member or has another type there', () => {
    const { jwk } = sampleKey('ES256')
    for (const wrong of [
      sampleKey('HS256').jwk,
      { ...jwk, kty: 'ec' },
      { ...jwk, x: undefined },
      { ...jwk, y: 1 },
      { ...jwk, x: `${jwk.x}="` },
      { ...jwk, x: '' },
      Object.create(jwk),
      [jwk],
      null,
      'EC',
    ]) {
      assert.equal(jwkThumbprint(wrong), null)
    }
  })

  it('never throws', () => {
    checkProperty(
      'thumbprints of anything',
      300,
      fc.property(fc.anything(), (value) => {
        assert.ok(jwkThumbprint(value) === null || typeof jwkThumbprint(value) === 'string')
      }),
    )
  })
})
