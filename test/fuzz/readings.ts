import { canonicalTarget, compileRoutes, type Route } from '@credence/core'

/** What was decided about a request, as far as its path goes. */
export interface Authorized {
  readonly method: string
  readonly path: string
  /** `GET /orders/*`. */
  readonly route: string
  readonly routes: readonly Route[]
}

/** How a server may come from the path on the wire to the one that it looks up. */
type Reading = (path: string) => string

const decoded: Reading = (path) => {
  const byte = (_: string, digits: string) => String.fromCharCode(Number.parseInt(digits, 16))
  const bytes = Buffer.from(path)
    .toString('latin1')
    .replace(/%([0-9a-fA-F]{2})/g, byte)
  return Buffer.from(bytes, 'latin1').toString('utf8')
}
const slashed: Reading = (path) => path.replaceAll('\\', '/')
const folded: Reading = (path) => path.replace(/\/{2,}/g, '/')
const unparametrised: Reading = (path) => path.replace(/;[^/]*/g, '')
const resolved: Reading = (path) => {
  const kept: string[] = []
  for (const segment of path.split('/').slice(1)) {
    if (segment === '..') kept.pop()
    else if (segment !== '.') kept.push(segment)
  }
  return `/${kept.join('/')}`
}

/** What each makes of a path is text, without escapes. */
const READINGS: Readonly<Record<string, Reading>> = {
  decoding: decoded,
  'decoding twice': (path) => decoded(decoded(path)),
  'resolving dots, then decoding': (path) => decoded(resolved(path)),
  'decoding, then resolving dots': (path) => resolved(decoded(path)),
  'decoding twice, folding slashes, resolving dots': (path) => resolved(folded(decoded(decoded(path)))),
  'taking backslashes for slashes': (path) => resolved(folded(slashed(decoded(path)))),
  'cutting parameters before decoding': (path) => resolved(decoded(unparametrised(path))),
  'cutting parameters after decoding': (path) => resolved(unparametrised(decoded(path))),
  'ending at NUL': (path) => decoded(path).split('\0')[0]!,
  'ending at a question mark or hash': (path) => decoded(path).split(/[?#]/)[0]!,
  'normalising Unicode': (path) => resolved(decoded(path).normalize('NFKC')),
}

/**
 * What is wrong with a target that an upstream saw, given what was authorized; null: nothing. Whoever reads it, in
 * whichever of these ways, must end at the route that was authorized.
 */
export function targetProblem(target: string, { method, path, route, routes }: Authorized): string | null {
  const seenPath = target.split('?')[0]!
  const table = compileRoutes(routes)
  for (const [name, reading] of Object.entries(READINGS)) {
    const match = table.match(method, encoded(reading(seenPath)))
    const found = match.type === 'route' ? `${match.route.method} ${match.route.path}` : match.type
    if (found !== route) return `${name}, it is ${found}, authorized was ${route}`
  }
  const canonical = canonicalTarget(target)
  if (!canonical.ok) return `not canonical: ${canonical.problem}`
  if (seenPath !== path || canonical.path !== path) return `authorized was ${path}`
  const match = table.match(method, path)
  if (match.type !== 'route' || `${match.route.method} ${match.route.path}` !== route) {
    return `it is ${match.type}, authorized was ${route}`
  }
  const other = caseBlindProblem(path, method, route, routes)
  return other === null ? null : `without regard to case and the last slash, ${other}`
}

/** Routes in lower case, for a path in lower case: there, several routes may mean the same and ask for the same. */
function caseBlindProblem(
  path: string,
  method: string,
  route: string,
  routes: readonly Route[],
): string | null {
  const asked = routes.find((each) => `${each.method} ${each.path}` === route)
  const blind: Reading = (text) => {
    const lower = encoded(decoded(text).toUpperCase().toLowerCase())
    return lower.length > 1 && lower.endsWith('/') ? lower.slice(0, -1) : lower
  }
  // Two that become one here ask for the same, or neither lets anything pass.
  const lowered = routes.map(
    (each) => [`${each.method} ${blind(each.path)}`, { ...each, path: blind(each.path) }] as const,
  )
  const match = compileRoutes([...new Map(lowered).values()]).match(method, blind(path))
  if (match.type !== 'route') return `it is ${match.type}`
  const { scopes, public: isPublic } = match.route
  if (scopes === asked?.scopes && isPublic === asked.public) return null
  return `it is ${match.route.path}, authorized was ${route}`
}

/** Text as a path in canonical form, for the table of routes. */
function encoded(text: string): string {
  return text.replace(/[^A-Za-z0-9/\-._~!$&'()*+,=:@]/gu, (character) =>
    encodeURIComponent(character.toWellFormed()),
  )
}
