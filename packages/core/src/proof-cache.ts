import { hash } from 'node:crypto'
import type { RandomBytes } from './base62.ts'
import { BoundedMap } from './bounded-map.ts'
import type { PreparedCaller } from './caller.ts'
import { sizeOf } from './record-size.ts'

/** "This string proves version V of credential C." Never a verdict: state, time and all else run every time. */
export interface Proven {
  readonly credentialId: string
  readonly version: number
  /** The sealed digest that it was compared with: another one in the record means: prove again. */
  readonly sealedDigest: string
  /** Who that is at the API where it was presented last. */
  readonly caller?: PreparedCaller
}

/** What an entry may take on average, in bytes; a prepared caller with many scopes takes more. */
const BYTES_PER_ENTRY = 1024
/** What it takes besides scopes and limits. */
const OWN_BYTES = 512

/**
 * Remembers proofs under a digest salted per process, so that memory holds no presented secret and the cache
 * key is of no use elsewhere. (An HMAC would halve the warm path for nothing: the digest never leaves memory.)
 */
export class ProofCache {
  readonly #salt: string
  readonly #entries: BoundedMap<string, Proven>

  constructor(maxEntries: number, randomBytes: RandomBytes) {
    // ASCII, so that what is hashed need not be transcoded first.
    this.#salt = Buffer.from(randomBytes(16)).toString('base64')
    this.#entries = new BoundedMap(maxEntries, maxEntries * BYTES_PER_ENTRY, bytesOf)
  }

  /** The key under which a presented string is remembered. */
  keyOf(presented: string): string {
    return hash('sha256', this.#salt + presented, 'base64')
  }

  get(key: string): Proven | undefined {
    return this.#entries.get(key)
  }

  set(key: string, proven: Proven): void {
    this.#entries.set(key, proven)
  }

  /** Remembers beside a proof, as long as that is remembered, whose it is. */
  prepare(key: string, caller: PreparedCaller): void {
    const proven = this.#entries.get(key)
    if (proven !== undefined) this.#entries.set(key, { ...proven, caller })
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
  }
}

function bytesOf({ caller }: Proven): number {
  return caller === undefined ? OWN_BYTES : OWN_BYTES + sizeOf(caller.scopes) + sizeOf(caller.limits)
}
