import type { WorkspaceRecord } from '@credence/core'
import { Type } from 'typebox'
import type { Context } from '../../context.ts'
import {
  createWorkspace,
  deleteWorkspace,
  listWorkspaces,
  showWorkspace,
  updateWorkspace,
} from '../../operations/workspaces.ts'
import type { App } from '../app.ts'
import { authenticate } from '../authenticate.ts'
import { IssuedShape, renderIssued } from '../credential-answers.ts'
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
  RefParams,
  Strict,
  Text,
  Timestamp,
} from '../schemas.ts'
import { timestampToJson } from '../timestamp.ts'

const DEFAULT_PREFIX = 'crd_live'
const Prefix = Text(32, { description: 'Of the keys issued there.', examples: ['crd_test'] })

const Workspace = Strict({
  id: Id,
  name: Name,
  key_prefix: Prefix,
  created_at: Timestamp,
  updated_at: Timestamp,
  revision: Type.Integer(),
})

const WORKSPACE = { description: 'The workspace.', body: Workspace, headers: ['ETag'] } as const

export function registerWorkspaces(app: App, context: Context): void {
  const reads = { onRequest: authenticate(context, 'workspaces:read') }
  const writes = { onRequest: authenticate(context, 'workspaces:write') }
  const render = (workspace: WorkspaceRecord) => ({
    body: workspaceToJson(workspace),
    revision: workspace.revision,
  })

  app.post('/v1/workspaces', { ...writes, schema: CREATE }, async (request, reply) => {
    const { name, prefix = DEFAULT_PREFIX } = request.body
    const args = { name, keyPrefix: prefix }
    const outcome = await createWorkspace(context, request.actor, args, idempotentOf(request))
    return respond(request, reply, outcome, async ({ workspace, credential, secret }) => {
      const { body } = await renderIssued(
        context,
        { record: credential, secret, wasShown: secret === null, relations: null },
        201,
      )
      return { status: 201, body: { workspace: workspaceToJson(workspace), admin_key: body } }
    })
  })

  app.get('/v1/workspaces', { ...reads, schema: LIST }, async (request, reply) => {
    const page = pageFromQuery(request.query)
    if (!page.ok) return refuseReading(request, reply, page)
    const outcome = await listWorkspaces(context, request.actor, page.value)
    return respond(request, reply, outcome, async (found) => ({
      body: await pageToJson(found, workspaceToJson),
    }))
  })

  app.get('/v1/workspaces/:ref', { ...reads, schema: SHOW }, async (request, reply) => {
    return respond(request, reply, await showWorkspace(context, request.actor, request.params.ref), render)
  })

  app.patch('/v1/workspaces/:ref', { ...writes, schema: UPDATE }, async (request, reply) => {
    const { name, prefix } = request.body
    const changes = {
      ...(name !== undefined && { name }),
      ...(prefix !== undefined && { keyPrefix: prefix }),
    }
    const { ref } = request.params
    const outcome = await updateWorkspace(context, request.actor, ref, changes, expectedOf(request))
    return respond(request, reply, outcome, render)
  })

  app.delete('/v1/workspaces/:ref', { ...writes, schema: DELETE }, async (request, reply) => {
    const outcome = await deleteWorkspace(context, request.actor, request.params.ref, expectedOf(request))
    return respond(request, reply, outcome, () => ({}))
  })
}

function workspaceToJson(workspace: WorkspaceRecord) {
  return {
    id: workspace.id,
    name: workspace.name,
    key_prefix: workspace.keyPrefix,
    created_at: timestampToJson(workspace.createdAtMs),
    updated_at: timestampToJson(workspace.updatedAtMs),
    revision: workspace.revision,
  }
}

const CREATE = routeSchema({
  operationId: 'createWorkspace',
  tag: 'Workspaces',
  summary: 'Create a workspace',
  description:
    'With its API `credence`, an administrator and an admin key, whose secret is in this answer only. For credentials of the workspace `default`.',
  scope: 'workspaces:write',
  success: {
    status: 201,
    description: 'The workspace and its admin key.',
    body: Strict({ workspace: Workspace, admin_key: IssuedShape }),
    headers: ['Credence-Revision'],
  },
  refusals: [409],
  headers: IdempotencyHeaders,
  body: Strict({ name: Name, prefix: Type.Optional(Prefix) }),
})

const LIST = routeSchema({
  operationId: 'listWorkspaces',
  tag: 'Workspaces',
  summary: 'List the workspaces',
  description: 'Newest first. Credentials of another workspace than `default` see only their own.',
  scope: 'workspaces:read',
  success: { status: 200, description: 'One page.', body: PageOf(Workspace) },
  querystring: Strict(PAGE_QUERY),
})

const SHOW = routeSchema({
  operationId: 'showWorkspace',
  tag: 'Workspaces',
  summary: 'Show a workspace',
  description: 'By id or name.',
  scope: 'workspaces:read',
  success: { status: 200, ...WORKSPACE },
  refusals: [404],
  params: RefParams,
})

const UPDATE = routeSchema({
  operationId: 'updateWorkspace',
  tag: 'Workspaces',
  summary: 'Change a workspace',
  description: 'The prefix is that of keys issued from now on; `default` keeps its name.',
  scope: 'workspaces:write',
  success: { status: 200, ...WORKSPACE, headers: ['Credence-Revision', 'ETag'] },
  refusals: [404, 409, 412],
  params: RefParams,
  headers: IfMatchHeaders,
  body: Strict({ name: Type.Optional(Name), prefix: Type.Optional(Prefix) }),
})

const DELETE = routeSchema({
  operationId: 'deleteWorkspace',
  tag: 'Workspaces',
  summary: 'Delete a workspace',
  description:
    'Refused with 409 unless all that is left in it is the API `credence` and an administrator with credentials; `default` is never deleted.',
  scope: 'workspaces:write',
  success: { status: 204, description: 'It is gone.', body: null, headers: ['Credence-Revision'] },
  refusals: [404, 409, 412],
  params: RefParams,
  headers: IfMatchHeaders,
})
