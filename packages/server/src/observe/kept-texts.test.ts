import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { KeptTexts } from './kept-texts.ts'

test('a place holds what was written to it last, whatever text that is', () => {
  const text = fc.oneof(
    fc.constant(null),
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.string({ unit: 'binary-ascii', maxLength: 12 }),
    fc.string({ maxLength: 300 }),
    fc.constantFrom('', '/orders/7', '/é', '/\u0100rders', '\ud800', '12345678', '123456789'),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(3), text)), (writes) => {
      const texts = new KeptTexts(4, 8)
      const expected: (string | null)[] = [null, null, null, null]
      for (const [place, written] of writes) {
        texts.write(place, written)
        expected[place] = written
      }
      assert.deepEqual(
        expected.map((_, place) => texts.read(place)),
        expected,
      )
    }),
  )
})
