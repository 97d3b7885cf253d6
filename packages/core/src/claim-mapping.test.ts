import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type ClaimMapping, claimMappingProblem, mapClaims } from './claim-mapping.ts'
import { isScope } from './scope.ts'
import { checkProperty, refutes } from './testing/rounds.ts'

const MAPPING: ClaimMapping = {
  principal: { claim: 'sub', prefix: '' },
  scopes: { from: 'claim', claim: 'scope', prefix: '' },
  required: [],
}

/** `principal: scopes`, or the code of the refusal. */
function mapped(all: Record<string, unknown>, mapping: Partial<ClaimMapping> = {}): string {
  const result = mapClaims({ all }, { ...MAPPING, ...mapping })
  return result.ok ? `${result.principal}: ${result.scopes.join(' ')}` : result.code
}

describe('the principal', () => {
  test('is the text of a claim, behind the prefix of its issuer', () => {
    assert.equal(mapped({ sub: 'alice' }), 'alice: ')
    assert.equal(mapped({ sub: 'alice' }, { principal: { claim: 'sub', prefix: 'corp/' } }), 'corp/alice: ')
    const kubernetes = { 'kubernetes.io': { serviceaccount: { name: 'deployer' } } }
    const principal = { claim: '/kubernetes.io/serviceaccount/name', prefix: 'k8s:' }
    assert.equal(mapped(kubernetes, { principal }), 'k8s:deployer: ')
  })

  test('is nobody where the claim is no text: nothing is turned into one', () => {
    for (const sub of [undefined, null, '', 7, true, ['alice'], { name: 'alice' }]) {
      assert.equal(mapped({ sub }), 'MALFORMED', String(sub))
      assert.equal(mapped({ sub }, { principal: { claim: 'sub', prefix: 'p' } }), 'MALFORMED')
    }
    assert.equal(mapped({}, { principal: { claim: 'constructor', prefix: '' } }), 'MALFORMED')
  })

  test('has a name that reads the same everywhere: plain, in NFC, and not too long', () => {
    for (const sub of [
      'a\u0000',
      'a\nb',
      'a\u202eb',
      'a\u2028',
      'e\u0301',
      '\ud800',
      '\u200fa',
      'x'.repeat(256),
    ]) {
      assert.equal(mapped({ sub }), 'MALFORMED', JSON.stringify(sub))
    }
    for (const sub of ['é', 'ключ', 'a b', 'x'.repeat(255), '👩']) assert.equal(mapped({ sub }), `${sub}: `)
    assert.equal(mapped({ sub: '\u0301' }, { principal: { claim: 'sub', prefix: 'e' } }), 'MALFORMED')
    assert.equal(mapped({ sub: 'x'.repeat(255) }, { principal: { claim: 'sub', prefix: 'e' } }), 'MALFORMED')
  })
})

describe('the scopes', () => {
  test('are a text with spaces or a list, each scope once', () => {
    assert.equal(mapped({ sub: 'a', scope: 'orders:read orders:write' }), 'a: orders:read orders:write')
    assert.equal(mapped({ sub: 'a', scope: ['orders:read', 'orders:write'] }), 'a: orders:read orders:write')
    assert.equal(mapped({ sub: 'a', scope: ' orders:read  orders:read ' }), 'a: orders:read')
    assert.equal(mapped({ sub: 'a', scope: '' }), 'a: ')
    assert.equal(mapped({ sub: 'a', scope: [] }), 'a: ')
  })

  test('are none without the claim, and malformed where it is something else', () => {
    assert.equal(mapped({ sub: 'a' }), 'a: ')
    for (const scope of [
      null,
      7,
      true,
      {},
      [7],
      ['orders:read', null],
      [['orders:read']],
      Array.from({ length: 257 }, () => 'a'),
    ]) {
      assert.equal(mapped({ sub: 'a', scope }), 'MALFORMED', JSON.stringify(scope))
    }
  })

  test('of a token are never a wildcard, an expression or two in one', () => {
    const scope = [
      '*',
      'orders:*',
      '*:read',
      'AND',
      'OR',
      'a OR b',
      'a b',
      '',
      ':',
      'a:',
      'a,b',
      'orders:read',
    ]
    assert.equal(mapped({ sub: 'a', scope }), 'a: orders:read')
    assert.equal(mapped({ sub: 'a', scope: scope.join(' ') }), 'a: a b orders:read')
  })

  test('count behind their prefix alone, and without it', () => {
    const scopes = { from: 'claim', claim: 'scp', prefix: 'api://orders/' } as const
    const scp =
      'api://orders/orders:read api://orderz/orders:write orders:write openid api://orders/* api://orders/'
    assert.equal(mapped({ sub: 'a', scp }, { scopes }), 'a: orders:read')
  })

  test('are those of the mapping where the issuer names none, whatever the token says', () => {
    const scopes = { from: 'mapping', scopes: ['deploy:start'] } as const
    assert.equal(mapped({ sub: 'a', scope: 'admin' }, { scopes }), 'a: deploy:start')
  })
})

describe('required claims', () => {
  const required = [
    { claim: 'repository', oneOf: ['acme/shop', 'acme/site'] },
    { claim: '/environment', oneOf: ['production'] },
  ]
  const job = {
    sub: 'repo:acme/shop:environment:production',
    repository: 'acme/shop',
    environment: 'production',
  }

  test('must all hold, each with one of its values', () => {
    assert.equal(mapped(job, { required }), `${job.sub}: `)
    assert.equal(mapped({ ...job, repository: 'acme/site' }, { required }), `${job.sub}: `)
  })

  test('refuse everybody else of the same issuer', () => {
    const repositories = [
      'evil/shop',
      'acme/shop2',
      'acme/sho',
      'ACME/shop',
      'acme/shop ',
      ' acme/shop',
      '',
      null,
      undefined,
    ]
    for (const repository of [...repositories, ['acme/shop'], { 0: 'acme/shop' }, true]) {
      assert.equal(mapped({ ...job, repository }, { required }), 'NOT_FOUND', String(repository))
    }
    assert.equal(mapped({ ...job, environment: 'staging' }, { required }), 'NOT_FOUND')
  })

  test('compare type and value: a flag is not its name', () => {
    const flag = (value: unknown, oneOf: (string | number | boolean)[]) =>
      mapped({ sub: 'a', flag: value }, { required: [{ claim: 'flag', oneOf }] })
    assert.equal(flag(true, [true]), 'a: ')
    assert.equal(flag('true', ['true']), 'a: ')
    assert.equal(flag(7, [7]), 'a: ')
    for (const [value, wanted] of [
      ['true', true],
      [true, 'true'],
      [1, true],
      ['7', 7],
      [0, false],
      [null, 'null'],
      [undefined, 'undefined'],
    ] as const) {
      assert.equal(flag(value, [wanted]), 'NOT_FOUND', `${value} ${wanted}`)
    }
    assert.equal(flag(Number.NaN, [Number.NaN]), 'NOT_FOUND')
  })
})

test('a mapping that could not be meant is refused by what is wrong with it', () => {
  assert.equal(claimMappingProblem(MAPPING), null)
  const rows: [mapping: Partial<ClaimMapping>, problem: RegExp][] = [
    [{ principal: { claim: '', prefix: '' } }, /Pointer/],
    [{ principal: { claim: '/~', prefix: '' } }, /Pointer/],
    [{ scopes: { from: 'claim', claim: '/~2', prefix: '' } }, /Pointer/],
    [{ required: [{ claim: '', oneOf: ['x'] }] }, /Pointer/],
    [{ required: [{ claim: 'x', oneOf: [] }] }, /no value/],
    [{ required: Array.from({ length: 33 }, () => ({ claim: 'x', oneOf: ['x'] })) }, /more than/],
    [{ principal: { claim: 'sub', prefix: 'a\n' } }, /prefix/],
    [{ principal: { claim: 'sub', prefix: 'x'.repeat(255) } }, /prefix/],
    [{ scopes: { from: 'mapping', scopes: ['orders:*'] } }, /wildcard/],
    [{ scopes: { from: 'mapping', scopes: ['a b'] } }, /wildcard/],
  ]
  for (const [mapping, problem] of rows)
    assert.match(claimMappingProblem({ ...MAPPING, ...mapping }) ?? '', problem)
})

test('whatever the claims are, nothing is thrown, and no scope passes that is none', () => {
  const claims = fc.dictionary(
    fc.constantFrom('sub', 'scope', 'x'),
    fc.oneof(
      fc.jsonValue(),
      fc.string(),
      fc.array(fc.constantFrom('*', 'a:*', 'a:b', 'OR', '')),
      fc.constantFrom('a:b *', 'a', 'b'),
    ),
  )
  const harmless = (map: typeof mapClaims) =>
    fc.property(claims, (all) => {
      const result = map({ all }, MAPPING)
      return !result.ok || (result.principal === all.sub && result.scopes.every(isScope))
    })
  checkProperty('only scopes pass', 5000, harmless(mapClaims))
  const careless: typeof mapClaims = ({ all }) => ({
    ok: true,
    principal: String(all.sub),
    scopes: String(all.scope).split(' '),
  })
  assert.ok(refutes(5000, harmless(careless)))
})
