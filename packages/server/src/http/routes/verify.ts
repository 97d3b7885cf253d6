import {
  type ApiRecord,
  canonicalTarget,
  type Decision,
  extract,
  LookupUnavailable,
  type Presented,
  readBareKey,
  refuse,
} from '@credence/core'
import type { FastifyRequest } from 'fastify'
import type { Context } from '../../context.ts'
import { decide, observe } from '../../decide.ts'
import { apiFinder } from '../../doors/api-ref.ts'
import { failed, notFound } from '../../operations/operation.ts'
import type { App } from '../app.ts'
import { authenticate, mayFor } from '../authenticate.ts'
import { operationAnswer } from '../operation-answer.ts'
import { refuseReading } from '../respond.ts'
import { routeSchema } from '../route-schema.ts'
import { send } from '../send.ts'
import { VerdictShape, verdictToJson } from '../verdict-json.ts'
import { type AskedRequest, askedRequestFrom, VerifyBody } from '../verify-input.ts'

/** `POST /v1/verify`: a verdict for whoever protects an API by itself. Denial is an answer: the status is 200. */
export function registerVerify(app: App, context: Context): void {
  const onRequest = authenticate(context, null)
  app.post('/v1/verify', { onRequest, schema: VERIFY }, async (request, reply) => {
    const asked = askedRequestFrom(request.body)
    if (!asked.ok) return refuseReading(request, reply, asked)
    const { actor, body } = request
    const api = await findApi(context, actor.workspaceId, body.api)
    if (api === undefined) return send(reply, operationAnswer(notFound('api', body.api).problem, request.id))
    if (api !== 'unavailable' && !mayFor(actor, 'credentials:verify', api.name)) {
      const required = `credentials:verify:${api.name}`
      const { problem } = failed({ code: 'INSUFFICIENT_SCOPE', detail: `needed: ${required}`, required })
      return send(reply, operationAnswer(problem, request.id))
    }
    const decision =
      api === 'unavailable'
        ? refuse(null, 'secret', 'UNAVAILABLE', 'the store cannot be read')
        : await decideAsked(context, request, api, body.credential ?? null, asked.value)
    return reply.send(verdictToJson(decision, request.id))
  })
}

/** An API of the caller's workspace; one of another is not there. */
async function findApi(
  context: Context,
  workspaceId: string,
  reference: string,
): Promise<ApiRecord | undefined | 'unavailable'> {
  const { directory, lookup, store } = context
  try {
    const api = await apiFinder({ directory, lookup, store, defaultWorkspaceId: workspaceId })(reference)
    return api?.workspaceId === workspaceId ? api : undefined
  } catch (error) {
    if (error instanceof LookupUnavailable) return 'unavailable'
    throw error
  }
}

async function decideAsked(
  context: Context,
  request: FastifyRequest,
  api: ApiRecord,
  credential: string | null,
  asked: AskedRequest,
): Promise<Decision> {
  const { method, target, ip, headers, secure, scopes, cost, atLeast, presenter } = asked
  const asking = { requestId: request.id, via: 'verify', workspaceId: request.actor.workspaceId } as const
  const canonical = target === null ? null : canonicalTarget(target)
  const path = canonical?.ok ? canonical.path : null
  const query = canonical?.ok ? canonical.query : ''
  const facts = { method, path, ip, headers }
  const given = credential === null ? null : givenCredential(api, credential, facts.headers, query)
  const refusal =
    canonical?.ok === false
      ? refuse(api, 'request', 'BAD_REQUEST', `request.path: ${canonical.problem}`)
      : given !== null && 'code' in given
        ? given
        : null
  if (refusal !== null) {
    observe(context, asking, facts, refusal, 0)
    return refusal
  }
  return decide(context, asking, {
    ...facts,
    ...{ api, homeApiId: null, credential: given as Presented | null, query, secure, scopes, cost },
    useRoutes: method !== null && path !== null && api.routes.length > 0,
    fresh: context.follower.position < atLeast,
    presenter,
  })
}

/** What the caller gives counts, unless the headers that it gives too hold another one. */
function givenCredential(
  api: ApiRecord,
  credential: string,
  headers: AskedRequest['headers'],
  query: string,
): Presented | Decision {
  const presented = readBareKey(credential)
  if (presented === null) {
    return refuse(api, 'extract', 'MALFORMED', '`credential` holds what no credential holds, or is too long')
  }
  const inRequest = extract(headers, query, api)
  if (inRequest.type === 'presented' && inRequest.presented.value === presented.value) {
    // With the scheme that it came by: a bound credential must not come as Bearer.
    return inRequest.presented
  }
  if (inRequest.type === 'refused' && inRequest.code === 'MISSING') return presented
  return refuse(api, 'extract', 'AMBIGUOUS', '`request` holds another credential than `credential`')
}

const VERIFY = routeSchema({
  operationId: 'verify',
  tag: 'Verify',
  summary: 'Verify a credential',
  description:
    'The verdict on a credential at an API of your workspace. With `request.method` and `request.path` the routes of the API apply. Whether an id exists is told to nobody who does not hold its secret.\n\nNeeds `credentials:verify:{api}` on the API `credence`.',
  scope: null,
  success: { status: 200, description: 'The verdict: allowed or denied.', body: VerdictShape },
  refusals: [404],
  body: VerifyBody,
})
