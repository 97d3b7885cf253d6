import { usageFailure } from './failure.ts'
import { splitList } from './list-flag.ts'
import type { GrantResource } from './resources.ts'

/**
 * `--ceiling orders=orders:read,orders:write`, once per API; `unrestricted` alone is no ceiling (null) and `nothing`
 * alone an empty one. Undefined: not given.
 */
export function parseCeiling(values: readonly string[] | undefined): GrantResource[] | null | undefined {
  if (values === undefined) return undefined
  if (values.length === 1 && values[0] === 'unrestricted') return null
  if (values.length === 1 && values[0] === 'nothing') return []
  return values.map(parseGrant)
}

function parseGrant(text: string): GrantResource {
  const at = text.indexOf('=')
  const scopes = splitList([text.slice(at + 1)]) ?? []
  if (at < 1 || scopes.length === 0) {
    throw usageFailure(
      `a ceiling is api=scope,scope, or unrestricted or nothing alone, not ${JSON.stringify(text)}`,
    )
  }
  return { api: text.slice(0, at), scopes, roles: [] }
}

/** Grants on one line: `orders: orders:read, role clerk; reports: reports:*`. */
export function describeGrants(grants: readonly GrantResource[]): string {
  return grants.map((grant) => `${grant.api}: ${whatOf(grant)}`).join('; ')
}

/** What a grant gives at its API: `orders:read, role clerk`. */
export function whatOf(grant: GrantResource): string {
  return [...grant.scopes, ...grant.roles.map((role) => `role ${role}`)].join(', ') || 'no scopes'
}
