import { BoundedMap } from './bounded-map.ts'
import type { AppliedLimit, LimitOwner } from './limit.ts'
import type { ApiRecord, CredentialRecord, Limit, PrincipalRecord } from './records.ts'

interface Limited {
  readonly id: string
  readonly kind?: string
  readonly principalId?: string
  readonly limits: readonly Limit[]
}

/** A record's limits with their counters' keys, made once per record as read; apart, those that are exact. */
const memo = new WeakMap<Limited, readonly AppliedLimit[]>()
const exactMemo = new WeakMap<Limited, readonly AppliedLimit[]>()
const NONE: readonly AppliedLimit[] = []

/**
 * Every limit that applies to a request: the credential's, the principal's and the API's. A limit of a
 * principal is shared by all of its credentials, one of an API by all of its callers. Whether they are exact
 * is the API's to say, whosesoever they are.
 */
export function appliedLimits(
  credential: CredentialRecord,
  principal: PrincipalRecord,
  api: ApiRecord,
): readonly AppliedLimit[] {
  const { exactLimits } = api
  const own = limitsOf('credential', credential, exactLimits)
  const shared = limitsOf('principal', principal, exactLimits)
  const all = limitsOf('api', api, exactLimits)
  if (shared.length === 0 && all.length === 0) return own
  return [...own, ...shared, ...all]
}

function limitsOf(owner: LimitOwner, record: Limited, exact: boolean): readonly AppliedLimit[] {
  if (record.limits.length === 0) return NONE
  const known = exact ? exactMemo : memo
  let applied = known.get(record)
  if (applied === undefined) {
    applied = record.limits.map((limit) => ({
      key: `${owner}:${counterOf(record)}:${limit.type}:${limit.name}`,
      owner,
      limit: sharedLimit(limit),
      exact,
      // There from the start, so that it stands within the object.
      row: -1,
    }))
    known.set(record, applied)
  }
  return applied
}

/** Tokens of one principal count together: whoever fetches a new one has no more for it. */
function counterOf({ id, kind, principalId }: Limited): string {
  return kind === 'jwt' ? `${id}/${principalId}` : id
}

/** Most limits are one of a few: kept once, they stay in the processor's caches. */
const limits = new BoundedMap<string, Limit>(1000)

function sharedLimit(limit: Limit): Limit {
  const text = JSON.stringify(limit)
  const known = limits.get(text)
  if (known === undefined) limits.set(text, limit)
  return known ?? limit
}
