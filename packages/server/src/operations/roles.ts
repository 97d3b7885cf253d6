import type { ApiRecord, RoleRecord } from '@credence/core'
import type { Context } from '../context.ts'
import { newId } from '../ids.ts'
import type { Page } from '../store/port.ts'
import { findRecord } from './find.ts'
import { type IdempotentRequest, idempotencyEntry } from './idempotency.ts'
import { type Actor, done, type FieldError, failed, invalid, notFound, type Outcome } from './operation.ts'
import type { PageRequest } from './page-request.ts'
import { referrerOf } from './referrers.ts'
import { scopeErrors } from './resolve-grants.ts'
import { changedMembers, type Expected, makeOnce, replaceRow, staleness } from './rows.ts'
import { standingPowerRefusal } from './standing-power.ts'
import { write } from './write.ts'

export interface NewRole {
  readonly name: string
  /** Id or name. */
  readonly api: string
  readonly scopes: readonly string[]
}

export interface RoleChanges {
  readonly name?: string
  readonly scopes?: readonly string[]
}

export function createRole(
  context: Context,
  actor: Actor,
  args: NewRole,
  request: IdempotentRequest | null,
): Promise<Outcome<RoleRecord>> {
  return makeOnce(context, actor, 'role', request, async () => {
    const api = await findRecord(context, actor.workspaceId, 'api', args.api)
    if (api === undefined) return invalid({ field: 'api', detail: `no API ${JSON.stringify(args.api)}` })
    const errors = await scopeErrors(context, api, args.scopes, 'scopes')
    if (errors.length > 0) return invalid(...errors)
    const refusal = api.builtIn ? standingPowerRefusal(actor, args.scopes) : null
    if (refusal !== null) return refusal
    const nowMs = context.clock()
    const record: RoleRecord = {
      id: newId('role', context.randomBytes),
      workspaceId: actor.workspaceId,
      revision: 1,
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
      name: args.name,
      apiId: api.id,
      scopes: [...new Set(args.scopes)],
    }
    const written = await write(context, actor, {
      puts: [{ table: 'role', record }],
      expects: [{ table: 'api', id: api.id, revision: api.revision }],
      idempotency: idempotencyEntry(request, 'role', record.id, 201, nowMs),
      action: 'role.create',
      target: { table: 'role', id: record.id },
      detail: { name: record.name, api: api.name, scopes: record.scopes },
    })
    return written.ok ? done(record, written.position) : written
  })
}

export async function listRoles(
  context: Context,
  actor: Actor,
  page: PageRequest,
  filters: { readonly api?: string; readonly name?: string },
): Promise<Outcome<Page<RoleRecord>>> {
  const { workspaceId } = actor
  const { api: reference, ...others } = filters
  if (reference === undefined) {
    return done(await context.store.list('role', { workspaceId, ...page, filters: others }))
  }
  const api = await findRecord(context, workspaceId, 'api', reference)
  if (api === undefined) return done({ records: [], next: null })
  return done(
    await context.store.list('role', { workspaceId, ...page, filters: { ...others, apiId: api.id } }),
  )
}

export async function showRole(context: Context, actor: Actor, ref: string): Promise<Outcome<RoleRecord>> {
  const role = await findRecord(context, actor.workspaceId, 'role', ref)
  return role === undefined ? notFound('role', ref) : done(role)
}

/** The API of a role never changes: its scopes would mean something else. */
export async function updateRole(
  context: Context,
  actor: Actor,
  ref: string,
  changes: RoleChanges,
  expected: Expected,
): Promise<Outcome<RoleRecord>> {
  const before = await findRecord(context, actor.workspaceId, 'role', ref)
  if (before === undefined) return notFound('role', ref)
  const stale = staleness(before.revision, expected)
  if (stale !== null) return stale
  const scopes = changes.scopes ?? before.scopes
  const gained = scopes.filter((scope) => !before.scopes.includes(scope))
  const api = await context.store.read('api', before.apiId)
  if (api !== undefined) {
    const errors = await gainedScopeErrors(context, api, scopes, gained)
    if (errors.length > 0) return invalid(...errors)
    const refusal = api.builtIn ? standingPowerRefusal(actor, gained) : null
    if (refusal !== null) return refusal
  }
  const after = { ...before, name: changes.name ?? before.name, scopes: [...new Set(scopes)] }
  return replaceRow(
    context,
    actor,
    { table: 'role', before, expected, detail: changedMembers(changes) },
    after,
  )
}

export async function deleteRole(
  context: Context,
  actor: Actor,
  ref: string,
  expected: Expected,
): Promise<Outcome<null>> {
  const role = await findRecord(context, actor.workspaceId, 'role', ref)
  if (role === undefined) return notFound('role', ref)
  const stale = staleness(role.revision, expected)
  if (stale !== null) return stale
  const referrer = await referrerOf(context, actor.workspaceId, role.apiId, (grant) =>
    grant.roleIds.includes(role.id),
  )
  if (referrer !== null)
    return failed({ code: 'CONFLICT', detail: `role ${role.name} is in use by ${referrer}` })
  const written = await write(context, actor, {
    deletes: [{ table: 'role', id: role.id, revision: role.revision }],
    action: 'role.delete',
    target: { table: 'role', id: role.id },
    detail: { name: role.name },
  })
  return written.ok ? done(null, written.position) : written
}

/** What was granted before stays, even where the API no longer has it. */
async function gainedScopeErrors(
  context: Context,
  api: ApiRecord,
  scopes: readonly string[],
  gained: readonly string[],
): Promise<FieldError[]> {
  const lists = scopes.map((scope, index) =>
    gained.includes(scope)
      ? scopeErrors(context, api, [scope], 'scopes').then((errors) =>
          errors.map((error) => ({ ...error, field: `scopes[${index}]` })),
        )
      : [],
  )
  return (await Promise.all(lists)).flat()
}
