import {
  constants,
  createHmac,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  type webcrypto,
} from 'node:crypto'
import { JWS_ALGORITHMS, type JwsAlgorithm, type JwsAlgorithmName } from '../jws-algorithm.ts'

/** A key that signs, and the JWK by which others verify. */
export interface SampleKey {
  readonly jwk: webcrypto.JsonWebKey
  /** A secret's bytes for HMAC. */
  readonly signer: KeyObject | Buffer
}

const pairs = new Map<string, SampleKey>()

/** A key that goes with the algorithm; the same one for all that can share it, since RSA keys take long to make. */
export function sampleKey(name: JwsAlgorithmName, which = 'first'): SampleKey {
  const { kty, crv }: JwsAlgorithm = JWS_ALGORITHMS[name]
  const id = `${kty} ${crv} ${which}`
  const key = pairs.get(id) ?? makeKey(kty, crv)
  pairs.set(id, key)
  return key
}

function makeKey(kty: JwsAlgorithm['kty'], crv: JwsAlgorithm['crv']): SampleKey {
  if (kty === 'oct') {
    const secret = randomBytes(64)
    return { jwk: { kty, k: secret.toString('base64url') }, signer: secret }
  }
  const { publicKey, privateKey } =
    kty === 'RSA'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : kty === 'EC'
        ? generateKeyPairSync('ec', { namedCurve: crv! })
        : generateKeyPairSync('ed25519')
  return { jwk: publicKey.export({ format: 'jwk' }), signer: privateKey }
}

export function encode(value: unknown): string {
  const bytes = value instanceof Uint8Array || typeof value === 'string' ? value : JSON.stringify(value)
  return Buffer.from(bytes).toString('base64url')
}

/** A compact JWS; `header` may be text, so that what no honest issuer writes can be signed too. */
export function signJws(
  name: JwsAlgorithmName,
  signer: SampleKey['signer'],
  payload: unknown,
  header: unknown = { alg: name },
): string {
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${signBytes(name, signer, Buffer.from(input)).toString('base64url')}`
}

export function signBytes(name: JwsAlgorithmName, signer: SampleKey['signer'], input: Buffer): Buffer {
  const { hash, padding, hashBytes }: JwsAlgorithm = JWS_ALGORITHMS[name]
  if (Buffer.isBuffer(signer)) return createHmac(hash!, signer).update(input).digest()
  if (padding === 'pss') {
    const key = { key: signer, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: hashBytes }
    return sign(hash, input, key)
  }
  return sign(hash, input, { key: signer, dsaEncoding: 'ieee-p1363' })
}
