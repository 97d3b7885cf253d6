import type { Grant } from '@credence/core'
import type { Context } from '../context.ts'
import { findRecord } from './find.ts'
import type { FieldError } from './operation.ts'
import type { Reading } from './reading.ts'
import { type GrantArguments, scopeErrors } from './resolve-grants.ts'

/** A ceiling with its names resolved in a workspace; it holds each API once. */
export async function resolveCeiling(
  context: Pick<Context, 'store'>,
  workspaceId: string,
  asked: readonly GrantArguments[],
): Promise<Reading<Grant[]>> {
  const errors: FieldError[] = []
  const grants: Grant[] = []
  for (const { api: reference, scopes, roles, at } of asked) {
    const api = await findRecord(context, workspaceId, 'api', reference)
    if (api === undefined || grants.some(({ apiId }) => apiId === api.id)) {
      const detail =
        api === undefined ? `no API ${JSON.stringify(reference)}` : `${api.name} stands there already`
      errors.push({ field: `${at}api`, detail })
      continue
    }
    errors.push(...(await scopeErrors(context, api, scopes, `${at}scopes`)))
    const roleIds = new Set<string>()
    for (const [index, name] of roles.entries()) {
      const role = await findRecord(context, workspaceId, 'role', name)
      if (role?.apiId === api.id) roleIds.add(role.id)
      else
        errors.push({
          field: `${at}roles[${index}]`,
          detail: `no role ${JSON.stringify(name)} of API ${api.name}`,
        })
    }
    grants.push({ apiId: api.id, scopes: [...new Set(scopes)], roleIds: [...roleIds] })
  }
  return errors.length > 0 ? { ok: false, errors } : { ok: true, value: grants }
}
