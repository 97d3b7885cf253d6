import type { CachedLookup, Reading } from './cached-lookup.ts'
import type { Slot } from './record-table.ts'
import type { ApiRecord, CredentialRecord, IssuerRecord } from './records.ts'
import type { IssuerKeySet } from './trusted-issuers.ts'

/**
 * "This string holds these claims, by the word of issuer I at its revision R." Never a verdict: whether that is still
 * its revision, whether its keys are still those, state, time and all else are looked at every time.
 */
export interface ProvenToken {
  /** What the claims stand for: a credential that no store holds, with the id and revision of its issuer. */
  readonly credential: CredentialRecord
  /** What the claims call the principal. */
  readonly principalName: string
  readonly keys: IssuerKeySet
  /** The API where it was presented; null: none. Another one may trust the same `iss` for other reasons. */
  readonly apiId: string | null
}

/** Whether the records still bear out what a token was found to say. */
export async function tokenStillProves(
  { credential, principalName, keys, apiId }: ProvenToken,
  api: ApiRecord | null,
  lookup: CachedLookup,
  reading: Reading,
): Promise<boolean> {
  if (!keys.current || apiId !== (api?.id ?? null)) return false
  const issuer = await lookup.find('issuer', credential.id, reading)
  if (issuer?.revision !== credential.revision) return false
  const principal = await lookup.find('principal', credential.principalId, reading)
  return principal?.name === principalName || principal?.externalId === principalName
}

/** Where the credential of a token is kept: as long as its issuer's record is, and its keys are. */
class TokenSlot implements Slot<CredentialRecord> {
  readonly #token: ProvenToken
  readonly #issuer: Slot<IssuerRecord>

  constructor(token: ProvenToken, issuer: Slot<IssuerRecord>) {
    this.#token = token
    this.#issuer = issuer
  }

  get record(): CredentialRecord | undefined {
    const isCurrent = this.#issuer.record !== undefined && this.#token.keys.current
    return isCurrent ? this.#token.credential : undefined
  }
}

/** Null: its issuer is not cached, or no longer at that revision. */
export function slotOfToken(token: ProvenToken, lookup: CachedLookup): Slot<CredentialRecord> | null {
  const issuer = lookup.peek('issuer', token.credential.id)
  if (issuer?.revision !== token.credential.revision) return null
  const slot = lookup.slotOf('issuer', issuer)
  return slot && new TokenSlot(token, slot)
}
