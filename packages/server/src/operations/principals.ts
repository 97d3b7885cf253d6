import type { Grant, Limit, Metadata, PrincipalRecord, PrincipalType } from '@credence/core'
import type { Context } from '../context.ts'
import { builtInApiId, looksLikeId, newId } from '../ids.ts'
import type { ListFilters, Page } from '../store/port.ts'
import { remainsAdministered } from './administrators.ts'
import { resolveCeiling } from './ceiling.ts'
import { findRecord } from './find.ts'
import { type IdempotentRequest, idempotencyEntry } from './idempotency.ts'
import { type Actor, done, failed, invalid, notFound, type Outcome } from './operation.ts'
import type { PageRequest } from './page-request.ts'
import { leftoverTokens, rowsOf, TOKENS_LEFT } from './referrers.ts'
import type { GrantArguments } from './resolve-grants.ts'
import { changedMembers, type Expected, makeOnce, replaceRow, staleness } from './rows.ts'
import { adminScopesOf, standingPowerRefusal } from './standing-power.ts'
import { write } from './write.ts'

export interface PrincipalFields {
  readonly name: string
  readonly type: PrincipalType
  readonly externalId: string | null
  readonly owner: string | null
  readonly contact: string | null
  /** Null: unrestricted. */
  readonly ceiling: readonly GrantArguments[] | null
  readonly limits: readonly Limit[]
  readonly metadata: Metadata
  readonly disabled: boolean
}

export type NewPrincipal = Pick<PrincipalFields, 'name' | 'type'> & Partial<PrincipalFields>

/** Why a principal cannot have this name, or null. */
export function principalNameProblem(name: string): string | null {
  return looksLikeId(name) ? 'must not look like an id' : null
}

/** A principal with nothing but a name and a type. */
export function newPrincipal(
  { clock, randomBytes }: Pick<Context, 'clock' | 'randomBytes'>,
  workspaceId: string,
  name: string,
  type: PrincipalType,
): PrincipalRecord {
  const nowMs = clock()
  return {
    id: newId('principal', randomBytes),
    workspaceId,
    revision: 1,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    name: name.normalize('NFC'),
    type,
    externalId: null,
    owner: null,
    contact: null,
    disabledAtMs: null,
    ceiling: null,
    limits: [],
    metadata: {},
  }
}

export function createPrincipal(
  context: Context,
  actor: Actor,
  args: NewPrincipal,
  request: IdempotentRequest | null,
): Promise<Outcome<PrincipalRecord>> {
  return makeOnce(context, actor, 'principal', request, async () => {
    const empty = newPrincipal(context, actor.workspaceId, args.name, args.type)
    const changed = await changePrincipal(context, actor, empty, args)
    if (!changed.ok) return changed
    const record = changed.value
    const written = await write(context, actor, {
      puts: [{ table: 'principal', record }],
      idempotency: idempotencyEntry(request, 'principal', record.id, 201, record.createdAtMs),
      action: 'principal.create',
      target: { table: 'principal', id: record.id },
      detail: { name: record.name, type: record.type },
    })
    return written.ok ? done(record, written.position) : written
  })
}

export async function listPrincipals(
  context: Context,
  actor: Actor,
  page: PageRequest,
  filters: Pick<ListFilters, 'name' | 'externalId' | 'type'>,
): Promise<Outcome<Page<PrincipalRecord>>> {
  return done(await context.store.list('principal', { workspaceId: actor.workspaceId, ...page, filters }))
}

export async function showPrincipal(
  context: Context,
  actor: Actor,
  ref: string,
): Promise<Outcome<PrincipalRecord>> {
  const principal = await findRecord(context, actor.workspaceId, 'principal', ref)
  return principal === undefined ? notFound('principal', ref) : done(principal)
}

export async function updatePrincipal(
  context: Context,
  actor: Actor,
  ref: string,
  changes: Partial<PrincipalFields>,
  expected: Expected,
): Promise<Outcome<PrincipalRecord>> {
  const before = await findRecord(context, actor.workspaceId, 'principal', ref)
  if (before === undefined) return notFound('principal', ref)
  const stale = staleness(before.revision, expected)
  if (stale !== null) return stale
  const changed = await changePrincipal(context, actor, before, changes)
  if (!changed.ok) return changed
  const refusal = await gainRefusal(context, actor, before, changed.value)
  if (refusal !== null) return refusal
  const kept = await remainsAdministered(context, actor, before, changed.value)
  if (!kept.ok) return kept
  const update = {
    table: 'principal',
    before,
    expected,
    detail: changedMembers(changes),
    expects: kept.expects,
  } as const
  return replaceRow(context, actor, update, changed.value)
}

/** Refused while it has credentials, revoked ones included: the trail must be able to say whose they were. */
export async function deletePrincipal(
  context: Context,
  actor: Actor,
  ref: string,
  expected: Expected,
): Promise<Outcome<null>> {
  const principal = await findRecord(context, actor.workspaceId, 'principal', ref)
  if (principal === undefined) return notFound('principal', ref)
  const stale = staleness(principal.revision, expected)
  if (stale !== null) return stale
  const tokens = await leftoverTokens(context, actor.workspaceId, { principalId: principal.id })
  if (tokens === null) return failed({ code: 'CONFLICT', detail: TOKENS_LEFT })
  const written = await write(context, actor, {
    deletes: [...tokens, { table: 'principal', id: principal.id, revision: principal.revision }],
    action: 'principal.delete',
    target: { table: 'principal', id: principal.id },
    detail: { name: principal.name },
  })
  return written.ok ? done(null, written.position) : written
}

async function changePrincipal(
  context: Context,
  actor: Actor,
  before: PrincipalRecord,
  changes: Partial<PrincipalFields>,
): Promise<Outcome<PrincipalRecord>> {
  const name = changes.name?.normalize('NFC') ?? before.name
  const problem = principalNameProblem(name)
  if (problem !== null) return invalid({ field: 'name', detail: problem })
  let ceiling = before.ceiling
  if (changes.ceiling === null) ceiling = null
  else if (changes.ceiling !== undefined) {
    const resolved = await resolveCeiling(context, actor.workspaceId, changes.ceiling)
    if (!resolved.ok) return invalid(...resolved.errors)
    const known = await adminScopesOf(context, actor.workspaceId, before.ceiling ?? [])
    const wanted = await adminScopesOf(context, actor.workspaceId, resolved.value)
    const gained = wanted.filter((scope) => !known.includes(scope))
    const refusal = standingPowerRefusal(actor, gained)
    if (refusal !== null) return refusal
    ceiling = resolved.value
  }
  const { type, externalId, owner, contact, limits, metadata, disabled } = changes
  return done({
    ...before,
    name,
    type: type ?? before.type,
    externalId: externalId === undefined ? before.externalId : externalId,
    owner: owner === undefined ? before.owner : owner,
    contact: contact === undefined ? before.contact : contact,
    limits: limits ?? before.limits,
    metadata: metadata ?? before.metadata,
    disabledAtMs:
      disabled === undefined
        ? before.disabledAtMs
        : disabled
          ? (before.disabledAtMs ?? context.clock())
          : null,
    ceiling,
  })
}

/**
 * To lift a ceiling, or to enable a principal, gives its credentials on `credence` back what they had; whoever
 * does it must have all of that. Null: nothing is gained, or nothing that the actor lacks.
 */
async function gainRefusal(
  context: Context,
  actor: Actor,
  before: PrincipalRecord,
  after: PrincipalRecord,
): Promise<ReturnType<typeof standingPowerRefusal>> {
  const isLifted = before.ceiling !== null && after.ceiling === null
  const isEnabled = before.disabledAtMs !== null && after.disabledAtMs === null
  if (!isLifted && !isEnabled) return null
  const filters = { principalId: before.id, apiId: builtInApiId(before.workspaceId) }
  const grants: Grant[] = []
  for await (const credential of rowsOf(context, 'credential', before.workspaceId, filters)) {
    grants.push(...credential.grants)
  }
  return standingPowerRefusal(actor, await adminScopesOf(context, before.workspaceId, grants))
}
