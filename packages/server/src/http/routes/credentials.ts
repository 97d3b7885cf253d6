import { CREDENTIAL_KINDS, CREDENTIAL_STATUSES } from '@credence/core'
import { Type } from 'typebox'
import type { Context } from '../../context.ts'
import { deleteCredential } from '../../operations/credential-states.ts'
import { issueCredential } from '../../operations/issue-credential.ts'
import { readAll } from '../../operations/reading.ts'
import { listCredentials, showCredential, viewCredential } from '../../operations/show-credential.ts'
import { updateCredential } from '../../operations/update-credential.ts'
import type { App } from '../app.ts'
import { authenticate } from '../authenticate.ts'
import { IssuedShape, renderIssued } from '../credential-answers.ts'
import { changesFrom, IssueBody, issueArgumentsFrom, UpdateBody } from '../credential-input.ts'
import { CredentialShape, credentialToJson } from '../credential-json.ts'
import { cursorToText, pageFromQuery } from '../cursor.ts'
import { comparableBody, expectedOf, idempotentOf, refuseReading, respond } from '../respond.ts'
import { routeSchema } from '../route-schema.ts'
import {
  Id,
  IdempotencyHeaders,
  IfMatchHeaders,
  OneOf,
  PAGE_QUERY,
  PageOf,
  Ref,
  Strict,
  Text,
  Timestamp,
} from '../schemas.ts'
import { timestampFromJson } from '../timestamp.ts'
import { registerCredentialStates } from './credential-states.ts'

/** `/v1/credentials`. What a write needs depends on the APIs granted, so the operation asks for it. */
export function registerCredentials(app: App, context: Context): void {
  const reads = { onRequest: authenticate(context, 'credentials:read') }
  const writes = { onRequest: authenticate(context, null) }

  app.post('/v1/credentials', { ...writes, schema: ISSUE }, async (request, reply) => {
    const args = issueArgumentsFrom(request.body)
    if (!args.ok) return refuseReading(request, reply, args)
    const idempotent = idempotentOf(request, comparableBody(context, request, args.value.password))
    const outcome = await issueCredential(context, request.actor, args.value, idempotent)
    return respond(request, reply, outcome, (issued) => renderIssued(context, issued, 201))
  })

  app.get('/v1/credentials', { ...reads, schema: LIST }, async (request, reply) => {
    const { limit, cursor, expires_before, ...others } = request.query
    const parts = readAll({
      page: pageFromQuery({ ...(limit !== undefined && { limit }), ...(cursor !== undefined && { cursor }) }),
      expiresBeforeMs: timestampFromJson(expires_before, 'expires_before'),
    })
    if (!parts.ok) return refuseReading(request, reply, parts)
    const { page, expiresBeforeMs } = parts.value
    const filters = { ...others, ...(expiresBeforeMs !== null && { expiresBeforeMs }) }
    const outcome = await listCredentials(context, request.actor, page, filters)
    return respond(request, reply, outcome, ({ views, next }) => ({
      body: { items: views.map(credentialToJson), next_cursor: cursorToText(next) },
    }))
  })

  app.get('/v1/credentials/:id', { ...reads, schema: SHOW }, async (request, reply) => {
    const outcome = await showCredential(context, request.actor, request.params.id)
    return respond(request, reply, outcome, (view) => ({
      body: credentialToJson(view),
      revision: view.record.revision,
    }))
  })

  app.patch('/v1/credentials/:id', { ...writes, schema: UPDATE }, async (request, reply) => {
    const changes = changesFrom(request.body)
    if (!changes.ok) return refuseReading(request, reply, changes)
    const { id } = request.params
    const outcome = await updateCredential(context, request.actor, id, changes.value, expectedOf(request))
    return respond(request, reply, outcome, async (record) => ({
      body: credentialToJson(await viewCredential(context, record)),
      revision: record.revision,
    }))
  })

  app.delete('/v1/credentials/:id', { ...writes, schema: DELETE }, async (request, reply) => {
    const outcome = await deleteCredential(context, request.actor, request.params.id, expectedOf(request))
    return respond(request, reply, outcome, () => ({}))
  })

  registerCredentialStates(app, context)
}

export const CredentialParams = Strict({ id: Text(64, { description: "The credential's id." }) })

const SHOWN = { description: 'The credential.', body: CredentialShape, headers: ['ETag'] } as const
const NEEDS = 'Needs `credentials:write:{api}` on the API `credence`, for every API it has a grant for.'

const ISSUE = routeSchema({
  operationId: 'issueCredential',
  tag: 'Credentials',
  summary: 'Issue a credential',
  description: `The secret is in this answer and nowhere else. On \`credence\` nobody grants what they do not have.\n\n${NEEDS}`,
  scope: null,
  success: {
    status: 201,
    description: 'The credential and its secret.',
    body: IssuedShape,
    headers: ['Credence-Revision', 'ETag'],
  },
  refusals: [409],
  headers: IdempotencyHeaders,
  body: IssueBody,
})

const LIST = routeSchema({
  operationId: 'listCredentials',
  tag: 'Credentials',
  summary: 'List the credentials',
  description:
    'Newest first. All filters that are given must match. Access tokens are left out unless `kind` or `parent` asks for them.',
  scope: 'credentials:read',
  success: { status: 200, description: 'One page.', body: PageOf(CredentialShape) },
  querystring: Strict({
    ...PAGE_QUERY,
    principal: Type.Optional(Ref),
    api: Type.Optional(Ref),
    kind: Type.Optional(OneOf(CREDENTIAL_KINDS)),
    status: Type.Optional(OneOf(CREDENTIAL_STATUSES)),
    tag: Type.Optional(Text(64)),
    expires_before: Type.Optional(Timestamp),
    parent: Type.Optional({
      ...Id,
      description: 'Access tokens that came from this credential, or from tokens of this trusted issuer.',
    }),
  }),
})

const SHOW = routeSchema({
  operationId: 'showCredential',
  tag: 'Credentials',
  summary: 'Show a credential',
  description: 'With its secret versions and their use; never with a secret.',
  scope: 'credentials:read',
  success: { status: 200, ...SHOWN },
  refusals: [404],
  params: CredentialParams,
})

const UPDATE = routeSchema({
  operationId: 'updateCredential',
  tag: 'Credentials',
  summary: 'Change a credential',
  description: `What is left out stays. \`grants\` replaces all of them; \`add_scopes\` and \`remove_scopes\` change the one for \`api\`, which may be left out where there is only one.\n\n${NEEDS}`,
  scope: null,
  success: { status: 200, ...SHOWN, headers: ['Credence-Revision', 'ETag'] },
  refusals: [404, 409, 412],
  params: CredentialParams,
  headers: IfMatchHeaders,
  body: UpdateBody,
})

const DELETE = routeSchema({
  operationId: 'deleteCredential',
  tag: 'Credentials',
  summary: 'Delete a credential',
  description: `Acts at once; its key is unknown from then on. Revoke it instead to keep its record.\n\n${NEEDS}`,
  scope: null,
  success: { status: 204, description: 'It is gone.', body: null, headers: ['Credence-Revision'] },
  refusals: [404, 409, 412],
  params: CredentialParams,
  headers: IfMatchHeaders,
})
