import { BoundedMap } from './bounded-map.ts'
import type { CachedLookup } from './cached-lookup.ts'
import type { Identity, Parent, WholeIdentity } from './decision.ts'
import { isAlive, type Life, lifeOf } from './life.ts'
import type { AppliedLimit } from './limit.ts'
import { type ProvenToken, slotOfToken } from './proven-token.ts'
import { sizeOf } from './record-size.ts'
import type { Slot } from './record-table.ts'
import type {
  ApiRecord,
  Conditions,
  CredentialKind,
  CredentialRecord,
  PrincipalRecord,
  RoleRecord,
  Route,
  SigningKeyRecord,
} from './records.ts'

/** Who is calling an API, and what follows about that from the records alone. */
export interface Caller extends Identity {
  readonly api: ApiRecord
  /** What the credential may do at this API; null: it has no grant for it. */
  readonly scopes: readonly string[] | null
  readonly conditions: Conditions | null
  readonly limits: readonly AppliedLimit[]
  /** Where only one applies, that one; null: none does, or several. */
  readonly onlyLimit: AppliedLimit | null
  /** Whether it has to prove that it holds a key. */
  readonly isBound: boolean
  /**
   * For whoever keeps something about each caller: a whole number from 1 that no other prepared caller has or had. They
   * follow each other, so that those of the callers that are kept fall into different rows. Null: it is not prepared.
   */
  readonly seat: number | null
}

/** A caller whose records have just been found. */
export interface FoundCaller extends Caller, WholeIdentity {
  readonly api: ApiRecord
}

/** A caller that its records let live, and that has a grant for the API. */
export interface LivingCaller extends Caller {
  readonly scopes: readonly string[]
}

/**
 * A caller as it is kept with its proof, so that its next request at the same API looks nothing up and reads no record.
 * Not a verdict: it holds only while every record that it was made from is cached, which the slots tell, and whatever
 * depends on the moment or the request is decided about it each time.
 */
export interface PreparedCaller extends Life {
  readonly kind: CredentialKind
  readonly version: number
  readonly api: Slot<ApiRecord>
  readonly credential: Slot<CredentialRecord>
  readonly principal: Slot<PrincipalRecord>
  /** Its roles, and of an access token the credential or issuer that it came from and the key that signed it. */
  readonly others: readonly Slot<unknown>[]
  readonly scopes: readonly string[]
  readonly conditions: Conditions | null
  readonly limits: readonly AppliedLimit[]
  readonly onlyLimit: AppliedLimit | null
  readonly isBound: boolean
  /** Given by the proof cache. */
  seat: number
  /** Of the lookup, when it was made. */
  readonly turn: number
}

/** What a caller was proven with. */
export interface ProofOfCaller {
  readonly kind: CredentialKind
  readonly token: ProvenToken | null
  readonly signedBy: SigningKeyRecord | null
}

/** Whether a credential counts at an API only with a proof that its holder holds a key. */
export function isBoundAt(api: ApiRecord | null, credential: CredentialRecord): boolean {
  return credential.binding !== null || api?.requiresBinding === true
}

/** Prepares a caller for its next request; null: its state refuses it, or not all that it was made from is cached. */
export function prepareCaller(
  caller: FoundCaller,
  { kind, token, signedBy }: ProofOfCaller,
  roles: readonly RoleRecord[],
  lookup: CachedLookup,
): PreparedCaller | null {
  const { version, conditions, limits, onlyLimit, isBound } = caller
  const life = lifeOf(caller)
  if (life === null || caller.scopes === null) return null
  const api = lookup.slotOf('api', caller.api)
  const credential =
    token === null ? lookup.slotOf('credential', caller.credential) : slotOfToken(token, lookup)
  const principal = lookup.slotOf('principal', caller.principal)
  const others = otherSlots(caller, signedBy, roles, lookup)
  if (api === null || credential === null || principal === null || others === null) return null
  const { fromMs, untilMs } = life
  const { turn } = lookup
  const scopes = sharedScopes(caller.scopes)
  // Without spreads, which V8 gives a second object to keep in what they add.
  return {
    kind,
    version,
    api,
    credential,
    principal,
    others,
    scopes,
    conditions,
    limits,
    onlyLimit,
    isBound,
    seat: NO_SEAT,
    fromMs,
    untilMs,
    turn,
  }
}

/** Of a caller that is not kept yet. */
const NO_SEAT = 0
const NO_OTHERS: readonly Slot<unknown>[] = []

/** Null: one of them is not cached. */
function otherSlots(
  { parent }: FoundCaller,
  signedBy: SigningKeyRecord | null,
  roles: readonly RoleRecord[],
  lookup: CachedLookup,
): readonly Slot<unknown>[] | null {
  if (parent === null && signedBy === null && roles.length === 0) return NO_OTHERS
  const slots: (Slot<unknown> | null)[] = roles.map((role) => lookup.slotOf('role', role))
  if (parent !== null) slots.push(slotOfParent(parent, lookup))
  if (signedBy !== null) slots.push(lookup.slotOf('signing_key', signedBy))
  const cached = slots.filter((slot) => slot !== null)
  return cached.length < slots.length ? null : cached
}

function slotOfParent({ credential, issuer }: Parent, lookup: CachedLookup): Slot<unknown> | null {
  return issuer === null ? lookup.slotOf('credential', credential) : lookup.slotOf('issuer', issuer)
}

/**
 * Reads what recallCaller and the checks after it will read of several callers. It lies scattered in memory, and the
 * processor waits for each place; in loops as small as these it sees several rounds ahead, and waits for the places of
 * several callers at the same time. With 32 connections forward-auth answers a twentieth more for it.
 * @param callers null stands for none
 * @returns a sum without meaning: where nobody keeps it, the compiler leaves the reading out
 */
export function readAhead(callers: readonly (PreparedCaller | null)[]): number {
  let sum = 0
  // The first and the last of its fields, which is longer than what memory hands out in one piece.
  for (const caller of callers) if (caller !== null) sum += caller.version + caller.turn
  for (const caller of callers) if (caller?.credential.record !== undefined) sum += 1
  for (const caller of callers) {
    sum += caller?.onlyLimit?.row ?? 0
    sum += caller?.credential.record?.id.length ?? 0
  }
  return sum
}

/** The caller as it was prepared, for one more request; null: it has to be found anew, or does not live now. */
export function recallCaller(
  prepared: PreparedCaller,
  api: ApiRecord,
  route: Route | null,
  lookup: CachedLookup,
  nowMs: number,
): LivingCaller | null {
  const credential = prepared.credential.record
  const principal = prepared.principal.record
  if (prepared.api.record !== api || credential === undefined || principal === undefined) return null
  if (prepared.turn !== lookup.turn || !isAlive(prepared, nowMs)) return null
  for (const other of prepared.others) if (other.record === undefined) return null
  const { version, scopes, conditions, limits, onlyLimit, isBound, seat } = prepared
  return {
    api,
    route,
    credential,
    version,
    principal,
    scopes,
    conditions,
    limits,
    onlyLimit,
    isBound,
    seat,
  }
}

/** Most credentials of an API have one of a few lists of scopes: kept once, they stay in the processor's caches. */
const scopeLists = new BoundedMap<string, readonly string[]>(1000, 1_000_000, sizeOf)

function sharedScopes(scopes: readonly string[]): readonly string[] {
  const text = scopes.join(' ')
  const known = scopeLists.get(text)
  if (known === undefined) scopeLists.set(text, scopes)
  return known ?? scopes
}
