import type { Context } from '../../context.ts'
import { revokeSelf } from '../../operations/credential-states.ts'
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

/** `/v1/credentials/self`: what the holder of any living credential may do with it. No scope is needed. */
export function registerSelf(app: App, context: Context): void {
  const onRequest = authenticateSelf(context, false)

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
  const revokes = { onRequest: authenticateSelf(context, true), preValidation: emptyBody, schema: REVOKE }
  app.post('/v1/credentials/self/revoke', revokes, async (request, reply) => {
    const outcome = await revokeSelf(context, request.actor, request.body.reason ?? null)
    return respond(request, reply, outcome, (change) => renderRevoked(context, change))
  })
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
