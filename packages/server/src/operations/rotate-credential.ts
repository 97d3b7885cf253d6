import { nextVersion, rotated } from '@credence/core'
import type { Context } from '../context.ts'
import {
  adminPowerOf,
  credentialOf,
  expected,
  grantedRows,
  powerRefusal,
  type WritableCredential,
  writableCredential,
} from './credential-authority.ts'
import { type IdempotentRequest, idempotencyEntry, once } from './idempotency.ts'
import { type Issued, replayIssued } from './issue-credential.ts'
import { makeSecret, rotationErrors } from './kind-fields.ts'
import type { Hashing } from './new-password.ts'
import { type Actor, done, failed, invalid, lastingOnly, notFound, type Outcome } from './operation.ts'
import { retried } from './retried.ts'
import { write } from './write.ts'

/** Longest time that the secret before may go on: 30 days. */
export const MAX_OVERLAP_SECONDS = 2_592_000

export interface RotateArguments {
  readonly id: string
  readonly overlapSeconds: number
  /** Of `basic`; null: it is generated. */
  readonly password: string | null
}

type Rotating = Pick<Context, 'store' | 'follower' | 'clock'> & Hashing

/** Gives a credential a new secret; the ones before go on for the overlap. */
export function rotateCredential(
  context: Rotating,
  actor: Actor,
  args: RotateArguments,
  idempotent: IdempotentRequest | null,
): Promise<Outcome<Issued>> {
  const attempt = async (): Promise<Outcome<Issued>> => {
    const found = await writableCredential(context, actor, args.id)
    if (!found.ok) return found
    // Whoever rotates a credential can use it from then on.
    const { record, rows } = found.value
    const refusal = powerRefusal(actor, adminPowerOf(record, rows))
    return refusal ?? rotate(context, actor, found.value, args, idempotent)
  }
  return once(
    context,
    idempotent,
    () => retried(attempt),
    (entry) => replayIssued(context, actor, entry),
  )
}

/**
 * The caller rotates what it presents. Only with the current secret: one that is about to end, perhaps because it
 * leaked, must not live on as its own successor.
 */
export function rotateSelf(
  context: Rotating,
  actor: Actor,
  overlapSeconds: number,
  idempotent: IdempotentRequest | null,
): Promise<Outcome<Issued>> {
  const id = actor.credentialId!
  const attempt = async (): Promise<Outcome<Issued>> => {
    const record = await credentialOf(context, actor.workspaceId, id)
    if (record === undefined) return notFound('credential', id)
    if (record.versions.at(-1)?.version !== actor.credentialVersion) {
      const detail = 'this secret was rotated already; rotate with the current one'
      return failed({ code: 'CONFLICT', detail })
    }
    const rows = await grantedRows(context, record)
    const args = { id, overlapSeconds, password: null }
    return rotate(context, actor, { record, rows }, args, idempotent)
  }
  return once(
    context,
    idempotent,
    () => retried(attempt),
    async () => {
      const record = await credentialOf(context, actor.workspaceId, id)
      return record === undefined
        ? notFound('credential', id)
        : done({ record, secret: null, wasShown: true, relations: null })
    },
  )
}

async function rotate(
  context: Rotating,
  actor: Actor,
  { record, rows }: WritableCredential,
  { id, overlapSeconds, password }: RotateArguments,
  idempotent: IdempotentRequest | null,
): Promise<Outcome<Issued>> {
  if (record.kind === 'client_key') {
    const detail =
      'a client key has no secret: issue another one for the same principal and revoke this, or change its binding'
    return failed({ code: 'CONFLICT', detail })
  }
  if (record.kind === 'access_token') return lastingOnly('rotated')
  const errors = await rotationErrors(context, record, password)
  if (errors.length > 0) return invalid(...errors)
  const nowMs = context.clock()
  const next = await makeSecret(context, record, nextVersion(record), password)
  if (next === 'known') return invalid({ field: 'password', detail: 'must not be one that it has or had' })
  const { secret, sealedDigest } = next
  const outcome = rotated(record, { sealedDigest, nowMs, overlapMs: overlapSeconds * 1000 })
  if (!outcome.ok) return failed({ code: 'CONFLICT', detail: outcome.problem })
  const after = outcome.record
  const written = await write(context, actor, {
    puts: [{ table: 'credential', record: after }],
    expects: expected(rows),
    idempotency: idempotencyEntry(idempotent, 'credential', id, 200, nowMs),
    action: 'credential.rotate',
    target: { table: 'credential', id },
    detail: { version: after.versions.at(-1)!.version, overlap_seconds: overlapSeconds },
  })
  return written.ok
    ? done({ record: after, secret, wasShown: false, relations: null }, written.position)
    : written
}
