import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { canonicalTarget } from './target.ts'
import { checkProperty, refutes, rounds } from './testing/rounds.ts'

describe('the request target', () => {
  test('has one canonical form', () => {
    const rows: [target: string, path: string, query: string][] = [
      ['/', '/', ''],
      ['/orders', '/orders', ''],
      ['/orders/', '/orders/', ''],
      ['/orders/17?a=b&c=%2F..;', '/orders/17', '?a=b&c=%2F..;'],
      ['/a?', '/a', '?'],
      ['/a?b?c', '/a', '?b?c'],
      ['/%61%7E%2d', '/a~-', ''],
      ['/caf%c3%a9', '/caf%C3%A9', ''],
      ['/a%20b', '/a%20b', ''],
      ["/!$&'()*+,=:@", "/!$&'()*+,=:@", ''],
      ['/.well-known/x', '/.well-known/x', ''],
      ['/a/...', '/a/...', ''],
      ['/a/..b/c..', '/a/..b/c..', ''],
      ['/100%25', '/100%25', ''],
      ['/100%25g1', '/100%25g1', ''],
    ]
    for (const [target, path, query] of rows) {
      assert.deepEqual(canonicalTarget(target), { ok: true, path, query }, target)
    }
  })

  test('whatever two parsers could read differently is refused, and the problem says why', () => {
    const rows: [problem: RegExp, targets: string[]][] = [
      [/begins with a slash/, ['', '*', 'orders', 'http://host/orders', 'host:443', '?a', '\\a']],
      [/empty segment/, ['//', '//host/a', '/a//b', '/a//', '/a//?b']],
      [/dot segment/, ['/.', '/..', '/public/../admin', '/a/./b', '/%2e%2e', '/a/.%2E/b', '/%2e', '/a/..']],
      [/encoded "\/"/, ['/a%2fb', '/%2F', '/..%2f..']],
      [/encoded "\\\\"/, ['/a%5cb', '/..%5C']],
      [/encoded "[;?#]"/, ['/a%3bb', '/a%3B', '/admin%3f', '/a%23']],
      [/encoded control/, ['/%00', '/a%0d%0aX:y', '/%7f', '/%09']],
      [/without two/, ['/%', '/%2', '/%zz', '/%u002f', '/a%/b', '/%%41']],
      [/encoded twice/, ['/%252e', '/%252f', '/a%2541', '/%25%32%66', '/%2525', '/%25%32f', '/%25u002f']],
      [/not UTF-8/, ['/%c0%af', '/%ff', '/%c3', '/%ed%a0%80', '/%e0%80%af']],
      [/slashes or dots/, ['/a%EF%BC%8Fb', '/%EF%BC%8E%EF%BC%8E/a', '/%E2%80%A5', '/a%EF%BC%9Bb']],
      [
        /must be percent-encoded in the path/,
        [
          '/a\\b',
          '/a b',
          '/a\tb',
          '/a\u0000',
          '/é',
          '/a#b',
          '/a;b',
          '/a"',
          '/<',
          '/{a}',
          '/a|b',
          '/^',
          '/`',
          '/[a]',
        ],
      ],
      [
        /must be percent-encoded in the query/,
        ['/a?b c', '/a?\r\n', '/a?é', '/a?#', '/a?\u0000', '/a?\u007f'],
      ],
    ]
    for (const [problem, targets] of rows) {
      for (const target of targets) {
        const result = canonicalTarget(target)
        assert.equal(result.ok, false, JSON.stringify(target))
        assert.match(result.ok ? '' : result.problem, problem, JSON.stringify(target))
      }
    }
  })

  test('no problem repeats what was sent', () => {
    const result = canonicalTarget('/\u001b[2J')
    assert.equal(result.ok ? '' : result.problem, 'character that must be percent-encoded in the path: 0x1b')
  })
})

/** Ways in which servers decode paths; each keeps what it cannot decode. */
const DECODERS: ((text: string) => string)[] = [
  (text) => orSame(() => decodeURIComponent(text), text),
  (text) =>
    text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
  (text) =>
    text.replace(/(?:%[0-9a-fA-F]{2})+/g, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString()),
  // IIS's %uXXXX besides.
  (text) =>
    text
      .replace(/%u([0-9a-fA-F]{4})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
      .replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
]

function orSame(decode: () => string, text: string): string {
  try {
    return decode()
  } catch {
    return text
  }
}

/** What a server that decodes, cuts parameters and fragments, and resolves dots makes of a path. */
function naiveSegments(path: string): string[] {
  const segments: string[] = []
  for (const segment of path
    .replaceAll('\\', '/')
    .split(/[?#\0]/)[0]!
    .slice(1)
    .split('/')) {
    const name = segment.split(';')[0]!
    if (name === '..') segments.pop()
    else if (name !== '.') segments.push(name)
  }
  return segments
}

const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '/',
        '/',
        '/',
        'a',
        'b',
        'admin',
        '.',
        '..',
        '%2e',
        '%2E',
        '%2f',
        '%5c',
        '\\',
        ';',
        ';a=b',
      ),
      fc.constantFrom(
        '%',
        '%25',
        '%252e',
        '%25%32%65',
        '%00',
        '\u0000',
        '%3b',
        '%3f',
        '%23',
        '?',
        '#',
        '%41',
        '41',
      ),
      fc.constantFrom(
        '%c0%ae',
        '%c0%af',
        '%e0%80%af',
        '%EF%BC%8F',
        '%EF%BC%8E',
        '%C3%A9',
        '%u002f',
        'u002e',
        '2f',
      ),
      fc.constantFrom(
        'é',
        ' ',
        '+',
        '%20',
        '%0a',
        '\t',
        '|',
        '{',
        '"',
        "'",
        '*',
        ':',
        '@',
        '~',
        'host',
        '\ud800',
      ),
      fc.string({ unit: 'binary', maxLength: 2 }),
      fc.integer({ min: 0, max: 255 }).map((byte) => `%${byte.toString(16).padStart(2, '0')}`),
    ),
    { maxLength: 12 },
  )
  .map((pieces) => `/${pieces.join('')}`)

type Canonical = typeof canonicalTarget

/** Refused, or read in the same way by everybody. */
function readOneWay(canonical: Canonical) {
  return fc.property(hostile, (target) => {
    const result = canonical(target)
    if (!result.ok) return
    const { path, query } = result
    assert.deepEqual(canonical(path + query), result, 'canonicalising again changes nothing')
    assert.match(path + query, /^[!-~]+$/)
    const segments = path.slice(1).split('/')
    assert.ok(segments.every((segment, index) => segment !== '' || index === segments.length - 1))
    for (const decode of DECODERS) {
      const expected = segments.map(decode)
      assert.deepEqual(naiveSegments(decode(path)), expected, 'decoding once, then splitting')
      assert.deepEqual(naiveSegments(decode(decode(path))), expected, 'decoding twice')
    }
    const url = new URL(`http://host${path}${query}`)
    assert.equal(url.pathname, path, 'a WHATWG URL keeps the path')
    assert.equal(url.host, 'host')
    assert.equal(
      new URL(path + query, 'http://host').href,
      url.href,
      'it stays a path as a relative reference',
    )
  })
}

describe('properties of the request target', () => {
  test('a hostile target is refused or read in the same way by everybody', () => {
    let accepted = 0
    const counting: Canonical = (target) => {
      const result = canonicalTarget(target)
      if (result.ok) accepted += 1
      return result
    }
    checkProperty('canonicalTarget', 20_000, readOneWay(counting))
    assert.ok(accepted > rounds(20_000) / 50, `only ${accepted} accepted: the property would show little`)
  })

  test('checks that are known to be too few are seen to fail', () => {
    const split = (target: string) => {
      const index = target.indexOf('?')
      return index === -1 ? [target, ''] : [target.slice(0, index), target.slice(index)]
    }
    const accept = (target: string) => {
      const [path = '', query = ''] = split(target)
      return { ok: true as const, path, query }
    }
    const refuseWhere = (pattern: RegExp): Canonical => {
      return (target) => (pattern.test(target) ? { ok: false, problem: 'refused' } : accept(target))
    }
    const decodeOnce: Canonical = (target) => {
      const { path, query } = accept(target)
      return { ok: true, path: DECODERS[0]!(path), query }
    }
    assert.ok(refutes(20_000, readOneWay(accept)), 'accepting everything')
    assert.ok(refutes(20_000, readOneWay(decodeOnce)), 'decoding once')
    const nearly =
      /[^!-~]|[\\;"<>^`{|}#]|\/\/|%(?![0-9a-fA-F]{2})|%[01][0-9a-f]|%(?:2f|5c|3b|3f|23|7f)|\/\.\.?(?=[/?]|$)/i
    assert.ok(refutes(20_000, readOneWay(refuseWhere(nearly))), 'without encoded dots and double encoding')
  })

  test('most plain targets are accepted', () => {
    checkProperty(
      'canonicalTarget of plain paths',
      3000,
      fc.property(fc.array(fc.stringMatching(/^[a-z0-9_-]{1,8}$/), { maxLength: 6 }), (segments) => {
        const path = `/${segments.join('/')}`
        assert.deepEqual(canonicalTarget(path), { ok: true, path, query: '' })
        const encoded = path.replace(/[a-z]/g, (letter) => `%${letter.charCodeAt(0).toString(16)}`)
        assert.deepEqual(canonicalTarget(encoded), { ok: true, path, query: '' })
      }),
    )
  })
})
