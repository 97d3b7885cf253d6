import type { CachedLookup, Reading } from '../cached-lookup.ts'
import type { Presented } from '../extract.ts'
import type { CredentialKind, CredentialRecord } from '../records.ts'
import type { SealingKeys } from '../seal.ts'
import type { DenialCode } from '../verdict.ts'

/** What a kind may use to prove what was presented. */
export interface ProofContext {
  readonly lookup: CachedLookup
  readonly sealingKeys: SealingKeys
  readonly reading: Reading
  /** Resolves a fixed time after the call: a refusal of an unproven secret waits for it. See verify-request.ts. */
  readonly pace: () => Promise<void>
}

export type ProofResult =
  /** `version` is one that the record has: the proof is remembered with its digest. */
  | { readonly type: 'proven'; readonly credential: CredentialRecord; readonly version: number }
  /** `detail` is for the operator; the caller of an API never sees it. */
  | { readonly type: 'refused'; readonly code: DenialCode; readonly detail: string }

/**
 * One kind of credential. `claims` decides by form alone whether a presented string is of this kind: only
 * "not mine" moves on to the next kind, a refusal is final.
 */
export interface Kind {
  readonly kind: CredentialKind
  claims(presented: Presented): boolean
  /**
   * Proves it by the record as the store has it; whoever asks remembers the proof.
   * Must: before the secret is proven, a refusal tells nobody whether the id exists, by answer or by time.
   */
  prove(presented: Presented, context: ProofContext): Promise<ProofResult>
}
