import { type IssuerKeySet, type IssuerRecord, JwsKeys, type SealingKeys } from '@credence/core'
import type { FetchJson } from './guarded-json.ts'
import { RemoteKeys } from './remote-keys.ts'
import { openSecrets } from './sealed-secrets.ts'

export interface IssuerKeysOptions {
  readonly sealingKeys: SealingKeys
  /** By the rules of the workspace that trusts the issuer. */
  readonly fetchFor: (workspaceId: string) => FetchJson
  readonly clock: () => number
  readonly onFault: (issuer: IssuerRecord, error: unknown) => void
}

type Source = Pick<RemoteKeys, 'get' | 'tick' | 'close'>

/** The keys of every issuer, read once for as long as where they are from stays the same. */
export class IssuerKeys {
  readonly #options: IssuerKeysOptions
  readonly #sources = new Map<string, { readonly text: string; readonly source: Source }>()

  constructor(options: IssuerKeysOptions) {
    this.#options = options
  }

  keysOf(
    issuer: IssuerRecord,
    missing: IssuerKeySet | null,
  ): IssuerKeySet | null | Promise<IssuerKeySet | null> {
    const text = JSON.stringify([issuer.issuer, issuer.workspaceId, issuer.keySource])
    const known = this.#sources.get(issuer.id)
    if (known?.text === text) return known.source.get(missing)
    known?.source.close()
    const source = this.#open(issuer)
    this.#sources.set(issuer.id, { text, source })
    return source.get(missing)
  }

  /** Forgets the keys of issuers that are gone. */
  retain(exists: (id: string) => boolean): void {
    for (const [id, { source }] of this.#sources) {
      if (exists(id)) continue
      source.close()
      this.#sources.delete(id)
    }
  }

  async tick(): Promise<void> {
    await Promise.all([...this.#sources.values()].map(({ source }) => source.tick()))
  }

  #open(issuer: IssuerRecord): Source {
    const { keySource, workspaceId } = issuer
    const { sealingKeys, fetchFor, clock, onFault } = this.#options
    switch (keySource.type) {
      case 'jwks':
        return new HeldKeys(new JwsKeys(keySource.keys))
      case 'secrets': {
        const keys = openSecrets(issuer, keySource.sealed, sealingKeys)
        return new HeldKeys(keys === null ? null : new JwsKeys(keys))
      }
      case 'jwks_uri':
      case 'discovery':
        return new RemoteKeys({
          ...{ source: keySource, issuer: issuer.issuer, clock },
          fetchJson: fetchFor(workspaceId),
          onFault: (error) => onFault(issuer, error),
        })
    }
  }
}

/** Keys that stand in the record itself. */
class HeldKeys implements Source {
  readonly #set: { readonly keys: JwsKeys; current: boolean } | null

  /** @param keys null: they cannot be read, since somebody changed the row, or its key is gone from the keyring */
  constructor(keys: JwsKeys | null) {
    this.#set = keys && { keys, current: true }
  }

  get(): IssuerKeySet | null {
    return this.#set
  }

  async tick(): Promise<void> {}

  close(): void {
    if (this.#set !== null) this.#set.current = false
  }
}
