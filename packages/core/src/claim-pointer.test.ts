import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { claimAt, parseClaimPointer } from './claim-pointer.ts'
import { checkProperty, refutes } from './testing/rounds.ts'

describe('a pointer', () => {
  test('without a slash in front is one name as it stands', () => {
    for (const name of ['sub', 'a.b', 'kubernetes.io', 'https://example.com/roles', '~', 'a/b', ' ', '0']) {
      assert.deepEqual(parseClaimPointer(name), [name])
    }
  })

  test('with one is read by RFC 6901', () => {
    const rows: [pointer: string, steps: string[]][] = [
      ['/', ['']],
      ['/a', ['a']],
      ['/a/b', ['a', 'b']],
      ['/a//b', ['a', '', 'b']],
      ['/a~1b/c~0d', ['a/b', 'c~d']],
      ['/~01', ['~1']],
      ['/kubernetes.io/serviceaccount/name', ['kubernetes.io', 'serviceaccount', 'name']],
    ]
    for (const [pointer, steps] of rows) assert.deepEqual(parseClaimPointer(pointer), steps)
  })

  test('is none where it is empty, too long, too deep or has a tilde too many', () => {
    for (const text of [
      '',
      '/~',
      '/~2',
      '/a~',
      '/a/~x/b',
      '/a'.repeat(17),
      `/${'a'.repeat(512)}`,
      'a'.repeat(513),
    ]) {
      assert.equal(parseClaimPointer(text), null, text)
    }
  })
})

describe('what stands there', () => {
  const claims = { sub: 's', 'a.b': 1, a: { b: [10, { c: null }] }, '/x': 'slash', '': { '': 'empty' } }

  test('is found step by step', () => {
    const rows: [pointer: string, value: unknown][] = [
      ['sub', 's'],
      ['/sub', 's'],
      ['a.b', 1],
      ['/a.b', 1],
      ['/a/b/0', 10],
      ['/a/b/1/c', null],
      ['/~1x', 'slash'],
      ['//', 'empty'],
    ]
    for (const [pointer, value] of rows) assert.deepEqual(claimAt(claims, pointer), value, pointer)
  })

  test('is nothing where a step leads nowhere, least of all to what a prototype holds', () => {
    const nowhere = [
      'x',
      '/a/x',
      '/a/b/2',
      '/a/b/00',
      '/a/b/-',
      '/a/b/length',
      '/sub/0',
      '/sub/length',
      '/a/b/1/c/d',
    ]
    for (const pointer of [
      ...nowhere,
      'constructor',
      '__proto__',
      '/constructor/name',
      '/a/toString',
      '',
      '/~',
    ]) {
      assert.equal(claimAt(claims, pointer), undefined, pointer)
    }
  })

  test('is found for every name, however it is written', () => {
    const found = (write: (name: string) => string) =>
      fc.property(
        fc.string({ minLength: 1, maxLength: 20, unit: fc.constantFrom('a', '/', '~', '0', '1', '.') }),
        (name) => {
          const inner = { [name]: 'here' }
          return claimAt({ outer: inner }, `/outer/${write(name)}`) === 'here'
        },
      )
    checkProperty(
      'pointers find names',
      2000,
      found((name) => name.replaceAll('~', '~0').replaceAll('/', '~1')),
    )
    assert.ok(
      refutes(
        2000,
        found((name) => name.replaceAll('/', '~1')),
      ),
    )
  })
})
