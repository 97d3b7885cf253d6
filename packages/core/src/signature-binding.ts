import {
  checkMessageSignature,
  type ExpectedMessageSignature,
  type MessageSignatureResult,
} from './check-message-signature.ts'
import { type Jwk, readJwk, type VerificationKey } from './jwk.ts'
import type { SignedRequest } from './message-component.ts'
import type { MessageAlgorithm } from './message-signature.ts'
import type { Binding } from './records.ts'

interface SigningKey {
  readonly key: VerificationKey
  readonly algorithm: MessageAlgorithm
  readonly keyId: string | null
}

/** Keys as they were read, for as long as the record that holds them is kept. */
const read = new WeakMap<Jwk, SigningKey | string>()

/** The key that a credential's requests are signed by; a text: why there is none. */
export function signingKeyOf(jwk: Jwk): SigningKey | string {
  const known = read.get(jwk)
  if (known !== undefined) return known
  const found = readSigningKey(jwk)
  read.set(jwk, found)
  return found
}

function readSigningKey(jwk: Jwk): SigningKey | string {
  const reading = readJwk(jwk)
  if (!reading.ok) return reading.problem
  const algorithm = algorithmOf(reading.key)
  if (algorithm === null) return 'a key by which RFC 9421 has no signatures'
  return { key: reading.key, algorithm, keyId: reading.key.kid }
}

/** One key, one algorithm (RFC 9421 section 7.3.6); of RSA the better one, unless its `alg` says otherwise. */
function algorithmOf({ kty, algorithms }: VerificationKey): MessageAlgorithm | null {
  if (kty === 'OKP') return 'ed25519'
  if (algorithms.includes('PS512')) return 'rsa-pss-sha512'
  if (algorithms.includes('RS256')) return 'rsa-v1_5-sha256'
  if (algorithms.includes('ES256')) return 'ecdsa-p256-sha256'
  return algorithms.includes('ES384') ? 'ecdsa-p384-sha384' : null
}

/** Whether the request is signed by the key that a credential is bound to, and covers what it must. */
export function signatureRefusal(
  request: SignedRequest,
  { thumbprint, key: jwk }: Extract<Binding, { type: 'signature' }>,
  { credentialHeader, hasContent }: Pick<ExpectedMessageSignature, 'credentialHeader' | 'hasContent'>,
  nowMs: number,
): MessageSignatureResult {
  const signer = signingKeyOf(jwk)
  if (typeof signer === 'string') {
    return { ok: false, code: 'BINDING_MISMATCH', detail: `the key that it is bound to: ${signer}` }
  }
  const { key, algorithm, keyId } = signer
  return checkMessageSignature(
    request,
    {
      ...{ key, algorithm, thumbprint, credentialHeader, hasContent },
      keyId: keyId ?? thumbprint,
      tag: null,
      isNonceDemanded: false,
    },
    nowMs,
  )
}
