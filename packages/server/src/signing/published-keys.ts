import { createHash } from 'node:crypto'
import {
  cachedSigningKey,
  isTrusted,
  type SealingKeys,
  type SigningKey,
  type SigningKeyRecord,
} from '@credence/core'
import type { Store } from '../store/port.ts'

/** A JWK set (RFC 7517 section 5) as it is served. */
export interface PublishedJwks {
  readonly body: string
  /** Of its bytes, quoted. */
  readonly etag: string
}

/**
 * The signing keys as this process knows them: what it publishes, and what it signs with. It follows the feed. What is
 * believed of a token does not rest on it: verify looks the key up as it does every record, under the lease.
 */
export class PublishedKeys {
  readonly #store: Pick<Store, 'list'>
  readonly #sealingKeys: SealingKeys
  #records: readonly SigningKeyRecord[] = []

  constructor(store: Pick<Store, 'list'>, sealingKeys: SealingKeys) {
    this.#store = store
    this.#sealingKeys = sealingKeys
  }

  /** Reads all keys: at the start, and whenever one of them changed. There are a handful. */
  async load(): Promise<void> {
    this.#records = await listSigningKeys(this.#store)
  }

  /** The key that signs; null: there is none, since nothing is signed here. */
  get signer(): SigningKey | null {
    const current = this.#records.find(({ state }) => state === 'current')
    return current === undefined ? null : cachedSigningKey(current, this.#sealingKeys)
  }

  /** What those who verify need: every key whose signatures count, and the next one before it signs. */
  jwks(nowMs: number): PublishedJwks {
    const keys = this.#records
      .filter((record) => isTrusted(record, nowMs))
      .map((record) => cachedSigningKey(record, this.#sealingKeys)?.publicJwk)
      .filter((jwk) => jwk !== undefined)
    const body = JSON.stringify({ keys })
    return { body, etag: `"${createHash('sha256').update(body).digest('base64url')}"` }
  }
}

/** All of them, newest first. */
export async function listSigningKeys(store: Pick<Store, 'list'>): Promise<readonly SigningKeyRecord[]> {
  const { records } = await store.list('signing_key', {
    ...{ workspaceId: null, limit: 1000, cursor: null, filters: {} },
  })
  return records
}
