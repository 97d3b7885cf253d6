import { SIGNING_KEY_STATES } from '@credence/core'
import { type Static, Type } from 'typebox'
import type { Context } from '../../context.ts'
import { rotateSigningKeys, type SigningKeyView, showSigningKeys } from '../../operations/signing-keys.ts'
import { SIGNING_ALGORITHMS } from '../../signing/new-signing-key.ts'
import type { App } from '../app.ts'
import { authenticate } from '../authenticate.ts'
import { emptyBody } from '../credential-answers.ts'
import { respond } from '../respond.ts'
import { routeSchema } from '../route-schema.ts'
import { Nullable, OneOf, Strict, Timestamp } from '../schemas.ts'
import { optionalTimestampToJson, timestampToJson } from '../timestamp.ts'

const SigningKey = Strict({
  kid: Type.String({ description: 'The SHA-256 thumbprint of the public key (RFC 7638).' }),
  algorithm: OneOf(SIGNING_ALGORITHMS),
  state: OneOf(SIGNING_KEY_STATES, {
    description:
      'next: published, signs later; current: signs; retired: what it signed still counts; revoked: nothing does.',
  }),
  published_at: Timestamp,
  since: { ...Timestamp, description: 'Since when it is in this state.' },
  signs_from: Nullable({ ...Timestamp, description: 'Of the next key: when it may sign at the earliest.' }),
  trusted_until: Nullable({
    ...Timestamp,
    description: 'Of a retired key: from then on nothing that it signed can still be alive.',
  }),
})
const Keys = Type.Array(SigningKey, { description: 'Newest first.' })

/** `/v1/signing-keys`: with which keys tokens are signed; the public ones are in `/.well-known/jwks.json`. */
export function registerSigningKeys(app: App, context: Context): void {
  const reads = { onRequest: authenticate(context, 'signing_keys:read') }
  const writes = { onRequest: authenticate(context, 'signing_keys:write') }

  app.get('/v1/signing-keys', { ...reads, schema: LIST }, async (request, reply) => {
    const outcome = await showSigningKeys(context, request.actor)
    return respond(request, reply, outcome, (keys) => ({ body: { keys: keys.map(keyToJson) } }))
  })

  const rotates = { ...writes, preValidation: emptyBody, schema: ROTATE }
  app.post('/v1/signing-keys/rotate', rotates, async (request, reply) => {
    const { now = false } = request.body
    const outcome = await rotateSigningKeys(context, request.actor, { now })
    return respond(request, reply, outcome, ({ keys, propagation }) => {
      const { nodes, confirmed, afterMs, boundMs } = propagation
      const shown = { nodes, confirmed, after_ms: afterMs, bound_ms: boundMs }
      return { body: { keys: keys.map(keyToJson), propagation: shown } }
    })
  })
}

function keyToJson({ record, signsFromMs }: SigningKeyView): Static<typeof SigningKey> {
  const { id, algorithm, state, createdAtMs, stateChangedAtMs, trustedUntilMs } = record
  return {
    kid: id,
    // Made here, with one of these.
    algorithm: algorithm as Static<typeof SigningKey>['algorithm'],
    state,
    published_at: timestampToJson(createdAtMs),
    since: timestampToJson(stateChangedAtMs),
    signs_from: optionalTimestampToJson(signsFromMs),
    trusted_until: optionalTimestampToJson(trustedUntilMs),
  }
}

const OWNERS = 'Only credentials of the workspace `default` may: the keys are those of the installation.'

const LIST = routeSchema({
  operationId: 'listSigningKeys',
  tag: 'Signing keys',
  summary: 'List the signing keys',
  description: `Newest first. There are none before CREDENCE_PUBLIC_URL is set. ${OWNERS}`,
  scope: 'signing_keys:read',
  success: { status: 200, description: 'All of them.', body: Strict({ keys: Keys }) },
})

const ROTATE = routeSchema({
  operationId: 'rotateSigningKeys',
  tag: 'Signing keys',
  summary: 'Rotate the signing keys',
  description: `The next key signs from now on, once it was published for long enough that everybody knows it. After a compromise, \`now\` does not wait for that, and revokes the key that signed until now: all that it signed is dead on every node when this is answered. ${OWNERS}`,
  scope: 'signing_keys:write',
  success: {
    status: 200,
    description: 'The keys, and how far the news has come.',
    body: Strict({
      keys: Keys,
      propagation: Strict({
        nodes: Type.Integer({ description: 'Nodes of this installation.' }),
        confirmed: Type.Integer({ description: 'Nodes that act on it already.' }),
        after_ms: Type.Number({ description: 'Milliseconds until they did.' }),
        bound_ms: Type.Integer({ description: 'After so many milliseconds every node does.' }),
      }),
    }),
    headers: ['Credence-Revision'],
  },
  refusals: [409],
  body: Strict({
    now: Type.Optional(
      Type.Boolean({
        description: 'After a compromise: at once, and what was signed until now counts no more.',
      }),
    ),
  }),
})
