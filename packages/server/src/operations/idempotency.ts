import { createHash, createHmac, hkdfSync } from 'node:crypto'
import type { SealingKeys, TableName } from '@credence/core'
import type { Context } from '../context.ts'
import { looksLikeId } from '../ids.ts'
import type { IdempotencyEntry } from '../store/port.ts'
import { type Actor, failed, type Outcome } from './operation.ts'

/** How long a key is remembered. Milliseconds. */
export const IDEMPOTENCY_LIFETIME_MS = 24 * 60 * 60 * 1000

/** A request that carries an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header). */
export interface IdempotentRequest {
  readonly scope: string
  readonly key: string
  readonly requestDigest: string
}

/** @param body the bytes as they came: the same request sent again is the same to the byte */
export function idempotentRequest(
  actor: Actor,
  key: string,
  method: string,
  path: string,
  body: Uint8Array,
): IdempotentRequest {
  const requestDigest = createHash('sha256').update(`${method} ${path}\n`).update(body).digest('base64url')
  // Whoever comes with tokens shares an issuer with others, who have keys of their own.
  const isToken = actor.credentialId !== null && looksLikeId(actor.credentialId)
  const caller = isToken ? `${actor.credentialId}/${actor.principalId}` : actor.credentialId
  return { scope: `${actor.workspaceId}/${caller}`, key, requestDigest }
}

/**
 * What stands for a body that holds a password: the digest of a request is in the database, and by a plain one whoever
 * has that could guess at the password a million times a second. Under another key of the keyring it is another body.
 */
export function keyedBody(body: Uint8Array, keys: SealingKeys): Uint8Array {
  const sealingKey = keys.key(keys.currentId)
  if (sealingKey === undefined) throw new Error(`The keyring has no key ${keys.currentId}`)
  const key = hkdfSync('sha256', sealingKey, '', 'credence: bodies with passwords', 32)
  return createHmac('sha256', new Uint8Array(key)).update(body).digest()
}

/** The entry to commit together with what the request makes. */
export function idempotencyEntry(
  request: IdempotentRequest | null,
  table: TableName,
  id: string,
  status: number,
  nowMs: number,
): IdempotencyEntry | null {
  return request === null ? null : { ...request, table, id, status, createdAtMs: nowMs }
}

/**
 * Runs a request that makes something, at most once per key. A second request with the key replays the outcome
 * by its id; two at the same time are told apart by the store's unique key, and the loser replays.
 */
export async function once<T>(
  context: Pick<Context, 'store' | 'clock'>,
  request: IdempotentRequest | null,
  make: () => Promise<Outcome<T>>,
  replay: (entry: IdempotencyEntry) => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  if (request === null) return make()
  const before = await earlier(context, request)
  if (before === undefined) {
    const outcome = await make()
    if (outcome.ok) return outcome
    const racer = await earlier(context, request)
    if (racer === undefined) return outcome
    return replayOf(racer, request, replay)
  }
  return replayOf(before, request, replay)
}

async function earlier(
  { store, clock }: Pick<Context, 'store' | 'clock'>,
  request: IdempotentRequest,
): Promise<IdempotencyEntry | undefined> {
  const entry = await store.readIdempotency(request.scope, request.key)
  const endMs = clock() - IDEMPOTENCY_LIFETIME_MS
  if (entry === undefined || entry.createdAtMs > endMs) return entry
  // Too old to count, but its key would still clash; the sweep has not come by yet.
  await store.forgetIdempotencyBefore(endMs)
  return undefined
}

async function replayOf<T>(
  entry: IdempotencyEntry,
  request: IdempotentRequest,
  replay: (entry: IdempotencyEntry) => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  if (entry.requestDigest !== request.requestDigest) {
    return failed({
      code: 'IDEMPOTENCY_MISMATCH',
      detail: 'this Idempotency-Key came before with another request; use a new key',
    })
  }
  const outcome = await replay(entry)
  if (outcome.ok) return { ...outcome, replayed: true }
  const isGone = entry.status === 201 && outcome.problem.code === 'RESOURCE_NOT_FOUND'
  if (!isGone) return outcome
  return failed({
    code: 'CONFLICT',
    detail: 'what this Idempotency-Key made was deleted since; to make another, use a new key',
  })
}
