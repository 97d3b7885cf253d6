import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { MAX_URI_LENGTH, normalAuthority, normalHttpUri } from './http-uri.ts'
import { checkProperty } from './testing/rounds.ts'

describe('a URI as it is compared', () => {
  it('is the same for every spelling that RFC 3986 sections 6.2.2 and 6.2.3 hold for one', () => {
    for (const [spellings, expected] of [
      [
        ['https://a.example/x', 'HTTPS://A.EXAMPLE/x', 'https://a.example:443/x', 'https://a.example:/x'],
        'https://a.example/x',
      ],
      [
        [
          'http://a.example',
          'http://a.example/',
          'http://a.example:80',
          'http://a.example?q',
          'http://a.example#f',
        ],
        'http://a.example/',
      ],
      [['https://a.example/%7euser/%2F', 'https://a.example/~user/%2f'], 'https://a.example/~user/%2F'],
      [
        ['https://a.example/b/../x/./y/..', 'https://a.example/x/', 'https://a.example/%2e%2E/x/'],
        'https://a.example/x/',
      ],
      [['https://a.example/x?a=|"b#c', 'https://a.example/x#?'], 'https://a.example/x'],
      [['https://[2001:DB8::1]:8443/', 'https://[2001:db8::1]:8443'], 'https://[2001:db8::1]:8443/'],
    ] as const) {
      for (const spelling of spellings) assert.equal(normalHttpUri(spelling), expected, spelling)
    }
  })

  it('differs where scheme, host, port, path or an escape that is no spelling differs', () => {
    const uris = [
      'https://a.example/x',
      'http://a.example/x',
      'https://b.example/x',
      'https://a.example:80/x',
      'https://a.example:65535/x',
      'https://a.example/X',
      'https://a.example/x/',
      'https://a.example//x',
      'https://a.example/x%2F',
      'https://a.example./x',
    ]
    assert.equal(new Set(uris.map(normalHttpUri)).size, uris.length)
    assert.ok(uris.every((uri) => normalHttpUri(uri) !== null))
  })

  it('is none where two parsers could find two hosts, or nothing is there to compare', () => {
    for (const uri of [
      '',
      '/x',
      '//a.example/x',
      'ftp://a.example/x',
      'https:/a.example/x',
      'https://',
      'https:///x',
      'https://user@a.example/x',
      'https://a.example@b.example/x',
      'https://a.example\\@b.example/x',
      'https://a.exa\tmple/x',
      ' https://a.example/x',
      'https://a.example/x y',
      'https://a.example/\u00e9',
      'https://\u00e4.example/x',
      'https://a%2eexample/x',
      'https://a.example:0443/x',
      'https://a.example:65536/x',
      'https://a.example:x/',
      'https://[::1/x',
      'https://a.example/%',
      'https://a.example/%2',
      'https://a.example/%zz',
      `https://a.example/${'x'.repeat(MAX_URI_LENGTH)}`,
    ]) {
      assert.equal(normalHttpUri(uri), null, uri)
    }
  })

  it('is found in what fast-check calls a URL, is no other the second time, and is what WHATWG finds but for escapes', () => {
    checkProperty(
      'URIs',
      500,
      fc.property(fc.webUrl({ withQueryParameters: true, withFragments: true }), (url) => {
        const normal = normalHttpUri(url)
        assert.ok(normal !== null, url)
        assert.equal(normalHttpUri(normal), normal)
        if (!url.includes('%')) assert.equal(normal, new URL(url).origin + new URL(url).pathname)
      }),
    )
  })

  it('never throws, and takes bounded time', () => {
    const characters = fc.constantFrom(
      '/',
      '.',
      '%',
      '2',
      'e',
      ':',
      '[',
      ']',
      '@',
      '?',
      'a',
      '\u0000',
      '\ud800',
    )
    checkProperty(
      'anything for a URI',
      500,
      fc.property(fc.array(characters, { maxLength: 200 }), fc.string(), (parts, text) => {
        for (const uri of [
          text,
          parts.join(''),
          `https://${parts.join('')}`,
          `https://a/${parts.join('')}`,
        ]) {
          const normal = normalHttpUri(uri)
          assert.ok(normal === null || normalHttpUri(normal) === normal, uri)
        }
      }),
    )
    const startedMs = performance.now()
    for (const part of ['/..', '/.', '%2e', 'a:', '[', '//']) {
      normalHttpUri(`https://a${part.repeat(2700)}`)
      normalAuthority('https', part.repeat(100_000))
    }
    assert.ok(performance.now() - startedMs < 1000)
  })
})
