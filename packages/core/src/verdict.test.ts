import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { checkProperty, refutes } from './testing/rounds.ts'
import { challengeFor, problemType, publicCode, VERDICT_CODES, VERDICTS } from './verdict.ts'

/** `Bearer` and auth-params whose values are all quoted-strings of RFC 9110; null: it does not parse. */
function parametersOf(challenge: string): Record<string, string> | null {
  const parameters: Record<string, string> = {}
  if (!challenge.startsWith('Bearer ')) return null
  const rest = challenge.slice('Bearer '.length)
  const parameter = /([a-z_]+)="((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*)"(?:, |$)/y
  while (parameter.lastIndex < rest.length) {
    const match = parameter.exec(rest)
    if (match === null || match[1]! in parameters) return null
    parameters[match[1]!] = match[2]!.replace(/\\(.)/g, '$1')
  }
  return parameters
}

/** Characters that end or escape a quoted-string, controls, and any others. */
const anyText = fc.string({
  unit: fc.oneof(
    fc.constantFrom('"', '\\', ',', '=', ' ', '\r', '\n'),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
  maxLength: 30,
})
const visible = (text: string) => text.replace(/[^\x20-\x7e]/g, '?')

function quotesSafely(make: (realm: string, scope: string) => string | null) {
  return fc.property(anyText, anyText, (realm, scope) => {
    const challenge = make(realm, scope)
    assert.deepEqual(parametersOf(challenge ?? ''), {
      realm: visible(realm),
      error: 'insufficient_scope',
      error_description: 'Scope missing',
      scope: visible(scope),
    })
  })
}

describe('the table of verdicts', () => {
  it('has a title, a meaning and a status for every code', () => {
    for (const code of VERDICT_CODES) {
      const { status, title, meaning } = VERDICTS[code]
      assert.ok(title.length > 0 && meaning.endsWith('.'), code)
      assert.equal(status === 200, code === 'VALID')
      assert.ok([200, 400, 401, 403, 429, 503].includes(status), code)
    }
  })

  it('challenges every 401 (RFC 9110 section 15.5.2), and never 429 or 503', () => {
    for (const code of VERDICT_CODES) {
      const { status } = VERDICTS[code]
      const challenge = challengeFor(code, 'orders')
      if (status === 401) assert.match(challenge ?? '', /^Bearer realm="orders"/)
      if (status === 429 || status === 503 || status === 200) assert.equal(challenge, null)
    }
  })

  it('gives no error code to whom presented nothing (RFC 6750 section 3.1)', () => {
    assert.equal(challengeFor('MISSING', 'orders'), 'Bearer realm="orders"')
  })

  it('lets BAD_SECRET look like NOT_FOUND in every way a caller can see, and hides nothing else', () => {
    assert.equal(publicCode('BAD_SECRET'), 'NOT_FOUND')
    assert.equal(challengeFor('BAD_SECRET', 'orders'), challengeFor('NOT_FOUND', 'orders'))
    assert.equal(VERDICTS.BAD_SECRET.status, VERDICTS.NOT_FOUND.status)
    assert.equal(VERDICTS.BAD_SECRET.title, VERDICTS.NOT_FOUND.title)
    for (const code of VERDICT_CODES) if (code !== 'BAD_SECRET') assert.equal(publicCode(code), code)
  })

  it('names the scopes that are needed only where one is missing', () => {
    assert.match(challengeFor('INSUFFICIENT_SCOPE', 'orders', { scope: 'a b' }) ?? '', /, scope="a b"$/)
    assert.ok(!challengeFor('EXPIRED', 'orders', { scope: 'a b' })?.includes('scope'))
  })

  it('asks for HTTP Basic beside Bearer where it is taken, in every 401 and nowhere else', () => {
    const basic = /, Basic realm="orders", charset="UTF-8"$/
    for (const code of VERDICT_CODES) {
      const isAsked = basic.test(challengeFor(code, 'orders', { takesBasic: true, scope: 'a' }) ?? '')
      assert.equal(isAsked, VERDICTS[code].status === 401, code)
      assert.ok(!(challengeFor(code, 'orders') ?? '').includes('Basic'), code)
    }
    assert.equal(
      challengeFor('MISSING', 'a "b"', { takesBasic: true }),
      'Bearer realm="a \\"b\\"", Basic realm="a \\"b\\"", charset="UTF-8"',
    )
  })

  it('gives every code a problem type of its own', () => {
    assert.equal(problemType('BAD_SECRET'), '/problems/bad-secret')
    assert.equal(new Set(VERDICT_CODES.map(problemType)).size, VERDICT_CODES.length)
  })

  it('quotes any realm and any scope so that the challenge reads as what was meant', () => {
    checkProperty(
      'challenge quoting',
      1000,
      quotesSafely((realm, scope) => challengeFor('INSUFFICIENT_SCOPE', realm, { scope })),
    )
  })

  it('negative control: a challenge that does not escape is found out', () => {
    const bare = (realm: string, scope: string) =>
      `Bearer realm="${visible(realm)}", error="insufficient_scope", error_description="Scope missing", scope="${visible(scope)}"`
    assert.ok(refutes(1000, quotesSafely(bare)))
  })
})
