import type { Context } from '../context.ts'
import type { IdempotencyEntry, Put, RowAt, Write } from '../store/port.ts'
import { type Actor, conflicted, done, type Outcome } from './operation.ts'

/** What an operation wants written. */
export interface Intent {
  readonly puts?: readonly Put[]
  readonly deletes?: readonly RowAt[]
  readonly expects?: readonly RowAt[]
  readonly settings?: Write['settings']
  readonly idempotency?: IdempotencyEntry | null
  /** `credential.rotate` */
  readonly action: string
  readonly target: { readonly table: RowAt['table']; readonly id: string }
  /** What the trail should say; no secret. */
  readonly detail?: Readonly<Record<string, unknown>>
}

/**
 * Commits with its change and its audit entry, and answers only when this node itself acts on it: the follower
 * has passed the position, so nothing cached from before is used again here.
 */
export async function write(
  context: Pick<Context, 'store' | 'follower' | 'clock'>,
  actor: Actor,
  intent: Intent,
): Promise<Outcome<{ position: number }>> {
  const result = await context.store.commit({
    workspaceId: actor.workspaceId,
    puts: intent.puts ?? [],
    deletes: intent.deletes ?? [],
    expects: intent.expects ?? [],
    settings: intent.settings ?? [],
    idempotency: intent.idempotency ?? null,
    audit: {
      atMs: context.clock(),
      action: intent.action,
      targetTable: intent.target.table,
      targetId: intent.target.id,
      actorCredentialId: actor.credentialId,
      actorPrincipalId: actor.principalId,
      requestId: actor.requestId,
      ip: actor.ip,
      detail: intent.detail ?? {},
    },
  })
  if (!result.ok) return conflicted(result.conflict)
  await context.follower.reach(result.position)
  return done({ position: result.position }, result.position)
}
