import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type ExtractRules, extract, MAX_CREDENTIAL_LENGTH, soleBearer } from './extract.ts'
import { checkProperty, refutes } from './testing/rounds.ts'

const plain: ExtractRules = { credentialHeader: null, queryParameter: null }
const codeOf = (headers: string[], query = '', rules = plain) => {
  const extraction = extract(headers, query, rules)
  return extraction.type === 'refused'
    ? extraction.code
    : `${extraction.presented.scheme} ${extraction.presented.value}`
}

describe('extract', () => {
  it('reads Authorization: Bearer, Basic and DPoP in any case of the scheme', () => {
    assert.equal(codeOf(['Authorization', 'Bearer abc']), 'bearer abc')
    assert.equal(codeOf(['AUTHORIZATION', 'bEARER abc']), 'bearer abc')
    assert.equal(codeOf(['authorization', 'Basic dTpw']), 'basic dTpw')
    assert.equal(codeOf(['authorization', 'DPoP a.b.c']), 'dpop a.b.c')
  })

  it('reads X-API-Key, and the header that the API configures', () => {
    assert.equal(codeOf(['X-API-Key', 'abc']), 'key abc')
    assert.equal(codeOf(['X-Acme-Key', 'abc'], '', { ...plain, credentialHeader: 'x-acme-key' }), 'key abc')
    assert.equal(codeOf(['X-Acme-Key', 'abc']), 'MISSING')
  })

  it('finds nothing: MISSING', () => {
    assert.equal(codeOf([]), 'MISSING')
    assert.equal(codeOf(['Accept', 'Bearer abc']), 'MISSING')
  })

  it('accepts the same credential in two places, and calls two different ones AMBIGUOUS', () => {
    assert.equal(codeOf(['Authorization', 'Bearer abc', 'X-API-Key', 'abc']), 'bearer abc')
    assert.equal(codeOf(['Authorization', 'Bearer abc', 'X-API-Key', 'abd']), 'AMBIGUOUS')
  })

  it('refuses a repeated or comma-joined header: whoever stands before us may have read the other half', () => {
    assert.equal(codeOf(['Authorization', 'Bearer a', 'authorization', 'Bearer a']), 'MALFORMED')
    assert.equal(codeOf(['Authorization', 'Bearer a, Bearer b']), 'MALFORMED')
    assert.equal(codeOf(['X-API-Key', 'a', 'X-Api-Key', 'b']), 'MALFORMED')
    assert.equal(codeOf(['X-API-Key', 'a, b']), 'MALFORMED')
    assert.equal(codeOf(['X-API-Key', 'a,b']), 'MALFORMED')
  })

  it('refuses what is no credential', () => {
    const values = [
      '',
      'Bearer',
      'Bearer ',
      'Bearer  a',
      'Bearer a b',
      'abc',
      'Digest a',
      'Bearer é',
      'Bearer "a"',
    ]
    for (const value of values) assert.equal(codeOf(['Authorization', value]), 'MALFORMED', value)
    assert.equal(codeOf(['Authorization', `Bearer ${'a'.repeat(MAX_CREDENTIAL_LENGTH)}`]), 'MALFORMED')
    assert.equal(codeOf(['X-API-Key', 'a'.repeat(MAX_CREDENTIAL_LENGTH + 1)]), 'MALFORMED')
  })

  it('reads a query string only where the API says so, and says why not elsewhere', () => {
    const rules = { ...plain, queryParameter: 'api_key' }
    assert.equal(codeOf([], '?api_key=abc', rules), 'key abc')
    assert.equal(codeOf([], '?api_key=a&api_key=b', rules), 'MALFORMED')
    assert.equal(codeOf(['X-API-Key', 'abd'], '?api_key=abc', rules), 'AMBIGUOUS')
    const refused = extract([], '?api_key=abc', plain)
    assert.ok(refused.type === 'refused' && refused.code === 'MISSING')
    assert.match(refused.detail, /query parameter api_key is not read/)
    assert.doesNotMatch(refused.detail, /abc/)
  })

  it('never throws on input', () => {
    const text = fc.string({ unit: 'binary', maxLength: 60 })
    const names = fc.constantFrom('authorization', 'x-api-key', 'x-other')
    checkProperty(
      'any headers',
      500,
      fc.property(fc.array(fc.tuple(names, text)), text, (pairs, query) => {
        extract(pairs.flat(), query, { credentialHeader: 'x-other', queryParameter: 'key' })
      }),
    )
  })
})

describe('soleBearer', () => {
  const values = [
    'Bearer abc',
    'Bearer abd',
    'bearer abc',
    'Bearer a b',
    'Bearer ',
    'Basic dTpw',
    'DPoP abc',
    'abc',
  ]
  const lines = fc.array(
    fc.tuple(
      fc.constantFrom('Authorization', 'authorization', 'X-API-Key', 'X-Acme-Key', 'Accept'),
      fc.constantFrom(...values),
    ),
    { maxLength: 3 },
  )
  const anyRules = fc.record({
    credentialHeader: fc.constantFrom(null, 'x-acme-key', 'authorization'),
    queryParameter: fc.constantFrom(null, 'key'),
  })
  const anyQuery = fc.constantFrom('', '?', '?key=abc', '?other=1')

  /** What has the form of a credential is what `extract` finds, in the same place; and the usual request is one of these. */
  const agrees = (sole: typeof soleBearer) =>
    fc.property(lines, anyQuery, anyRules, (lines, query, rules) => {
      const headers = lines.flat()
      const found = sole(headers, query, rules)
      const extraction = extract(headers, query, rules)
      if (found === null) {
        assert.notEqual(
          JSON.stringify([lines, query]),
          JSON.stringify([[['Authorization', 'Bearer abc']], '']),
        )
      } else if (extraction.type === 'presented') assert.deepEqual(found, extraction.presented)
      else {
        assert.equal(extraction.code, 'MALFORMED')
        assert.ok(!/^[a-z]+$/.test(found.value), `${found.value} has the form of a credential`)
      }
    })

  it('finds what extract finds, where only one thing is presented, and looks at no form', () => {
    checkProperty('soleBearer', 3000, agrees(soleBearer))
    assert.equal(
      soleBearer(['Authorization', `Bearer ${'a'.repeat(MAX_CREDENTIAL_LENGTH)}`], '', plain),
      null,
    )
  })

  it('negative control: one that overlooks a second place is found out', () => {
    const overlooks: typeof soleBearer = (headers, query, rules) =>
      soleBearer(headers.slice(0, 2), query, { ...rules, queryParameter: null })
    assert.ok(refutes(3000, agrees(overlooks)))
  })
})
