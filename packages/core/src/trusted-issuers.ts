import type { DecryptionKey } from './decryption-key.ts'
import type { JwsKeys } from './jws-keys.ts'
import type { ApiRecord, IssuerRecord } from './records.ts'

/** The keys of an issuer, as one answer of it had them. */
export interface IssuerKeySet {
  readonly keys: JwsKeys
  /** False as soon as it has others, or these are too old to be believed. */
  readonly current: boolean
}

/** An issuer by what tells it apart before anything of a token is proven. */
export interface IssuerCandidate {
  readonly id: string
  readonly audience: string
}

/** What the kind `jwt` asks of whoever knows the issuers that are trusted, and where their keys are. */
export interface TrustedIssuers {
  /** Those that are called so. Null: at administration, of whatever workspace. */
  candidates(issuer: string, api: ApiRecord | null): readonly IssuerCandidate[]
  /**
   * Its keys, or null: none can be had now. Must not ask the issuer more often than it can bear, whoever asks.
   * @param missing a set that lacks the key of a token: a newer one, if there may be one
   */
  keysOf(
    issuer: IssuerRecord,
    missing: IssuerKeySet | null,
  ): IssuerKeySet | null | Promise<IssuerKeySet | null>
  /**
   * Those to whose tokens a key to decrypt of this `kid` belongs. Null: of any; but at administration, where each
   * workspace could add one, nobody.
   */
  decrypting(kid: string | null, api: ApiRecord | null): readonly Pick<IssuerCandidate, 'id'>[]
  /** Its keys to decrypt with; null: they cannot be read. */
  decryptionKeysOf(issuer: IssuerRecord): readonly DecryptionKey[] | null
  /** The principal of this name, or else this external id; null: none, or several. @throws when nobody can tell */
  principalIdOf(workspaceId: string, name: string): Promise<string | null>
}

/** Nobody is trusted. */
export const NO_ISSUERS: TrustedIssuers = {
  candidates: () => [],
  keysOf: () => null,
  decrypting: () => [],
  decryptionKeysOf: () => null,
  principalIdOf: async () => null,
}
