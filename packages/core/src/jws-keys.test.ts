import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Jwk } from './jwk.ts'
import { verifyCompactJws } from './jws.ts'
import type { JwsAlgorithmName } from './jws-algorithm.ts'
import { JwsKeys, MAX_JWS_KEYS, MAX_KEYS_TRIED } from './jws-keys.ts'
import { sampleKey, signJws } from './testing/jws-samples.ts'

function reasonOf(
  keys: readonly unknown[] | JwsKeys,
  kid: string | null,
  name: JwsAlgorithmName = 'ES256',
  which = 'first',
) {
  const header = kid === null ? { alg: name } : { alg: name, kid }
  const token = signJws(name, sampleKey(name, which).signer, 'x', header)
  const options = { keys: keys as readonly Jwk[], algorithms: ['ES256', 'ES384', 'RS256', 'PS256', 'HS256'] }
  const result = verifyCompactJws(token, options)
  return result.ok ? 'accepted' : result.reason
}

function jwk(kid: string | null, which = 'first', name: JwsAlgorithmName = 'ES256') {
  const { jwk } = sampleKey(name, which)
  return kid === null ? jwk : { ...jwk, kid }
}

describe('which key is asked', () => {
  test('the one of the kid, and no other though it would verify', () => {
    assert.equal(reasonOf([jwk('b', 'second'), jwk('a')], 'a'), 'accepted')
    assert.equal(reasonOf([jwk('b', 'second'), jwk('a')], 'b'), 'bad_signature')
    assert.equal(reasonOf([jwk('a', 'second'), jwk(null)], 'a'), 'bad_signature')
  })

  test('none where the kid is not known: neither the only key, nor one whose kid looks like it', () => {
    assert.equal(reasonOf([jwk('a')], 'b'), 'key_unknown')
    for (const kid of [
      '',
      'A',
      'a ',
      'a\u0000',
      '../a',
      "a' OR '1'='1",
      '__proto__',
      'constructor',
      '\ud800',
    ]) {
      assert.equal(reasonOf([jwk('a')], kid), 'key_unknown', JSON.stringify(kid))
    }
    assert.equal(reasonOf([], 'a'), 'key_unknown')
    assert.equal(reasonOf([], null), 'key_unknown')
  })

  test('a kid is opaque: the empty one and odd ones find their own key', () => {
    for (const kid of ['', '../../etc/passwd', '__proto__', 'ключ']) {
      assert.equal(reasonOf([jwk('x', 'second'), jwk(kid)], kid), 'accepted', kid)
    }
  })

  test('those without a kid where no key has the one of the token', () => {
    assert.equal(reasonOf([jwk('b', 'second'), jwk(null)], 'a'), 'accepted')
    assert.equal(reasonOf([jwk('b'), jwk(null, 'second')], 'a'), 'bad_signature')
  })

  test('without a kid in the token: all that go with the algorithm, while they are few', () => {
    assert.equal(reasonOf([jwk('b', 'second'), jwk(null, 'third'), jwk('a')], null), 'accepted')
    assert.equal(reasonOf([jwk('b', 'second'), jwk('c', 'third')], null), 'bad_signature')
    const others = (count: number) =>
      Array.from({ length: count }, (_, index) => jwk(`k${index}`, `other ${index}`))
    assert.equal(reasonOf([...others(MAX_KEYS_TRIED - 1), jwk('a')], null), 'accepted')
    assert.equal(reasonOf([...others(MAX_KEYS_TRIED), jwk('a')], null), 'key_ambiguous')
    assert.equal(reasonOf([...others(MAX_KEYS_TRIED), jwk('a')], 'a'), 'accepted')
  })

  test('of several keys with one kid the one that goes with the algorithm, and none where several do', () => {
    assert.equal(reasonOf([jwk('a', 'first', 'RS256'), jwk('a')], 'a'), 'accepted')
    assert.equal(reasonOf([jwk('a', 'first', 'RS256'), jwk('a')], 'a', 'RS256'), 'accepted')
    assert.equal(reasonOf([jwk('a'), jwk('a', 'second')], 'a'), 'key_ambiguous')
    assert.equal(
      reasonOf(
        [
          { ...jwk('a', 'first', 'RS256'), alg: 'PS256' },
          { ...jwk('a', 'second', 'RS256'), alg: 'RS256' },
        ],
        'a',
        'PS256',
      ),
      'accepted',
    )
  })

  test('a key that stands in the set twice is one key', () => {
    assert.equal(reasonOf([jwk('a'), jwk('a')], 'a'), 'accepted')
  })

  test('one that was refused hides no other key: of its kid none is asked, and the operator is told why', () => {
    const weak = { ...jwk('a'), use: 'enc' }
    assert.equal(reasonOf([weak, jwk(null)], 'a'), 'key_unsuitable')
    assert.equal(reasonOf([weak, jwk('b')], 'b'), 'accepted')
    assert.equal(reasonOf([weak, jwk('a')], 'a'), 'accepted')
    assert.deepEqual(new JwsKeys([weak, jwk('b')]).refused, [
      { index: 0, kid: 'a', problem: 'use is not sig' },
    ])
  })
})

describe('a set of keys', () => {
  test('that holds public keys holds no secret: it is there to be published', () => {
    const secret = jwk('s', 'first', 'HS256')
    assert.equal(reasonOf([secret, jwk('s2', 'second', 'HS256')], 's', 'HS256'), 'accepted')
    for (const other of [
      jwk('a'),
      jwk('a', 'first', 'RS256'),
      { kty: 'OKP', crv: 'Ed448' },
      { kty: 'AKP' },
    ]) {
      assert.equal(reasonOf([secret, other], 's', 'HS256'), 'key_unsuitable', JSON.stringify(other))
    }
    assert.equal(reasonOf([secret, jwk('a')], 'a'), 'accepted')
  })

  test('that is longer than anybody needs is not read', () => {
    const many = Array.from({ length: MAX_JWS_KEYS - 1 }, () => jwk('other', 'second'))
    assert.equal(reasonOf([...many, jwk('a')], 'a'), 'accepted')
    assert.equal(reasonOf([...many, jwk('a'), jwk('b')], 'a'), 'key_unknown')
    assert.match(new JwsKeys(Array.from({ length: 1_000_000 })).refused[0]!.problem, /more than/)
  })

  test('may be anything, and is read once', () => {
    for (const jwks of [
      undefined,
      null,
      7,
      'keys',
      {},
      { keys: [jwk('a')] },
      [null],
      [[]],
      [undefined, 'a'],
    ]) {
      assert.deepEqual(new JwsKeys(jwks).keys, [])
    }
    const read = new JwsKeys([jwk('a')])
    for (let round = 0; round < 3; round += 1) assert.equal(reasonOf(read, 'a'), 'accepted')
    const selections = [read.select('a', 'ES256'), read.select('a', 'ES256')]
    for (const selection of selections) assert.ok(selection.ok && selection.keys[0] === read.keys[0])
  })
})
