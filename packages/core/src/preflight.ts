import { type RawHeaders, singleHeader } from './headers.ts'
import type { ApiRecord } from './records.ts'
import type { RouteTable } from './route.ts'

/**
 * Whether a request is a true CORS preflight (Fetch standard, section 3.2.2) that the API lets pass: OPTIONS
 * with one Origin the API names and one Access-Control-Request-Method, for a route that the API has. Anything
 * less is an ordinary OPTIONS request and needs a route and a credential of its own.
 */
export function isAllowedPreflight(
  api: ApiRecord,
  method: string,
  path: string,
  headers: RawHeaders,
  routes: RouteTable,
): boolean {
  if (method !== 'OPTIONS' || api.corsOrigins.length === 0) return false
  const origin = singleHeader(headers, 'origin')
  const requested = singleHeader(headers, 'access-control-request-method')
  if (origin === null || requested === null) return false
  if (!api.corsOrigins.includes(origin) && !api.corsOrigins.includes('*')) return false
  return routes.match(requested, path).type === 'route'
}
