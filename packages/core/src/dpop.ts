import { createHash } from 'node:crypto'
import type { DpopNonces } from './dpop-nonces.ts'
import { normalHttpUri } from './http-uri.ts'
import type { Jwk } from './jwk.ts'
import { jwkThumbprint } from './jwk-thumbprint.ts'
import { parseUnverifiedJws, type UnverifiedJws, verifyParsedJws } from './jws.ts'
import type { JwsAlgorithmName } from './jws-algorithm.ts'
import {
  PROOF_WINDOW,
  type ProofWindow,
  proofTimeProblem,
  type Redeemable,
  redeemable,
} from './proof-window.ts'
import { readStrictJsonObject } from './strict-json.ts'
import type { DenialCode } from './verdict.ts'

/**
 * What a proof may be signed with: asymmetric alone (RFC 9449 section 4.2). ES512 is not among them, since each
 * proof is of a key that its sender chose, and that one costs twenty times as much as any other.
 */
export const DPOP_ALGORITHMS = [
  'ES256',
  'ES384',
  'EdDSA',
  'Ed25519',
  'PS256',
  'RS256',
] as const satisfies readonly JwsAlgorithmName[]

/** Longest proof, in characters: one by RSA with 8192 bits and a long URI is half of it. */
export const MAX_DPOP_LENGTH = 8192
const MAX_JTI_LENGTH = 256

export interface ExpectedDpopProof {
  readonly method: string
  /** The request's absolute URI as its client knows it; query and fragment are not compared. */
  readonly uri: string
  /** The credential it stands beside, as presented; null where none does, as in a token request. */
  readonly credential: string | null
  /** Of the key that the credential is bound to; null where the proof is what will bind it. */
  readonly thumbprint: string | null
  /** Those of which the proof must hold one; null where none is demanded. */
  readonly nonces: Pick<DpopNonces, 'accepts'> | null
  readonly window?: ProofWindow
}

/** Codes of RFC 9449: of the proof itself, of its key (section 7.1), and of its nonce (sections 8 and 9). */
export type DpopError = 'invalid_dpop_proof' | 'invalid_token' | 'use_dpop_nonce'

export type DpopResult =
  | {
      readonly ok: true
      /** `jkt`: of the key that signed. */
      readonly thumbprint: string
      readonly jti: string
      /** Seconds since the epoch, by the clock of whoever signed. */
      readonly iat: number
      readonly nonce: string | null
      /** What the replay guard is to be asked for; unless that is the first, the proof is REPLAYED. */
      readonly redeemable: Redeemable
    }
  /** `detail` is for the operator, and quotes neither key nor credential. */
  | { readonly ok: false; readonly code: DenialCode; readonly error: DpopError; readonly detail: string }

type DpopRefusal = Extract<DpopResult, { ok: false }>

/**
 * The checks of RFC 9449 section 4.3 on one DPoP proof, but for two that are not its own: that there is exactly one
 * header of the name, and that it was not used before. Takes any input; never throws.
 */
export function checkDpopProof(proof: unknown, expected: ExpectedDpopProof, nowMs: number): DpopResult {
  if (typeof proof === 'string' && proof.length > MAX_DPOP_LENGTH)
    return refused('longer than a proof may be')
  const jws = parseUnverifiedJws(proof)
  if (!jws.ok) return refused(jws.detail)
  const signer = signerOf(jws)
  if (typeof signer !== 'string') return signer
  if (expected.thumbprint !== null && signer !== expected.thumbprint) {
    return refused('signed by another key than the one that the credential is bound to', 'invalid_token')
  }
  const claims = readClaims(jws.payload)
  if (claims === null) return refused('a claim is missing, of another type, or too long')
  const { jti, iat, nonce } = claims
  const window = expected.window ?? PROOF_WINDOW
  const refusal = requestRefusal(claims, expected) ?? timeRefusal(iat, window, nowMs)
  if (refusal !== null) return refusal
  if (expected.nonces !== null && (nonce === null || !expected.nonces.accepts(nonce, nowMs))) {
    const detail =
      nonce === null ? 'without the nonce that is demanded' : 'the nonce is not one that counts now'
    return refused(detail, 'use_dpop_nonce')
  }
  return {
    ok: true,
    thumbprint: signer,
    jti,
    iat,
    nonce,
    redeemable: redeemable(`dpop:${signer}`, jti, iat, window),
  }
}

/** Members that only whoever signs may have (RFC 7518 section 6): a proof that carries one has given its key away. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'] as const

/** The thumbprint of the key in the header, once the signature is that key's. */
function signerOf(jws: UnverifiedJws): string | DpopRefusal {
  const { typ, jwk } = jws.header
  if (typ !== 'dpop+jwt') return refused('typ is not dpop+jwt')
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) return refused('no jwk in the header')
  if (PRIVATE_MEMBERS.some((name) => Object.hasOwn(jwk, name))) {
    return refused('jwk holds a private or secret member: that key is compromised')
  }
  // The key is the one in the header, whatever names it and the header may have for it.
  const { kid: _name, ...key } = jwk as Jwk
  const result = verifyParsedJws(jws, { keys: [key], algorithms: DPOP_ALGORITHMS })
  if (!result.ok) return refused(result.detail)
  return jwkThumbprint(key) ?? refused('jwk has no thumbprint')
}

interface DpopClaims {
  readonly jti: string
  readonly htm: string
  readonly htu: string
  readonly iat: number
  readonly ath: string | null
  readonly nonce: string | null
}

function readClaims(payload: Uint8Array): DpopClaims | null {
  const claims = readStrictJsonObject(payload)
  if (claims === null) return null
  const { jti, htm, htu, iat, ath = null, nonce = null } = claims
  const isWhole =
    typeof jti === 'string' &&
    typeof htm === 'string' &&
    typeof htu === 'string' &&
    typeof iat === 'number' &&
    (ath === null || typeof ath === 'string') &&
    (nonce === null || typeof nonce === 'string')
  if (!isWhole || jti === '' || jti.length > MAX_JTI_LENGTH) return null
  return { jti, htm, htu, iat, ath, nonce }
}

function requestRefusal(claims: DpopClaims, expected: ExpectedDpopProof): DpopRefusal | null {
  if (claims.htm !== expected.method) return refused('htm is another method')
  const uri = normalHttpUri(expected.uri)
  if (uri === null) {
    return { ...refused('the request has no URI that could be compared'), code: 'BAD_REQUEST' }
  }
  if (normalHttpUri(claims.htu) !== uri) return refused('htu is another URI')
  if (expected.credential === null) return null
  if (claims.ath === null) return refused('without ath, which a proof beside a credential must have')
  const digest = createHash('sha256').update(expected.credential).digest('base64url')
  return claims.ath === digest ? null : refused('ath is of another credential', 'invalid_token')
}

function timeRefusal(iat: number, window: ProofWindow, nowMs: number): DpopRefusal | null {
  const problem = proofTimeProblem(iat, window, nowMs)
  return problem === null ? null : refused(`iat is ${problem}`)
}

function refused(detail: string, error: DpopError = 'invalid_dpop_proof'): DpopRefusal {
  return { ok: false, code: 'BINDING_MISMATCH', error, detail: `DPoP: ${detail}` }
}
