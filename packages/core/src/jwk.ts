import { createSecretKey } from 'node:crypto'
import { isLowOrderEd25519 } from './ed25519-point.ts'
import { bytesOf, COORDINATE_BYTES, importPublic, membersOf } from './jwk-members.ts'
import {
  isJwsAlgorithm,
  JWS_ALGORITHM_NAMES,
  JWS_ALGORITHMS,
  type JwsAlgorithmName,
} from './jws-algorithm.ts'
import { rsaKeyProblem } from './rsa-key.ts'

/** A JSON Web Key (RFC 7517), as it came out of JSON: nothing of it is believed before it was read. */
export type Jwk = Readonly<Record<string, unknown>>

/** A KeyObject of node:crypto: named so that whoever compiles against this package needs no types of Node. */
export interface KeyHandle {
  readonly type: string
  equals(other: KeyHandle): boolean
}

/** A key that may verify, and nothing else: private members of the JWK were never read. */
export interface VerificationKey {
  readonly kid: string | null
  readonly kty: 'EC' | 'RSA' | 'OKP' | 'oct'
  /** What it may verify: what its kind, curve and length allow, or the one that its `alg` names. */
  readonly algorithms: readonly JwsAlgorithmName[]
  readonly key: KeyHandle
  /** Exact length of its signatures where the key decides it: bytes of an RSA modulus. Else null. */
  readonly signatureBytes: number | null
}

export type JwkReading =
  | { readonly ok: true; readonly key: VerificationKey }
  /** `problem` names members and never quotes one: a value may be a secret. */
  | { readonly ok: false; readonly problem: string }

type Material = Pick<VerificationKey, 'kty' | 'key' | 'signatureBytes' | 'algorithms'>

/**
 * Reads one JWK as a key to verify signatures with. Refuses what RFC 7517 and RFC 7518 call wrong, what is meant
 * for something else (`use`, `key_ops`, `alg`), and what is too weak. Members that it does not know are ignored
 * (RFC 7517 section 4), private ones (`d`, `p`, …) too: they add nothing to a verification.
 */
export function readJwk(jwk: unknown): JwkReading {
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) return refused('not a JSON object')
  const { kid, alg } = membersOf(jwk, ['kid', 'alg'])
  if (kid !== undefined && typeof kid !== 'string') return refused('kid is not a string')
  const problem = purposeProblem(jwk)
  if (problem !== null) return refused(problem)
  const material = readMaterial(jwk)
  if (typeof material === 'string') return refused(material)
  if (alg === undefined) return { ok: true, key: { ...material, kid: kid ?? null } }
  if (!isJwsAlgorithm(alg)) return refused('alg is not an algorithm of signatures')
  if (!material.algorithms.includes(alg))
    return refused('alg does not go with the kind, curve or length of the key')
  return { ok: true, key: { ...material, kid: kid ?? null, algorithms: [alg] } }
}

function refused(problem: string): JwkReading {
  return { ok: false, problem }
}

const SIGNING_OPERATIONS = ['sign', 'verify']

/** RFC 7517 sections 4.2 and 4.3: a key for encryption verifies nothing; both members, where given, must agree. */
function purposeProblem(jwk: object): string | null {
  const { use, key_ops: operations } = membersOf(jwk, ['use', 'key_ops'])
  if (use !== undefined && use !== 'sig') return 'use is not sig'
  if (operations === undefined) return null
  if (!Array.isArray(operations) || !operations.includes('verify')) return 'key_ops does not hold verify'
  if (operations.some((operation) => typeof operation !== 'string'))
    return 'key_ops holds something else than strings'
  if (new Set(operations).size !== operations.length) return 'key_ops names an operation twice'
  if (use === 'sig' && !operations.every((operation) => SIGNING_OPERATIONS.includes(operation))) {
    return 'use and key_ops contradict each other'
  }
  return null
}

/** The key itself, or what is wrong with it. */
function readMaterial(jwk: object): Material | string {
  const { kty, crv } = membersOf(jwk, ['kty', 'crv'])
  switch (kty) {
    case 'EC':
      return readEc(jwk, crv)
    case 'RSA':
      return readRsa(jwk)
    case 'OKP':
      return readOkp(jwk, crv)
    case 'oct':
      return readOct(jwk)
    default:
      return 'kty is none of EC, RSA, OKP and oct'
  }
}

function readEc(jwk: object, crv: unknown): Material | string {
  const size = COORDINATE_BYTES.get(crv)
  if (size === undefined) return 'crv is none of P-256, P-384 and P-521'
  const x = bytesOf(jwk, 'x')
  const y = bytesOf(jwk, 'y')
  if (x?.length !== size || y?.length !== size) return `x or y is not base64url of ${size} bytes`
  const key = importPublic({ kty: 'EC', crv, x: toText(x), y: toText(y) })
  if (key === null) return 'x and y are no point of the curve'
  return { kty: 'EC', key, signatureBytes: null, algorithms: algorithmsFor('EC', crv) }
}

function readRsa(jwk: object): Material | string {
  const n = bytesOf(jwk, 'n')
  const e = bytesOf(jwk, 'e')
  if (n === null || e === null) return 'n or e is not base64url'
  const problem = rsaKeyProblem(n, e)
  if (problem !== null) return problem
  const key = importPublic({ kty: 'RSA', n: toText(n), e: toText(e) })
  if (key === null) return 'n and e are no RSA key'
  return { kty: 'RSA', key, signatureBytes: n.length, algorithms: algorithmsFor('RSA', null) }
}

const ED25519_BYTES = 32

function readOkp(jwk: object, crv: unknown): Material | string {
  if (crv !== 'Ed25519') return 'crv is not Ed25519'
  const x = bytesOf(jwk, 'x')
  if (x?.length !== ED25519_BYTES) return `x is not base64url of ${ED25519_BYTES} bytes`
  if (isLowOrderEd25519(x)) return 'x is a point of low order, or is not written in its one form'
  const key = importPublic({ kty: 'OKP', crv, x: toText(x) })
  if (key === null) return 'x is no Ed25519 key'
  return { kty: 'OKP', key, signatureBytes: null, algorithms: algorithmsFor('OKP', crv) }
}

/** RFC 7518 section 3.2: a secret shorter than the hash is not used with it. */
function readOct(jwk: object): Material | string {
  const secret = bytesOf(jwk, 'k')
  if (secret === null) return 'k is not base64url'
  const algorithms = algorithmsFor('oct', null).filter(
    (name) => JWS_ALGORITHMS[name].hashBytes <= secret.length,
  )
  if (algorithms.length === 0) return `k has ${secret.length} bytes, fewer than any HMAC demands`
  return { kty: 'oct', key: createSecretKey(secret), signatureBytes: null, algorithms }
}

function algorithmsFor(kty: VerificationKey['kty'], crv: unknown): JwsAlgorithmName[] {
  return JWS_ALGORITHM_NAMES.filter(
    (name) => JWS_ALGORITHMS[name].kty === kty && JWS_ALGORITHMS[name].crv === crv,
  )
}

function toText(bytes: Buffer): string {
  return bytes.toString('base64url')
}
