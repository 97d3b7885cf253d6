import {
  type CredentialKind,
  type Decision,
  extract,
  isScope,
  refuse,
  type VerifyRequest,
} from '@credence/core'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import type { Context } from '../../context.ts'
import { decide, observe } from '../../decide.ts'
import { clientFinder, peerFinder } from '../../doors/peer.ts'
import { answerTo, dpopNonceOf } from '../../doors/problem.ts'
import { looksLikeId } from '../../ids.ts'
import { idempotentRequest } from '../../operations/idempotency.ts'
import {
  DEFAULT_TOKEN_LIFE_SECONDS,
  type IssuedToken,
  issueToken,
  TOKEN_FORMATS,
} from '../../operations/issue-token.ts'
import { type Actor, invalid } from '../../operations/operation.ts'
import { MAX_TOKEN_LIFE_SECONDS } from '../../signing/key-schedule.ts'
import type { App } from '../app.ts'
import { actorOf } from '../authenticate.ts'
import { operationAnswer } from '../operation-answer.ts'
import { ownPresenters } from '../own-presenter.ts'
import { refuseReading, respond } from '../respond.ts'
import { routeSchema } from '../route-schema.ts'
import { Id, IdempotencyHeaders, Nullable, OneOf, Ref, Scopes, Strict } from '../schemas.ts'
import { send } from '../send.ts'
import { scopesFrom } from '../verify-input.ts'

const Body = Strict({
  api: Ref,
  scopes: Type.Optional(
    Type.Unsafe<Static<typeof Scopes>>({
      ...Scopes,
      description: 'No more than the credential presented has; left out: all that it has at this API.',
    }),
  ),
  expires_in: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: MAX_TOKEN_LIFE_SECONDS,
      description: `Seconds; ${DEFAULT_TOKEN_LIFE_SECONDS} when left out. Cut to what the credential presented and the API's max_lifetime_seconds allow: the answer says what came of it.`,
    }),
  ),
  format: Type.Optional(
    OneOf(TOKEN_FORMATS, {
      description:
        '`opaque` when left out: it tells nobody anything, and whoever checks it hears of a revocation. `jwt` (RFC 9068) is for upstreams that check tokens themselves, by `/.well-known/jwks.json`.',
    }),
  ),
})

const Answer = Strict({
  access_token: Nullable(Type.String({ description: 'Shown this once. Null in a replay.' })),
  token_type: OneOf(['Bearer', 'DPoP'], {
    description: 'How it is presented: a token that is bound to a key (RFC 9449) says DPoP.',
  }),
  expires_in: Type.Integer({ description: 'Seconds.' }),
  scope: Type.Optional(
    Type.String({ description: 'What it may do, space-separated; not there where that is nothing.' }),
  ),
  id: Id,
  token_shown: Type.Boolean({
    description: 'True: an earlier request with this Idempotency-Key was given the token.',
  }),
})

/**
 * Kinds for which a token can be had wherever tokens are accepted. Not a password: a username is one of a workspace, and
 * which that is nobody knows here before the caller is known.
 */
const EXCHANGED: readonly CredentialKind[] = ['api_key', 'client_secret', 'client_key', 'access_token', 'jwt']

/** `POST /v1/tokens`: whoever presents a credential gets a narrower, shorter one for one API. */
export function registerTokens(app: App, context: Context): void {
  const clientOf = addressReader(context)
  const presenterOf = ownPresenters(context)
  const apiIdOf = (workspaceId: string, api: string) =>
    looksLikeId(api) ? api : (context.directory.idOf(workspaceId, api) ?? null)
  const requestFor = (request: FastifyRequest, api: string): VerifyRequest => ({
    api: null,
    homeApiId: (workspaceId) => apiIdOf(workspaceId, api) ?? 'api_unknown',
    exchange: {
      kinds: EXCHANGED,
      apiId: apiIdOf(context.defaultWorkspaceId, api),
      workspaceId: workspaceOf(context, api),
    },
    credential: null,
    headers: request.raw.rawHeaders,
    query: '',
    method: request.method,
    path: request.url.split('?', 1)[0]!,
    ...clientOf(request),
    useRoutes: false,
    scopes: null,
    cost: null,
    fresh: false,
    presenter: presenterOf(request.raw),
  })

  const onRequest = somethingPresented(context, clientOf, presenterOf)
  app.post('/v1/tokens', { onRequest, schema: ISSUE }, async (request, reply) => {
    const { api, scopes = null, expires_in: expiresInSeconds, format = 'opaque' } = request.body
    const malformed = (scopes ?? []).flatMap((scope, index) =>
      isScope(scope) ? [] : [{ field: `scopes[${index}]`, detail: 'must be a scope such as orders:read' }],
    )
    const wanted = scopesFrom(scopes ?? undefined)
    if (malformed.length > 0) return refuseReading(request, reply, { ok: false, errors: malformed })
    if (!wanted.ok) return refuseReading(request, reply, wanted)
    const asking = { requestId: request.id, via: 'token', workspaceId: context.defaultWorkspaceId } as const
    const asked = { ...requestFor(request, api), scopes: wanted.value }
    const decision = await decide(context, asking, asked)
    const nonce = dpopNonceOf(decision)
    if (nonce !== null) reply.header('DPoP-Nonce', nonce)
    const isUnknown = decision.failedCheck === 'audience' && decision.code === 'WRONG_AUDIENCE'
    // Without a credential it is the `aud` of an issuer's token that is another.
    if (isUnknown && decision.credential !== null) {
      // RFC 8707 section 2: an unknown target, and one that is none for this credential, are told apart for nobody.
      const detail = 'is no API that the credential presented has a grant for'
      return send(reply, operationAnswer(invalid({ field: 'api', detail }).problem, request.id))
    }
    if (decision.code !== 'VALID') return send(reply, answerTo(toTell(decision), request.id))
    // Scopes of the API asked for, whatever they are called, are none of administration.
    const actor = { ...actorOf(decision, request), scopes: [] }
    const args = { scopes, expiresInSeconds: expiresInSeconds ?? DEFAULT_TOKEN_LIFE_SECONDS, format }
    const idempotent = idempotentFrom(request, actor)
    const outcome = await issueToken(context, actor, askerOf(decision), args, idempotent)
    return respond(request, reply, outcome, (issued) => ({ body: tokenToJson(issued) }))
  })
}

/** Until somebody is known, which API was asked for is left out: whether there is such a one is not told. */
function toTell(decision: Decision): Decision {
  return decision.credential === null ? { ...decision, api: null, takesBasic: false } : decision
}

/** The workspace of the API asked for: a client certificate is one of a workspace. A name alone is of the default one. */
function workspaceOf({ directory, defaultWorkspaceId }: Context, api: string): string | null {
  return looksLikeId(api) ? (directory.get(api)?.workspaceId ?? null) : defaultWorkspaceId
}

/** Without a credential the body is nobody's business. */
function somethingPresented(
  context: Context,
  clientOf: ReturnType<typeof addressReader>,
  presenterOf: ReturnType<typeof ownPresenters>,
) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const headers = request.raw.rawHeaders
    const found = extract(headers, '', { credentialHeader: null, queryParameter: null })
    if (found.type === 'presented' || found.code !== 'MISSING') return
    if (presenterOf(request.raw).certificate().type !== 'none') return
    const decision = refuse(null, 'extract', found.code, found.detail)
    const facts = { method: request.method, path: '/v1/tokens', ip: clientOf(request).ip, headers }
    const asking = { requestId: request.id, via: 'token', workspaceId: context.defaultWorkspaceId } as const
    observe(context, asking, facts, decision, 0)
    await send(reply, answerTo(decision, request.id))
  }
}

/** Where the caller is, behind whatever proxies are trusted: its conditions bind here too. */
function addressReader({ config }: Context) {
  const peerOf = peerFinder(config.trustedProxies)
  const clientOf = clientFinder(config.trustedProxies)
  return ({ raw }: FastifyRequest) => {
    const { ip, secure } = clientOf(peerOf(raw.socket), raw.rawHeaders)
    return { ip, secure }
  }
}

function askerOf({ credential, version, principal, api, scopes }: Decision) {
  return { credential: credential!, version: version!, principal: principal!, api: api!, scopes }
}

function idempotentFrom(request: FastifyRequest, actor: Actor) {
  const key = request.headers['idempotency-key']
  if (typeof key !== 'string') return null
  return idempotentRequest(actor, key, request.method, request.url, request.rawBody)
}

/** As RFC 6749 section 5.1 has it, with the id by which the token is shown and revoked. */
function tokenToJson({ record, accessToken, expiresInSeconds }: IssuedToken): Static<typeof Answer> {
  const scope = record.grants[0]!.scopes.join(' ')
  return {
    access_token: accessToken,
    token_type: record.binding?.type === 'dpop' ? 'DPoP' : 'Bearer',
    expires_in: expiresInSeconds,
    ...(scope !== '' && { scope }),
    id: record.id,
    token_shown: accessToken === null,
  }
}

const ISSUE = routeSchema({
  operationId: 'issueToken',
  tag: 'Tokens',
  summary: 'Get an access token for a credential',
  description:
    'The credential presented gets a narrower and shorter one, for one API of its workspace. No scope of `credence` is needed: whoever may call the API may have a token for it. It can do no more than the credential can, now and later; it counts against the same limits; and it dies with the credential, and with the secret of it that was presented.\n\nA token of an issuer that is trusted for that API is taken too, and gives one that each revocation of the issuer goes on to reach; for it, `api` is an id or a name in the workspace `default`. No token opens administration.',
  scope: null,
  success: { status: 200, description: 'The token.', body: Answer, headers: ['Credence-Revision'] },
  refusals: [404, 409],
  headers: IdempotencyHeaders,
  body: Body,
})
