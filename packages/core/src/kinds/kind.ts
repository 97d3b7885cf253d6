import type { CachedLookup, Reading } from '../cached-lookup.ts'
import type { ClientKeys } from '../client-keys.ts'
import type { CheckName } from '../decision.ts'
import type { Presented } from '../extract.ts'
import type { OwnTokens } from '../own-tokens.ts'
import type { Passwords } from '../passwords.ts'
import type { ProvenToken } from '../proven-token.ts'
import type { ApiRecord, CredentialKind, CredentialRecord, SigningKeyRecord } from '../records.ts'
import type { SealingKeys } from '../seal.ts'
import type { TrustedIssuers } from '../trusted-issuers.ts'
import type { DenialCode } from '../verdict.ts'

/** What a kind may use to prove what was presented. */
export interface ProofContext {
  readonly lookup: CachedLookup
  readonly sealingKeys: SealingKeys
  readonly reading: Reading
  readonly issuers: TrustedIssuers
  readonly clientKeys: ClientKeys
  readonly ownTokens: OwnTokens
  /** Where it was presented; null: at administration, whose API is that of the caller's own workspace. */
  readonly api: ApiRecord | null
  /** Whose credentials those are that are found by a handle; null: nobody has said. */
  readonly workspaceId: string | null
  readonly clock: () => number
  /** Resolves a fixed time after the call: a refusal of an unproven secret waits for it. See verify-request.ts. */
  readonly pace: () => Promise<void>
  /** Null: no password is taken, whatever an API says. */
  readonly passwords: Passwords | null
  /** Of the client; null where it is not known. */
  readonly address: string | null
}

export type ProofResult =
  | {
      readonly type: 'proven'
      readonly credential: CredentialRecord
      /** One that the record has: the proof is remembered with its digest. */
      readonly version: number
      /** Where the credential is no record in the store, but made of a token. */
      readonly token?: ProvenToken
      /** Where it proves itself by a signature of ours: the key, without which the proof is worth nothing. */
      readonly signedBy?: SigningKeyRecord
    }
  | {
      readonly type: 'refused'
      readonly code: DenialCode
      /** For the operator; the caller of an API never sees it while the secret is unproven. */
      readonly detail: string
      /** The check that refused, where it is a later one than `secret`. */
      readonly check?: CheckName
      /** For LOCKED_OUT and UNAVAILABLE. */
      readonly retryAfterSeconds?: number
    }

/**
 * One kind of credential. `recognizes` decides by form alone whether a presented string is of this kind: only
 * "not mine" moves on to the next kind, a refusal is final.
 */
export interface Kind {
  readonly kind: CredentialKind
  /** True: what it proved is not to be remembered by whoever asks, since it remembers that in a way of its own, or it counts once. */
  readonly remembersItself?: true
  recognizes(presented: Presented, ownTokens?: OwnTokens): boolean
  /**
   * Proves it by the record as the store has it; whoever asks remembers the proof.
   * Must: before the secret is proven, a refusal tells nobody whether the id exists, by answer or by time.
   */
  prove(presented: Presented, context: ProofContext): Promise<ProofResult>
}
