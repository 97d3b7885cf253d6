import { Type } from 'typebox'
import type { Context } from '../../context.ts'
import { changeState } from '../../operations/credential-states.ts'
import { rotateCredential } from '../../operations/rotate-credential.ts'
import type { App } from '../app.ts'
import { authenticate } from '../authenticate.ts'
import {
  ChangedShape,
  emptyBody,
  IssuedShape,
  ReasonBody,
  RevokedShape,
  RotateCredentialBody,
  renderChanged,
  renderIssued,
  renderRevoked,
} from '../credential-answers.ts'
import { comparableBody, idempotentOf, respond } from '../respond.ts'
import { routeSchema } from '../route-schema.ts'
import { IdempotencyHeaders, Strict, Text } from '../schemas.ts'

/** What is done to a credential's secret and state. */
export function registerCredentialStates(app: App, context: Context): void {
  const writes = { onRequest: authenticate(context, null), preValidation: emptyBody }

  app.post('/v1/credentials/:id/rotate', { ...writes, schema: ROTATE }, async (request, reply) => {
    const { overlap_seconds: overlapSeconds = 0, password = null } = request.body
    const args = { id: request.params.id, overlapSeconds, password }
    const idempotent = idempotentOf(request, comparableBody(context, request, password))
    const outcome = await rotateCredential(context, request.actor, args, idempotent)
    return respond(request, reply, outcome, (issued) => renderIssued(context, issued, 200))
  })

  app.post('/v1/credentials/:id/revoke', { ...writes, schema: REVOKE }, async (request, reply) => {
    const step = { do: 'revoke', reason: request.body.reason ?? null } as const
    const outcome = await changeState(context, request.actor, request.params.id, step, idempotentOf(request))
    return respond(request, reply, outcome, (change) => renderRevoked(context, change))
  })

  app.post('/v1/credentials/:id/disable', { ...writes, schema: DISABLE }, async (request, reply) => {
    const step = { do: 'disable', reason: request.body.reason ?? null } as const
    const outcome = await changeState(context, request.actor, request.params.id, step, idempotentOf(request))
    return respond(request, reply, outcome, (change) => renderChanged(context, change))
  })

  app.post('/v1/credentials/:id/enable', { ...writes, schema: ENABLE }, async (request, reply) => {
    const { id } = request.params
    const outcome = await changeState(context, request.actor, id, { do: 'enable' }, idempotentOf(request))
    return respond(request, reply, outcome, (change) => renderChanged(context, change))
  })

  const versionPath = '/v1/credentials/:id/versions/:version/revoke'
  app.post(versionPath, { ...writes, schema: REVOKE_VERSION }, async (request, reply) => {
    const { id, version } = request.params
    const reason = request.body.reason ?? null
    const step = { do: 'revoke_version', version: Number(version), reason } as const
    const outcome = await changeState(context, request.actor, id, step, idempotentOf(request))
    return respond(request, reply, outcome, (change) => renderRevoked(context, change))
  })
}

const Params = Strict({ id: Text(64, { description: "The credential's id." }) })
const VersionParams = Strict({
  id: Text(64, { description: "The credential's id." }),
  version: Type.String({ maxLength: 9, pattern: '^[1-9][0-9]{0,8}$', description: '1, 2, 3 …' }),
})
const NEEDS = 'Needs `credentials:write:{api}` on the API `credence`, for every API it has a grant for.'
const HEADERS = ['Credence-Revision', 'ETag'] as const
const CHANGED = { status: 200, description: 'The credential.', body: ChangedShape, headers: HEADERS } as const
const REVOKED = {
  status: 200,
  description: 'The credential, and how far the news has come.',
  body: RevokedShape,
  headers: HEADERS,
} as const
const SHARED = {
  tag: 'Credentials',
  scope: null,
  refusals: [404, 409],
  params: Params,
  headers: IdempotencyHeaders,
} as const

const ROTATE = routeSchema({
  ...SHARED,
  operationId: 'rotateCredential',
  summary: 'Rotate a credential',
  description: `Gives it a new secret, shown in this answer only; the ones before go on for the overlap.\n\n${NEEDS}`,
  success: {
    status: 200,
    description: 'The credential and its new secret.',
    body: IssuedShape,
    headers: HEADERS,
  },
  body: RotateCredentialBody,
})

const REVOKE = routeSchema({
  ...SHARED,
  operationId: 'revokeCredential',
  summary: 'Revoke a credential',
  description: `Takes it back for ever. Again: nothing changes, and the first reason stays.\n\n${NEEDS}`,
  success: REVOKED,
  body: ReasonBody,
})

const DISABLE = routeSchema({
  ...SHARED,
  operationId: 'disableCredential',
  summary: 'Disable a credential',
  description: `Switches it off until somebody enables it.\n\n${NEEDS}`,
  success: CHANGED,
  body: ReasonBody,
})

const ENABLE = routeSchema({
  ...SHARED,
  operationId: 'enableCredential',
  summary: 'Enable a credential',
  description: `Switches a disabled or quarantined one on again; a revoked one never.\n\n${NEEDS}`,
  success: CHANGED,
  body: Strict({}),
})

const REVOKE_VERSION = routeSchema({
  ...SHARED,
  operationId: 'revokeCredentialVersion',
  summary: 'Revoke one version of the secret',
  description: `The other versions go on.\n\n${NEEDS}`,
  success: REVOKED,
  params: VersionParams,
  body: ReasonBody,
})
