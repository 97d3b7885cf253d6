import { type ApiRecord, KINDS, type Route } from '@credence/core'
import { type Static, Type } from 'typebox'
import type { ApiFields } from '../operations/api-fields.ts'
import { type Reading, read, readAll, unreadable } from '../operations/reading.ts'
import { limitsFromJson, limitsToJson } from './limits-json.ts'
import {
  Id,
  Limits,
  MetadataShape,
  Method,
  Name,
  Nullable,
  OneOf,
  PathText,
  Scopes,
  ScopeText,
  Strict,
  Text,
  Timestamp,
} from './schemas.ts'
import { timestampToJson } from './timestamp.ts'

const SUPPORTED_KINDS = KINDS.map(({ kind }) => kind)
const Accepts = Type.Array(OneOf(SUPPORTED_KINDS), { minItems: 1, maxItems: 10 })

const RouteScopes = Type.Unsafe<string | string[] | null>({
  type: ['string', 'array', 'null'],
  minLength: 1,
  maxLength: 1024,
  minItems: 1,
  maxItems: 50,
  items: ScopeText,
  description:
    'An expression such as `orders:read AND (eu OR us)`, or a list of which all are needed. Null: any credential of this API.',
})
const RouteInput = Strict({
  method: Method,
  path: PathText,
  scopes: Type.Optional(RouteScopes),
  public: Type.Optional(Type.Boolean({ description: 'True: nobody is asked who they are.' })),
  accepts: Type.Optional(Nullable(Accepts)),
  cost: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 1_000_000,
      description: 'What one request takes from the limits; 1.',
    }),
  ),
})

const Audience = Text(512, {
  description: 'Resource indicator (RFC 8707): a URI without fragment, unique in the workspace.',
  examples: ['https://orders.example'],
})
const Upstream = Text(512, {
  description: 'Where the gateway forwards to: scheme, host and port.',
  examples: ['http://127.0.0.1:9000'],
})
const Cors = Strict({ origins: Type.Array(Text(256), { maxItems: 100 }) })

const SETTABLE = {
  scopes: Type.Optional(
    Type.Array(ScopeText, { maxItems: 500, description: 'Left out: those that the routes name.' }),
  ),
  upstream: Type.Optional(Nullable(Upstream)),
  host: Type.Optional(Nullable(Text(253, { description: 'Host that the gateway mounts it at; null: any.' }))),
  base_path: Type.Optional(
    Text(512, {
      description: 'Path that the gateway mounts it at; the longest wins.',
      examples: ['/orders'],
    }),
  ),
  strip_base_path: Type.Optional(Type.Boolean({ description: 'Forward without the base path.' })),
  routes: Type.Optional(
    Type.Array(RouteInput, { maxItems: 500, description: 'What no route covers is denied.' }),
  ),
  accepts: Type.Optional(Accepts),
  cors: Type.Optional(Nullable(Cors)),
  requires_tls: Type.Optional(Type.Boolean()),
  requires_binding: Type.Optional(
    Type.Boolean({ description: 'Takes credentials alone that are bound to a key, beside its proof.' }),
  ),
  identity_token: Type.Optional(
    Type.Boolean({
      description:
        'True: gateway and forward-auth tell who is calling by a short-lived JWT in `X-Credence-Identity`, which the upstream verifies by `/.well-known/jwks.json`, instead of by plain headers. Needs CREDENCE_PUBLIC_URL.',
    }),
  ),
  max_lifetime_seconds: Type.Optional(
    Nullable(Type.Integer({ minimum: 1, maximum: 3_153_600_000, description: 'Of its credentials.' })),
  ),
  key_prefix: Type.Optional(Nullable(Text(32, { examples: ['acme_live'] }))),
  query_parameter: Type.Optional(
    Nullable(
      Type.String({
        maxLength: 64,
        pattern: '^[A-Za-z][A-Za-z0-9_.-]{0,63}$',
        description: 'Unsafe: URLs end up in logs. A query parameter in which a key is accepted.',
      }),
    ),
  ),
  credential_header: Type.Optional(
    Nullable(Text(64, { description: 'One more header that may hold a key.' })),
  ),
  limits: Type.Optional(Limits),
  outage_grace_seconds: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 86_400,
      description:
        'While the store is gone: how long those who are known are still served, beyond the revocation bound. 0: not at all.',
    }),
  ),
  exact_limits: Type.Optional(
    Type.Boolean({
      description:
        'True: over several nodes exactly as many pass as the limits say, and each request waits for one answer more.',
    }),
  ),
  metadata: Type.Optional(MetadataShape),
}

export const NewApiShape = Strict({ name: Name, audience: Audience, ...SETTABLE })
export const ApiChangesShape = Strict({ audience: Type.Optional(Audience), ...SETTABLE })

export const ApiShape = Strict({
  id: Id,
  name: Name,
  audience: Audience,
  scopes: Scopes,
  routes: Type.Array(
    Strict({
      method: Method,
      path: PathText,
      scopes: Nullable(Type.String({ description: 'A scope expression.' })),
      public: Type.Boolean(),
      accepts: Nullable(Accepts),
      cost: Type.Integer(),
    }),
  ),
  accepts: Accepts,
  upstream: Nullable(Upstream),
  host: Nullable(Type.String()),
  base_path: Type.String(),
  strip_base_path: Type.Boolean(),
  cors: Nullable(Cors),
  requires_tls: Type.Boolean(),
  requires_binding: Type.Boolean(),
  identity_token: Type.Boolean(),
  max_lifetime_seconds: Nullable(Type.Integer()),
  key_prefix: Nullable(Type.String()),
  query_parameter: Nullable(Type.String()),
  credential_header: Nullable(Type.String()),
  limits: Limits,
  outage_grace_seconds: Type.Integer(),
  exact_limits: Type.Boolean(),
  metadata: MetadataShape,
  gateway_url: Nullable(Type.String({ description: 'Where the gateway serves it; null: it does not.' })),
  built_in: Type.Boolean({ description: 'True of `credence`, which is administration itself.' }),
  created_at: Timestamp,
  updated_at: Timestamp,
  revision: Type.Integer(),
  warnings: Type.Array(Type.String(), { description: 'What was found odd just now; nothing is wrong.' }),
})

/** The members that a body gives; one that it leaves out stays out, so that a change does not touch it. */
export function apiFromJson(json: Static<typeof ApiChangesShape>): Reading<Partial<ApiFields>> {
  const parts = readAll({
    routes: json.routes === undefined ? read(null) : routesFromJson(json.routes),
    limits: json.limits === undefined ? read(null) : limitsFromJson(json.limits),
  })
  if (!parts.ok) return parts
  const { routes, limits } = parts.value
  const fields: { [K in keyof ApiFields]: ApiFields[K] | undefined } = {
    audience: json.audience,
    scopes: json.scopes,
    routes: routes ?? undefined,
    accepts: json.accepts,
    upstream: json.upstream,
    host: json.host,
    basePath: json.base_path,
    stripBasePath: json.strip_base_path,
    corsOrigins: json.cors === null ? [] : json.cors?.origins,
    requiresTls: json.requires_tls,
    requiresBinding: json.requires_binding,
    identityToken: json.identity_token,
    maxLifetimeSeconds: json.max_lifetime_seconds,
    keyPrefix: json.key_prefix,
    queryParameter: json.query_parameter,
    credentialHeader: json.credential_header,
    limits: limits ?? undefined,
    outageGraceSeconds: json.outage_grace_seconds,
    exactLimits: json.exact_limits,
    metadata: json.metadata,
  }
  // What is undefined was not said.
  const said = Object.entries(fields).filter(([, value]) => value !== undefined)
  return read(Object.fromEntries(said) as Partial<ApiFields>)
}

function routesFromJson(json: readonly Static<typeof RouteInput>[]): Reading<Route[]> {
  const routes = json.map((one, index): Reading<Route> => {
    const scopes = scopesFromJson(one.scopes ?? null)
    if (scopes === undefined) {
      return unreadable(
        `routes[${index}].scopes`,
        'each of a list is one scope; write AND and OR in a text instead',
      )
    }
    const { method, path, public: isPublic = false, accepts = null, cost = 1 } = one
    return read({ method, path, scopes, public: isPublic, accepts, cost })
  })
  const errors = routes.flatMap((route) => (route.ok ? [] : route.errors))
  return errors.length > 0
    ? { ok: false, errors }
    : read(routes.flatMap((route) => (route.ok ? [route.value] : [])))
}

/** All of a list are needed. Undefined: one of them is an expression, whose OR the ANDs around it would change. */
function scopesFromJson(json: string | readonly string[] | null): string | null | undefined {
  if (json === null || typeof json === 'string') return json
  return json.some((scope) => /[\s()]/.test(scope)) ? undefined : json.join(' AND ')
}

export function apiToJson(api: ApiRecord, gatewayUrl: string | null, warnings: readonly string[]) {
  return {
    id: api.id,
    name: api.name,
    audience: api.audience,
    scopes: api.scopes,
    routes: api.routes,
    accepts: api.accepts,
    upstream: api.upstream,
    host: api.host,
    base_path: api.basePath,
    strip_base_path: api.stripBasePath,
    cors: api.corsOrigins.length === 0 ? null : { origins: api.corsOrigins },
    requires_tls: api.requiresTls,
    requires_binding: api.requiresBinding,
    identity_token: api.identityToken,
    max_lifetime_seconds: api.maxLifetimeSeconds,
    key_prefix: api.keyPrefix,
    query_parameter: api.queryParameter,
    credential_header: api.credentialHeader,
    limits: limitsToJson(api.limits),
    outage_grace_seconds: api.outageGraceSeconds,
    exact_limits: api.exactLimits,
    metadata: api.metadata,
    gateway_url: gatewayUrl,
    built_in: api.builtIn,
    created_at: timestampToJson(api.createdAtMs),
    updated_at: timestampToJson(api.updatedAtMs),
    revision: api.revision,
    warnings,
  }
}
