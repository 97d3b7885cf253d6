import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { randomBase62 } from './base62.ts'
import {
  formatKey,
  generateId,
  generateSecret,
  isKeyPrefix,
  keyKindOf,
  parseKey,
  prefixOfKind,
} from './key.ts'
import { checkProperty } from './testing/rounds.ts'

const aKey = () => formatKey('crd_live', generateId(randomBytes), generateSecret(randomBytes))

describe('the key format', () => {
  it('is prefix, underscore, 12 + 32 + 6 base62, and parses back', () => {
    const id = generateId(randomBytes)
    const secret = generateSecret(randomBytes)
    const key = formatKey('acme_eu_test', id, secret)
    assert.match(key, /^acme_eu_test_[0-9A-Za-z]{50}$/)
    assert.deepEqual(parseKey(key), { prefix: 'acme_eu_test', id, secret })
  })

  it('has a checksum that anybody can compute: CRC-32 of all before it, base62, zero padded', () => {
    const head = 'crd_live_AAAAAAAAAAAABBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB'
    const key = formatKey('crd_live', 'A'.repeat(12), 'B'.repeat(32))
    assert.equal(key.slice(0, head.length), head)
    assert.equal(parseKey(`${key.slice(0, -6)}000000`), 'damaged')
  })

  it('refuses every single-character change, without a look-up', () => {
    const key = aKey()
    checkProperty(
      'single-character change',
      500,
      fc.property(fc.nat(key.length - 1), fc.constantFrom(...'0123456789ABCDEFabcdef_'), (at, character) => {
        const changed = key.slice(0, at) + character + key.slice(at + 1)
        const parsed = parseKey(changed)
        assert.ok(changed === key || parsed === 'damaged' || parsed === 'foreign', changed)
      }),
    )
  })

  it('calls what has another form foreign, so that another kind may own it', () => {
    const foreign = [
      '',
      '_',
      'abc',
      'eyJhbGciOiJub25lIn0.e30.',
      '_'.repeat(60),
      'Crd_'.concat('A'.repeat(50)),
    ]
    for (const text of [
      ...foreign,
      `crd__live_${'A'.repeat(50)}`,
      `crd_${'A'.repeat(49)}`,
      `crd_${'é'.repeat(50)}`,
    ]) {
      assert.equal(parseKey(text), 'foreign', text)
    }
  })

  it('never throws on input', () => {
    checkProperty(
      'any string parses',
      500,
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        parseKey(text)
      }),
    )
  })
})

describe('a prefix', () => {
  it('is lower case words joined by single underscores, at most 32 characters', () => {
    for (const good of ['a', 'crd_live', 'x9_9']) assert.ok(isKeyPrefix(good), good)
    for (const bad of ['', '_a', 'a_', 'a__b', 'A', '9a', 'a-b', 'a'.repeat(33)])
      assert.ok(!isKeyPrefix(bad), bad)
  })

  it('that somebody chooses does not end as that of another kind does', () => {
    for (const bad of ['crd_cs', 'crd_live_at', 'crd_cs_at']) assert.ok(!isKeyPrefix(bad), bad)
    for (const good of ['cs', 'crd_cs_live', 'crd_acs', 'crd_csat']) assert.ok(isKeyPrefix(good), good)
  })

  it('says which kind of credential a secret is of, also of the longest', () => {
    for (const chosen of ['a', 'crd_live', 'p'.repeat(32)]) {
      for (const kind of ['api_key', 'client_secret', 'access_token'] as const) {
        const prefix = prefixOfKind(kind, chosen)
        const key = formatKey(prefix, generateId(randomBytes), generateSecret(randomBytes))
        assert.equal(keyKindOf(key), kind)
        assert.deepEqual((parseKey(key) as { prefix: string }).prefix, prefix)
      }
    }
    assert.equal(prefixOfKind('client_secret', 'crd_live'), 'crd_live_cs')
    assert.equal(keyKindOf('crd_live_cs'), null)
  })
})

describe('randomBase62', () => {
  it('is uniform: bytes that would favour some characters are thrown away', () => {
    // Every byte once: 248 of them count, each character exactly four times.
    let next = 0
    const everyByte = (size: number) => Uint8Array.from({ length: size }, () => next++ % 256)
    const counts = new Map<string, number>()
    for (const character of randomBase62(248, everyByte)) {
      counts.set(character, (counts.get(character) ?? 0) + 1)
    }
    assert.equal(counts.size, 62)
    assert.ok([...counts.values()].every((count) => count === 4))
  })
})
