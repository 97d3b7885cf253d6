import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { matchPath, type PathPattern, parsePathPattern } from './path-pattern.ts'
import { checkProperty, refutes } from './testing/rounds.ts'

function pattern(text: string): PathPattern {
  const parsed = parsePathPattern(text)
  assert.ok(parsed.ok, parsed.ok ? '' : `${text}: ${parsed.problem}`)
  return parsed.pattern
}

describe('path patterns', () => {
  test('* is one segment that is not empty, ** any rest and also none', () => {
    const rows: [pattern: string, matching: string[], others: string[]][] = [
      ['/', ['/'], ['/a']],
      ['/orders', ['/orders'], ['/', '/orders/', '/orders/1', '/orders1', '/order', '/Orders']],
      ['/orders/', ['/orders/'], ['/orders', '/orders//']],
      ['/orders/*', ['/orders/1', '/orders/*'], ['/orders', '/orders/', '/orders/1/', '/orders/1/2']],
      ['/*/items', ['/a/items'], ['/items', '/a/b/items', '//items']],
      ['/a/**', ['/a', '/a/', '/a/b', '/a/b/c/'], ['/', '/ab', '/b/a']],
      ['/a/*/**', ['/a/b', '/a/b/', '/a/b/c'], ['/a', '/a/']],
      ['/**', ['/', '/a', '/a/b/'], []],
    ]
    for (const [text, matching, others] of rows) {
      for (const path of matching) assert.ok(matchPath(pattern(text), path), `${text} matches ${path}`)
      for (const path of others) assert.ok(!matchPath(pattern(text), path), `${text} does not match ${path}`)
    }
  })

  test('a pattern that would never match, or not what was meant, is refused with advice', () => {
    const rows: [text: string, problem: RegExp][] = [
      ['', /begins with a slash/],
      ['orders', /begins with a slash/],
      ['/orders?x', /no query/],
      ['/a/**/b', /only at the end/],
      ['/a*', /whole segment/],
      ['/a/***', /whole segment/],
      ['/orders/:id', /write \* for one segment, not :id/],
      ['/orders/{id}', /write \* for one segment/],
      ['/a//b', /empty segment/],
      ['/a/../b', /dot segment/],
      ['/%61', /write \/a/],
      ['/caf%c3%a9', /write \/caf%C3%A9/],
      ['/a b', /percent-encoded/],
      [`/${'a'.repeat(1024)}`, /1024/],
    ]
    for (const [text, expected] of rows) {
      const parsed = parsePathPattern(text)
      assert.match(parsed.ok ? '' : parsed.problem, expected, text)
    }
  })

  test('matching agrees with the definition, and a prefix matcher does not', () => {
    const segment = fc.constantFrom('a', 'b', 'ab')
    const segments = fc.array(segment, { maxLength: 4 })
    const path = fc.tuple(segments, fc.boolean()).map(([parts, slash]) => {
      return `/${parts.join('/')}${slash && parts.length > 0 ? '/' : ''}`
    })
    const text = fc
      .tuple(fc.array(fc.oneof(segment, fc.constant('*')), { maxLength: 4 }), fc.boolean())
      .map(([parts, isOpen]) => `/${[...parts, ...(isOpen ? ['**'] : [])].join('/')}`)
    const model = (pattern: string, path: string) => {
      const parts = pattern.slice(1).split('/')
      const given = path.slice(1).split('/')
      const isOpen = parts.at(-1) === '**' && parts.pop() === '**'
      if (isOpen ? given.length < parts.length : given.length !== parts.length) return false
      return parts.every((part, index) => (part === '*' ? given[index] !== '' : part === given[index]))
    }
    const agrees = (matches: (pattern: PathPattern, path: string) => boolean) =>
      fc.property(text, path, (text, path) => {
        assert.equal(matches(pattern(text), path), model(text, path))
      })
    checkProperty('matchPath = definition', 10_000, agrees(matchPath))
    const prefix = (one: PathPattern, path: string) => path.startsWith(one.text.replace(/\/?\*+.*$/, ''))
    assert.ok(refutes(10_000, agrees(prefix)))
  })
})
