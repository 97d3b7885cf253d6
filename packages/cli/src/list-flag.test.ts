import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Failure } from './failure.ts'
import { parseCeiling } from './grant-flag.ts'
import { collect, given, parseMetadata, parseWhole, splitList } from './list-flag.ts'

const REFUSED = (error: unknown) => error instanceof Failure && error.exitCode === 2

test('scopes may be repeated, divided by commas and by spaces, and count once', () => {
  assert.deepEqual(splitList(['a,b', 'c d', 'a', ' ,e,, ']), ['a', 'b', 'c', 'd', 'e'])
  assert.equal(splitList(undefined), undefined)
  assert.deepEqual(splitList(['']), [])
})

test('a repeated option adds to what was given before', () => {
  assert.deepEqual(collect('b', collect('a', undefined)), ['a', 'b'])
})

test('metadata is divided at the first equals sign', () => {
  assert.deepEqual(parseMetadata(['team=billing', 'note=a=b', 'empty=']), {
    team: 'billing',
    note: 'a=b',
    empty: '',
  })
  assert.throws(() => parseMetadata(['team']), REFUSED)
  assert.throws(() => parseMetadata(['=x']), REFUSED)
  assert.throws(() => parseMetadata(['a=1', 'a=2']), REFUSED)
})

test('metadata named __proto__ is an entry like any other', () => {
  const metadata = parseMetadata(['__proto__=x']) ?? {}
  assert.deepEqual(Object.keys(metadata), ['__proto__'])
  assert.equal(Object.getPrototypeOf(metadata), Object.prototype)
})

test('a whole number is a whole number', () => {
  assert.equal(parseWhole('--limit', '12'), 12)
  assert.equal(parseWhole('--cost', '0', 0), 0)
  for (const text of ['0', '-1', '1.5', '1e3', '', ' 1', '0x10', '99999999999999999']) {
    assert.throws(() => parseWhole('--limit', text), REFUSED, text)
  }
})

test('what is not given does not reach the body, but null does', () => {
  assert.deepEqual(given({ a: undefined, b: null, c: 0, d: false }), { b: null, c: 0, d: false })
})

test('a ceiling is scopes per API, unrestricted, or nothing', () => {
  assert.equal(parseCeiling(undefined), undefined)
  assert.equal(parseCeiling(['unrestricted']), null)
  assert.deepEqual(parseCeiling(['nothing']), [])
  assert.deepEqual(parseCeiling(['orders=orders:read,orders:write', 'reports=*']), [
    { api: 'orders', scopes: ['orders:read', 'orders:write'], roles: [] },
    { api: 'reports', scopes: ['*'], roles: [] },
  ])
  assert.throws(() => parseCeiling(['orders']), REFUSED)
  assert.throws(() => parseCeiling(['nothing', 'orders=x']), REFUSED)
})
