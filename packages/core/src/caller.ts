import type { CachedLookup } from './cached-lookup.ts'
import type { Identity } from './decision.ts'
import type { AppliedLimit } from './limit.ts'
import type { Slot } from './record-table.ts'
import type {
  ApiRecord,
  CredentialKind,
  CredentialRecord,
  PrincipalRecord,
  RoleRecord,
  Route,
} from './records.ts'

/** Who is calling an API, and what follows about that from the records alone. */
export interface Caller extends Identity {
  readonly api: ApiRecord
  /** What the credential may do at this API; null: it has no grant for it. */
  readonly scopes: readonly string[] | null
  readonly limits: readonly AppliedLimit[]
}

/**
 * A caller as it is kept with its proof, so that its next request at the same API looks nothing up. Not a verdict:
 * whatever depends on the moment or the request is decided about it each time, and it holds only while every record
 * that it was made from is cached, which the slots tell.
 */
export interface PreparedCaller {
  readonly kind: CredentialKind
  readonly version: number
  readonly api: Slot<ApiRecord>
  readonly credential: Slot<CredentialRecord>
  readonly principal: Slot<PrincipalRecord>
  readonly roles: readonly Slot<RoleRecord>[]
  readonly scopes: readonly string[] | null
  readonly limits: readonly AppliedLimit[]
  /** Of the lookup, when it was made. */
  readonly turn: number
}

/** Prepares a caller for its next request; null: not all that it was made from is cached. */
export function prepareCaller(
  caller: Caller,
  kind: CredentialKind,
  roles: readonly RoleRecord[],
  lookup: CachedLookup,
): PreparedCaller | null {
  const api = lookup.slotOf('api', caller.api)
  const credential = lookup.slotOf('credential', caller.credential)
  const principal = lookup.slotOf('principal', caller.principal)
  const roleSlots = roles.map((role) => lookup.slotOf('role', role)).filter((slot) => slot !== null)
  if (api === null || credential === null || principal === null || roleSlots.length < roles.length)
    return null
  const { version, scopes, limits } = caller
  return { kind, version, api, credential, principal, roles: roleSlots, scopes, limits, turn: lookup.turn }
}

/** The caller as it was prepared, for one more request; null: it is one of another API, or has to be made anew. */
export function recallCaller(
  prepared: PreparedCaller,
  api: ApiRecord,
  route: Route | null,
  lookup: CachedLookup,
): Caller | null {
  const credential = prepared.credential.record
  const principal = prepared.principal.record
  if (prepared.api.record !== api || credential === undefined || principal === undefined) return null
  if (prepared.turn !== lookup.turn) return null
  for (const role of prepared.roles) if (role.record === undefined) return null
  const { version, scopes, limits } = prepared
  return { api, route, credential, version, principal, scopes, limits }
}
