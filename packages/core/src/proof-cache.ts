import { hash } from 'node:crypto'
import type { RandomBytes } from './base62.ts'
import { BoundedMap } from './bounded-map.ts'
import { type PreparedCaller, readAhead } from './caller.ts'
import type { ProvenToken } from './proven-token.ts'
import { sizeOf } from './record-size.ts'

/** "This string proves version V of credential C." Never a verdict: state, time and all else run every time. */
export interface Proven {
  readonly credentialId: string
  readonly version: number
  /** The sealed digest that it was compared with: another one in the record means: prove again. */
  readonly sealedDigest: string
  /** Of a token: what its claims say; there is no record of it. */
  readonly token?: ProvenToken
  /** Of a JWT of ours: the key that signed it. */
  readonly signedBy?: string
}

/** What is remembered of one presented string. */
interface Entry {
  readonly key: string
  readonly proven: Proven
  /** Who that is at the API where it was presented last. */
  readonly caller: PreparedCaller | null
}

/** What an entry may take on average; a prepared caller with many scopes, limits or conditions takes more. Bytes. */
const BYTES_PER_ENTRY = 1024
/** What it takes without them. Records are not counted: slots keep none that the lookup does not keep. */
const OWN_BYTES = 512
const BYTES_PER_SLOT = 64
/** What the credential of a token adds, besides its grants: conditions, limits and versions are its issuer's. */
const TOKEN_BYTES = 384

/**
 * Remembers proofs under a digest salted per process, so that memory holds no presented secret and the cache
 * key is of no use elsewhere. (An HMAC would halve the warm path for nothing: the digest never leaves memory.)
 */
export class ProofCache {
  readonly #salt: string
  /** By the first bits of the key: a Map compares numbers without reading them from where strings lie. */
  readonly #entries: BoundedMap<number, Entry>
  #lastSeat = 0
  /** Of what was read ahead; see readAhead. */
  readSum = 0

  constructor(maxEntries: number, randomBytes: RandomBytes) {
    // ASCII, so that what is hashed need not be transcoded first.
    this.#salt = Buffer.from(randomBytes(16)).toString('base64')
    this.#entries = new BoundedMap(maxEntries, maxEntries * BYTES_PER_ENTRY, bytesOf)
  }

  /** The key under which a presented string is remembered: 32 characters, one for each byte of the digest. */
  keyOf(presented: string): string {
    return hash('sha256', this.#salt + presented, 'latin1')
  }

  get(key: string): Proven | undefined {
    return this.#entryOf(key)?.proven
  }

  /** Who it is at the API where it was presented last, as far as that was prepared. */
  callerOf(key: string): PreparedCaller | null {
    return this.#entryOf(key)?.caller ?? null
  }

  /** The same of several keys, of whose requests one is decided about after the other; null stands for none. */
  callersOf(keys: readonly (string | null)[]): (PreparedCaller | null)[] {
    const entries: (Entry | undefined)[] = []
    for (const key of keys) entries.push(key === null ? undefined : this.#entries.get(firstBits(key)))
    let sum = 0
    for (const entry of entries) sum += entry?.key.length ?? 0
    const callers = entries.map((entry, at) => (entry?.key === keys[at] ? (entry?.caller ?? null) : null))
    this.readSum = sum + readAhead(callers)
    return callers
  }

  set(key: string, proven: Proven): void {
    this.#entries.set(firstBits(key), { key, proven, caller: null })
  }

  /** Remembers beside a proof, as long as that is remembered, who it is. */
  prepare(key: string, caller: PreparedCaller): void {
    const entry = this.#entryOf(key)
    if (entry === undefined) return
    this.#lastSeat += 1
    caller.seat = this.#lastSeat
    this.#entries.set(firstBits(key), { ...entry, caller })
  }

  delete(key: string): void {
    if (this.#entryOf(key) !== undefined) this.#entries.delete(firstBits(key))
  }

  clear(): void {
    this.#entries.clear()
  }

  /** Of two strings whose keys begin alike the later one is remembered: only the whole key proves anything. */
  #entryOf(key: string): Entry | undefined {
    const entry = this.#entries.get(firstBits(key))
    return entry?.key === key ? entry : undefined
  }
}

/** 30 bits, which V8 holds in a word of its own. */
function firstBits(key: string): number {
  const low = key.charCodeAt(0) | (key.charCodeAt(1) << 8) | (key.charCodeAt(2) << 16)
  return low | ((key.charCodeAt(3) & 0x3f) << 24)
}

function bytesOf({ caller, proven }: Entry): number {
  const { token } = proven
  const own = OWN_BYTES + (token === undefined ? 0 : TOKEN_BYTES + sizeOf(token.credential.grants))
  if (caller === null) return own
  const { scopes, limits, conditions, others } = caller
  return own + sizeOf(scopes) + sizeOf(limits) + sizeOf(conditions) + BYTES_PER_SLOT * others.length
}
