import { checkConditions, refuse } from '@credence/core'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Context } from '../../context.ts'
import { observe } from '../../decide.ts'
import { answerTo } from '../../doors/problem.ts'
import { revokeSelf } from '../../operations/revoke-credential.ts'
import { rotateSelf } from '../../operations/rotate-credential.ts'
import { showCredential } from '../../operations/show-credential.ts'
import type { App } from '../app.ts'
import { authenticateSelf } from '../authenticate.ts'
import {
  emptyBody,
  IssuedShape,
  ReasonBody,
  RevokedShape,
  RotateBody,
  renderIssued,
  renderRevoked,
} from '../credential-answers.ts'
import { CredentialShape, credentialToJson } from '../credential-json.ts'
import { idempotentOf, respond } from '../respond.ts'
import { routeSchema } from '../route-schema.ts'
import { IdempotencyHeaders } from '../schemas.ts'
import { send } from '../send.ts'

/** `/v1/credentials/self`: what the holder of any living credential may do with it. No scope is needed. */
export function registerSelf(app: App, context: Context): void {
  const known = authenticateSelf(context)
  const onRequest = [known, withinConditions(context)]

  app.get('/v1/credentials/self', { onRequest, schema: SHOW }, async (request, reply) => {
    const outcome = await showCredential(context, request.actor, request.actor.credentialId!)
    return respond(request, reply, outcome, (view) => ({
      body: credentialToJson(view),
      revision: view.record.revision,
    }))
  })

  const rotates = { onRequest, preValidation: emptyBody, schema: ROTATE }
  app.post('/v1/credentials/self/rotate', rotates, async (request, reply) => {
    const overlapSeconds = request.body.overlap_seconds ?? 0
    const outcome = await rotateSelf(context, request.actor, overlapSeconds, idempotentOf(request))
    return respond(request, reply, outcome, (issued) => renderIssued(context, issued, 200))
  })

  // Whoever finds a key anywhere may take it back from there: no condition stands in the way.
  const revokes = { onRequest: known, preValidation: emptyBody, schema: REVOKE }
  app.post('/v1/credentials/self/revoke', revokes, async (request, reply) => {
    const outcome = await revokeSelf(context, request.actor, request.body.reason ?? null)
    return respond(request, reply, outcome, (change) => renderRevoked(context, change))
  })
}

/**
 * Addresses and hours bind here too: otherwise a key stolen from inside a network could be rotated from outside of
 * it, and its owner locked out. Methods and paths are about the API, which is not asked here.
 */
function withinConditions(context: Context) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const { ip, workspaceId, credentialId, credentialVersion = null } = request.actor
    const credential = await context.lookup.get('credential', credentialId!)
    if (credential === undefined || credential.conditions === null) return
    const { method } = request
    const path = request.routeOptions.url ?? null
    const conditions = { ...credential.conditions, methods: null, paths: null }
    const unmet = checkConditions(conditions, { ip, method, path, nowMs: context.clock() })
    if (unmet === null) return
    const detail = `${unmet.condition}: ${unmet.detail}`
    const refusal = refuse(null, 'conditions', 'CONDITION_FAILED', detail)
    const decision = { ...refusal, credential, version: credentialVersion }
    const facts = { method, path, ip, headers: request.raw.rawHeaders }
    observe(context, { requestId: request.id, via: 'admin', workspaceId }, facts, decision, 0)
    await send(reply, answerTo(decision, request.id))
  }
}

const ANY = 'Any living credential of any API may ask; it needs no scope.'

const SHOW = routeSchema({
  operationId: 'showSelf',
  tag: 'Self',
  summary: 'Show the credential presented',
  description: ANY,
  scope: null,
  success: { status: 200, description: 'The credential.', body: CredentialShape, headers: ['ETag'] },
})

const ROTATE = routeSchema({
  operationId: 'rotateSelf',
  tag: 'Self',
  summary: 'Rotate the credential presented',
  description: `Only its current secret may: one that is about to end cannot renew itself. ${ANY}`,
  scope: null,
  success: {
    status: 200,
    description: 'The credential and its new secret.',
    body: IssuedShape,
    headers: ['Credence-Revision', 'ETag'],
  },
  refusals: [404, 409],
  headers: IdempotencyHeaders,
  body: RotateBody,
})

const REVOKE = routeSchema({
  operationId: 'revokeSelf',
  tag: 'Self',
  summary: 'Revoke the credential presented',
  description: `For ever, at once, from anywhere. ${ANY}`,
  scope: null,
  success: {
    status: 200,
    description: 'The credential, and how far the news has come.',
    body: RevokedShape,
    headers: ['Credence-Revision', 'ETag'],
  },
  refusals: [404, 409],
  body: ReasonBody,
})
