import {
  type ApiRecord,
  canonicalTarget,
  isScope,
  parseScopeExpression,
  routeProblem,
  scopesNamed,
  TAKEN_UNASKED,
} from '@credence/core'
import { keyPrefixProblem } from './key-prefix.ts'
import type { FieldError } from './operation.ts'

/** What callers say of an API; the rest of the record is Credence's. */
export type ApiFields = Omit<
  ApiRecord,
  'id' | 'workspaceId' | 'revision' | 'createdAtMs' | 'updatedAtMs' | 'name' | 'builtIn'
>

/** What an API is when nothing is said. */
export const API_DEFAULTS: Omit<ApiFields, 'audience'> = {
  scopes: [],
  routes: [],
  accepts: TAKEN_UNASKED,
  upstream: null,
  host: null,
  basePath: '/',
  stripBasePath: false,
  corsOrigins: [],
  requiresTls: false,
  maxLifetimeSeconds: null,
  keyPrefix: null,
  queryParameter: null,
  credentialHeader: null,
  limits: [],
  outageGraceSeconds: 0,
  exactLimits: false,
  requiresBinding: false,
  identityToken: false,
  metadata: {},
}

/** Scopes that routes name, each once, as far as their expressions can be read. */
export function scopesOfRoutes(routes: ApiFields['routes']): string[] {
  const parsed = routes.map(({ scopes }) => (scopes === null ? null : parseScopeExpression(scopes)))
  return [...new Set(parsed.flatMap((result) => (result?.ok ? scopesNamed(result.expression) : [])))]
}

/** The one way in which a host, a base path and an upstream are written. */
export function normalized(fields: ApiFields): ApiFields {
  const { host, basePath, upstream, credentialHeader } = fields
  const isSlashed = basePath.length > 1 && basePath.endsWith('/')
  return {
    ...fields,
    scopes: [...new Set(fields.scopes)],
    accepts: [...new Set(fields.accepts)],
    corsOrigins: [...new Set(fields.corsOrigins)],
    host: host?.toLowerCase() ?? null,
    basePath: isSlashed ? basePath.slice(0, -1) : basePath,
    // Where there is more than an origin, it stays as it was given, for the guard to refuse.
    upstream:
      upstream !== null && /^https?:\/\/[^/?#\\@]+\/?$/i.test(upstream) && URL.canParse(upstream)
        ? new URL(upstream).origin
        : upstream,
    credentialHeader: credentialHeader?.toLowerCase() ?? null,
  }
}

/** Everything wrong with an API, by the fields of the request, apart from what needs the network or the store. */
export function apiErrors(fields: ApiFields): FieldError[] {
  return [
    ...errorIf('audience', audienceProblem(fields.audience)),
    ...fields.scopes.flatMap((scope, index) =>
      errorIf(
        `scopes[${index}]`,
        isScope(scope) ? null : 'must be a scope without wildcards, such as orders:read',
      ),
    ),
    ...routeErrors(fields),
    ...errorIf(
      'host',
      fields.host === null || isHost(fields.host) ? null : 'must be a host name without a port',
    ),
    ...errorIf('base_path', basePathProblem(fields.basePath)),
    ...fields.corsOrigins.flatMap((origin, index) =>
      errorIf(
        `cors.origins[${index}]`,
        isOrigin(origin) ? null : 'must be an origin such as https://app.example, or *',
      ),
    ),
    ...errorIf('key_prefix', fields.keyPrefix === null ? null : keyPrefixProblem(fields.keyPrefix)),
    ...errorIf('credential_header', headerProblem(fields.credentialHeader)),
  ]
}

function errorIf(field: string, detail: string | null): FieldError[] {
  return detail === null ? [] : [{ field, detail }]
}

/** Resource indicators are absolute URIs without a fragment (RFC 8707 section 2). */
function audienceProblem(audience: string): string | null {
  if (!/^[a-z][a-z0-9+.-]*:[!-~]+$/i.test(audience) || !URL.canParse(audience)) {
    return 'must be an absolute URI, such as https://orders.example'
  }
  return audience.includes('#') ? 'must not have a fragment' : null
}

function routeErrors({ routes, scopes }: ApiFields): FieldError[] {
  const problem = routeProblem(routes)
  if (problem !== null)
    return [{ field: `routes[${problem.index}].${problem.field}`, detail: problem.problem }]
  return routes.flatMap((route, index) => {
    const at = `routes[${index}].scopes`
    if (route.public && route.scopes !== null) return errorIf(at, 'a public route asks for no scopes')
    const unknown = scopesOfRoutes([route]).filter((scope) => !scopes.includes(scope))
    return errorIf(at, unknown.length === 0 ? null : `not among the scopes of the API: ${unknown.join(', ')}`)
  })
}

const HOST = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/

function isHost(text: string): boolean {
  return text.length <= 253 && HOST.test(text)
}

/** A request's path is compared in its canonical form, so that is the only one that could ever match. */
function basePathProblem(basePath: string): string | null {
  if (!basePath.startsWith('/')) return 'must begin with a slash'
  if (/[?*{]/.test(basePath)) return 'must be a plain path, without patterns or a query'
  const canonical = canonicalTarget(basePath)
  if (!canonical.ok) return canonical.problem
  return canonical.path === basePath ? null : `must be written ${canonical.path}`
}

function isOrigin(text: string): boolean {
  if (text === '*') return true
  return /^https?:\/\/[^/]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text
}

/**
 * Headers that mean something else already. A credential in one of these would be cut out of the request, or be
 * overwritten, by whoever gives it that meaning.
 */
const TAKEN_HEADERS = new Set([
  ...[
    'authorization',
    'x-api-key',
    'cookie',
    'set-cookie',
    'host',
    'forwarded',
    'via',
    'date',
    'origin',
    'expect',
  ],
  ...[
    'connection',
    'keep-alive',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
    'range',
    'referer',
    'user-agent',
  ],
  ...[
    'accept',
    'www-authenticate',
    'dpop',
    'signature',
    'signature-input',
    'client-cert',
    'client-cert-chain',
    'x-real-ip',
    'x-http-method-override',
    'x-method-override',
    'x-request-id',
  ],
])
const TAKEN_FAMILIES =
  /^(?:x-credence-|credence-|x-forwarded-|x-original-|proxy-|content-|sec-|if-|accept-|access-control-)/

function headerProblem(name: string | null): string | null {
  if (name === null) return null
  // No underscores: many servers read X_Key as X-Key.
  if (!/^[a-z][a-z0-9-]{0,63}$/.test(name)) return 'must be letters, digits and dashes, at most 64'
  if (TAKEN_HEADERS.has(name) || TAKEN_FAMILIES.test(name)) return 'is a header with a meaning of its own'
  return null
}
