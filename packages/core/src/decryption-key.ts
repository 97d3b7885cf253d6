import {
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
} from 'node:crypto'
import { isJweAlgorithm, JWE_ALGORITHMS, type JweAlgorithm, type JweAlgorithmName } from './jwe-algorithm.ts'
import type { Jwk, KeyHandle } from './jwk.ts'
import { bytesOf, COORDINATE_BYTES, membersOf } from './jwk-members.ts'
import { rsaKeyProblem } from './rsa-key.ts'

/** A key that decrypts tokens, by one algorithm (RFC 8725 section 3.1). */
export interface DecryptionKey {
  readonly kid: string
  readonly algorithm: JweAlgorithmName
  readonly key: KeyHandle
  /** The curve that both sides are on; null: it agrees on nothing. */
  readonly crv: 'P-256' | 'P-384' | 'P-521' | 'X25519' | null
  /** Length of an RSA modulus or of a secret; null of others. Bytes. */
  readonly bytes: number | null
  /** What may be shown of it: the public key; of a secret, that there is one. */
  readonly shown: Jwk
}

export type DecryptionKeyReading =
  | { readonly ok: true; readonly key: DecryptionKey }
  /** `problem` names members and never quotes one. */
  | { readonly ok: false; readonly problem: string }

/** Most keys of one issuer: the present one, those that it replaces, and some. */
export const MAX_DECRYPTION_KEYS = 10
const MAX_KID_LENGTH = 256
/** Each token costs a private operation before anything is known of whoever sent it, and its time grows by the cube. */
const MAX_RSA_BYTES = 512

type Material = Pick<DecryptionKey, 'key' | 'crv' | 'bytes' | 'shown'>

/** Reads a JWK as a key to decrypt tokens with: a private key, or a secret. It must say by which algorithm, and its name. */
export function readDecryptionKey(jwk: unknown): DecryptionKeyReading {
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) return refused('is not a JSON object')
  const { kid, alg } = membersOf(jwk, ['kid', 'alg'])
  if (typeof kid !== 'string' || kid === '' || kid.length > MAX_KID_LENGTH)
    return refused(`has no kid of 1 to ${MAX_KID_LENGTH} characters, by which tokens name it`)
  if (!isJweAlgorithm(alg)) {
    return refused(`has an alg that is none of ${Object.keys(JWE_ALGORITHMS).join(', ')}`)
  }
  const problem = purposeProblem(jwk)
  if (problem !== null) return refused(problem)
  const material = materialFor(JWE_ALGORITHMS[alg], jwk)
  if (typeof material === 'string') return refused(material)
  const shown = { ...material.shown, kid, alg, use: 'enc' }
  return { ok: true, key: { ...material, kid, algorithm: alg, shown } }
}

function refused(problem: string): DecryptionKeyReading {
  return { ok: false, problem }
}

/** RFC 7517 section 4.3: what has to do with decrypting. */
const OPERATIONS = ['decrypt', 'unwrapKey', 'deriveKey', 'deriveBits']

function purposeProblem(jwk: object): string | null {
  const { use, key_ops: operations } = membersOf(jwk, ['use', 'key_ops'])
  if (use !== undefined && use !== 'enc') return 'has a use that is not enc'
  if (operations === undefined) return null
  if (!Array.isArray(operations) || !operations.some((operation) => OPERATIONS.includes(operation)))
    return `has key_ops that hold none of ${OPERATIONS.join(', ')}`
  return null
}

function materialFor(algorithm: JweAlgorithm, jwk: object): Material | string {
  const { kty, crv } = membersOf(jwk, ['kty', 'crv'])
  switch (algorithm.kty) {
    case 'RSA':
      return kty === 'RSA' ? readRsa(jwk) : 'has a kty that does not go with its alg: RSA does'
    case 'ECDH':
      if (kty === 'EC') return readEc(jwk, crv)
      return kty === 'OKP' ? readX25519(jwk, crv) : 'has a kty that does not go with its alg: EC and OKP do'
    case 'oct':
      return kty === 'oct'
        ? readSecret(jwk, algorithm.secretBytes)
        : 'has a kty that does not go with its alg: oct does'
  }
}

const CRT_MEMBERS = ['p', 'q', 'dp', 'dq', 'qi'] as const

function readRsa(jwk: object): Material | string {
  const [n, e, d] = [bytesOf(jwk, 'n'), bytesOf(jwk, 'e'), bytesOf(jwk, 'd')]
  if (n === null || e === null || d === null) return 'lacks n, e or d, or one is not base64url'
  const weakness = rsaKeyProblem(n, e)
  if (weakness !== null) return `is no key that will do: ${weakness}`
  if (n.length > MAX_RSA_BYTES) return `has an n of more than ${MAX_RSA_BYTES * 8} bits`
  const crt = CRT_MEMBERS.map((name) => [name, bytesOf(jwk, name)?.toString('base64url')] as const)
  if (crt.some(([, value]) => value === undefined)) return `lacks one of ${CRT_MEMBERS.join(', ')}`
  const shown = { kty: 'RSA', n: n.toString('base64url'), e: e.toString('base64url') }
  const key = importPrivate({ ...shown, d: d.toString('base64url'), ...Object.fromEntries(crt) })
  if (key === null || !decryptsOwn(key)) return 'has private members that do not go with n and e'
  return { key, crv: null, bytes: n.length, shown }
}

/** Numbers that do not belong together would be found out by the first token. */
function decryptsOwn(key: KeyObject): boolean {
  const message = Buffer.from('together')
  try {
    return privateDecrypt(key, publicEncrypt(createPublicKey(key), message)).equals(message)
  } catch {
    return false
  }
}

function readEc(jwk: object, crv: unknown): Material | string {
  const size = COORDINATE_BYTES.get(crv)
  if (size === undefined) return 'has a crv that is none of P-256, P-384, P-521 and X25519'
  const texts = exactTexts(jwk, ['x', 'y', 'd'], size)
  if (texts === null) return `lacks x, y or d, or one is not base64url of ${size} bytes`
  const shown = { kty: 'EC', crv, x: texts.x, y: texts.y }
  const key = importPrivate({ ...shown, d: texts.d })
  if (key === null) return 'has a d that does not go with x and y'
  return { key, crv: crv as 'P-256' | 'P-384' | 'P-521', bytes: null, shown }
}

const X25519_BYTES = 32

function readX25519(jwk: object, crv: unknown): Material | string {
  if (crv !== 'X25519') return 'has a crv that is none of P-256, P-384, P-521 and X25519'
  const texts = exactTexts(jwk, ['x', 'd'], X25519_BYTES)
  if (texts === null) return `lacks x or d, or one is not base64url of ${X25519_BYTES} bytes`
  const shown = { kty: 'OKP', crv, x: texts.x }
  const key = importPrivate({ ...shown, d: texts.d })
  if (key === null) return 'has a d that does not go with x'
  return { key, crv, bytes: null, shown }
}

function exactTexts<const Name extends string>(
  jwk: object,
  names: readonly Name[],
  size: number,
): Readonly<Record<Name, string>> | null {
  const texts: Partial<Record<Name, string>> = {}
  for (const name of names) {
    const bytes = bytesOf(jwk, name)
    if (bytes?.length !== size) return null
    texts[name] = bytes.toString('base64url')
  }
  return texts as Record<Name, string>
}

function readSecret(jwk: object, size: number | null): Material | string {
  const secret = bytesOf(jwk, 'k')
  if (secret === null) return 'has a k that is not base64url'
  if (size !== null && secret.length !== size) return `has a k that is not ${size} bytes long`
  if (size === null && ![16, 32, 64].includes(secret.length))
    return 'has a k that is as long as no key of content: 16, 32 or 64 bytes'
  return { key: createSecretKey(secret), crv: null, bytes: secret.length, shown: { kty: 'oct' } }
}

/** Null where the numbers are no key, or its public half is another's. */
function importPrivate(jwk: Record<string, unknown>): KeyObject | null {
  try {
    return createPrivateKey({ key: jwk, format: 'jwk' })
  } catch {
    return null
  }
}
