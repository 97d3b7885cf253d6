import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto'

export interface DpopNoncesOptions {
  /** Secret of all nodes, 32 bytes or more, used for nothing else. */
  readonly key: Uint8Array
  /** How long one nonce is handed out; it is taken for as long again. */
  readonly windowMs: number
}

const MIN_KEY_BYTES = 32
/** No fewer are needed not to be guessed, and it is in every response. */
const NONCE_BYTES = 16
/** How far the clock of another node may be ahead; if it is further, its nonces cost clients a second attempt. */
const NODE_AHEAD_MS = 10_000

/**
 * Nonces of the server (RFC 9449 sections 8 and 9) that no node has to remember: each is a digest of the time window
 * under the key, so nobody can make a proof for later, and all nodes hand out and take the same.
 */
export class DpopNonces {
  readonly #key: KeyObject
  readonly #windowMs: number

  constructor({ key, windowMs }: DpopNoncesOptions) {
    if (key.length < MIN_KEY_BYTES) throw new Error(`The key of nonces has fewer than ${MIN_KEY_BYTES} bytes`)
    if (!Number.isInteger(windowMs) || windowMs < NODE_AHEAD_MS) {
      throw new Error(`The window of nonces is less than ${NODE_AHEAD_MS} ms`)
    }
    this.#key = createSecretKey(key)
    this.#windowMs = windowMs
  }

  /** What the header `DPoP-Nonce` says now. */
  current(nowMs: number): string {
    return this.#nonceOf(this.#windowAt(nowMs)).toString('base64url')
  }

  /** True of the nonce of this window and of the one before, and of the next where another node may be in it already. */
  accepts(nonce: string, nowMs: number): boolean {
    const presented = Buffer.from(nonce, 'base64url')
    if (presented.length !== NONCE_BYTES || presented.toString('base64url') !== nonce) return false
    const last = this.#windowAt(nowMs + NODE_AHEAD_MS)
    for (let window = this.#windowAt(nowMs) - 1; window <= last; window += 1) {
      if (timingSafeEqual(this.#nonceOf(window), presented)) return true
    }
    return false
  }

  #windowAt(timeMs: number): number {
    return Math.floor(timeMs / this.#windowMs)
  }

  #nonceOf(window: number): Buffer {
    // The length of a window is part of it: another setting must not make an old nonce a future one.
    const digest = createHmac('sha256', this.#key).update(`dpop-nonce:${this.#windowMs}:${window}`).digest()
    return digest.subarray(0, NONCE_BYTES)
  }
}
