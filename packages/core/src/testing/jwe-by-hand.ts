import {
  constants,
  createCipheriv,
  createHash,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  publicEncrypt,
  randomBytes,
} from 'node:crypto'
import { JWE_ENCRYPTIONS, type JweEncryptionName } from '../jwe-algorithm.ts'
import { encode } from './jws-samples.ts'

/**
 * A JWE as RFC 7518 sections 4 and 5 spell it out, of nothing but OpenSSL's primitives: the library that decrypts must not
 * be the only one that encrypts.
 * @param jwk the private key or secret, of which the public half is used
 * @param over writes the header otherwise, before it is authenticated
 */
export function encryptByHand(
  content: string,
  jwk: Readonly<Record<string, unknown>>,
  enc: JweEncryptionName,
  over: (header: Record<string, unknown>) => object = (header) => header,
): string {
  const alg = String(jwk.alg)
  const { keyBytes } = JWE_ENCRYPTIONS[enc]
  const { cek, encryptedKey, members } = contentKey(alg, jwk, enc, keyBytes)
  const header = encode(over({ alg, enc, kid: jwk.kid, ...members }))
  const parts = encryptContent(enc, cek, Buffer.from(header), Buffer.from(content))
  return [header, ...[encryptedKey, ...parts].map((part) => part.toString('base64url'))].join('.')
}

interface ContentKey {
  readonly cek: Buffer
  readonly encryptedKey: Buffer
  readonly members?: Readonly<Record<string, unknown>>
}

function contentKey(
  alg: string,
  jwk: Readonly<Record<string, unknown>>,
  enc: string,
  keyBytes: number,
): ContentKey {
  const secret = () => Buffer.from(String(jwk.k), 'base64url')
  const none = Buffer.alloc(0)
  if (alg === 'dir') return { cek: secret(), encryptedKey: none }
  const cek = randomBytes(keyBytes)
  if (alg.startsWith('RSA-OAEP')) {
    const key = createPublicKey({ key: { ...jwk }, format: 'jwk' })
    const oaepHash = alg === 'RSA-OAEP' ? 'sha1' : 'sha256'
    const padding = constants.RSA_PKCS1_OAEP_PADDING
    return { cek, encryptedKey: publicEncrypt({ key, padding, oaepHash }, cek) }
  }
  if (!alg.startsWith('ECDH-ES')) return { cek, encryptedKey: wrap(secret(), cek) }
  const wrapBytes = alg === 'ECDH-ES' ? null : Number(/A(\d+)KW/.exec(alg)?.[1]) / 8
  const { shared, epk } = agreement(jwk)
  const derived = concatKdf(shared, wrapBytes === null ? enc : alg, wrapBytes ?? keyBytes)
  return wrapBytes === null
    ? { cek: derived, encryptedKey: none, members: { epk } }
    : { cek, encryptedKey: wrap(derived, cek), members: { epk } }
}

function agreement(jwk: Readonly<Record<string, unknown>>): { shared: Buffer; epk: object } {
  const publicKey = createPublicKey({ key: { ...jwk }, format: 'jwk' })
  const ephemeral =
    jwk.crv === 'X25519'
      ? generateKeyPairSync('x25519')
      : generateKeyPairSync('ec', { namedCurve: String(jwk.crv) })
  const shared = diffieHellman({ privateKey: ephemeral.privateKey, publicKey })
  return { shared, epk: ephemeral.publicKey.export({ format: 'jwk' }) }
}

/** RFC 7518 section 4.6.2, without PartyUInfo and PartyVInfo. */
function concatKdf(shared: Buffer, algorithm: string, bytes: number): Buffer {
  const number = (value: number) => {
    const four = Buffer.alloc(4)
    four.writeUInt32BE(value)
    return four
  }
  const info = [number(algorithm.length), algorithm, number(0), number(0), number(bytes * 8)]
  const blocks = Array.from({ length: Math.ceil(bytes / 32) }, (_, index) => {
    const hash = createHash('sha256')
      .update(number(index + 1))
      .update(shared)
    for (const part of info) hash.update(part)
    return hash.digest()
  })
  return Buffer.concat(blocks).subarray(0, bytes)
}

/** RFC 3394. */
function wrap(key: Buffer, cek: Buffer): Buffer {
  const cipher = createCipheriv(`id-aes${key.length * 8}-wrap`, key, Buffer.alloc(8, 0xa6))
  return Buffer.concat([cipher.update(cek), cipher.final()])
}

/** Initialisation vector, ciphertext and tag. */
function encryptContent(enc: JweEncryptionName, cek: Buffer, aad: Buffer, content: Buffer): Buffer[] {
  const iv = randomBytes(JWE_ENCRYPTIONS[enc].ivBytes)
  if (enc === 'A128GCM' || enc === 'A256GCM') {
    const cipher = createCipheriv(enc === 'A128GCM' ? 'aes-128-gcm' : 'aes-256-gcm', cek, iv)
    cipher.setAAD(aad)
    const ciphertext = Buffer.concat([cipher.update(content), cipher.final()])
    return [iv, ciphertext, cipher.getAuthTag()]
  }
  const half = cek.length / 2
  const cipher = createCipheriv(`aes-${half * 8}-cbc`, cek.subarray(half), iv)
  const ciphertext = Buffer.concat([cipher.update(content), cipher.final()])
  const aadBits = Buffer.alloc(8)
  aadBits.writeBigUInt64BE(BigInt(aad.length * 8))
  const mac = createHmac(half === 16 ? 'sha256' : 'sha512', cek.subarray(0, half))
  for (const part of [aad, iv, ciphertext, aadBits]) mac.update(part)
  return [iv, ciphertext, mac.digest().subarray(0, half)]
}
