import { performance } from 'node:perf_hooks'
import type { IssuerRecord, RevokedPrincipal, RevokedToken } from '@credence/core'
import type { Context } from '../context.ts'
import { type Propagation, propagated } from './credential-states.ts'
import { findRecord } from './find.ts'
import { type IdempotentRequest, idempotencyEntry, once } from './idempotency.ts'
import { type Actor, done, failed, invalid, notFound, type Outcome } from './operation.ts'
import { retried } from './retried.ts'
import { write } from './write.ts'

/** Which tokens of an issuer are taken back. */
export type Revocation =
  /** One; `untilMs`: when it ends by itself, so that nobody need remember it longer. */
  | {
      readonly of: 'token'
      readonly tokenId: string
      readonly untilMs: number | null
      readonly reason: string | null
    }
  | { readonly of: 'issuer'; readonly beforeMs: number; readonly reason: string | null }
  /** Those of a principal, by its id or name. */
  | {
      readonly of: 'principal'
      readonly principal: string
      readonly beforeMs: number
      readonly reason: string | null
    }

export interface TokensRevoked {
  readonly record: IssuerRecord
  readonly propagation: Propagation
}

/** Every node keeps the list in memory and looks through it; whoever needs more revokes all before a moment. */
const MAX_REVOKED = 1000
/** How far a moment may lie ahead: clocks differ, and what is revoked stays so. Milliseconds. */
const AHEAD_MS = 300_000

type Revoking = Pick<Context, 'store' | 'follower' | 'members' | 'clock' | 'config'>

/** Takes tokens back for ever. Twice is as good as once, and nothing ever takes a revocation back. */
export function revokeTokens(
  context: Revoking,
  actor: Actor,
  ref: string,
  revocation: Revocation,
  idempotent: IdempotentRequest | null,
): Promise<Outcome<TokensRevoked>> {
  const attempt = async (): Promise<Outcome<TokensRevoked>> => {
    const before = await findRecord(context, actor.workspaceId, 'issuer', ref)
    if (before === undefined) return notFound('issuer', ref)
    const nowMs = context.clock()
    if (revocation.of !== 'token' && revocation.beforeMs > nowMs + AHEAD_MS)
      return invalid({ field: 'before', detail: 'must not lie in the future' })
    const changed = await withRevocation(context, before, revocation, nowMs)
    if ('ok' in changed) return changed
    const record = { ...before, ...changed, revision: before.revision + 1, updatedAtMs: nowMs }
    const startedMs = performance.now()
    const written = await write(context, actor, {
      puts: [{ table: 'issuer', record }],
      idempotency: idempotencyEntry(idempotent, 'issuer', record.id, 200, nowMs),
      action: 'issuer.revoke',
      target: { table: 'issuer', id: record.id },
      detail: { ...revocation },
    })
    if (!written.ok) return written
    const propagation = await propagated(context, written.value.position, startedMs)
    return done({ record, propagation }, written.position)
  }
  return once(
    context,
    idempotent,
    () => retried(attempt),
    async ({ id }) => {
      const record = await findRecord(context, actor.workspaceId, 'issuer', id)
      if (record === undefined) return notFound('issuer', id)
      // Whoever asked first may have died while waiting for the others.
      const position = await context.store.position()
      await context.follower.reach(position)
      return done({ record, propagation: await propagated(context, position, performance.now()) })
    },
  )
}

type Revoked = Pick<IssuerRecord, 'revokedBeforeMs' | 'revokedTokens' | 'revokedPrincipals'>

/** What is revoked from now on, without what nobody need remember any more. */
async function withRevocation(
  context: Revoking,
  issuer: IssuerRecord,
  revocation: Revocation,
  nowMs: number,
): Promise<Revoked | Extract<Outcome<never>, { ok: false }>> {
  const { revokedBeforeMs, revokedPrincipals } = issuer
  const skewMs = issuer.clockSkewSeconds * 1000
  const revokedTokens = issuer.revokedTokens.filter(
    ({ untilMs }) => untilMs === null || untilMs + skewMs > nowMs,
  )
  const { reason } = revocation
  switch (revocation.of) {
    case 'issuer': {
      const latestMs = Math.max(revokedBeforeMs ?? 0, revocation.beforeMs)
      return { revokedBeforeMs: latestMs, revokedTokens, revokedPrincipals }
    }
    case 'principal': {
      const { principal: reference, beforeMs } = revocation
      const principal = await findRecord(context, issuer.workspaceId, 'principal', reference)
      if (principal === undefined)
        return invalid({ field: 'principal', detail: `no principal ${JSON.stringify(reference)}` })
      const known = revokedPrincipals.find(({ principalId }) => principalId === principal.id)
      const others = revokedPrincipals.filter((one) => one !== known)
      if (known === undefined && others.length >= MAX_REVOKED) return tooMany()
      const latestMs = Math.max(known?.beforeMs ?? 0, beforeMs)
      const one: RevokedPrincipal = { principalId: principal.id, beforeMs: latestMs, reason }
      return { revokedBeforeMs, revokedTokens, revokedPrincipals: [...others, one] }
    }
    case 'token': {
      const { tokenId, untilMs } = revocation
      const known = revokedTokens.find((one) => one.tokenId === tokenId)
      const others = revokedTokens.filter((one) => one !== known)
      if (others.length >= MAX_REVOKED) return tooMany()
      const one: RevokedToken = { tokenId, untilMs: laterOf(known, untilMs), reason: known?.reason ?? reason }
      return { revokedBeforeMs, revokedTokens: [...others, one], revokedPrincipals }
    }
  }
}

/** A second revocation never lets the first one end earlier. */
function laterOf(known: RevokedToken | undefined, untilMs: number | null): number | null {
  if (known === undefined) return untilMs
  return known.untilMs === null || untilMs === null ? null : Math.max(known.untilMs, untilMs)
}

function tooMany(): ReturnType<typeof failed> {
  const detail = `an issuer remembers ${MAX_REVOKED} such revocations; revoke all of its tokens before a moment`
  return failed({ code: 'CONFLICT', detail })
}
