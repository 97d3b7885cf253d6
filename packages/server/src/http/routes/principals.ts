import { PRINCIPAL_TYPES, type PrincipalRecord } from '@credence/core'
import { type Static, Type } from 'typebox'
import type { Context } from '../../context.ts'
import { viewGrants } from '../../operations/grant-view.ts'
import {
  createPrincipal,
  deletePrincipal,
  listPrincipals,
  type PrincipalFields,
  showPrincipal,
  updatePrincipal,
} from '../../operations/principals.ts'
import { type Reading, read, readAll } from '../../operations/reading.ts'
import type { App } from '../app.ts'
import { authenticate } from '../authenticate.ts'
import { pageFromQuery, pageToJson } from '../cursor.ts'
import { limitsFromJson, limitsToJson } from '../limits-json.ts'
import { expectedOf, idempotentOf, refuseReading, respond } from '../respond.ts'
import { routeSchema } from '../route-schema.ts'
import {
  GrantInputs,
  GrantShape,
  Id,
  IdempotencyHeaders,
  IfMatchHeaders,
  Limits,
  MetadataShape,
  Nullable,
  OneOf,
  PAGE_QUERY,
  PageOf,
  RefParams,
  Strict,
  Text,
  Timestamp,
} from '../schemas.ts'
import { timestampToJson } from '../timestamp.ts'

const PrincipalName = Text(128, { description: 'Unique in its workspace; must not look like an id.' })
const PrincipalType = OneOf(PRINCIPAL_TYPES, {
  description:
    'An application is software that others run or register, a service is the own workload, a user a person or customer.',
})
const ExternalId = Text(256, { description: "The operator's own id of it; handed on in every verdict." })

const CHANGEABLE = {
  external_id: Type.Optional(Nullable(ExternalId)),
  owner: Type.Optional(Nullable(Text(256, { description: 'Who is responsible.' }))),
  contact: Type.Optional(Nullable(Text(256, { description: 'Whom to reach when a credential leaks.' }))),
  ceiling: Type.Optional(Nullable(GrantInputs)),
  limits: Type.Optional(Limits),
  metadata: Type.Optional(MetadataShape),
  disabled: Type.Optional(Type.Boolean({ description: 'True switches all of its credentials off.' })),
}
const NewPrincipal = Strict({ name: PrincipalName, type: PrincipalType, ...CHANGEABLE })
const PrincipalChanges = Strict({
  name: Type.Optional(PrincipalName),
  type: Type.Optional(PrincipalType),
  ...CHANGEABLE,
})

const Principal = Strict({
  id: Id,
  name: PrincipalName,
  type: PrincipalType,
  external_id: Nullable(ExternalId),
  owner: Nullable(Type.String()),
  contact: Nullable(Type.String()),
  ceiling: Nullable(
    Type.Array(GrantShape, {
      description: 'The most that its credentials may do; null: unrestricted, empty: nothing.',
    }),
  ),
  limits: Limits,
  metadata: MetadataShape,
  disabled: Type.Boolean(),
  created_at: Timestamp,
  updated_at: Timestamp,
  revision: Type.Integer(),
})

const PRINCIPAL = { description: 'The principal.', body: Principal, headers: ['ETag'] } as const
const WRITTEN = { ...PRINCIPAL, headers: ['Credence-Revision', 'ETag'] } as const

export function registerPrincipals(app: App, context: Context): void {
  const reads = { onRequest: authenticate(context, 'principals:read') }
  const writes = { onRequest: authenticate(context, 'principals:write') }
  const render = async (principal: PrincipalRecord) => ({
    body: await principalToJson(context, principal),
    revision: principal.revision,
  })

  app.post('/v1/principals', { ...writes, schema: CREATE }, async (request, reply) => {
    const fields = fieldsFromJson(request.body)
    if (!fields.ok) return refuseReading(request, reply, fields)
    const args = { ...fields.value, name: request.body.name, type: request.body.type }
    const outcome = await createPrincipal(context, request.actor, args, idempotentOf(request))
    return respond(request, reply, outcome, async (principal) => ({
      ...(await render(principal)),
      status: 201,
    }))
  })

  app.get('/v1/principals', { ...reads, schema: LIST }, async (request, reply) => {
    const { limit, cursor, external_id: externalId, ...others } = request.query
    const page = pageFromQuery({ limit, cursor })
    if (!page.ok) return refuseReading(request, reply, page)
    const filters = { ...others, ...(externalId !== undefined && { externalId }) }
    const outcome = await listPrincipals(context, request.actor, page.value, filters)
    return respond(request, reply, outcome, async (page) => ({
      body: await pageToJson(page, (principal) => principalToJson(context, principal)),
    }))
  })

  app.get('/v1/principals/:ref', { ...reads, schema: SHOW }, async (request, reply) => {
    return respond(request, reply, await showPrincipal(context, request.actor, request.params.ref), render)
  })

  app.patch('/v1/principals/:ref', { ...writes, schema: UPDATE }, async (request, reply) => {
    const changes = fieldsFromJson(request.body)
    if (!changes.ok) return refuseReading(request, reply, changes)
    const { ref } = request.params
    const outcome = await updatePrincipal(context, request.actor, ref, changes.value, expectedOf(request))
    return respond(request, reply, outcome, render)
  })

  app.delete('/v1/principals/:ref', { ...writes, schema: DELETE }, async (request, reply) => {
    const outcome = await deletePrincipal(context, request.actor, request.params.ref, expectedOf(request))
    return respond(request, reply, outcome, () => ({}))
  })
}

/** The members that a body gives; one that it leaves out stays out, so that a change does not touch it. */
function fieldsFromJson(json: Static<typeof PrincipalChanges>): Reading<Partial<PrincipalFields>> {
  const parts = readAll({ limits: json.limits === undefined ? read(null) : limitsFromJson(json.limits) })
  if (!parts.ok) return parts
  const { limits } = parts.value
  const { name, type, external_id: externalId, owner, contact, metadata, disabled } = json
  const ceiling = json.ceiling?.map(({ api, scopes = [], roles = [] }, index) => ({
    api,
    scopes,
    roles,
    at: `ceiling[${index}].`,
  }))
  return read({
    ...(name !== undefined && { name }),
    ...(type !== undefined && { type }),
    ...(externalId !== undefined && { externalId }),
    ...(owner !== undefined && { owner }),
    ...(contact !== undefined && { contact }),
    ...(metadata !== undefined && { metadata }),
    ...(disabled !== undefined && { disabled }),
    ...(limits !== null && { limits }),
    ...(json.ceiling !== undefined && { ceiling: ceiling ?? null }),
  })
}

async function principalToJson(context: Pick<Context, 'store'>, principal: PrincipalRecord) {
  const { id, name, type, owner, contact, metadata, revision, ceiling } = principal
  return {
    id,
    name,
    type,
    external_id: principal.externalId,
    owner,
    contact,
    ceiling: ceiling === null ? null : await viewGrants(context, ceiling),
    limits: limitsToJson(principal.limits),
    metadata,
    disabled: principal.disabledAtMs !== null,
    created_at: timestampToJson(principal.createdAtMs),
    updated_at: timestampToJson(principal.updatedAtMs),
    revision,
  }
}

const CREATE = routeSchema({
  operationId: 'createPrincipal',
  tag: 'Principals',
  summary: 'Create a principal',
  description:
    'Who is calling; it owns credentials. Without a ceiling it is unrestricted, with an empty one it has nothing.',
  scope: 'principals:write',
  success: { status: 201, ...WRITTEN },
  refusals: [409],
  headers: IdempotencyHeaders,
  body: NewPrincipal,
})

const LIST = routeSchema({
  operationId: 'listPrincipals',
  tag: 'Principals',
  summary: 'List the principals',
  description: 'Newest first.',
  scope: 'principals:read',
  success: { status: 200, description: 'One page.', body: PageOf(Principal) },
  querystring: Strict({
    ...PAGE_QUERY,
    name: Type.Optional(Text(128)),
    external_id: Type.Optional(Text(256)),
    type: Type.Optional(PrincipalType),
  }),
})

const SHOW = routeSchema({
  operationId: 'showPrincipal',
  tag: 'Principals',
  summary: 'Show a principal',
  description: 'By id or name.',
  scope: 'principals:read',
  success: { status: 200, ...PRINCIPAL },
  refusals: [404],
  params: RefParams,
})

const UPDATE = routeSchema({
  operationId: 'updatePrincipal',
  tag: 'Principals',
  summary: 'Change a principal',
  description:
    'Lists and metadata replace what was there. All of its credentials feel the change at once. Refused with 409 where it would switch off the principal that the caller acts as, or the last one that may do everything on credence.',
  scope: 'principals:write',
  success: { status: 200, ...WRITTEN },
  refusals: [404, 409, 412],
  params: RefParams,
  headers: IfMatchHeaders,
  body: PrincipalChanges,
})

const DELETE = routeSchema({
  operationId: 'deletePrincipal',
  tag: 'Principals',
  summary: 'Delete a principal',
  description: 'Refused with 409 while it has credentials, revoked ones included.',
  scope: 'principals:write',
  success: { status: 204, description: 'It is gone.', body: null, headers: ['Credence-Revision'] },
  refusals: [404, 409, 412],
  params: RefParams,
  headers: IfMatchHeaders,
})
