import type { Grant } from '@credence/core'
import type { Context } from '../context.ts'

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
  return Promise.all(
    grants.map(async ({ apiId, scopes, roleIds }) => {
      const api = await store.read('api', apiId)
      const roles = await Promise.all(roleIds.map(async (id) => (await store.read('role', id))?.name ?? id))
      return { api: api?.name ?? apiId, api_id: apiId, scopes: [...scopes], roles }
    }),
  )
}
