import type { CredentialRecord, Grant, PrincipalRecord, RoleRecord } from './records.ts'
import { intersectScopes } from './scope.ts'

/** The roles that a grant refers to, as far as they exist. */
export type RoleFinder = (roleId: string) => RoleRecord | undefined

/** Ids of all roles that count for this API, of the credential's grants and the principal's ceiling. */
export function roleIdsFor(
  credential: Pick<CredentialRecord, 'grants'>,
  principal: Pick<PrincipalRecord, 'ceiling'>,
  apiId: string,
): string[] {
  const ids: string[] = []
  addRoleIds(ids, credential.grants, apiId)
  if (principal.ceiling !== null) addRoleIds(ids, principal.ceiling, apiId)
  return ids
}

function addRoleIds(ids: string[], grants: readonly Grant[], apiId: string): void {
  for (const grant of grants) {
    if (grant.apiId === apiId && grant.roleIds.length > 0) ids.push(...grant.roleIds)
  }
}

/**
 * What a credential may do at an API: its grants and their roles, within the principal's ceiling (null:
 * unrestricted; empty: nothing). Null when the credential has no grant for this API at all.
 */
export function effectiveScopes(
  credential: CredentialRecord,
  principal: PrincipalRecord,
  apiId: string,
  findRole: RoleFinder,
): readonly string[] | null {
  const granted = scopesOfGrants(credential.grants, apiId, findRole)
  if (granted === null || principal.ceiling === null) return granted
  return intersectScopes(granted, scopesOfGrants(principal.ceiling, apiId, findRole) ?? [])
}

/** The scopes that grants give for an API; null when none of them is for it. */
export function scopesOfGrants(
  grants: readonly Grant[],
  apiId: string,
  findRole: RoleFinder,
): readonly string[] | null {
  let only: readonly string[] | null = null
  let merged: Set<string> | null = null
  for (const grant of grants) {
    if (grant.apiId !== apiId) continue
    if (only === null && grant.roleIds.length === 0) {
      only = grant.scopes
      continue
    }
    merged ??= new Set(only ?? [])
    only ??= []
    for (const scope of grant.scopes) merged.add(scope)
    for (const roleId of grant.roleIds) {
      // A role of another API gives nothing here, whatever a grant says.
      const role = findRole(roleId)
      if (role?.apiId === apiId) for (const scope of role.scopes) merged.add(scope)
    }
  }
  return merged === null ? only : [...merged]
}
