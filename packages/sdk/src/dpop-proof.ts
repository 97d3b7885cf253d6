/** A private key as JWK (RFC 7517), as much of it as counts. */
export interface PrivateJwk {
  readonly kty?: string
  readonly crv?: string
  readonly x?: string
  readonly y?: string
  readonly d?: string
}

/** A key pair of WebCrypto, or a private key as JWK: P-256, P-384 or Ed25519. It is used here and goes nowhere. */
export type DpopKey = { readonly privateKey: CryptoKey; readonly publicKey: CryptoKey } | PrivateJwk

interface Algorithm {
  /** As JWS calls it. */
  readonly alg: string
  /** As WebCrypto does. */
  readonly parameters: { readonly name: string; readonly hash: string; readonly namedCurve: string }
}

interface SigningKey extends Algorithm {
  readonly privateKey: CryptoKey
  readonly jwk: PrivateJwk
}

/** By the curve. */
const ALGORITHMS: ReadonlyMap<unknown, Algorithm> = new Map([
  ['P-256', { alg: 'ES256', parameters: { name: 'ECDSA', hash: 'SHA-256', namedCurve: 'P-256' } }],
  ['P-384', { alg: 'ES384', parameters: { name: 'ECDSA', hash: 'SHA-384', namedCurve: 'P-384' } }],
  ['Ed25519', { alg: 'EdDSA', parameters: { name: 'Ed25519', hash: '', namedCurve: '' } }],
])

/** What a proof is for. */
export interface Proven {
  readonly method: string
  readonly url: URL
  /** The key or token beside it. */
  readonly credential: string
  /** What the server's last DPoP-Nonce said; null: nothing. */
  readonly nonce: string | null
}

/** Makes proofs of possession (RFC 9449) by WebCrypto, so that it runs wherever fetch does. */
export class DpopProver {
  readonly #key: DpopKey
  readonly #clock: () => number
  #signing: Promise<SigningKey> | null = null

  /** @param clock wall clock, milliseconds since the epoch */
  constructor(key: DpopKey, clock: () => number = Date.now) {
    this.#key = key
    this.#clock = clock
  }

  /** A new proof each time: each may be used once. @throws TypeError when the key is none that signs proofs */
  async prove({ method, url, credential, nonce }: Proven): Promise<string> {
    this.#signing ??= signingKeyOf(this.#key)
    const { privateKey, alg, parameters, jwk } = await this.#signing
    const ath = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(credential))
    const claims = {
      jti: crypto.randomUUID(),
      htm: method,
      htu: url.origin + url.pathname,
      iat: Math.floor(this.#clock() / 1000),
      ath: base64url(new Uint8Array(ath)),
      ...(nonce !== null && { nonce }),
    }
    const input = `${encoded({ typ: 'dpop+jwt', alg, jwk })}.${encoded(claims)}`
    const signature = await crypto.subtle.sign(parameters, privateKey, new TextEncoder().encode(input))
    return `${input}.${base64url(new Uint8Array(signature))}`
  }
}

async function signingKeyOf(key: DpopKey): Promise<SigningKey> {
  const isPair = 'privateKey' in key
  const full: PrivateJwk = isPair ? await crypto.subtle.exportKey('jwk', key.publicKey) : key
  const { kty, crv, x, y } = full
  const algorithm = ALGORITHMS.get(crv)
  if (algorithm === undefined || kty === undefined || x === undefined || crv === undefined) {
    throw new TypeError('dpop: a key of P-256, P-384 or Ed25519')
  }
  const jwk = y === undefined ? { kty, crv, x } : { kty, crv, x, y }
  if (isPair) return { ...algorithm, privateKey: key.privateKey, jwk }
  if (key.d === undefined) throw new TypeError('dpop: the JWK is no private key')
  try {
    const secret = { ...jwk, d: key.d }
    const privateKey = await crypto.subtle.importKey('jwk', secret, algorithm.parameters, false, ['sign'])
    return { ...algorithm, privateKey, jwk }
  } catch {
    // What WebCrypto says of it may quote the key.
    throw new TypeError('dpop: the JWK is no private key')
  }
}

function encoded(value: unknown): string {
  return base64url(new TextEncoder().encode(JSON.stringify(value)))
}

function base64url(bytes: Uint8Array): string {
  return base64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

export function base64(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary)
}
