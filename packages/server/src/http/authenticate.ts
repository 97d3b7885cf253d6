import { anyCovers, type Decision, type VerifyRequest } from '@credence/core'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Context } from '../context.ts'
import { decide } from '../decide.ts'
import { answerTo, dpopNonceOf } from '../doors/problem.ts'
import { builtInApiId } from '../ids.ts'
import type { Actor } from '../operations/operation.ts'
import { ownPresenters } from './own-presenter.ts'
import { send } from './send.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by authenticate for every route of administration. */
    actor: Actor
    /** The body as it came, for idempotency. */
    rawBody: Uint8Array
  }
}

/**
 * Administration is protected by Credence itself: the caller presents a credential with a grant on the API
 * `credence` of its own workspace, and acts in that workspace only.
 * @param scope what the route needs in any case; null: the operation asks for what depends on its arguments
 */
export function authenticate(context: Context, scope: string | null) {
  return admit(context, builtInApiId, scope)
}

/**
 * For `/v1/credentials/self`: any living credential, of any API, acting on itself. Addresses and hours of its conditions
 * bind here too: otherwise a key stolen from inside a network could be rotated from outside of it, and its owner locked
 * out.
 * @param anywhere true: they do not
 */
export function authenticateSelf(context: Context, anywhere: boolean) {
  return admit(context, null, null, anywhere)
}

function admit(
  context: Context,
  homeApiId: VerifyRequest['homeApiId'],
  scopes: string | null,
  anywhere = false,
) {
  const presenterOf = ownPresenters(context)
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const asking = { requestId: request.id, via: 'admin', workspaceId: context.defaultWorkspaceId } as const
    const decision = await decide(context, asking, {
      api: null,
      homeApiId,
      anywhere,
      credential: null,
      headers: request.raw.rawHeaders,
      query: '',
      method: request.method,
      path: request.url.split('?', 1)[0]!,
      ip: request.socket.remoteAddress ?? null,
      secure: 'encrypted' in request.socket,
      useRoutes: false,
      scopes,
      cost: null,
      fresh: false,
      presenter: presenterOf(request.raw),
    })
    const nonce = dpopNonceOf(decision)
    if (nonce !== null) reply.header('DPoP-Nonce', nonce)
    if (decision.code === 'VALID') request.actor = actorOf(decision, request)
    else await send(reply, answerTo(decision, request.id))
  }
}

/** Who acts, for a decision that is VALID. */
export function actorOf(decision: Decision, request: FastifyRequest): Actor {
  const credential = decision.credential!
  return {
    workspaceId: credential.workspaceId,
    credentialId: credential.id,
    credentialVersion: decision.version!,
    principalId: credential.principalId,
    scopes: decision.scopes,
    expiresAtMs: credential.expiresAtMs,
    hasConditions: credential.conditions !== null,
    requestId: request.id,
    ip: request.socket.remoteAddress ?? null,
  }
}

/** Whether the actor may do something on an API: `credentials:write` + `orders` → `credentials:write:orders`. */
export function mayFor(
  actor: Actor,
  verb: 'credentials:write' | 'credentials:verify',
  apiName: string,
): boolean {
  return anyCovers(actor.scopes, `${verb}:${apiName}`)
}
