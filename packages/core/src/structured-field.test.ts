import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { bytesOf, MAX_FIELD_LENGTH, readDictionary, readItem, readList } from './structured-field.ts'
import { checkProperty } from './testing/rounds.ts'

describe('a structured field', () => {
  it('is read with its white space anywhere that RFC 9651 lets it stand', () => {
    assert.deepEqual(readDictionary('  a=1 ,\tb ,  c=( "x  y"   z; q )')?.size, 3)
    assert.deepEqual(readList(' a,b')?.length, 2)
    assert.deepEqual(readItem(' "a  b" ')?.[0], 'a  b')
    assert.deepEqual(readDictionary('')?.size, 0)
  })

  it('has no second spelling', () => {
    for (const text of [
      'a=1, a=2',
      'a=1;b=1;b=2',
      'a=01',
      'a=-0',
      'a=1.0',
      'a=1.50',
      'a=?1',
      'a=1;b=?1',
      'a=:YQ:',
      'a=:YR==:',
      'a=:YQ==',
      'a=: YQ==:',
      'a="\\x"',
      'a="b',
      'a="\u00e9"',
      'a=1,',
      'a=1 b=2',
      ',a=1',
      'A=1',
      'a=(1',
      'a=(1,2)',
      'a=(1 2',
      'a==1',
      'a = 1',
      '\ta=1\u0000',
    ]) {
      assert.equal(readDictionary(text), null, text)
    }
    assert.equal(readDictionary(`a="${'x'.repeat(MAX_FIELD_LENGTH)}"`), null)
    for (const text of ['', 'a, b', '"a" x', '1 2', ':YQ==: :Yg==:']) assert.equal(readItem(text), null, text)
    assert.equal(readList('a,'), null)
  })

  it('keeps the white space that is inside of a string', () => {
    assert.equal(readItem('"a\\"  b"')?.[0], 'a"  b')
    assert.equal(readDictionary('a="x ", b=" y"')?.get('b')?.[0], ' y')
  })

  it('is bytes only as one byte sequence without parameters', () => {
    const bytes = (text: string) => bytesOf(readItem(text))
    assert.deepEqual(bytes(':YWI=:'), Uint8Array.of(0x61, 0x62))
    assert.deepEqual(bytes('::'), new Uint8Array())
    for (const text of [':YWI=:;x', '"YWI="', 'YWI', '1', '']) assert.equal(bytes(text), null, text)
    assert.equal(bytesOf(readDictionary('a=(:YQ==:)')?.get('a')), null)
    for (const value of [undefined, null, [], [new ArrayBuffer(1)], 'x']) assert.equal(bytesOf(value), null)
  })

  it('never throws, and takes bounded time', () => {
    const pieces = fc.constantFrom(
      'a',
      '=',
      '"',
      '\\',
      ':',
      '(',
      ')',
      ';',
      ',',
      ' ',
      '\t',
      '%"',
      '@',
      '?',
      '-',
      '.',
      '1',
      'YQ==',
      '\u00e9',
    )
    checkProperty(
      'anything for a field',
      1000,
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(pieces).map((all) => all.join('')),
        ),
        (text) => {
          for (const read of [readDictionary, readList, readItem]) read(text)
        },
      ),
    )
    const startedMs = performance.now()
    for (const part of ['"\\', '(', ':', 'a=1,', 'a;', '%"\\"', 'a=%"\\", ', '?1', ' ', '"']) {
      const text = part.repeat(MAX_FIELD_LENGTH / part.length)
      for (const read of [readDictionary, readList, readItem]) read(text)
      for (const read of [readDictionary, readList, readItem]) read(`a="${text}`)
    }
    assert.ok(performance.now() - startedMs < 2000)
  })
})
