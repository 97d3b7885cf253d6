import type { Grant } from '@credence/core'
import type { Context } from '../context.ts'
import type { GrantedRows } from './credential-authority.ts'

/** A grant as callers see it: by names, and the id of the API. */
export interface GrantView {
  readonly api: string
  readonly api_id: string
  readonly scopes: string[]
  readonly roles: string[]
}

/** What a grant names and is gone gives nothing any more; its bare id is shown. */
export async function viewGrants(
  { store }: Pick<Context, 'store'>,
  grants: readonly Grant[],
): Promise<GrantView[]> {
  const apis = await Promise.all(grants.map(({ apiId }) => store.read('api', apiId)))
  const roleIds = grants.flatMap((grant) => grant.roleIds)
  const roles = await Promise.all(roleIds.map((id) => store.read('role', id)))
  const rows = {
    apis: apis.filter((api) => api !== undefined),
    roles: roles.filter((role) => role !== undefined),
  }
  return viewGrantsWith(rows, grants)
}

/** Grants whose rows have been read. */
export function viewGrantsWith({ apis, roles }: GrantedRows, grants: readonly Grant[]): GrantView[] {
  return grants.map(({ apiId, scopes, roleIds }) => ({
    api: nameOf(apis, apiId),
    api_id: apiId,
    scopes: [...scopes],
    roles: roleIds.map((id) => nameOf(roles, id)),
  }))
}

function nameOf(rows: readonly { readonly id: string; readonly name: string }[], id: string): string {
  return rows.find((row) => row.id === id)?.name ?? id
}
