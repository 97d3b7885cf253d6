import { TABLE_NAMES } from '@credence/core'
import { Type } from 'typebox'
import type { Context } from '../../context.ts'
import { done } from '../../operations/operation.ts'
import type { AuditRow } from '../../store/port.ts'
import type { App } from '../app.ts'
import { authenticate } from '../authenticate.ts'
import { respond } from '../respond.ts'
import { routeSchema } from '../route-schema.ts'
import { Nullable, OneOf, PAGE_QUERY, PageOf, Strict } from '../schemas.ts'
import { timestampToJson } from '../timestamp.ts'

const DEFAULT_LIMIT = 50

/** `/v1/audit`: who changed what in the caller's workspace. */
export function registerAudit(app: App, context: Context): void {
  const onRequest = authenticate(context, 'audit:read')
  app.get('/v1/audit', { onRequest, schema: LIST }, async (request, reply) => {
    const limit = Number(request.query.limit ?? DEFAULT_LIMIT)
    const before = request.query.cursor === undefined ? null : Number(request.query.cursor)
    // One more than asked for tells whether there is a next page.
    const rows = await context.store.listAudit(request.actor.workspaceId, { limit: limit + 1, before })
    const shown = rows.slice(0, limit)
    const next = rows.length > limit ? String(shown.at(-1)!.position) : null
    return respond(request, reply, done(shown), (entries) => ({
      body: { items: entries.map(auditToJson), next_cursor: next },
    }))
  })
}

const AuditShape = Strict({
  position: Type.Integer({ description: 'Of the change in the feed.' }),
  at: Type.String({ format: 'date-time' }),
  action: Type.String({ examples: ['credential.rotate'] }),
  target: Strict({ type: OneOf(TABLE_NAMES), id: Type.String() }),
  actor: Nullable(
    Strict(
      { credential: Type.String(), principal: Nullable(Type.String()) },
      {
        description: 'Null: the host itself (first start, recovery).',
      },
    ),
  ),
  request_id: Nullable(Type.String()),
  ip: Nullable(Type.String()),
  detail: Type.Record(Type.String(), Type.Unknown()),
  hash: Type.String({ description: 'SHA-256 over the hash before and this entry.' }),
})

const LIST = routeSchema({
  operationId: 'listAudit',
  tag: 'Audit',
  summary: 'List the audit trail',
  description: 'Newest first. Every entry was committed together with what it tells of.',
  scope: 'audit:read',
  success: { status: 200, description: 'One page.', body: PageOf(AuditShape) },
  querystring: Strict({
    limit: PAGE_QUERY.limit,
    cursor: Type.Optional(
      Type.String({
        maxLength: 15,
        pattern: '^[1-9][0-9]{0,14}$',
        description: '`next_cursor` of the page before.',
      }),
    ),
  }),
})

function auditToJson(row: AuditRow) {
  return {
    position: row.position,
    at: timestampToJson(row.atMs),
    action: row.action,
    target: { type: row.targetTable, id: row.targetId },
    actor:
      row.actorCredentialId === null
        ? null
        : { credential: row.actorCredentialId, principal: row.actorPrincipalId },
    request_id: row.requestId,
    ip: row.ip,
    detail: row.detail,
    hash: row.hash,
  }
}
