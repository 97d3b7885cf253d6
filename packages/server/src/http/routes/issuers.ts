import type { IssuerRecord } from '@credence/core'
import { type Static, Type } from 'typebox'
import type { Context } from '../../context.ts'
import {
  createIssuer,
  deleteIssuer,
  listIssuers,
  showIssuer,
  updateIssuer,
} from '../../operations/issuers.ts'
import { type Reading, read, unreadable } from '../../operations/reading.ts'
import { type Revocation, revokeTokens } from '../../operations/revoke-tokens.ts'
import type { App } from '../app.ts'
import { authenticate } from '../authenticate.ts'
import { pageFromQuery, pageToJson } from '../cursor.ts'
import {
  IssuerChangesShape,
  IssuerShape,
  issuerFromJson,
  issuerToJson,
  NewIssuerShape,
} from '../issuer-json.ts'
import { expectedOf, idempotentOf, refuseReading, respond } from '../respond.ts'
import { routeSchema } from '../route-schema.ts'
import {
  IdempotencyHeaders,
  IfMatchHeaders,
  Nullable,
  PAGE_QUERY,
  PageOf,
  Ref,
  RefParams,
  Strict,
  Text,
  Timestamp,
} from '../schemas.ts'
import { timestampFromJson } from '../timestamp.ts'

const ISSUER = { description: 'The issuer.', body: IssuerShape, headers: ['ETag'] } as const
const WRITTEN = { ...ISSUER, headers: ['Credence-Revision', 'ETag'] } as const

const RevokeBody = Strict({
  jti: Type.Optional(Text(1024, { description: 'One token.' })),
  expires_at: Type.Optional({
    ...Timestamp,
    description: 'When that token ends; it is remembered until then.',
  }),
  before: Type.Optional({ ...Timestamp, description: 'All tokens issued before this moment.' }),
  principal: Type.Optional(Ref),
  reason: Type.Optional(Nullable(Text(500))),
})

export function registerIssuers(app: App, context: Context): void {
  const reads = { onRequest: authenticate(context, 'issuers:read') }
  const writes = { onRequest: authenticate(context, 'issuers:write') }
  const toJson = async (issuer: IssuerRecord) =>
    issuerToJson(issuer, (await context.store.read('api', issuer.apiId))?.name ?? issuer.apiId)
  const render = async (issuer: IssuerRecord) => ({ body: await toJson(issuer), revision: issuer.revision })

  app.post('/v1/issuers', { ...writes, schema: CREATE }, async (request, reply) => {
    const { name, api, issuer, audience, algorithms, ...others } = request.body
    const fields = issuerFromJson(others)
    if (!fields.ok) return refuseReading(request, reply, fields)
    const { keys = null } = fields.value
    if (keys === null)
      return refuseReading(request, reply, unreadable('jwks', 'is required, or jwks_uri, or discovery'))
    const required = { name, api, issuer, audience, algorithms: [...new Set(algorithms)], keys }
    const args = { ...fields.value, ...required }
    const outcome = await createIssuer(context, request.actor, args, idempotentOf(request))
    return respond(request, reply, outcome, async (made) => ({ ...(await render(made)), status: 201 }))
  })

  app.get('/v1/issuers', { ...reads, schema: LIST }, async (request, reply) => {
    const { limit, cursor, ...filters } = request.query
    const page = pageFromQuery({ limit, cursor })
    if (!page.ok) return refuseReading(request, reply, page)
    const outcome = await listIssuers(context, request.actor, page.value, filters)
    return respond(request, reply, outcome, async (issuers) => ({ body: await pageToJson(issuers, toJson) }))
  })

  app.get('/v1/issuers/:ref', { ...reads, schema: SHOW }, async (request, reply) => {
    return respond(request, reply, await showIssuer(context, request.actor, request.params.ref), render)
  })

  app.patch('/v1/issuers/:ref', { ...writes, schema: UPDATE }, async (request, reply) => {
    const { name, disabled, ...others } = request.body
    const fields = issuerFromJson(others)
    if (!fields.ok) return refuseReading(request, reply, fields)
    const changes = {
      ...fields.value,
      ...(name !== undefined && { name }),
      ...(disabled !== undefined && { disabled }),
    }
    const outcome = await updateIssuer(
      context,
      request.actor,
      request.params.ref,
      changes,
      expectedOf(request),
    )
    return respond(request, reply, outcome, render)
  })

  app.delete('/v1/issuers/:ref', { ...writes, schema: DELETE }, async (request, reply) => {
    const outcome = await deleteIssuer(context, request.actor, request.params.ref, expectedOf(request))
    return respond(request, reply, outcome, () => ({}))
  })

  app.post('/v1/issuers/:ref/revoke', { ...writes, schema: REVOKE }, async (request, reply) => {
    const revocation = revocationFromJson(request.body)
    if (!revocation.ok) return refuseReading(request, reply, revocation)
    const { ref } = request.params
    const outcome = await revokeTokens(context, request.actor, ref, revocation.value, idempotentOf(request))
    return respond(request, reply, outcome, async ({ record, propagation }) => {
      const { nodes, confirmed, afterMs, boundMs } = propagation
      const shown = { nodes, confirmed, after_ms: afterMs, bound_ms: boundMs }
      return { revision: record.revision, body: { issuer: await toJson(record), propagation: shown } }
    })
  })
}

/** One of: a token, all before a moment, all of a principal before a moment. */
function revocationFromJson(json: Static<typeof RevokeBody>): Reading<Revocation> {
  const { jti, principal, reason = null } = json
  const before = timestampFromJson(json.before, 'before')
  if (!before.ok) return before
  const until = timestampFromJson(json.expires_at, 'expires_at')
  if (!until.ok) return until
  if (jti !== undefined) {
    if (before.value !== null)
      return unreadable('before', 'stands beside jti: one of them says what is revoked')
    if (principal !== undefined)
      return unreadable('principal', 'stands beside jti, which says what is revoked')
    return read({ of: 'token', tokenId: jti, untilMs: until.value, reason })
  }
  if (until.value !== null) return unreadable('expires_at', 'goes with jti')
  if (before.value === null) return unreadable('before', 'is required, or jti')
  return read(
    principal === undefined
      ? { of: 'issuer', beforeMs: before.value, reason }
      : { of: 'principal', principal, beforeMs: before.value, reason },
  )
}

const CREATE = routeSchema({
  operationId: 'createIssuer',
  tag: 'Issuers',
  summary: 'Trust an issuer',
  description:
    'From then on its tokens are accepted at one API, as what the mapping of their claims says. The API never changes.\n\nNeeds `credentials:write:{api}` besides.',
  scope: 'issuers:write',
  success: { status: 201, ...WRITTEN },
  refusals: [409],
  headers: IdempotencyHeaders,
  body: NewIssuerShape,
})

const LIST = routeSchema({
  operationId: 'listIssuers',
  tag: 'Issuers',
  summary: 'List the issuers',
  description: 'Newest first.',
  scope: 'issuers:read',
  success: { status: 200, description: 'One page.', body: PageOf(IssuerShape) },
  querystring: Strict({ ...PAGE_QUERY, api: Type.Optional(Ref), name: Type.Optional(Text(63)) }),
})

const SHOW = routeSchema({
  operationId: 'showIssuer',
  tag: 'Issuers',
  summary: 'Show an issuer',
  description: 'By id or name. Secrets and private keys are not shown.',
  scope: 'issuers:read',
  success: { status: 200, ...ISSUER },
  refusals: [404],
  params: RefParams,
})

const UPDATE = routeSchema({
  operationId: 'updateIssuer',
  tag: 'Issuers',
  summary: 'Change an issuer',
  description:
    'What is given replaces what was there, `claims` as a whole.\n\nNeeds `credentials:write:{api}` besides, but to disable it.',
  scope: 'issuers:write',
  success: { status: 200, ...WRITTEN },
  refusals: [404, 409, 412],
  params: RefParams,
  headers: IfMatchHeaders,
  body: IssuerChangesShape,
})

const DELETE = routeSchema({
  operationId: 'deleteIssuer',
  tag: 'Issuers',
  summary: 'Trust an issuer no longer',
  description: 'None of its tokens counts any more, on any node, once this is answered.',
  scope: 'issuers:write',
  success: { status: 204, description: 'It is gone.', body: null, headers: ['Credence-Revision'] },
  refusals: [404, 409, 412],
  params: RefParams,
  headers: IfMatchHeaders,
})

const REVOKE = routeSchema({
  operationId: 'revokeTokens',
  tag: 'Issuers',
  summary: 'Revoke tokens of an issuer',
  description:
    'One token by its `jti`; or all issued before a moment, of the issuer or of one principal. For ever: nothing takes it back.',
  scope: 'issuers:write',
  success: {
    status: 200,
    description: 'The issuer, and how far the news has come.',
    body: Strict({
      issuer: IssuerShape,
      propagation: Strict({
        nodes: Type.Integer({ description: 'Nodes of this installation.' }),
        confirmed: Type.Integer({ description: 'Nodes that refuse them already.' }),
        after_ms: Type.Number({ description: 'Milliseconds until they did.' }),
        bound_ms: Type.Integer({ description: 'After so many milliseconds no node accepts them any more.' }),
      }),
    }),
    headers: ['Credence-Revision', 'ETag'],
  },
  refusals: [404, 409],
  params: RefParams,
  headers: IdempotencyHeaders,
  body: RevokeBody,
})
