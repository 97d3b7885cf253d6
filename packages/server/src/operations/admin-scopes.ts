import { anyCovers, isScope, scopeCovers } from '@credence/core'

/**
 * The scopes of the API `credence`. Those that issue and verify credentials name the API they are for; `*` there
 * stands for every API.
 */
export const ADMIN_SCOPES = [
  'workspaces:read',
  'workspaces:write',
  'apis:read',
  'apis:write',
  'principals:read',
  'principals:write',
  'roles:read',
  'roles:write',
  'issuers:read',
  'issuers:write',
  'signing_keys:read',
  'signing_keys:write',
  'credentials:read',
  'credentials:write:*',
  'credentials:verify:*',
  'decisions:read',
  'audit:read',
  'status:read',
] as const

const PER_API = /^credentials:(?:write|verify)(?::(.*))?$/

/** Why a scope cannot be granted on the API `credence`, or null. @param isApi whether an API has this name */
export async function adminScopeProblem(
  scope: string,
  isApi: (name: string) => Promise<boolean>,
): Promise<string | null> {
  const perApi = PER_API.exec(scope)
  if (perApi !== null) {
    const api = perApi[1]
    if (api === undefined) return `must name the API it is for: ${scope}:orders, or ${scope}:* for every API`
    return api === '*' || (await isApi(api)) ? null : `names no API: there is no ${api}`
  }
  const isKnown = isScope(scope)
    ? anyCovers(ADMIN_SCOPES, scope)
    : ADMIN_SCOPES.some((one) => scopeCovers(scope, one))
  return isKnown ? null : `is not a scope of credence, which has ${ADMIN_SCOPES.join(', ')}`
}
