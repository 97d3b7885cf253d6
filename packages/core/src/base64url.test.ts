import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeBase64url } from './base64url.ts'
import { checkProperty, refutes } from './testing/rounds.ts'

test('every byte string has one text, which gives it back', () => {
  checkProperty(
    'decodeBase64url reads what was written',
    2000,
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      assert.deepEqual(decodeBase64url(Buffer.from(bytes).toString('base64url')), Buffer.from(bytes))
    }),
  )
})

test('refuses padding, white space, the other alphabet, unused bits that are set and lengths that cannot be', () => {
  const refused = [
    'AA==',
    'AA=',
    'AAA=',
    ' AA',
    'AA ',
    'A A',
    'A\nA',
    'A+A',
    'A/A',
    'AB',
    'AAB',
    'A',
    'AAAAA',
    '?AA',
    'AA\u0000',
    'ÀA',
    '.',
  ]
  for (const text of refused) assert.equal(decodeBase64url(text), null, JSON.stringify(text))
  for (const text of ['', 'AA', 'AAA', 'AAAA', '-_-_']) assert.notEqual(decodeBase64url(text), null, text)
})

test('no two texts have the same bytes, whatever they are made of; with a lenient decoder they do', () => {
  const piece = fc.constantFrom('A', 'B', 'Q', 'g', '_', '-', '+', '/', '=', ' ', '\n', '?', 'é')
  const text = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''))
  const oneSpelling = (decode: (text: string) => Buffer | null) =>
    fc.property(text, text, (a, b) => {
      const [first, second] = [decode(a), decode(b)]
      return a === b || first === null || second === null || !first.equals(second)
    })
  checkProperty('one spelling of each byte string', 20_000, oneSpelling(decodeBase64url))
  assert.ok(
    refutes(
      20_000,
      oneSpelling((lenient) => Buffer.from(lenient, 'base64url')),
    ),
  )
})
