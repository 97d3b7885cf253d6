import {
  createCipheriv,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  type webcrypto,
} from 'node:crypto'
import { CompactEncrypt, importJWK } from 'jose'
import { JWE_ALGORITHMS, type JweAlgorithm, type JweAlgorithmName } from '../jwe-algorithm.ts'
import { encode } from './jws-samples.ts'

export type SampleCurve = 'P-256' | 'P-384' | 'P-521' | 'X25519'

const pairs = new Map<string, webcrypto.JsonWebKey>()

/** A private key or a secret for the algorithm, as a JWK; the same one for all that can share it. */
export function decryptionJwk(
  algorithm: JweAlgorithmName,
  {
    kid = 'd1',
    which = 'first',
    curve = 'P-256' as SampleCurve,
    bytes = 32,
  }: { kid?: string; which?: string; curve?: SampleCurve; bytes?: number } = {},
): Readonly<Record<string, unknown>> {
  const { kty, secretBytes }: JweAlgorithm = JWE_ALGORITHMS[algorithm]
  const size = secretBytes ?? bytes
  const id = `${kty} ${which} ${kty === 'ECDH' ? curve : ''} ${kty === 'oct' ? size : ''}`
  const jwk = pairs.get(id) ?? makeKey(kty, curve, size)
  pairs.set(id, jwk)
  return { ...jwk, kid, alg: algorithm }
}

function makeKey(kty: JweAlgorithm['kty'], curve: SampleCurve, bytes: number): webcrypto.JsonWebKey {
  if (kty === 'oct') return { kty, k: randomBytes(bytes).toString('base64url') }
  return privateKeyOf(kty, curve).export({ format: 'jwk' })
}

function privateKeyOf(kty: 'RSA' | 'ECDH', curve: SampleCurve): KeyObject {
  if (kty === 'RSA') return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  return curve === 'X25519'
    ? generateKeyPairSync('x25519').privateKey
    : generateKeyPairSync('ec', { namedCurve: curve }).privateKey
}

/** The half that whoever encrypts has. */
export function encryptionJwk(jwk: Readonly<Record<string, unknown>>): Record<string, unknown> {
  if (jwk.kty === 'oct') return { ...jwk }
  const half = createPublicKey({ key: { ...jwk }, format: 'jwk' }).export({ format: 'jwk' })
  return { ...half, kid: jwk.kid, alg: jwk.alg }
}

/** A JWE that jose makes. @param over members of the header; undefined takes one away */
export async function encryptJwe(
  content: string | Uint8Array,
  jwk: Readonly<Record<string, unknown>>,
  enc: string,
  over: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const alg = String(over.alg ?? jwk.alg)
  const key = await importJWK(encryptionJwk(jwk), alg)
  const all = { alg, enc, kid: jwk.kid, cty: 'JWT', ...over }
  const header = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
  return new CompactEncrypt(Buffer.from(content)).setProtectedHeader({ ...header, alg, enc }).encrypt(key)
}

/**
 * A JWE of `dir` with A256GCM and any header at all, rightly encrypted and authenticated: what no library would make.
 * @param header a value, or the text itself
 */
export function encryptDirectly(content: string | Uint8Array, secret: Uint8Array, header: unknown): string {
  const protectedHeader = encode(header)
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', secret, iv)
  cipher.setAAD(Buffer.from(protectedHeader))
  const ciphertext = Buffer.concat([cipher.update(content), cipher.final()])
  const parts = [iv, ciphertext, cipher.getAuthTag()].map((part) => part.toString('base64url'))
  return [protectedHeader, '', ...parts].join('.')
}
