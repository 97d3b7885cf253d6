import type { RoleRecord } from '@credence/core'
import { Type } from 'typebox'
import type { Context } from '../../context.ts'
import { createRole, deleteRole, listRoles, showRole, updateRole } from '../../operations/roles.ts'
import type { App } from '../app.ts'
import { authenticate } from '../authenticate.ts'
import { pageFromQuery, pageToJson } from '../cursor.ts'
import { expectedOf, idempotentOf, refuseReading, respond } from '../respond.ts'
import { routeSchema } from '../route-schema.ts'
import {
  Id,
  IdempotencyHeaders,
  IfMatchHeaders,
  Name,
  PAGE_QUERY,
  PageOf,
  Ref,
  RefParams,
  Scopes,
  Strict,
  Text,
  Timestamp,
} from '../schemas.ts'
import { timestampToJson } from '../timestamp.ts'

const Role = Strict({
  id: Id,
  name: Name,
  api: Type.String({ description: 'Name of the API whose scopes these are.' }),
  api_id: Id,
  scopes: Scopes,
  created_at: Timestamp,
  updated_at: Timestamp,
  revision: Type.Integer(),
})

const ROLE = { description: 'The role.', body: Role, headers: ['ETag'] } as const
const WRITTEN = { ...ROLE, headers: ['Credence-Revision', 'ETag'] } as const

export function registerRoles(app: App, context: Context): void {
  const reads = { onRequest: authenticate(context, 'roles:read') }
  const writes = { onRequest: authenticate(context, 'roles:write') }
  const render = async (role: RoleRecord) => ({
    body: await roleToJson(context, role),
    revision: role.revision,
  })

  app.post('/v1/roles', { ...writes, schema: CREATE }, async (request, reply) => {
    const outcome = await createRole(context, request.actor, request.body, idempotentOf(request))
    return respond(request, reply, outcome, async (role) => ({ ...(await render(role)), status: 201 }))
  })

  app.get('/v1/roles', { ...reads, schema: LIST }, async (request, reply) => {
    const { limit, cursor, ...filters } = request.query
    const page = pageFromQuery({ limit, cursor })
    if (!page.ok) return refuseReading(request, reply, page)
    const outcome = await listRoles(context, request.actor, page.value, filters)
    return respond(request, reply, outcome, async (page) => ({
      body: await pageToJson(page, (role) => roleToJson(context, role)),
    }))
  })

  app.get('/v1/roles/:ref', { ...reads, schema: SHOW }, async (request, reply) => {
    return respond(request, reply, await showRole(context, request.actor, request.params.ref), render)
  })

  app.patch('/v1/roles/:ref', { ...writes, schema: UPDATE }, async (request, reply) => {
    const { ref } = request.params
    const outcome = await updateRole(context, request.actor, ref, request.body, expectedOf(request))
    return respond(request, reply, outcome, render)
  })

  app.delete('/v1/roles/:ref', { ...writes, schema: DELETE }, async (request, reply) => {
    const outcome = await deleteRole(context, request.actor, request.params.ref, expectedOf(request))
    return respond(request, reply, outcome, () => ({}))
  })
}

const CREATE = routeSchema({
  operationId: 'createRole',
  tag: 'Roles',
  summary: 'Create a role',
  description: 'A named set of scopes of one API. On the API `credence` it holds no more than its maker has.',
  scope: 'roles:write',
  success: { status: 201, ...WRITTEN },
  refusals: [409],
  headers: IdempotencyHeaders,
  body: Strict({ name: Name, api: Ref, scopes: Scopes }),
})

const LIST = routeSchema({
  operationId: 'listRoles',
  tag: 'Roles',
  summary: 'List the roles',
  description: 'Newest first.',
  scope: 'roles:read',
  success: { status: 200, description: 'One page.', body: PageOf(Role) },
  querystring: Strict({ ...PAGE_QUERY, api: Type.Optional(Ref), name: Type.Optional(Text(63)) }),
})

const SHOW = routeSchema({
  operationId: 'showRole',
  tag: 'Roles',
  summary: 'Show a role',
  description: 'By id or name.',
  scope: 'roles:read',
  success: { status: 200, ...ROLE },
  refusals: [404],
  params: RefParams,
})

const UPDATE = routeSchema({
  operationId: 'updateRole',
  tag: 'Roles',
  summary: 'Change a role',
  description:
    'Every credential that holds the role gains and loses at once. The API of a role never changes.',
  scope: 'roles:write',
  success: { status: 200, ...WRITTEN },
  refusals: [404, 409, 412],
  params: RefParams,
  headers: IfMatchHeaders,
  body: Strict({ name: Type.Optional(Name), scopes: Type.Optional(Scopes) }),
})

const DELETE = routeSchema({
  operationId: 'deleteRole',
  tag: 'Roles',
  summary: 'Delete a role',
  description: 'Refused with 409 while a credential or a ceiling holds it.',
  scope: 'roles:write',
  success: { status: 204, description: 'It is gone.', body: null, headers: ['Credence-Revision'] },
  refusals: [404, 409, 412],
  params: RefParams,
  headers: IfMatchHeaders,
})

async function roleToJson({ store }: Pick<Context, 'store'>, role: RoleRecord) {
  const api = await store.read('api', role.apiId)
  return {
    id: role.id,
    name: role.name,
    api: api?.name ?? role.apiId,
    api_id: role.apiId,
    scopes: role.scopes,
    created_at: timestampToJson(role.createdAtMs),
    updated_at: timestampToJson(role.updatedAtMs),
    revision: role.revision,
  }
}
