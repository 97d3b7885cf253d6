import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Context } from '../context.ts'
import type { StateChange } from '../operations/credential-states.ts'
import type { Issued } from '../operations/issue-credential.ts'
import { MAX_OVERLAP_SECONDS } from '../operations/rotate-credential.ts'
import { viewCredential, viewNewCredential } from '../operations/show-credential.ts'
import { CredentialShape, credentialToJson } from './credential-json.ts'
import type { Rendered } from './respond.ts'
import { Nullable, Password, Strict, Text } from './schemas.ts'

export const RotateBody = Strict({
  overlap_seconds: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: MAX_OVERLAP_SECONDS,
      description: 'How long the secrets before go on; 0 when left out.',
    }),
  ),
})
/** A password is another matter than a key: whoever rotates it may choose it. */
export const RotateCredentialBody = Strict({ ...RotateBody.properties, password: Type.Optional(Password) })
export const ReasonBody = Strict({ reason: Type.Optional(Nullable(Text(500))) })

/** The secret is in the answer to the request that made it, and nowhere else ever again. */
export const IssuedShape = Strict({
  credential: CredentialShape,
  secret: Nullable(
    Type.String({
      description:
        'The key, client secret or generated password, shown this once. Null in a replay, for a password that was in the request, and of kind `client_key`, which has none.',
    }),
  ),
  secret_shown: Type.Boolean({
    description: 'True: an earlier request with this Idempotency-Key was given the secret.',
  }),
})

export const ChangedShape = Strict({ credential: CredentialShape })

export const RevokedShape = Strict({
  credential: CredentialShape,
  propagation: Strict({
    nodes: Type.Integer({ description: 'Nodes of this installation.' }),
    confirmed: Type.Integer({ description: 'Nodes that refuse it already.' }),
    after_ms: Type.Number({ description: 'Milliseconds until they did.' }),
    bound_ms: Type.Integer({ description: 'After so many milliseconds no node accepts it any more.' }),
  }),
})

/** @param status of the first answer; a replay has the same */
export async function renderIssued(
  context: Context,
  { record, secret, wasShown, relations }: Issued,
  status: 200 | 201,
): Promise<Rendered> {
  const view =
    relations === null ? await viewCredential(context, record) : viewNewCredential(context, record, relations)
  const credential = credentialToJson(view)
  return { status, revision: record.revision, body: { credential, secret, secret_shown: wasShown } }
}

export async function renderChanged(context: Context, { record }: StateChange): Promise<Rendered> {
  return {
    revision: record.revision,
    body: { credential: credentialToJson(await viewCredential(context, record)) },
  }
}

export async function renderRevoked(
  context: Context,
  { record, propagation }: StateChange,
): Promise<Rendered> {
  const { nodes, confirmed, afterMs, boundMs } = propagation
  const credential = credentialToJson(await viewCredential(context, record))
  const shown = { nodes, confirmed, after_ms: afterMs, bound_ms: boundMs }
  return { revision: record.revision, body: { credential, propagation: shown } }
}

/** For actions that need no arguments: no body is an empty one. */
export async function emptyBody(request: FastifyRequest, _reply: FastifyReply): Promise<void> {
  request.body ??= {}
}
