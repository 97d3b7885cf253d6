import {
  anyCovers,
  type CredentialRecord,
  coversAll,
  effectiveScopes,
  type PrincipalRecord,
  type RoleRecord,
  roleIdsFor,
  scopesOfGrants,
  stateProblem,
  timeProblem,
} from '@credence/core'
import type { Context } from '../context.ts'
import { builtInApiId } from '../ids.ts'
import type { RowAt } from '../store/port.ts'
import { ADMIN_SCOPES } from './admin-scopes.ts'
import type { Refusal } from './credential-authority.ts'
import { type Actor, failed } from './operation.ts'
import { rowsOf } from './referrers.ts'

type Reader = Pick<Context, 'store' | 'clock'>

/** Whether a change of a principal leaves somebody who can administer the workspace, and which rows that rests on. */
export type Administered = { readonly ok: true; readonly expects: readonly RowAt[] } | Refusal

/**
 * Refuses what would lock everybody out until somebody at the host recovers: to switch off the principal that the
 * caller itself acts as, or take from it what it does that with, and to do so to the last one that may do everything.
 */
export async function remainsAdministered(
  context: Reader,
  actor: Actor,
  before: PrincipalRecord,
  after: PrincipalRecord,
): Promise<Administered> {
  const isDisabled = before.disabledAtMs === null && after.disabledAtMs !== null
  if (!isDisabled && (after.ceiling === null || after.ceiling === before.ceiling)) return NOTHING_LOST
  const roles = await rolesOf(context, before.workspaceId, after)
  if (before.id === actor.principalId) {
    const lost = lostToCeiling(actor, after, roles)
    if (isDisabled || lost.length > 0) return refusedOwn(isDisabled, lost)
  }
  const credentials = rowsOf(context, 'credential', before.workspaceId, {
    apiId: builtInApiId(before.workspaceId),
    state: 'active',
  })
  let other: readonly RowAt[] | null = null
  let wasOne = false
  for await (const credential of credentials) {
    if (credential.principalId === before.id) {
      if (await makesAdministrator(context, credential, after)) return NOTHING_LOST
      wasOne ||= await makesAdministrator(context, credential, before)
    } else other ??= await otherAdministrator(context, credential)
  }
  if (!wasOne) return NOTHING_LOST
  return other === null ? refusedLast(before) : { ok: true, expects: other }
}

const NOTHING_LOST: Administered = { ok: true, expects: [] }

/** Scopes on `credence` that the caller has and that the new ceiling no longer lets through. */
function lostToCeiling(actor: Actor, { ceiling, workspaceId }: PrincipalRecord, roles: Roles): string[] {
  if (ceiling === null) return []
  const kept = scopesOfGrants(ceiling, builtInApiId(workspaceId), (id) => roles.get(id)) ?? []
  return actor.scopes.filter((scope) => !anyCovers(kept, scope))
}

/** The rows that make somebody else an administrator: unless they change meanwhile, one is left. */
async function otherAdministrator(
  context: Reader,
  credential: CredentialRecord,
): Promise<readonly RowAt[] | null> {
  const principal = await context.store.read('principal', credential.principalId)
  if (principal === undefined || !(await makesAdministrator(context, credential, principal))) return null
  return [
    { table: 'principal', id: principal.id, revision: principal.revision },
    { table: 'credential', id: credential.id, revision: credential.revision },
  ]
}

/** Whether a credential works now and may do everything on `credence`. */
async function makesAdministrator(
  context: Reader,
  credential: CredentialRecord,
  principal: PrincipalRecord,
): Promise<boolean> {
  const nowMs = context.clock()
  const isAlive = credential.versions.some(({ version }) => {
    const identity = { api: null, route: null, credential, version, principal }
    return stateProblem(identity) === null && timeProblem(identity, nowMs) === null
  })
  if (!isAlive) return false
  const apiId = builtInApiId(credential.workspaceId)
  const roles = await rolesOf(context, credential.workspaceId, principal, credential)
  const scopes = effectiveScopes(credential, principal, apiId, (id) => roles.get(id))
  return scopes !== null && coversAll(scopes, ADMIN_SCOPES)
}

type Roles = ReadonlyMap<string, RoleRecord>

/** The roles of `credence` in a ceiling, and in a credential's grants. */
async function rolesOf(
  { store }: Reader,
  workspaceId: string,
  principal: PrincipalRecord,
  credential: Pick<CredentialRecord, 'grants'> = { grants: [] },
): Promise<Roles> {
  const ids = new Set(roleIdsFor(credential, principal, builtInApiId(workspaceId)))
  const roles = await Promise.all([...ids].map((id) => store.read('role', id)))
  return new Map(roles.filter((role) => role !== undefined).map((role) => [role.id, role]))
}

function refusedOwn(isDisabled: boolean, lost: readonly string[]): Refusal {
  const what = isDisabled ? 'disable it' : `take ${lost.join(' ')} on credence from it`
  const detail = `the caller acts as this principal and cannot ${what}; another administrator can`
  return failed({ code: 'CONFLICT', detail })
}

function refusedLast({ name }: PrincipalRecord): Refusal {
  const detail = `${name} is the last principal that may do everything on credence; make another one first`
  return failed({ code: 'CONFLICT', detail })
}
