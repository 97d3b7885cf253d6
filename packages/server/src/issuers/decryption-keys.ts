import { type DecryptionKey, type IssuerRecord, readDecryptionKey, type SealingKeys } from '@credence/core'
import { openDecryptionKeys } from './sealed-secrets.ts'

/** The keys by which each issuer's tokens are decrypted, opened once for as long as they stay the same. */
export class DecryptionKeys {
  readonly #sealingKeys: SealingKeys
  readonly #opened = new Map<
    string,
    { readonly text: string; readonly keys: readonly DecryptionKey[] | null }
  >()

  constructor(sealingKeys: SealingKeys) {
    this.#sealingKeys = sealingKeys
  }

  /** Null: they cannot be read, since somebody changed the row, or the key that sealed them is gone from the keyring. */
  keysOf(issuer: IssuerRecord): readonly DecryptionKey[] | null {
    if (issuer.decryption === null) return []
    const text = JSON.stringify([issuer.workspaceId, issuer.decryption.sealed])
    const known = this.#opened.get(issuer.id)
    if (known?.text === text) return known.keys
    const keys = this.#open(issuer, issuer.decryption.sealed)
    this.#opened.set(issuer.id, { text, keys })
    return keys
  }

  /** Forgets the keys of issuers that are gone. */
  retain(exists: (id: string) => boolean): void {
    for (const id of this.#opened.keys()) if (!exists(id)) this.#opened.delete(id)
  }

  #open(issuer: IssuerRecord, sealed: string): readonly DecryptionKey[] | null {
    const jwks = openDecryptionKeys(issuer, sealed, this.#sealingKeys)
    if (jwks === null) return null
    // What a later release allows and this one does not is no key here.
    return jwks.map(readDecryptionKey).flatMap((reading) => (reading.ok ? [reading.key] : []))
  }
}
