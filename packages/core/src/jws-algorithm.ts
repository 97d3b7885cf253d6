/** One algorithm: what it takes of a key and of a signature. */
export interface JwsAlgorithm {
  readonly kty: 'EC' | 'RSA' | 'OKP' | 'oct'
  /** The curve that the key must be on; null where the kind of key has none. */
  readonly crv: 'P-256' | 'P-384' | 'P-521' | 'Ed25519' | null
  /** Null where the algorithm brings its own. */
  readonly hash: 'sha256' | 'sha384' | 'sha512' | null
  /** Length of the hash: of an HMAC and the least of its secret (RFC 7518 section 3.2), and of the salt of a PSS. */
  readonly hashBytes: number
  /** Exact length of a signature; null: as long as the key's modulus (RFC 8017 section 8.2.2). */
  readonly signatureBytes: number | null
  readonly padding: 'pkcs1' | 'pss' | null
}

const SHA256 = { hash: 'sha256', hashBytes: 32 } as const
const SHA384 = { hash: 'sha384', hashBytes: 48 } as const
const SHA512 = { hash: 'sha512', hashBytes: 64 } as const
const EC = { kty: 'EC', padding: null } as const
const RSA = { kty: 'RSA', crv: null, signatureBytes: null } as const
const OCT = { kty: 'oct', crv: null, padding: null } as const
const ED25519 = {
  kty: 'OKP',
  crv: 'Ed25519',
  hash: null,
  hashBytes: 64,
  signatureBytes: 64,
  padding: null,
} as const

/**
 * RFC 7518 section 3.1, with EdDSA of RFC 8037 and the name that RFC 9864 gives it. `EdDSA` is Ed25519 alone here;
 * `none` is not in the table, so there is no way to ask for it.
 */
export const JWS_ALGORITHMS = {
  ES256: { ...EC, ...SHA256, crv: 'P-256', signatureBytes: 64 },
  ES384: { ...EC, ...SHA384, crv: 'P-384', signatureBytes: 96 },
  ES512: { ...EC, ...SHA512, crv: 'P-521', signatureBytes: 132 },
  RS256: { ...RSA, ...SHA256, padding: 'pkcs1' },
  RS384: { ...RSA, ...SHA384, padding: 'pkcs1' },
  RS512: { ...RSA, ...SHA512, padding: 'pkcs1' },
  PS256: { ...RSA, ...SHA256, padding: 'pss' },
  PS384: { ...RSA, ...SHA384, padding: 'pss' },
  PS512: { ...RSA, ...SHA512, padding: 'pss' },
  EdDSA: ED25519,
  Ed25519: ED25519,
  HS256: { ...OCT, ...SHA256, signatureBytes: 32 },
  HS384: { ...OCT, ...SHA384, signatureBytes: 48 },
  HS512: { ...OCT, ...SHA512, signatureBytes: 64 },
} as const satisfies Record<string, JwsAlgorithm>

export type JwsAlgorithmName = keyof typeof JWS_ALGORITHMS
export const JWS_ALGORITHM_NAMES = Object.keys(JWS_ALGORITHMS) as JwsAlgorithmName[]

/** By the exact name: names of algorithms are case-sensitive (RFC 7515 section 4.1.1). */
export function isJwsAlgorithm(name: unknown): name is JwsAlgorithmName {
  return typeof name === 'string' && Object.hasOwn(JWS_ALGORITHMS, name)
}
