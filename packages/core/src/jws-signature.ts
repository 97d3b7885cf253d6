import { constants, createHmac, type KeyObject, timingSafeEqual, verify } from 'node:crypto'
import type { VerificationKey } from './jwk.ts'
import { JWS_ALGORITHMS, type JwsAlgorithm, type JwsAlgorithmName } from './jws-algorithm.ts'

/**
 * Whether `signature` is the algorithm's signature of `input` under the key. Lengths are compared first: ECDSA is
 * r and s of fixed length (RFC 7518 section 3.4), RSA as long as the modulus. OpenSSL then refuses r and s outside
 * of 1 to n - 1, an Ed25519 S not below the order, padding that is not PKCS #1's to the byte, and another salt.
 */
export function signatureVerifies(
  name: JwsAlgorithmName,
  { kty, key: handle, signatureBytes }: VerificationKey,
  input: Uint8Array,
  signature: Uint8Array,
): boolean {
  const algorithm: JwsAlgorithm = JWS_ALGORITHMS[name]
  // The caller has chosen a key that goes with the algorithm; a public key as an HMAC's secret must not be a slip away.
  if (algorithm.kty !== kty || signature.length !== (algorithm.signatureBytes ?? signatureBytes)) return false
  const key = handle as KeyObject
  switch (kty) {
    case 'oct': {
      const expected = createHmac(algorithm.hash!, key).update(input).digest()
      return timingSafeEqual(expected, signature)
    }
    case 'EC':
      return verify(algorithm.hash, input, { key, dsaEncoding: 'ieee-p1363' }, signature)
    case 'OKP':
      return verify(null, input, key, signature)
    case 'RSA':
      return verify(algorithm.hash, input, { key, ...PADDINGS[algorithm.padding!](algorithm) }, signature)
  }
}

const PADDINGS = {
  pkcs1: () => ({ padding: constants.RSA_PKCS1_PADDING }),
  // RFC 7518 section 3.5: the salt is as long as the hash, and MGF1 uses the same hash, as it does where none is named.
  pss: ({ hashBytes }: JwsAlgorithm) => ({ padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: hashBytes }),
} as const
