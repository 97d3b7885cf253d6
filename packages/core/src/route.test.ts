import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { matchPath, parsePathPattern } from './path-pattern.ts'
import type { Route } from './records.ts'
import { compileRoutes, type RouteMatch, type RouteTable, routeProblem } from './route.ts'
import { checkProperty, refutes } from './testing/rounds.ts'

/** `GET /orders orders:read`, or `GET /health` for a public one. */
function route(line: string): Route {
  const [method = '', path = '', scopes] = line.split(' ')
  return { method, path, scopes: scopes ?? null, public: scopes === undefined, accepts: null, cost: 1 }
}

function table(...lines: string[]): RouteTable {
  return compileRoutes(lines.map(route))
}

function answer(result: RouteMatch): string {
  return result.type === 'route' ? `${result.route.method} ${result.route.path}` : result.type
}

describe('routes', () => {
  test('the most specific one wins: literal, then *, then **, left to right', () => {
    const routes = table(
      'GET /** d',
      'GET /*/list c',
      'GET /orders/* b',
      'GET /orders/list a',
      'GET /orders/** e',
    )
    const rows: [path: string, route: string][] = [
      ['/orders/list', 'GET /orders/list'],
      ['/orders/17', 'GET /orders/*'],
      ['/orders', 'GET /orders/**'],
      ['/orders/17/items', 'GET /orders/**'],
      ['/books/list', 'GET /*/list'],
      ['/books/17', 'GET /**'],
      ['/', 'GET /**'],
    ]
    for (const [path, expected] of rows) assert.equal(answer(routes.match('GET', path)), expected, path)
  })

  test('the exact method goes before *, and a path is more specific than a method', () => {
    const routes = table('* /orders/* x', 'GET /orders/list a', 'PUT /orders/list b', 'PUT /** c')
    assert.equal(answer(routes.match('PUT', '/orders/list')), 'PUT /orders/list')
    assert.equal(answer(routes.match('POST', '/orders/list')), '* /orders/*')
    assert.equal(answer(routes.match('PUT', '/orders/1')), '* /orders/*')
    assert.equal(answer(routes.match('PUT', '/x')), 'PUT /**')
    assert.equal(answer(table('* /a x', 'GET /a y').match('GET', '/a')), 'GET /a')
  })

  test('what no route names is unknown', () => {
    const routes = table('GET /orders a', 'POST /orders/* b')
    for (const [method, path] of [
      ['POST', '/orders'],
      ['GET', '/orders/'],
      ['GET', '/'],
      ['GET', '/orders/1'],
      ['get', '/orders'],
      ['*', '/orders'],
    ] as const) {
      assert.equal(answer(routes.match(method, path)), 'unknown', `${method} ${path}`)
    }
    assert.equal(answer(compileRoutes([]).match('GET', '/')), 'unknown')
  })

  test('HEAD takes the routes of GET where it has none of its own', () => {
    const routes = table('GET /a x', 'GET /b x', 'HEAD /b y', '* /** z')
    assert.equal(answer(routes.match('HEAD', '/a')), 'GET /a')
    assert.equal(answer(routes.match('HEAD', '/b')), 'HEAD /b')
    assert.equal(answer(routes.match('HEAD', '/c')), '* /**')
    assert.equal(answer(table('HEAD /a x').match('GET', '/a')), 'unknown')
  })

  test('the match carries the scopes, parsed once', () => {
    const routes = compileRoutes([{ ...route('GET /a x'), scopes: 'x AND y' }, route('GET /open')])
    const match = routes.match('GET', '/a')
    assert.deepEqual(match.type === 'route' && match.expression, {
      type: 'all',
      of: [
        { type: 'scope', scope: 'x' },
        { type: 'scope', scope: 'y' },
      ],
    })
    assert.equal(routes.match('GET', '/a'), match)
    const open = routes.match('GET', '/open')
    assert.ok(open.type === 'route' && open.route.public && open.expression === null)
  })

  test('a path that a case-folding upstream reads as a stricter route is ambiguous', () => {
    const routes = table('GET /** read', 'GET /admin admin', 'GET /Reports/* reports', 'GET /caf%C3%A9 c')
    const ambiguous = [
      '/Admin',
      '/ADMIN',
      '/admin/',
      '/ADMIN/',
      '/reports/1',
      '/Reports/1/',
      '/CAF%C3%89',
      '/cafe%CC%81',
    ]
    for (const path of ambiguous) assert.equal(answer(routes.match('GET', path)), 'ambiguous', path)
    for (const path of [
      '/admin',
      '/Reports/1',
      '/Reports/X',
      '/Other',
      '/other/',
      '/admin/x',
      '/caf%C3%A9',
      '/',
    ]) {
      assert.equal(routes.match('GET', path).type, 'route', path)
    }
    const match = routes.match('GET', '/Admin')
    assert.match(match.type === 'ambiguous' ? match.problem : '', /GET \/admin, .* than GET \/\*\*/)
  })

  test('a twin route of the same requirements, or of another method, is no ambiguity', () => {
    assert.equal(answer(table('GET /** read', 'GET /admin read').match('GET', '/Admin')), 'GET /**')
    assert.equal(answer(table('GET /** read', 'POST /admin admin').match('GET', '/Admin')), 'GET /**')
    assert.equal(answer(table('* /A x', 'GET /a y').match('GET', '/A')), 'ambiguous')
    assert.equal(answer(table('GET /a x').match('GET', '/A')), 'unknown')
  })

  test('every requirement counts: public, scopes, accepted kinds, cost', () => {
    const base = route('GET /a x')
    const wide = route('GET /** x')
    const against = (other: Partial<Route>) =>
      compileRoutes([wide, { ...base, ...other }]).match('GET', '/A').type
    assert.equal(against({}), 'route')
    assert.equal(against({ public: true }), 'ambiguous')
    assert.equal(against({ scopes: 'y' }), 'ambiguous')
    assert.equal(against({ accepts: ['jwt'] }), 'ambiguous')
    assert.equal(against({ cost: 2 }), 'ambiguous')
  })
})

describe('what is wrong with routes', () => {
  test('is said for the first route at fault', () => {
    const rows: [lines: string[], index: number, field: string, problem: RegExp][] = [
      [['get /a x'], 0, 'method', /upper case/],
      [['GET /a x', 'GET a x'], 1, 'path', /slash/],
      [['GET /a x:*'], 0, 'scopes', /wildcard/],
      [['GET /a x', 'POST /a x', 'GET /a y'], 2, 'path', /twice/],
      [['GET /a x', 'GET /A x', 'GET /a x'], 2, 'path', /twice/],
      [['GET /a x', 'GET /A/ y'], 1, 'path', /differs from \/a only in case/],
    ]
    for (const [lines, index, field, problem] of rows) {
      const found = routeProblem(lines.map(route))
      assert.deepEqual([found?.index, found?.field], [index, field], lines.join())
      assert.match(found?.problem ?? '', problem)
    }
    assert.equal(routeProblem(['GET /a x', 'GET /a/ x', 'POST /A y', '* /**'].map(route)), null)
  })

  test('a record that cannot be compiled is a fault, so nothing is let through', () => {
    assert.throws(() => table('GET a x'), /GET a: /)
    assert.throws(() => table('GET /a x,y'), /not a scope/)
  })
})

const segment = fc.constantFrom('a', 'A', 'b', 'admin')
const pathOf = (part: fc.Arbitrary<string>) =>
  fc.tuple(fc.array(part, { maxLength: 3 }), fc.boolean()).map(([parts, slash]) => {
    return `/${parts.join('/')}${slash && parts.length > 0 ? '/' : ''}`
  })
const patternText = fc
  .tuple(pathOf(fc.oneof(segment, fc.constant('*'))), fc.boolean())
  .map(([text, isOpen]) => (isOpen ? `${text === '/' ? '' : text.replace(/\/$/, '')}/**` : text))
const routes = fc.uniqueArray(
  fc
    .tuple(fc.constantFrom('GET', 'POST', 'HEAD', '*'), patternText, fc.constantFrom('x', 'y', 'z'))
    .map((line) => route(line.join(' '))),
  { maxLength: 6, selector: (one) => `${one.method} ${one.path}` },
)
const method = fc.constantFrom('GET', 'POST', 'HEAD', 'PUT')

/** The rules read aloud: of all routes that cover the request, the one that sorts first. */
function modelFind(routes: readonly Route[], method: string, path: string): Route | undefined {
  const rankOf = (one: Route) => [method, ...(method === 'HEAD' ? ['GET'] : []), '*'].indexOf(one.method)
  const covers = (one: Route) => {
    const parsed = parsePathPattern(one.path)
    return rankOf(one) !== -1 && parsed.ok && matchPath(parsed.pattern, path)
  }
  const keyOf = (one: Route) =>
    one.path
      .slice(1)
      .split('/')
      .map((part) => (part === '**' ? '3' : part === '*' ? '2' : `1${part}`))
  const order = (a: Route, b: Route) => {
    const [left, right] = [keyOf(a), keyOf(b)]
    for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
      // One that ends here matched exactly, so it goes before a `**` that adds nothing.
      const [one, other] = [left[index] ?? '0', right[index] ?? '0']
      if (one !== other) return one < other ? -1 : 1
    }
    return rankOf(a) - rankOf(b)
  }
  return routes.filter(covers).sort(order)[0]
}

describe('properties of routes', () => {
  test('the match is the one that the rules name, unless it is ambiguous', () => {
    const agrees = (compile: (routes: readonly Route[]) => RouteTable) =>
      fc.property(routes, method, pathOf(segment), (routes, method, path) => {
        const result = compile(routes).match(method, path)
        const expected = modelFind(routes, method, path)
        if (result.type === 'route') assert.equal(result.route, expected)
        else if (result.type === 'unknown') assert.equal(expected, undefined)
        else assert.notEqual(expected, undefined)
      })
    checkProperty('match = rules', 10_000, agrees(compileRoutes))
    const firstListed = (routes: readonly Route[]): RouteTable => ({
      match(method, path) {
        const found = routes.find((one) => modelFind([one], method, path) !== undefined)
        return found === undefined ? { type: 'unknown' } : { type: 'route', route: found, expression: null }
      },
    })
    assert.ok(refutes(10_000, agrees(firstListed)), 'taking the first listed is seen to be wrong')
  })

  test('an upstream that ignores case and a last slash never serves what was not required', () => {
    const fold = (path: string) => path.toLowerCase().replace(/(.)\/$/, '$1')
    const holds = (compile: (routes: readonly Route[]) => RouteTable) =>
      fc.property(routes, method, pathOf(segment), (routes, method, path) => {
        const result = compile(routes).match(method, path)
        if (result.type !== 'route') return
        const asServed = modelFind(
          routes.map((one) => ({ ...one, path: fold(one.path) })),
          method,
          fold(path),
        )
        assert.equal(result.route.scopes, asServed?.scopes)
      })
    // Two routes that fold alike with other requirements are refused before they get this far.
    const wellFormed = (routes: readonly Route[]) =>
      compileRoutes(routeProblem(routes) === null ? routes : [])
    checkProperty('match under folding', 10_000, holds(wellFormed))
    const exactOnly = (routes: readonly Route[]): RouteTable => ({
      match(method, path) {
        const found = modelFind(routes, method, path)
        return found === undefined ? { type: 'unknown' } : { type: 'route', route: found, expression: null }
      },
    })
    assert.ok(refutes(10_000, holds(exactOnly)), 'matching without the twin is seen to be wrong')
  })
})
