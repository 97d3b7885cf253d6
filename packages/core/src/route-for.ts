import { type Decision, refuse } from './decision.ts'
import type { RawHeaders } from './headers.ts'
import { isAllowedPreflight } from './preflight.ts'
import type { ApiRecord, Route } from './records.ts'
import { compileRoutes, type RouteTable } from './route.ts'
import type { ScopeExpression } from './scope.ts'

export interface MatchedRoute {
  readonly route: Route
  /** What the route needs, parsed; null: any valid credential of the API. */
  readonly expression: ScopeExpression | null
}

interface RoutedRequest {
  readonly method: string | null
  readonly path: string | null
  readonly headers: RawHeaders
}

/** Compiled once per record as read. */
const tables = new WeakMap<ApiRecord, RouteTable>()

export function routeTableOf(api: ApiRecord): RouteTable {
  let table = tables.get(api)
  if (table === undefined) {
    table = compileRoutes(api.routes)
    tables.set(api, table)
  }
  return table
}

/** The route that covers a request, or why none does. */
export function routeFor(api: ApiRecord, request: RoutedRequest): MatchedRoute | Decision {
  const { method, path } = request
  if (method === null || path === null) {
    return refuse(api, 'request', 'BAD_REQUEST', 'routes decide here, but method or path is not known')
  }
  const routes = routeTableOf(api)
  const preflight = isAllowedPreflight(api, method, path, request.headers, routes)
  const match = routes.match(method, path)
  switch (match.type) {
    case 'route':
      return preflight ? preflightRoute(path) : match
    case 'ambiguous':
      return refuse(api, 'request', 'BAD_REQUEST', match.problem)
    case 'unknown':
      if (preflight) return preflightRoute(path)
      return refuse(api, 'route', 'ROUTE_UNKNOWN', `no route of ${api.name} covers ${method} ${path}`)
  }
}

/** A CORS preflight carries no credential, by specification; the request that follows it is verified. */
function preflightRoute(path: string): MatchedRoute {
  const route = { method: 'OPTIONS', path, scopes: null, public: true, accepts: null, cost: 0 } as const
  return { route, expression: null }
}
