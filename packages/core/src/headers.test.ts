import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { findHeader, headerValues, singleHeader } from './headers.ts'
import { checkProperty } from './testing/rounds.ts'

describe('header lines', () => {
  it('are found by their name in any case, each once and in order', () => {
    const headers = ['Accept', 'a', 'X-API-Key', 'one', 'x-api-key', 'two', 'X-Api-Key', 'three']
    assert.deepEqual(headerValues(headers, 'x-api-key'), ['one', 'two', 'three'])
    assert.equal(findHeader(headers, 'x-api-key', 0), 3)
    assert.equal(findHeader(headers, 'x-api-key', 4), 5)
    assert.equal(findHeader(headers, 'x-api-key', 8), -1)
  })

  it('are never taken for values, nor a name without a value for a header', () => {
    assert.deepEqual(headerValues(['Accept', 'authorization', 'Authorization', 'v'], 'authorization'), ['v'])
    assert.deepEqual(headerValues(['Accept', 'a', 'Authorization'], 'authorization'), [])
  })

  it('of one name are single only where there is exactly one', () => {
    assert.equal(singleHeader(['Host', 'a', 'HOST', 'b'], 'host'), null)
    assert.equal(singleHeader(['HOST', 'b'], 'host'), 'b')
    assert.equal(singleHeader([], 'host'), null)
  })

  it('have no other case than A to Z: neighbours of letters in ASCII, 0x20 apart, are other names', () => {
    for (const [written, name] of ['@`', '[{', '^~', '_\u007f'].map((pair) => pair.split(''))) {
      assert.equal(findHeader([written!, 'v'], name!, 0), -1)
    }
    checkProperty(
      'header names',
      1000,
      fc.property(
        fc.string({ unit: 'binary-ascii', minLength: 1 }),
        fc.string({ unit: 'binary-ascii' }),
        (written, other) => {
          assert.equal(findHeader([written, 'v'], written.toLowerCase(), 0), 1)
          const isSame = written.toLowerCase() === other.toLowerCase()
          assert.equal(findHeader([written, 'v'], other.toLowerCase(), 0), isSame ? 1 : -1)
        },
      ),
    )
  })
})
