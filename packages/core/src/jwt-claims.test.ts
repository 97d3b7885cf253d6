import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { checkJwtClaims, type JwtRules, jwtRulesProblem, MAX_CLOCK_SKEW_SECONDS } from './jwt-claims.ts'
import { checkProperty, refutes } from './testing/rounds.ts'
import { VERDICT_CODES } from './verdict.ts'

const NOW_SECONDS = 1_800_000_000
const NOW_MS = NOW_SECONDS * 1000
const RULES: JwtRules = {
  issuer: 'https://issuer.example',
  audience: 'https://api.example',
  types: null,
  clockSkewSeconds: 0,
  maxAgeSeconds: null,
}
const CLAIMS = { iss: RULES.issuer, aud: RULES.audience, exp: NOW_SECONDS + 60 }

/** `VALID`, or the code of the refusal; `undefined` takes a claim away. */
function codeOf(
  claims: Record<string, unknown> | string,
  rules: Partial<JwtRules> = {},
  typ?: string,
  nowMs = NOW_MS,
): string {
  const text = typeof claims === 'string' ? claims : JSON.stringify({ ...CLAIMS, ...claims })
  const header = typ === undefined ? { alg: 'ES256' } : { alg: 'ES256', typ }
  const result = checkJwtClaims(header, Buffer.from(text), { ...RULES, ...rules }, nowMs)
  if (!result.ok) assert.ok(result.detail.length > 0 && result.detail.length < 300)
  return result.ok ? 'VALID' : result.code
}

describe('claims that hold', () => {
  test('are given back: the registered ones read, all of them as they stand', () => {
    const claims = {
      ...CLAIMS,
      sub: 's',
      nbf: NOW_SECONDS - 1,
      iat: NOW_SECONDS - 2.5,
      jti: 'j',
      'https://x.example/y': { z: [1] },
    }
    const result = checkJwtClaims({ alg: 'ES256' }, Buffer.from(JSON.stringify(claims)), RULES, NOW_MS)
    assert.deepEqual(result, {
      ok: true,
      claims: {
        issuer: RULES.issuer,
        subject: 's',
        audiences: [RULES.audience],
        expiresAtMs: NOW_MS + 60_000,
        notBeforeMs: NOW_MS - 1000,
        issuedAtMs: NOW_MS - 2500,
        tokenId: 'j',
        all: claims,
      },
    })
  })

  test('need be no more than iss, aud and exp', () => {
    assert.equal(codeOf({}), 'VALID')
    const result = checkJwtClaims({ alg: 'ES256' }, Buffer.from(JSON.stringify(CLAIMS)), RULES, NOW_MS)
    assert.ok(result.ok)
    const { subject, notBeforeMs, issuedAtMs, tokenId } = result.claims
    assert.deepEqual([subject, notBeforeMs, issuedAtMs, tokenId], [null, null, null, null])
  })
})

describe('form', () => {
  test('claims are a JSON object in UTF-8 in which nothing stands twice', () => {
    const inside = JSON.stringify(CLAIMS).slice(1, -1)
    const refused = [
      '',
      'null',
      '[]',
      '"x"',
      '7',
      'x',
      `{${inside}`,
      `{${inside},"exp":1}`,
      `{${inside},"\\u0065xp":9e9}`,
    ]
    refused.push(
      `{${inside},"__proto__":{}}`,
      `\ufeff{${inside}}`,
      `{${inside},"x":${'['.repeat(99)}${']'.repeat(99)}}`,
    )
    for (const text of refused) assert.equal(codeOf(text), 'MALFORMED', text)
    const result = checkJwtClaims({ alg: 'ES256' }, Buffer.from([0x7b, 0xff, 0x7d]), RULES, NOW_MS)
    assert.equal(!result.ok && result.code, 'MALFORMED')
    assert.equal(codeOf(`{${inside}}`), 'VALID')
  })

  test('iss, sub and jti are texts, not empty and not without end', () => {
    for (const value of [null, 7, true, '', ['x'], { x: 1 }, 'x'.repeat(1025)]) {
      for (const name of ['iss', 'sub', 'jti'])
        assert.equal(codeOf({ [name]: value }), 'MALFORMED', `${name} ${value}`)
    }
    for (const name of ['sub', 'jti']) assert.equal(codeOf({ [name]: 'x'.repeat(1024) }), 'VALID')
    assert.equal(codeOf({ iss: undefined }), 'MALFORMED')
  })

  test('exp, nbf and iat are numbers that are moments', () => {
    for (const value of [null, `${NOW_SECONDS}`, '', true, [NOW_SECONDS], { $: 1 }, 1e300, -1e300]) {
      for (const name of ['exp', 'nbf', 'iat'])
        assert.equal(codeOf({ [name]: value }), 'MALFORMED', `${name} ${value}`)
    }
    for (const number of ['1e309', '-1e309', '1e999999']) {
      for (const name of ['exp', 'nbf', 'iat']) {
        const claims = JSON.stringify({ ...CLAIMS, [name]: '@' }).replace('"@"', number)
        assert.equal(codeOf(claims), 'MALFORMED', claims)
      }
    }
  })

  test('a token without exp is refused: it would never end', () => {
    assert.equal(codeOf({ exp: undefined }), 'MALFORMED')
  })
})

describe('typ', () => {
  test('is nothing, JWT or at+jwt where no types are named', () => {
    for (const typ of [
      undefined,
      'JWT',
      'jwt',
      'at+jwt',
      'AT+JWT',
      'application/at+jwt',
      'application/jwt',
    ]) {
      assert.equal(codeOf({}, {}, typ), 'VALID', String(typ))
    }
    for (const typ of [
      '',
      'dpop+jwt',
      'logout+jwt',
      'secevent+jwt',
      'id+jwt',
      'JWE',
      'a/jwt',
      'application/application/jwt',
      ' JWT',
    ]) {
      assert.equal(codeOf({}, {}, typ), 'MALFORMED', String(typ))
    }
  })

  test('is one of those that are named, and there, where some are: an ID token is no access token', () => {
    const rules = { types: ['at+jwt'] }
    for (const typ of ['at+jwt', 'application/at+jwt', 'Application/AT+JWT'])
      assert.equal(codeOf({}, rules, typ), 'VALID', String(typ))
    for (const typ of [undefined, 'JWT', 'at', 'at+jwt2', 'text/at+jwt', ''])
      assert.equal(codeOf({}, rules, typ), 'MALFORMED', String(typ))
    assert.equal(codeOf({}, { types: ['application/x', 'JWT'] }, 'x'), 'VALID')
    assert.equal(codeOf({}, { types: [] }, 'JWT'), 'MALFORMED')
    assert.equal(
      codeOf({}, { types: ['a/jwt'] }, 'application/a/jwt'),
      'MALFORMED',
      'a whole name has no prefix',
    )
  })
})

describe('issuer and audience', () => {
  test('iss is compared character for character', () => {
    const { issuer } = RULES
    for (const iss of [
      `${issuer}/`,
      issuer.toUpperCase(),
      ` ${issuer}`,
      `${issuer}\u0000`,
      issuer.slice(0, -1),
      'x',
    ]) {
      assert.equal(codeOf({ iss }), 'UNTRUSTED_ISSUER', iss)
    }
  })

  test('aud is the audience, or a list that holds it', () => {
    const { audience } = RULES
    for (const aud of [audience, [audience], ['x', audience], [audience, audience]])
      assert.equal(codeOf({ aud }), 'VALID')
    for (const aud of [undefined, [], 'x', ['x'], `${audience}/`, [`${audience} `], `x ${audience}`]) {
      assert.equal(codeOf({ aud }), 'WRONG_AUDIENCE', String(aud))
    }
    const many = (count: number) => [
      ...Array.from({ length: count - 1 }, (_, index) => `a${index}`),
      audience,
    ]
    assert.equal(codeOf({ aud: many(64) }), 'VALID')
    for (const aud of [
      null,
      7,
      '',
      {},
      [7],
      [audience, null],
      [[audience]],
      [''],
      many(65),
      'x'.repeat(1025),
    ]) {
      assert.equal(codeOf({ aud }), 'MALFORMED', String(aud).slice(0, 50))
    }
  })
})

describe('time', () => {
  test('a token ends at its exp and not a moment later, and begins at its nbf', () => {
    assert.equal(codeOf({ exp: NOW_SECONDS }), 'EXPIRED')
    assert.equal(codeOf({ exp: NOW_SECONDS + 0.001 }), 'VALID')
    assert.equal(codeOf({ exp: 0 }), 'EXPIRED')
    assert.equal(codeOf({ exp: -1 }), 'EXPIRED')
    assert.equal(codeOf({ nbf: NOW_SECONDS }), 'VALID')
    assert.equal(codeOf({ nbf: NOW_SECONDS + 0.001 }), 'NOT_YET_VALID')
  })

  test('a token from the future is refused', () => {
    assert.equal(codeOf({ iat: NOW_SECONDS }), 'VALID')
    assert.equal(codeOf({ iat: NOW_SECONDS + 1 }), 'NOT_YET_VALID')
  })

  test('the skew moves each bound by as much and no more, and itself has a bound', () => {
    const rules = { clockSkewSeconds: 30, maxAgeSeconds: 100 }
    const iat = NOW_SECONDS
    assert.equal(codeOf({ iat, exp: NOW_SECONDS - 29 }, rules), 'VALID')
    assert.equal(codeOf({ iat, exp: NOW_SECONDS - 30 }, rules), 'EXPIRED')
    assert.equal(codeOf({ iat, nbf: NOW_SECONDS + 30 }, rules), 'VALID')
    assert.equal(codeOf({ iat, nbf: NOW_SECONDS + 31 }, rules), 'NOT_YET_VALID')
    assert.equal(codeOf({ iat: NOW_SECONDS + 30 }, rules), 'VALID')
    assert.equal(codeOf({ iat: NOW_SECONDS + 31 }, rules), 'NOT_YET_VALID')
    assert.equal(codeOf({ iat: NOW_SECONDS - 129 }, rules), 'VALID')
    assert.equal(codeOf({ iat: NOW_SECONDS - 130 }, rules), 'EXPIRED')
    const hour = { clockSkewSeconds: 3600 }
    assert.equal(codeOf({ exp: NOW_SECONDS - MAX_CLOCK_SKEW_SECONDS + 1 }, hour), 'VALID')
    assert.equal(codeOf({ exp: NOW_SECONDS - MAX_CLOCK_SKEW_SECONDS }, hour), 'EXPIRED')
  })

  test('the greatest age ends a token before its exp, and wants to know when it was issued', () => {
    const rules = { maxAgeSeconds: 100 }
    assert.equal(codeOf({ iat: NOW_SECONDS - 99 }, rules), 'VALID')
    assert.equal(codeOf({ iat: NOW_SECONDS - 100 }, rules), 'EXPIRED')
    assert.equal(codeOf({}, rules), 'MALFORMED')
    assert.equal(codeOf({ exp: NOW_SECONDS, iat: NOW_SECONDS - 1 }, rules), 'EXPIRED')
  })

  test('a number that is none refuses, wherever it stands in the rules or the clock', () => {
    const iat = NOW_SECONDS - 1
    for (const rules of [{ clockSkewSeconds: Number.NaN }, { maxAgeSeconds: Number.NaN }]) {
      assert.equal(codeOf({ iat }, rules), 'EXPIRED')
    }
    assert.equal(codeOf({ iat }, {}, undefined, Number.NaN), 'EXPIRED')
  })

  test('what comes first decides: another issuer before time, time before the audience', () => {
    assert.equal(codeOf({ iss: 'x', exp: 1, aud: 'x' }), 'UNTRUSTED_ISSUER')
    assert.equal(codeOf({ exp: 1, aud: 'x' }), 'EXPIRED')
  })
})

test('rules that could not be meant are refused by what is wrong with them', () => {
  assert.equal(jwtRulesProblem(RULES), null)
  assert.equal(
    jwtRulesProblem({ ...RULES, types: ['at+jwt'], clockSkewSeconds: 300, maxAgeSeconds: 1 }),
    null,
  )
  const rows: [rules: Partial<JwtRules>, problem: RegExp][] = [
    [{ issuer: '' }, /issuer/],
    [{ issuer: 'x'.repeat(1025) }, /issuer/],
    [{ audience: '' }, /audience/],
    [{ types: [] }, /types/],
    ...[-1, 301, Number.NaN, Number.POSITIVE_INFINITY].map(
      (clockSkewSeconds): [Partial<JwtRules>, RegExp] => [{ clockSkewSeconds }, /skew/],
    ),
    ...[0, -1, Number.NaN, Number.POSITIVE_INFINITY].map((maxAgeSeconds): [Partial<JwtRules>, RegExp] => [
      { maxAgeSeconds },
      /age/,
    ]),
  ]
  for (const [rules, problem] of rows) assert.match(jwtRulesProblem({ ...RULES, ...rules }) ?? '', problem)
})

test('whatever the claims are, nothing is thrown, and what passes is of this issuer, for us and now', () => {
  const mostly = <T>(arbitrary: fc.Arbitrary<T>) =>
    fc.oneof({ weight: 9, arbitrary }, { weight: 1, arbitrary: fc.jsonValue() })
  const secondsFrom = (min: number, max: number) =>
    mostly(fc.integer({ min: NOW_SECONDS + min, max: NOW_SECONDS + max }))
  const audience = fc.constantFrom(RULES.audience, RULES.audience, 'x')
  const some = fc.record(
    {
      iss: mostly(fc.constant(RULES.issuer)),
      aud: mostly(fc.oneof(audience, fc.array(audience))),
      exp: secondsFrom(-100, 100),
      nbf: secondsFrom(-300, 20),
      iat: secondsFrom(-300, 20),
      sub: mostly(fc.string({ minLength: 1 })),
    },
    { requiredKeys: [] },
  )
  const payload = some.map((claims) => Buffer.from(JSON.stringify({ ...CLAIMS, ...claims })))
  const bytes = fc.oneof(
    fc.uint8Array(),
    fc.string().map((text) => Buffer.from(text)),
    payload,
  )
  const holds = (check: typeof checkJwtClaims) =>
    fc.property(bytes, (payload) => {
      const result = check({ alg: 'ES256' }, payload, RULES, NOW_MS)
      if (!result.ok) return VERDICT_CODES.includes(result.code)
      const { iss, aud, exp, nbf = 0, iat = 0 } = JSON.parse(Buffer.from(payload).toString())
      return (
        iss === RULES.issuer &&
        [aud].flat().includes(RULES.audience) &&
        exp > NOW_SECONDS &&
        nbf <= NOW_SECONDS &&
        iat <= NOW_SECONDS
      )
    })
  checkProperty('only claims that hold pass', 5000, holds(checkJwtClaims))
  const careless: typeof checkJwtClaims = (header, payload, rules) =>
    checkJwtClaims(header, payload, rules, NOW_MS - 50_000)
  assert.ok(refutes(5000, holds(careless)))
})
