import { performance } from 'node:perf_hooks'
import {
  type CredentialRecord,
  disabled,
  enabled,
  revoked,
  type Transition,
  versionRevoked,
} from '@credence/core'
import type { Context } from '../context.ts'
import {
  adminPowerOf,
  credentialOf,
  expected,
  powerRefusal,
  writableCredential,
} from './credential-authority.ts'
import { type IdempotentRequest, idempotencyEntry, once } from './idempotency.ts'
import { type Actor, done, failed, notFound, type Outcome } from './operation.ts'
import { retried } from './retried.ts'
import { type Expected, staleness } from './rows.ts'
import { write } from './write.ts'

/** How far a change has come. */
export interface Propagation {
  readonly nodes: number
  /** Nodes that act on it already. */
  readonly confirmed: number
  readonly afterMs: number
  /** From then on no node acts on anything older. */
  readonly boundMs: number
}

export interface StateChange {
  readonly record: CredentialRecord
  readonly propagation: Propagation
}

type Changing = Pick<Context, 'store' | 'follower' | 'members' | 'clock'>

/** What can be done to a credential's state. */
export type StateStep =
  | { readonly do: 'revoke'; readonly reason: string | null }
  | { readonly do: 'disable'; readonly reason: string | null }
  | { readonly do: 'enable' }
  | { readonly do: 'revoke_version'; readonly version: number; readonly reason: string | null }

/** Takes a credential or one of its secret versions back, switches it off, or on again. Twice is as good as once. */
export function changeState(
  context: Changing,
  actor: Actor,
  id: string,
  step: StateStep,
  idempotent: IdempotentRequest | null,
): Promise<Outcome<StateChange>> {
  const attempt = async (): Promise<Outcome<StateChange>> => {
    const found = await writableCredential(context, actor, id)
    if (!found.ok) return found
    const { record, rows } = found.value
    if (step.do !== 'enable') return carryOut(context, actor, record, step, idempotent)
    // Whoever holds its secret can use it from then on; taking power away needs no power.
    const refusal = powerRefusal(actor, adminPowerOf(record, rows))
    return refusal ?? carryOut(context, actor, record, step, idempotent, expected(rows))
  }
  return once(
    context,
    idempotent,
    () => retried(attempt),
    async () => {
      const found = await writableCredential(context, actor, id)
      return found.ok ? done(await settled(context, found.value.record)) : found
    },
  )
}

/** The caller takes back what it presents: always allowed. */
export function revokeSelf(
  context: Changing,
  actor: Actor,
  reason: string | null,
): Promise<Outcome<StateChange>> {
  const id = actor.credentialId!
  return retried(async () => {
    const record = await credentialOf(context, actor.workspaceId, id)
    if (record === undefined) return notFound('credential', id)
    return carryOut(context, actor, record, { do: 'revoke', reason }, null)
  })
}

async function carryOut(
  context: Changing,
  actor: Actor,
  before: CredentialRecord,
  step: StateStep,
  idempotent: IdempotentRequest | null,
  expects: Parameters<typeof write>[2]['expects'] = [],
): Promise<Outcome<StateChange>> {
  const nowMs = context.clock()
  const outcome = transition(before, step, nowMs)
  if (!outcome.ok) {
    const code = step.do === 'revoke_version' ? 'RESOURCE_NOT_FOUND' : 'CONFLICT'
    return failed({ code, detail: outcome.problem })
  }
  const { record } = outcome
  if (record === before) return done(await settled(context, record))
  const startedMs = performance.now()
  const { do: action, ...detail } = step
  const written = await write(context, actor, {
    puts: [{ table: 'credential', record }],
    expects,
    idempotency: idempotencyEntry(idempotent, 'credential', record.id, 200, nowMs),
    action: `credential.${action}`,
    target: { table: 'credential', id: record.id },
    detail,
  })
  if (!written.ok) return written
  const propagation = await propagated(context, written.value.position, startedMs)
  return done({ record, propagation }, written.position)
}

/** Waits for everybody: once the longest lease has passed, whoever has not said so acts on nothing older either. */
export async function propagated(
  { members }: Pick<Changing, 'members'>,
  position: number,
  startedMs: number,
): Promise<Propagation> {
  const { nodes, confirmed, boundMs } = await members.reached(position)
  const afterMs = Math.round((performance.now() - startedMs) * 10) / 10
  return { nodes, confirmed, afterMs, boundMs }
}

function transition(record: CredentialRecord, step: StateStep, nowMs: number): Transition {
  switch (step.do) {
    case 'revoke':
      return { ok: true, record: revoked(record, step.reason, nowMs) }
    case 'disable':
      return disabled(record, step.reason, nowMs)
    case 'enable':
      return enabled(record, nowMs)
    case 'revoke_version':
      return versionRevoked(record, step.version, nowMs)
  }
}

/**
 * Nothing was to do: it is so since an earlier change. Whoever made that may still be waiting for the others, or have
 * died over it, so this waits for them too.
 */
async function settled(context: Changing, record: CredentialRecord): Promise<StateChange> {
  const startedMs = performance.now()
  const position = await context.store.position()
  await context.follower.reach(position)
  return { record, propagation: await propagated(context, position, startedMs) }
}

/** Deletes a credential: its key is unknown, everywhere, from the acknowledgement on. */
export function deleteCredential(
  context: Changing,
  actor: Actor,
  id: string,
  expectedRevisions: Expected,
): Promise<Outcome<null>> {
  return retried(async (): Promise<Outcome<null>> => {
    const found = await writableCredential(context, actor, id)
    if (!found.ok) return found
    const { record } = found.value
    const stale = staleness(record.revision, expectedRevisions)
    if (stale !== null) return stale
    const written = await write(context, actor, {
      deletes: [{ table: 'credential', id, revision: record.revision }],
      action: 'credential.delete',
      target: { table: 'credential', id },
      detail: { principal: record.principalId, state: record.state },
    })
    if (!written.ok) return written
    await propagated(context, written.value.position, performance.now())
    return done(null, written.position)
  })
}
