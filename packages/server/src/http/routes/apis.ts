import type { ApiRecord } from '@credence/core'
import { Type } from 'typebox'
import type { Context } from '../../context.ts'
import { gatewayUrl } from '../../doors/gateway-url.ts'
import type { ApiFields } from '../../operations/api-fields.ts'
import { createApi, deleteApi, listApis, showApi, updateApi } from '../../operations/apis.ts'
import { answersAt } from '../../operations/upstream-check.ts'
import { ApiChangesShape, ApiShape, apiFromJson, apiToJson, NewApiShape } from '../api-json.ts'
import type { App } from '../app.ts'
import { authenticate } from '../authenticate.ts'
import { pageFromQuery, pageToJson } from '../cursor.ts'
import { expectedOf, idempotentOf, refuseReading, respond } from '../respond.ts'
import { routeSchema } from '../route-schema.ts'
import {
  IdempotencyHeaders,
  IfMatchHeaders,
  PAGE_QUERY,
  PageOf,
  RefParams,
  Strict,
  Text,
} from '../schemas.ts'

const API = { description: 'The API.', body: ApiShape, headers: ['ETag'] } as const
const WRITTEN = { ...API, headers: ['Credence-Revision', 'ETag'] } as const

export function registerApis(app: App, context: Context): void {
  const reads = { onRequest: authenticate(context, 'apis:read') }
  const writes = { onRequest: authenticate(context, 'apis:write') }
  const toJson = (api: ApiRecord) => apiToJson(api, gatewayUrl(context, api), [])
  const render = (api: ApiRecord) => ({ body: toJson(api), revision: api.revision })
  const renderWritten = async (api: ApiRecord, said: Partial<ApiFields>) => {
    const warnings = [
      ...(said.upstream === undefined ? [] : await upstreamWarnings(context, api)),
      ...(said.queryParameter === undefined ? [] : queryWarnings(api)),
    ]
    return { body: { ...toJson(api), warnings }, revision: api.revision }
  }

  app.post('/v1/apis', { ...writes, schema: CREATE }, async (request, reply) => {
    const { name, audience, ...others } = request.body
    const fields = apiFromJson(others)
    if (!fields.ok) return refuseReading(request, reply, fields)
    const args = { ...fields.value, name, audience }
    const outcome = await createApi(context, request.actor, args, idempotentOf(request))
    return respond(request, reply, outcome, async (api) => ({
      ...(await renderWritten(api, args)),
      status: 201,
    }))
  })

  app.get('/v1/apis', { ...reads, schema: LIST }, async (request, reply) => {
    const { limit, cursor, ...filters } = request.query
    const page = pageFromQuery({ limit, cursor })
    if (!page.ok) return refuseReading(request, reply, page)
    const outcome = await listApis(context, request.actor, page.value, filters)
    return respond(request, reply, outcome, async (apis) => ({ body: await pageToJson(apis, toJson) }))
  })

  app.get('/v1/apis/:ref', { ...reads, schema: SHOW }, async (request, reply) => {
    return respond(request, reply, await showApi(context, request.actor, request.params.ref), render)
  })

  app.patch('/v1/apis/:ref', { ...writes, schema: UPDATE }, async (request, reply) => {
    const changes = apiFromJson(request.body)
    if (!changes.ok) return refuseReading(request, reply, changes)
    const { ref } = request.params
    const outcome = await updateApi(context, request.actor, ref, changes.value, expectedOf(request))
    return respond(request, reply, outcome, (api) => renderWritten(api, changes.value))
  })

  app.delete('/v1/apis/:ref', { ...writes, schema: DELETE }, async (request, reply) => {
    const outcome = await deleteApi(context, request.actor, request.params.ref, expectedOf(request))
    return respond(request, reply, outcome, () => ({}))
  })
}

async function upstreamWarnings(context: Context, { upstream, workspaceId }: ApiRecord): Promise<string[]> {
  if (upstream === null || (await answersAt(context, workspaceId, upstream))) return []
  return [`nothing answers at ${upstream} yet`]
}

function queryWarnings({ queryParameter }: ApiRecord): string[] {
  if (queryParameter === null) return []
  return [
    `keys are now taken from the query parameter ${queryParameter}: URLs end up in logs, histories and Referer headers, so use a header wherever a client can send one`,
  ]
}

const CREATE = routeSchema({
  operationId: 'createApi',
  tag: 'APIs',
  summary: 'Create an API',
  description:
    'Protects an API. With an upstream the gateway serves it at once. The name never changes: scopes such as `credentials:write:orders` carry it.',
  scope: 'apis:write',
  success: { status: 201, ...WRITTEN },
  refusals: [409],
  headers: IdempotencyHeaders,
  body: NewApiShape,
})

const LIST = routeSchema({
  operationId: 'listApis',
  tag: 'APIs',
  summary: 'List the APIs',
  description: 'Newest first. `credence` is administration itself.',
  scope: 'apis:read',
  success: { status: 200, description: 'One page.', body: PageOf(ApiShape) },
  querystring: Strict({ ...PAGE_QUERY, name: Type.Optional(Text(63)) }),
})

const SHOW = routeSchema({
  operationId: 'showApi',
  tag: 'APIs',
  summary: 'Show an API',
  description: 'By id or name.',
  scope: 'apis:read',
  success: { status: 200, ...API },
  refusals: [404],
  params: RefParams,
})

const UPDATE = routeSchema({
  operationId: 'updateApi',
  tag: 'APIs',
  summary: 'Change an API',
  description:
    'Lists replace what was there; routes without `scopes` beside them add the scopes that they name. A scope that goes while grants name it gives nothing any more.',
  scope: 'apis:write',
  success: { status: 200, ...WRITTEN },
  refusals: [404, 409, 412],
  params: RefParams,
  headers: IfMatchHeaders,
  body: ApiChangesShape,
})

const DELETE = routeSchema({
  operationId: 'deleteApi',
  tag: 'APIs',
  summary: 'Delete an API',
  description: 'Refused with 409 while a credential, a role or a ceiling names it.',
  scope: 'apis:write',
  success: { status: 204, description: 'It is gone.', body: null, headers: ['Credence-Revision'] },
  refusals: [404, 409, 412],
  params: RefParams,
  headers: IfMatchHeaders,
})
