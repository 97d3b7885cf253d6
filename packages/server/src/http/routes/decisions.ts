import { CHECKS, VERDICT_CODES } from '@credence/core'
import { Type } from 'typebox'
import type { Context } from '../../context.ts'
import { DECISION_VIAS } from '../../observe/decision-entry.ts'
import { findRecord } from '../../operations/find.ts'
import { done, failed, invalid } from '../../operations/operation.ts'
import type { App } from '../app.ts'
import { authenticate } from '../authenticate.ts'
import { respond } from '../respond.ts'
import { routeSchema } from '../route-schema.ts'
import { Id, Nullable, OneOf, PAGE_QUERY, PageOf, Ref, Strict, Text } from '../schemas.ts'

const DEFAULT_LIMIT = 50

/** `/v1/decisions`: the last ones of this node, whichever of its processes made them, for `credence why`. */
export function registerDecisions(app: App, context: Context): void {
  const onRequest = authenticate(context, 'decisions:read')

  app.get('/v1/decisions', { onRequest, schema: LIST }, async (request, reply) => {
    const { workspaceId } = request.actor
    const { limit = String(DEFAULT_LIMIT), code, credential, api: reference } = request.query
    const api = reference === undefined ? undefined : await findRecord(context, workspaceId, 'api', reference)
    if (reference !== undefined && api === undefined) {
      const error = { field: 'api', detail: `no api ${JSON.stringify(reference)}` }
      return respond(request, reply, invalid(error), () => ({}))
    }
    const items = await context.node.decisions({
      workspaceId,
      limit: Number(limit),
      ...(code !== undefined && { code }),
      ...(credential !== undefined && { credentialId: credential }),
      ...(api !== undefined && { apiId: api.id }),
    })
    // The ring moves on under whoever pages through it, so there is one page: the newest.
    const body = { items, next_cursor: null }
    return respond(request, reply, done(body), () => ({ body }))
  })

  app.get('/v1/decisions/:request_id', { onRequest, schema: SHOW }, async (request, reply) => {
    const { request_id: requestId } = request.params
    const decision = await context.node.decision(request.actor.workspaceId, requestId)
    const detail =
      'no decision with this request id; the last 10,000 of this node are kept, until it restarts'
    const outcome = decision === undefined ? failed({ code: 'RESOURCE_NOT_FOUND', detail }) : done(decision)
    return respond(request, reply, outcome, (body) => ({ body }))
  })
}

const Named = Strict({ id: Id, name: Type.String() })
const DecisionShape = Strict({
  request_id: Type.String(),
  at: Type.String({ format: 'date-time' }),
  via: OneOf(DECISION_VIAS),
  code: OneOf(VERDICT_CODES, { description: 'The exact one: BAD_SECRET is told apart here, and only here.' }),
  method: Nullable(Type.String()),
  path: Nullable(Type.String()),
  api: Nullable(Named),
  route: Nullable(Type.String()),
  public: Type.Boolean(),
  credential: Nullable(
    Strict({
      id: Id,
      kind: Type.String(),
      name: Nullable(Type.String()),
      version: Nullable(Type.Integer()),
    }),
  ),
  principal: Nullable(Named),
  ip: Nullable(Type.String()),
  duration_ms: Type.Number(),
  checks: Type.Array(
    Strict({
      name: OneOf(CHECKS),
      outcome: OneOf(['passed', 'failed', 'not_run']),
      detail: Type.Optional(Type.String()),
    }),
    { description: 'In the order in which they run.' },
  ),
  required: Nullable(Type.String()),
  has: Type.Array(Type.String()),
  to_allow: Nullable(Type.String({ description: 'A command or a sentence: what would let it pass.' })),
})

const LIST = routeSchema({
  operationId: 'listDecisions',
  tag: 'Decisions',
  summary: 'List the last decisions',
  description: 'Newest first, of the last 10,000 on this node. All filters that are given must match.',
  scope: 'decisions:read',
  success: { status: 200, description: 'The newest.', body: PageOf(DecisionShape) },
  querystring: Strict({
    limit: PAGE_QUERY.limit,
    code: Type.Optional(OneOf(VERDICT_CODES)),
    credential: Type.Optional(Text(64)),
    api: Type.Optional(Ref),
  }),
})

const SHOW = routeSchema({
  operationId: 'showDecision',
  tag: 'Decisions',
  summary: 'Explain a decision',
  description: 'Each check with its outcome, and what would make the request pass.',
  scope: 'decisions:read',
  success: { status: 200, description: 'The decision.', body: DecisionShape },
  refusals: [404],
  params: Strict({ request_id: Text(64) }),
})
