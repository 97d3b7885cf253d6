import { type ApiRecord, type Grant, isScopePattern, type RoleRecord, scopeCovers } from '@credence/core'
import type { Context } from '../context.ts'
import { adminScopeProblem } from './admin-scopes.ts'
import { type GrantedRows, writeRefusal } from './credential-authority.ts'
import { findRecord } from './find.ts'
import { type Actor, type FieldError, invalid, type OperationProblem } from './operation.ts'

/** A grant as it is asked for: API and roles by id or name. */
export interface GrantArguments {
  readonly api: string
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
  /** Where it stands in the request, for errors: empty, or `grants[0].`. */
  readonly at: string
}

export type GrantResolution =
  | { readonly ok: true; readonly grants: readonly Grant[]; readonly rows: GrantedRows }
  | { readonly ok: false; readonly problem: OperationProblem }

/**
 * The grants of a credential: names turned into rows of the workspace, every scope one of its API. Whether the
 * actor may write credentials of each API comes first, so that nobody learns what an API has by guessing at it.
 */
export async function resolveGrants(
  context: Pick<Context, 'store'>,
  actor: Actor,
  asked: readonly GrantArguments[],
): Promise<GrantResolution> {
  const { workspaceId } = actor
  const found = await Promise.all(asked.map(({ api }) => findRecord(context, workspaceId, 'api', api)))
  // An API that is not there is refused like one that is: by the name that was given.
  const names = asked.map(({ api }, index) => found[index]?.name ?? (API_NAME.test(api) ? api : '*'))
  const refusal = writeRefusal(actor, names)
  if (refusal !== null) return refusal
  const errors: FieldError[] = []
  const grants: Grant[] = []
  const apis: ApiRecord[] = []
  const roles: RoleRecord[] = []
  for (const [index, grant] of asked.entries()) {
    const api = found[index]
    const field = `${grant.at}api`
    if (api === undefined) errors.push({ field, detail: `no API ${JSON.stringify(grant.api)}` })
    else if (apis.some(({ id }) => id === api.id)) {
      errors.push({ field, detail: `a grant for ${api.name} stands there already` })
    } else {
      apis.push(api)
      errors.push(...(await scopeErrors(context, api, grant.scopes, `${grant.at}scopes`)))
      const ofApi = await resolveRoles(context, api, grant, errors)
      roles.push(...ofApi)
      const roleIds = ofApi.map(({ id }) => id)
      grants.push({ apiId: api.id, scopes: [...new Set(grant.scopes)], roleIds })
    }
  }
  return errors.length > 0 ? invalid(...errors) : { ok: true, grants, rows: { apis, roles } }
}

const API_NAME = /^[a-z][a-z0-9-]{0,62}$/

async function resolveRoles(
  context: Pick<Context, 'store'>,
  api: ApiRecord,
  { roles, at }: GrantArguments,
  errors: FieldError[],
): Promise<RoleRecord[]> {
  const found = new Map<string, RoleRecord>()
  for (const [index, reference] of roles.entries()) {
    const role = await findRecord(context, api.workspaceId, 'role', reference)
    if (role?.apiId === api.id) found.set(role.id, role)
    else {
      const detail = `no role ${JSON.stringify(reference)} of API ${api.name}`
      errors.push({ field: `${at}roles[${index}]`, detail })
    }
  }
  return [...found.values()]
}

/** Every scope or pattern of a list that cannot be granted on an API. Also for roles and ceilings. */
export async function scopeErrors(
  context: Pick<Context, 'store'>,
  api: ApiRecord,
  scopes: readonly string[],
  field: string,
): Promise<FieldError[]> {
  const errors: FieldError[] = []
  for (const [index, scope] of scopes.entries()) {
    const detail = await grantedScopeProblem(context, api, scope)
    if (detail !== null) errors.push({ field: `${field}[${index}]`, detail })
  }
  return errors
}

async function grantedScopeProblem(
  { store }: Pick<Context, 'store'>,
  api: ApiRecord,
  scope: string,
): Promise<string | null> {
  if (!isScopePattern(scope)) {
    return 'is not a scope: segments of A-Z a-z 0-9 _ . - joined by `:`, each may be *'
  }
  if (api.builtIn) {
    const hasApi = async (name: string) =>
      (await store.readByName('api', api.workspaceId, name)) !== undefined
    return adminScopeProblem(scope, hasApi)
  }
  if (api.scopes.some((known) => scopeCovers(scope, known))) return null
  const has = api.scopes.length === 0 ? 'no scopes' : api.scopes.slice(0, 20).join(', ')
  return `is not a scope of ${api.name}, which has ${has}`
}
