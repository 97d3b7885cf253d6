/** How the key that the content is encrypted with gets to whoever reads it (RFC 7518 section 4). */
export interface JweAlgorithm {
  readonly kty: 'RSA' | 'ECDH' | 'oct'
  /** Length of the secret; null: it is no secret, or `dir`, where it is as long as the content's key. Bytes. */
  readonly secretBytes: number | null
  /** What the second part of a token holds. */
  readonly encryptedKey: 'none' | 'modulus' | 'wrapped'
}

const RSA = { kty: 'RSA', secretBytes: null, encryptedKey: 'modulus' } as const
const ECDH = { kty: 'ECDH', secretBytes: null, encryptedKey: 'wrapped' } as const

/**
 * Those of RFC 7518 section 4.1 that may be set up. Not in the table, so that there is no way to ask for them: RSA1_5
 * (Bleichenbacher), PBES2 (whoever sends a token says how often to hash), AES-GCM key wrapping and lengths that nobody uses.
 */
export const JWE_ALGORITHMS = {
  'RSA-OAEP-256': RSA,
  'RSA-OAEP': RSA,
  'ECDH-ES': { ...ECDH, encryptedKey: 'none' },
  'ECDH-ES+A128KW': ECDH,
  'ECDH-ES+A256KW': ECDH,
  A128KW: { kty: 'oct', secretBytes: 16, encryptedKey: 'wrapped' },
  A256KW: { kty: 'oct', secretBytes: 32, encryptedKey: 'wrapped' },
  dir: { kty: 'oct', secretBytes: null, encryptedKey: 'none' },
} as const satisfies Record<string, JweAlgorithm>

export type JweAlgorithmName = keyof typeof JWE_ALGORITHMS
export const JWE_ALGORITHM_NAMES = Object.keys(JWE_ALGORITHMS) as JweAlgorithmName[]

/** By the exact name: names of algorithms are case-sensitive (RFC 7516 section 4.1.1). */
export function isJweAlgorithm(name: unknown): name is JweAlgorithmName {
  return typeof name === 'string' && Object.hasOwn(JWE_ALGORITHMS, name)
}

/** How the content is encrypted and authenticated (RFC 7518 section 5). Lengths in bytes. */
export interface JweEncryption {
  readonly keyBytes: number
  readonly ivBytes: number
  readonly tagBytes: number
}

export const JWE_ENCRYPTIONS = {
  A128GCM: { keyBytes: 16, ivBytes: 12, tagBytes: 16 },
  A256GCM: { keyBytes: 32, ivBytes: 12, tagBytes: 16 },
  'A128CBC-HS256': { keyBytes: 32, ivBytes: 16, tagBytes: 16 },
  'A256CBC-HS512': { keyBytes: 64, ivBytes: 16, tagBytes: 32 },
} as const satisfies Record<string, JweEncryption>

export type JweEncryptionName = keyof typeof JWE_ENCRYPTIONS
export const JWE_ENCRYPTION_NAMES = Object.keys(JWE_ENCRYPTIONS) as JweEncryptionName[]

export function isJweEncryption(name: unknown): name is JweEncryptionName {
  return typeof name === 'string' && Object.hasOwn(JWE_ENCRYPTIONS, name)
}
