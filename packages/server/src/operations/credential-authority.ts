import { type ApiRecord, anyCovers, type CredentialRecord, isScope, type RoleRecord } from '@credence/core'
import type { Context } from '../context.ts'
import type { RowAt } from '../store/port.ts'
import { type Actor, failed, notFound, type Outcome } from './operation.ts'

export type Refusal = Extract<Outcome<never>, { ok: false }>
type Reader = Pick<Context, 'store'>

/** Null when the actor may write credentials of every one of the APIs. */
export function writeRefusal(actor: Actor, apiNames: readonly string[]): Refusal | null {
  // A credential without any grant is of no API in particular: only who may write all of them may touch it.
  const needed = (apiNames.length === 0 ? ['*'] : apiNames).map((name) => `credentials:write:${name}`)
  const missing = needed.filter((scope) => !anyCovers(actor.scopes, scope))
  return missing.length === 0 ? null : lacking(`needed on credence: ${missing.join(' ')}`, missing)
}

/** The challenge names what is missing where that is scopes; a pattern is none (RFC 6750 section 3). */
function lacking(detail: string, missing: readonly string[]): Refusal {
  const required = missing.every(isScope) ? { required: missing.join(' ') } : {}
  return failed({ code: 'INSUFFICIENT_SCOPE', detail, ...required })
}

/** What the grants of a credential refer to, as far as it exists. */
export interface GrantedRows {
  readonly apis: readonly ApiRecord[]
  readonly roles: readonly RoleRecord[]
}

export async function grantedRows(
  { store }: Reader,
  { grants, workspaceId }: Pick<CredentialRecord, 'grants' | 'workspaceId'>,
): Promise<GrantedRows> {
  const apiIds = new Set(grants.map((grant) => grant.apiId))
  const roleIds = new Set(grants.flatMap((grant) => grant.roleIds))
  const apis = await Promise.all([...apiIds].map((id) => store.read('api', id)))
  const roles = await Promise.all([...roleIds].map((id) => store.read('role', id)))
  const isOurs = <R extends { workspaceId: string }>(row: R | undefined): row is R =>
    row?.workspaceId === workspaceId
  return { apis: apis.filter(isOurs), roles: roles.filter(isOurs) }
}

/** That none of the rows changes before the write that rests on them. */
export function expected({ apis, roles }: GrantedRows): RowAt[] {
  return [
    ...apis.map(({ id, revision }) => ({ table: 'api' as const, id, revision })),
    ...roles.map(({ id, revision }) => ({ table: 'role' as const, id, revision })),
  ]
}

/** What somebody can do on the API `credence`, and until when. */
export interface AdminPower {
  readonly scopes: readonly string[]
  readonly expiresAtMs: number | null
}

/**
 * What a credential can do on `credence`, or null: it has no grant for it. The ceiling of its principal is left
 * out of account, since it may be lifted later.
 */
export function adminPowerOf(
  { grants, expiresAtMs }: Pick<CredentialRecord, 'grants' | 'expiresAtMs'>,
  { apis, roles }: GrantedRows,
): AdminPower | null {
  const builtIn = apis.find((api) => api.builtIn)
  const own = grants.filter((grant) => grant.apiId === builtIn?.id)
  if (own.length === 0) return null
  const ofRoles = roles.filter((role) => own.some(({ roleIds }) => roleIds.includes(role.id)))
  return { scopes: [...own, ...ofRoles].flatMap((one) => one.scopes), expiresAtMs }
}

/**
 * Null when handing out this power gives nothing away that the actor does not have itself. To issue, rotate,
 * change or enable a credential is to be able to use it: without this check, whoever may write credentials of
 * `credence` would own the workspace.
 */
export function powerRefusal(actor: Actor, power: AdminPower | null): Refusal | null {
  if (power === null) return null
  if (actor.hasConditions) {
    const detail = 'a credential with conditions cannot hand out power on credence, which would escape them'
    return failed({ code: 'INSUFFICIENT_SCOPE', detail })
  }
  const missing = power.scopes.filter((scope) => !anyCovers(actor.scopes, scope))
  if (missing.length > 0) {
    return lacking(`the caller itself does not have, on credence: ${missing.join(' ')}`, missing)
  }
  const endMs = actor.expiresAtMs
  if (endMs === null || (power.expiresAtMs !== null && power.expiresAtMs <= endMs)) return null
  const end = new Date(endMs).toISOString()
  const detail = `a credential of credence cannot outlive the one that hands it out, which ends at ${end}`
  const errors = [{ field: 'expires_at', detail: `must be at or before ${end}, the caller's own end` }]
  return failed({ code: 'VALIDATION_FAILED', detail, errors })
}

export async function credentialOf(
  { store }: Reader,
  workspaceId: string,
  id: string,
): Promise<CredentialRecord | undefined> {
  const record = await store.read('credential', id)
  return record?.workspaceId === workspaceId ? record : undefined
}

export interface WritableCredential {
  readonly record: CredentialRecord
  readonly rows: GrantedRows
}

/** A credential of the actor's workspace, if the actor may write credentials of all APIs it has grants for. */
export async function writableCredential(
  context: Reader,
  actor: Actor,
  id: string,
): Promise<{ readonly ok: true; readonly value: WritableCredential } | Refusal> {
  const record = await credentialOf(context, actor.workspaceId, id)
  if (record === undefined) return notFound('credential', id)
  const rows = await grantedRows(context, record)
  const names = rows.apis.map((api) => api.name)
  return writeRefusal(actor, names) ?? { ok: true, value: { record, rows } }
}
