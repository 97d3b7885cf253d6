import type { Grant } from '@credence/core'
import type { Context } from '../context.ts'
import { builtInApiId } from '../ids.ts'
import { powerRefusal } from './credential-authority.ts'
import { type Actor, failed } from './operation.ts'

/**
 * Null when the actor may put these scopes of the API `credence` where credentials of others pick them up: into a
 * role or a ceiling. Such power has no end, so whoever has one cannot give it.
 */
export function standingPowerRefusal(
  actor: Actor,
  scopes: readonly string[],
): ReturnType<typeof failed> | null {
  if (scopes.length === 0) return null
  const refusal = powerRefusal(actor, { scopes, expiresAtMs: actor.expiresAtMs })
  if (refusal !== null || actor.expiresAtMs === null) return refusal
  const detail = 'a credential that ends cannot give power on credence that does not'
  return failed({ code: 'INSUFFICIENT_SCOPE', detail })
}

/** What grants give on the API `credence` of a workspace, roles included. */
export async function adminScopesOf(
  { store }: Pick<Context, 'store'>,
  workspaceId: string,
  grants: readonly Grant[],
): Promise<string[]> {
  const apiId = builtInApiId(workspaceId)
  const scopes: string[] = []
  for (const grant of grants) {
    if (grant.apiId !== apiId) continue
    scopes.push(...grant.scopes)
    for (const id of grant.roleIds) scopes.push(...((await store.read('role', id))?.scopes ?? []))
  }
  return scopes
}
