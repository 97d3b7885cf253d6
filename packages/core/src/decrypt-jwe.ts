import type { DecryptionKey } from './decryption-key.ts'
import { type JweRefusal, jweRefused, type UnverifiedJwe } from './jwe.ts'
import {
  isJweEncryption,
  JWE_ALGORITHMS,
  JWE_ENCRYPTIONS,
  type JweAlgorithm,
  type JweEncryption,
  type JweEncryptionName,
} from './jwe-algorithm.ts'
import { bytesOf, COORDINATE_BYTES, importPublic, membersOf } from './jwk-members.ts'

/** A key, and what may be encrypted with its help. */
export interface JweKey {
  readonly key: DecryptionKey
  readonly encryptions: readonly JweEncryptionName[]
}

export type JweResult = { readonly ok: true; readonly plaintext: Uint8Array } | JweRefusal

/**
 * Decrypts a token. Lengths and the other side's key are looked at first; the steps themselves are jose's, which goes on
 * with a random key where unwrapping one fails, so that neither answer nor time tells which step it was (RFC 7516 section 11.5).
 */
export async function decryptJwe(jwe: UnverifiedJwe, { key, encryptions }: JweKey): Promise<JweResult> {
  const { alg, enc } = jwe.header
  if (alg !== key.algorithm) return jweRefused('algorithm_not_allowed', 'the key is for another algorithm')
  if (!isJweEncryption(enc) || !encryptions.includes(enc)) {
    return jweRefused('algorithm_not_allowed', `the encryption ${quoted(enc)} is not allowed here`)
  }
  if (!fits(jwe, key, JWE_ENCRYPTIONS[enc]) || !agrees(jwe, key)) return UNDECRYPTABLE
  // Most installations never see such a token: they do not pay for the library's memory.
  const { compactDecrypt } = await import('jose/jwe/compact/decrypt')
  const options = { keyManagementAlgorithms: [alg], contentEncryptionAlgorithms: [enc] }
  try {
    const { plaintext } = await compactDecrypt(jwe.token, key.key, { ...options, maxDecompressedLength: 0 })
    return { ok: true, plaintext }
  } catch {
    // Whatever it was: an error that told more would be the oracle.
    return UNDECRYPTABLE
  }
}

const UNDECRYPTABLE = jweRefused('undecryptable', 'it cannot be decrypted by the key that it names')

/** Whether the parts are as long as the algorithms make them. */
function fits(jwe: UnverifiedJwe, key: DecryptionKey, content: JweEncryption): boolean {
  if (jwe.ivBytes !== content.ivBytes || jwe.tagBytes !== content.tagBytes) return false
  const { encryptedKey }: JweAlgorithm = JWE_ALGORITHMS[key.algorithm]
  switch (encryptedKey) {
    case 'none':
      return jwe.encryptedKeyBytes === 0 && (key.bytes === null || key.bytes === content.keyBytes)
    case 'modulus':
      return jwe.encryptedKeyBytes === key.bytes
    case 'wrapped':
      return jwe.encryptedKeyBytes === content.keyBytes + WRAP_BYTES
  }
}

/** What AES key wrap adds (RFC 3394 section 2.2.1). */
const WRAP_BYTES = 8
const X25519_BYTES = 32

/**
 * Whether the ephemeral key is a public one on the key's own curve: on any other, what comes out would tell of the private
 * number (invalid curve attack).
 */
function agrees({ header }: UnverifiedJwe, { crv }: DecryptionKey): boolean {
  if (crv === null) return true
  const { epk, apu, apv } = membersOf(header, ['epk', 'apu', 'apv'])
  if (typeof epk !== 'object' || epk === null || Array.isArray(epk) || Object.hasOwn(epk, 'd')) return false
  for (const name of ['apu', 'apv'] as const) {
    if ((name === 'apu' ? apu : apv) !== undefined && bytesOf(header, name) === null) return false
  }
  const { kty, crv: said } = membersOf(epk, ['kty', 'crv'])
  if (said !== crv || kty !== (crv === 'X25519' ? 'OKP' : 'EC')) return false
  const size = crv === 'X25519' ? X25519_BYTES : COORDINATE_BYTES.get(crv)
  const coordinates = crv === 'X25519' ? ['x'] : ['x', 'y']
  if (!coordinates.every((name) => bytesOf(epk, name)?.length === size)) return false
  return importPublic({ ...epk }) !== null
}

/** What a caller wrote, cut and escaped, for a line that an operator reads. */
function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 64))
}
