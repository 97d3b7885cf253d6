import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  coversAll,
  intersectScopes,
  isScope,
  isScopePattern,
  missingScopes,
  parseScopeExpression,
  type ScopeExpression,
  satisfies,
  scopeCovers,
  scopesNamed,
} from './scope.ts'
import { checkProperty, refutes } from './testing/rounds.ts'

function parsed(text: string): ScopeExpression {
  const result = parseScopeExpression(text)
  assert.ok(result.ok, `${text}: ${result.ok ? '' : result.problem}`)
  return result.expression
}

function problem(text: string): string {
  const result = parseScopeExpression(text)
  assert.equal(result.ok, false, text)
  return result.ok ? '' : result.problem
}

describe('scopes', () => {
  test('are segments joined by colons; wildcards stand only in patterns', () => {
    for (const scope of ['orders', 'orders:read', 'a.b-c_d:1', 'credentials:verify:orders']) {
      assert.ok(isScope(scope) && isScopePattern(scope), scope)
    }
    for (const pattern of ['*', 'orders:*', '*:read', 'a:*:c']) {
      assert.ok(!isScope(pattern) && isScopePattern(pattern), pattern)
    }
    const neither = ['', ':', 'a:', ':a', 'a::b', 'a b', 'a*', '*a', 'a:**', 'ä', 'a\n', 'a/b', 'AND', 'OR']
    for (const text of [...neither, 'x'.repeat(257)]) {
      assert.ok(!isScope(text) && !isScopePattern(text), JSON.stringify(text))
    }
  })

  test('a last * covers one or more segments, a * elsewhere exactly one, * alone everything', () => {
    const rows: [granted: string, wanted: string, covers: boolean][] = [
      ['orders:read', 'orders:read', true],
      ['orders:read', 'orders:reads', false],
      ['orders:reads', 'orders:read', false],
      ['orders', 'orders:read', false],
      ['orders:*', 'orders:read', true],
      ['orders:*', 'orders:items:read', true],
      ['orders:*', 'orders', false],
      ['orders:*', 'orders2:read', false],
      ['*', 'orders', true],
      ['*', 'a:b:c', true],
      ['*:read', 'orders:read', true],
      ['*:read', 'a:b:read', false],
      ['*:read', 'read', false],
      ['a:*:c', 'a:b:c', true],
      ['a:*:c', 'a:b:b:c', false],
      ['a:*:*', 'a:b', false],
      ['a:*:*', 'a:b:c:d', true],
      ['orders:read', 'orders:*', false],
      ['orders:*', '*', false],
      ['orders:*', 'orders:*:read', true],
      ['a:*:c', 'a:*', false],
      ['*', '*', true],
    ]
    for (const [granted, wanted, covers] of rows) {
      assert.equal(scopeCovers(granted, wanted), covers, `${granted} covers ${wanted}`)
    }
  })

  test('intersecting keeps what both allow, in its shortest form', () => {
    assert.deepEqual(intersectScopes(['*'], ['orders:read', 'orders:*']), ['orders:*'])
    assert.deepEqual(intersectScopes(['orders:*'], ['*:read']), ['orders:read'])
    assert.deepEqual(intersectScopes(['*:read'], ['orders:*:*']), [])
    assert.deepEqual(intersectScopes(['a:*'], ['*:b:*']), ['a:b:*'])
    assert.deepEqual(intersectScopes(['a:b'], []), [])
  })
})

const segment = fc.constantFrom('a', 'b', 'ab')
const scope = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join(':'))
const pattern = fc
  .array(fc.oneof(segment, fc.constant('*')), { minLength: 1, maxLength: 4 })
  .map((segments) => segments.join(':'))

/** What the words say, in the plainest form: over segments, one at a time. */
function modelCovers(granted: string, wanted: string): boolean {
  const pattern = granted.split(':')
  const segments = wanted.split(':')
  const open = pattern.at(-1) === '*'
  if (open ? segments.length < pattern.length : segments.length !== pattern.length) return false
  return pattern.every((part, index) => part === '*' || part === segments[index])
}

describe('properties of scopes', () => {
  test('covering a scope agrees with the definition, and a prefix matcher does not', () => {
    const agrees = (covers: (granted: string, wanted: string) => boolean) =>
      fc.property(pattern, scope, (granted, wanted) => {
        assert.equal(covers(granted, wanted), modelCovers(granted, wanted))
      })
    checkProperty('scopeCovers = definition', 5000, agrees(scopeCovers))
    // Naive: `*` is cut off and the rest compared as a prefix, so `a*` and `a:*` cover `ab:c`.
    const naive = (granted: string, wanted: string) => wanted.startsWith(granted.replaceAll(/:?\*/g, ''))
    assert.ok(refutes(5000, agrees(naive)))
  })

  test('a wanted pattern is covered exactly when every scope it stands for is', () => {
    // `x` stands in no granted pattern, so a scope made of it can be covered by stars alone.
    const instances = (wanted: string) => {
      const fixed = wanted.replaceAll('*', 'x')
      return wanted.endsWith('*') ? [fixed, `${fixed}:x`, `${fixed}:x:x:x:x`] : [fixed]
    }
    const agrees = (covers: (granted: string, wanted: string) => boolean) =>
      fc.property(pattern, pattern, (granted, wanted) => {
        const every = instances(wanted).every((one) => modelCovers(granted, one))
        assert.equal(covers(granted, wanted), every)
      })
    checkProperty('scopeCovers of patterns', 5000, agrees(scopeCovers))
    const oneExample = (granted: string, wanted: string) => modelCovers(granted, wanted.replaceAll('*', 'a'))
    assert.ok(refutes(5000, agrees(oneExample)), 'taking one example for all is seen to be wrong')
  })

  test('the intersection allows a scope exactly when both sides do, and never repeats itself', () => {
    const patterns = fc.array(pattern, { maxLength: 4 })
    checkProperty(
      'intersectScopes',
      5000,
      fc.property(patterns, patterns, fc.array(scope, { maxLength: 20 }), (a, b, probes) => {
        const both = intersectScopes(a, b)
        for (const probe of [...probes, ...both]) {
          const expected = coversAll(a, [probe]) && coversAll(b, [probe])
          assert.equal(coversAll(both, [probe]), expected, `${probe} in ${both}`)
        }
        for (const one of both) {
          assert.ok(isScopePattern(one))
          assert.ok(!both.some((other) => other !== one && scopeCovers(other, one)), `${both}`)
        }
      }),
    )
  })
})

describe('scope expressions', () => {
  test('AND binds tighter than OR, parentheses bind tightest', () => {
    const rows: [text: string, granted: string[], satisfied: boolean][] = [
      ['a', ['a'], true],
      ['a OR b AND c', ['a'], true],
      ['a OR b AND c', ['b'], false],
      ['a OR b AND c', ['b', 'c'], true],
      ['(a OR b) AND c', ['a'], false],
      ['(a OR b) AND c', ['b', 'c'], true],
      ['orders:read AND (orders:write OR admin)', ['orders:*'], true],
      ['  a   AND((b))', ['a', 'b'], true],
      ['a', [], false],
      ['a', ['*'], true],
    ]
    for (const [text, granted, satisfied] of rows) {
      assert.equal(satisfies(parsed(text), granted), satisfied, `${text} by ${granted}`)
    }
  })

  test('a list without operators is refused with the advice to use AND', () => {
    assert.match(problem('orders:read orders:write'), /write AND .*"orders:read" and "orders:write"/)
    assert.match(problem('(a b)'), /write AND/)
    assert.match(problem('a and b'), /write AND, not "and"/)
  })

  test('what is not well formed is refused by name', () => {
    const rows: [text: string, problem: RegExp][] = [
      ['', /empty/],
      ['   ', /empty/],
      ['()', /missing before "\)"/],
      ['a AND', /missing at the end/],
      ['OR a', /missing before "OR"/],
      ['a AND OR b', /missing before "OR"/],
      ['(a', /without its `\)`/],
      ['a)', /without its `\(`/],
      ['orders:*', /wildcard/],
      ['a,b', /not a scope/],
      ['a\tAND b', /not a scope/],
      ['a AND \u001b[2J', /"\\u001b/],
    ]
    for (const [text, expected] of rows) assert.match(problem(text), expected, JSON.stringify(text))
  })

  test('length and depth are bounded', () => {
    const nested = (depth: number) => `${'('.repeat(depth)}a${')'.repeat(depth)}`
    assert.ok(parseScopeExpression(nested(32)).ok)
    assert.match(problem(nested(33)), /32 parentheses/)
    assert.ok(parseScopeExpression(`${'a OR '.repeat(204)}abcd`).ok)
    assert.match(problem('a'.repeat(1025)), /1024/)
  })

  test('naming and missing', () => {
    const expression = parsed('a AND (b OR c AND d) AND a')
    assert.deepEqual(scopesNamed(expression), ['a', 'b', 'c', 'd'])
    assert.deepEqual(missingScopes(expression, ['a']), ['b'])
    assert.deepEqual(missingScopes(expression, ['c']), ['a', 'b'])
    assert.deepEqual(missingScopes(expression, ['a', 'b']), [])
    assert.deepEqual(missingScopes(expression, ['*']), [])
  })
})

type Tree = { scope: string } | { op: 'AND' | 'OR'; of: Tree[] }
const tree = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    fc.record({ scope }),
    fc.record({
      op: fc.constantFrom('AND' as const, 'OR' as const),
      of: fc.array(tie('tree'), { minLength: 2, maxLength: 3 }),
    }),
  ),
})).tree

function render(node: Tree): string {
  return 'scope' in node ? node.scope : `(${node.of.map(render).join(` ${node.op} `)})`
}

function evaluate(node: Tree, granted: readonly string[]): boolean {
  if ('scope' in node) return granted.some((one) => modelCovers(one, node.scope))
  return node.op === 'AND'
    ? node.of.every((part) => evaluate(part, granted))
    : node.of.some((part) => evaluate(part, granted))
}

describe('properties of scope expressions', () => {
  test('what is parsed means what was written; the missing scopes are what makes it hold', () => {
    checkProperty(
      'parse, satisfies, missingScopes',
      3000,
      fc.property(tree, fc.array(pattern, { maxLength: 4 }), (node, granted) => {
        const text = render(node)
        fc.pre(text.length <= 1024)
        const expression = parsed(text)
        assert.equal(satisfies(expression, granted), evaluate(node, granted))
        const missing = missingScopes(expression, granted)
        assert.equal(missing.length === 0, satisfies(expression, granted))
        assert.ok(satisfies(expression, [...granted, ...missing]))
      }),
    )
  })

  test('any text is either parsed or refused with a problem, never a throw', () => {
    const token = fc.constantFrom('a', 'a:b', '(', ')', ' ', 'AND', 'OR', 'and', '*', ':', '\u0000', 'é')
    checkProperty(
      'parse of anything',
      5000,
      fc.property(fc.array(token, { maxLength: 40 }), (tokens) => {
        const result = parseScopeExpression(tokens.join(''))
        if (!result.ok) assert.notEqual(result.problem, '')
        else for (const scope of scopesNamed(result.expression)) assert.ok(isScope(scope))
      }),
    )
  })
})
