import { type PathPattern, parsePathPattern } from './path-pattern.ts'
import type { Route } from './records.ts'
import { parseScopeExpression, type ScopeExpression } from './scope.ts'

/** The answer for a request; `expression` is the route's `scopes`, parsed. */
export type RouteMatch =
  | { readonly type: 'route'; readonly route: Route; readonly expression: ScopeExpression | null }
  | { readonly type: 'unknown' }
  | { readonly type: 'ambiguous'; readonly problem: string }

type Matched = Extract<RouteMatch, { type: 'route' }>

export interface RouteTable {
  /** @param path canonical, see target.ts */
  match(method: string, path: string): RouteMatch
}

export interface RouteProblem {
  /** Which of the routes. */
  readonly index: number
  readonly field: 'method' | 'path' | 'scopes'
  readonly problem: string
}

/** token of RFC 9110 section 5.6.2 in upper case, which every registered method is, or `*`. */
const METHOD = /^(?:\*|[A-Z][A-Z0-9-]{0,31})$/
const SLASH = 0x2f
const UNKNOWN: RouteMatch = { type: 'unknown' }

/** The first thing wrong with a list of routes, or null: compileRoutes takes it. */
export function routeProblem(routes: readonly Route[]): RouteProblem | null {
  const seen = new Set<string>()
  const folded = new Map<string, Route>()
  for (const [index, route] of routes.entries()) {
    if (!METHOD.test(route.method)) {
      return { index, field: 'method', problem: 'an HTTP method in upper case, or * for all' }
    }
    const parsed = parsePathPattern(route.path)
    if (!parsed.ok) return { index, field: 'path', problem: parsed.problem }
    const expression = route.scopes === null ? null : parseScopeExpression(route.scopes)
    if (expression?.ok === false) return { index, field: 'scopes', problem: expression.problem }
    const name = `${route.method} ${route.path}`
    if (seen.has(name)) return { index, field: 'path', problem: 'stands twice with this method' }
    seen.add(name)
    const foldedName = `${route.method} ${foldPath(route.path)}`
    const twin = folded.get(foldedName)
    if (twin !== undefined && !haveSameRequirements(twin, route)) {
      // Every request for either would be ambiguous.
      const problem = `differs from ${twin.path} only in case or a slash at the end, but has other requirements`
      return { index, field: 'path', problem }
    }
    folded.set(foldedName, route)
  }
  return null
}

/**
 * Compiles the routes of an API. The most specific one wins: literal before `*` before `**`, left to right,
 * then the exact method before `*`. HEAD takes GET's routes where it has none of its own at that pattern.
 * @throws Error on routes that routeProblem refuses in path or scopes: such a record is a fault, not a denial
 */
export function compileRoutes(routes: readonly Route[]): RouteTable {
  const exact = newNode()
  const folded = newNode()
  let isFolded = true
  for (const route of routes) {
    const pattern = patternOf(route)
    const match: Matched = { type: 'route', route, expression: expressionOf(route) }
    insert(exact, pattern.segments, pattern.isOpen, match)
    const segments = foldPattern(pattern)
    insert(folded, segments, pattern.isOpen, match)
    isFolded &&= segments.join('/') === pattern.segments.join('/')
  }
  return {
    match(method, path) {
      const found = find(exact, method, path, 0)
      if (found === null) return UNKNOWN
      const foldedPath = foldPath(path)
      // The usual case: both trees are the same, and so is the path, so the second walk would end here too.
      if (isFolded && foldedPath === path && found.length === 1) return found[0]!
      return disagreement(found[0]!, find(folded, method, foldedPath, 0)) ?? found[0]!
    },
  }
}

/**
 * An upstream that ignores case or a slash at the end serves `/Admin` and `/admin/` as `/admin`. Where such a
 * reading leads to a route with other requirements, no answer would be safe: `/Admin` must not pass under
 * the rule of `/**` when `/admin` has one of its own.
 */
function disagreement(found: Matched, twins: readonly Matched[] | null): RouteMatch | null {
  const other = twins?.find((twin) => twin !== found && !haveSameRequirements(twin.route, found.route))
  if (other === undefined) return null
  const problem = `read without regard to case and a slash at the end, this is ${other.route.method} ${other.route.path}, which has other requirements than ${found.route.method} ${found.route.path}`
  return { type: 'ambiguous', problem }
}

function haveSameRequirements(a: Route, b: Route): boolean {
  const accepts = (route: Route) => route.accepts?.toSorted().join() ?? null
  return a.public === b.public && a.scopes === b.scopes && a.cost === b.cost && accepts(a) === accepts(b)
}

/** One segment of the tree of patterns. */
interface Node {
  readonly literals: Map<string, Node>
  star: Node | null
  /** By method: the routes that end here, and those with `**` here. More than one only where folded alike. */
  readonly ends: Map<string, Matched[]>
  readonly rests: Map<string, Matched[]>
}

function newNode(): Node {
  return { literals: new Map(), star: null, ends: new Map(), rests: new Map() }
}

function insert(root: Node, segments: readonly (string | null)[], isOpen: boolean, match: Matched): void {
  let node = root
  for (const segment of segments) node = childFor(node, segment)
  const byMethod = isOpen ? node.rests : node.ends
  const others = byMethod.get(match.route.method)
  if (others === undefined) byMethod.set(match.route.method, [match])
  else others.push(match)
}

function childFor(node: Node, segment: string | null): Node {
  if (segment === null) {
    node.star ??= newNode()
    return node.star
  }
  let child = node.literals.get(segment)
  if (child === undefined) {
    child = newNode()
    node.literals.set(segment, child)
  }
  return child
}

/**
 * The routes of the most specific pattern that covers path and method. Goes back where a more specific path
 * lacks the method; each node is seen at most once, so the bound is the size of the table.
 * @param position of the slash before the next segment, or the path's length
 */
function find(node: Node, method: string, path: string, position: number): Matched[] | null {
  if (position === path.length) {
    return routesOf(node.ends, method) ?? routesOf(node.rests, method)
  }
  if (node.literals.size > 0 || node.star !== null) {
    const slash = path.indexOf('/', position + 1)
    const end = slash === -1 ? path.length : slash
    const child = node.literals.size > 0 ? node.literals.get(path.slice(position + 1, end)) : undefined
    const found = child === undefined ? null : find(child, method, path, end)
    if (found !== null) return found
    // `*` is a segment that is not empty, so `/orders/` is not an order without a name.
    const starred = node.star !== null && end > position + 1 ? find(node.star, method, path, end) : null
    if (starred !== null) return starred
  }
  return routesOf(node.rests, method)
}

function routesOf(byMethod: Map<string, Matched[]>, method: string): Matched[] | null {
  if (byMethod.size === 0) return null
  const covered = method === 'HEAD' ? byMethod.get('GET') : undefined
  return byMethod.get(method) ?? covered ?? byMethod.get('*') ?? null
}

/** What a path is to a server that ignores case, Unicode compatibility and a slash at the end. */
function foldPath(path: string): string {
  const text = path.includes('%') ? foldUnicode(path) : path.toLowerCase()
  const isSlashed = text.length > 1 && text.charCodeAt(text.length - 1) === SLASH
  return isSlashed ? text.slice(0, -1) : text
}

function foldUnicode(path: string): string {
  // Upper before lower case: `ſ` and the Kelvin sign fold to ASCII letters in one direction only.
  return decodeURIComponent(path).normalize('NFKC').toUpperCase().toLowerCase()
}

function foldPattern(pattern: PathPattern): (string | null)[] {
  const segments = pattern.segments.map((segment) => (segment === null ? null : foldPath(segment)))
  if (!pattern.isOpen && segments.length > 1 && segments.at(-1) === '') segments.pop()
  return segments
}

function patternOf(route: Route): PathPattern {
  const parsed = parsePathPattern(route.path)
  if (!parsed.ok) throw new Error(`route ${route.method} ${route.path}: ${parsed.problem}`)
  return parsed.pattern
}

function expressionOf(route: Route): ScopeExpression | null {
  if (route.scopes === null) return null
  const parsed = parseScopeExpression(route.scopes)
  if (!parsed.ok) throw new Error(`route ${route.method} ${route.path}: ${parsed.problem}`)
  return parsed.expression
}
