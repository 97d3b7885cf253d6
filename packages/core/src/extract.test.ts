import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type ExtractRules, extract, MAX_CREDENTIAL_LENGTH } from './extract.ts'
import { checkProperty } from './testing/rounds.ts'

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
