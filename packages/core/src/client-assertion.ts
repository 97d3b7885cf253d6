import { CLIENT_ID_PREFIX } from './basic-credentials.ts'
import type { CheckName } from './decision.ts'
import { type Jwk, readJwk, type VerificationKey } from './jwk.ts'
import { JWS_FORM, type UnverifiedJws } from './jws.ts'
import type { JwsAlgorithmName } from './jws-algorithm.ts'
import { signatureVerifies } from './jws-signature.ts'
import { checkJwtClaims } from './jwt-claims.ts'
import { CLOCK_SKEW_MS } from './limit-arithmetic.ts'
import { PROOF_WINDOW, type Redeemable } from './proof-window.ts'
import type { Binding } from './records.ts'
import { readStrictJsonObject } from './strict-json.ts'
import { unverifiedPayload } from './unverified-payload.ts'
import type { DenialCode } from './verdict.ts'

/**
 * What a client assertion (RFC 7523 section 2.2, `private_key_jwt` of OpenID Connect) may be signed with: asymmetric
 * alone, since what we hold of the client is public. Not ES512: one check is 2 ms, and anybody may ask for one.
 */
export const CLIENT_ASSERTION_ALGORITHMS = [
  'ES256',
  'ES384',
  'EdDSA',
  'Ed25519',
  'PS256',
  'PS384',
  'PS512',
  'RS256',
  'RS384',
  'RS512',
] as const satisfies readonly JwsAlgorithmName[]

/** Furthest end of an assertion from now: it is made for one request, and remembered until then. Milliseconds. */
export const MAX_ASSERTION_LIFE_MS = 300_000
/** How far the client's clock may be from ours. Milliseconds. */
const SKEW_MS = PROOF_WINDOW.maxAheadMs
const MAX_JTI_LENGTH = 256
/** What `typ` may say, where it says anything; the second is of draft-ietf-oauth-rfc7523bis. */
const ASSERTION_TYPES = ['JWT', 'client-authentication+jwt']

/** The client id that an assertion is made by, by its own word; null: it is none, since no issuer is called so. */
export function clientIn(token: string): string | null {
  if (!JWS_FORM.test(token)) return null
  const claims = readStrictJsonObject(unverifiedPayload(token))
  const issuer = claims !== null && Object.hasOwn(claims, 'iss') ? claims.iss : null
  return typeof issuer === 'string' && issuer.startsWith(CLIENT_ID_PREFIX) ? issuer : null
}

/** Keys as they were read, for as long as the record that holds them is kept. */
const read = new WeakMap<Jwk, VerificationKey | string>()

/** The key that a client's assertions are signed by; a text: why there is none. */
export function assertionKeyOf(jwk: Jwk): VerificationKey | string {
  const known = read.get(jwk)
  if (known !== undefined) return known
  const found = readAssertionKey(jwk)
  read.set(jwk, found)
  return found
}

function readAssertionKey(jwk: Jwk): VerificationKey | string {
  const reading = readJwk(jwk)
  if (!reading.ok) return reading.problem
  const isFit = CLIENT_ASSERTION_ALGORITHMS.some((name) => reading.key.algorithms.includes(name))
  return isFit ? reading.key : `is for none of the algorithms ${CLIENT_ASSERTION_ALGORITHMS.join(', ')}`
}

/** Whether an assertion may be signed so at all; which algorithm it is decides the key. */
export function isAssertionAlgorithm(name: string): name is (typeof CLIENT_ASSERTION_ALGORITHMS)[number] {
  return CLIENT_ASSERTION_ALGORITHMS.some((one) => one === name)
}

/** Whether a key may be meant by the `kid` of an assertion: its thumbprint, its own name, or left out. */
export function isMeant({ header: { kid } }: UnverifiedJws, { thumbprint, key }: SignatureBinding): boolean {
  return kid === undefined || kid === thumbprint || kid === key.kid
}

/** Whether an assertion is signed by a key, by an algorithm of that key. */
export function isSignedBy(
  { header, signingInput, signature }: UnverifiedJws,
  { key: jwk }: SignatureBinding,
) {
  const { alg } = header
  const key = assertionKeyOf(jwk)
  if (typeof key === 'string' || !isAssertionAlgorithm(alg) || !key.algorithms.includes(alg)) return false
  return signatureVerifies(alg, key, signingInput, signature)
}

type SignatureBinding = Extract<Binding, { type: 'signature' }>

export type AssertionRefusal = {
  readonly ok: false
  readonly code: DenialCode
  readonly detail: string
  readonly check: CheckName
}

/**
 * Checks what an assertion says (RFC 7523 section 3): of one client, by itself, for one audience, and soon over. Its
 * signature must have been verified before.
 */
export function checkClientAssertion(
  { header, payload }: UnverifiedJws,
  { clientId, audience }: { readonly clientId: string; readonly audience: string },
  nowMs: number,
): { readonly ok: true } | AssertionRefusal {
  const checked = checkJwtClaims(header, payload, rulesFor(header, clientId, audience), nowMs)
  if (!checked.ok) {
    const here = checked.code === 'WRONG_AUDIENCE' ? `; here it must be ${audience}` : ''
    return refused(checked.code, checked.detail + here)
  }
  const { subject, tokenId, expiresAtMs, all } = checked.claims
  if (subject !== clientId) return refused('MALFORMED', 'sub is not the client that iss names')
  // A second audience could present it here as its own.
  if (all.aud !== audience) return refused('MALFORMED', 'aud is a list: it must be one text')
  if (tokenId === null) return refused('MALFORMED', 'there is no jti')
  if (tokenId.length > MAX_JTI_LENGTH) return refused('MALFORMED', 'jti is too long')
  return expiresAtMs <= nowMs + MAX_ASSERTION_LIFE_MS + SKEW_MS
    ? { ok: true }
    : refused('MALFORMED', `exp is more than ${MAX_ASSERTION_LIFE_MS / 1000} seconds ahead`)
}

function rulesFor({ typ }: UnverifiedJws['header'], issuer: string, audience: string) {
  const types = typ === undefined ? null : ASSERTION_TYPES
  return { issuer, audience, types, clockSkewSeconds: SKEW_MS / 1000, maxAgeSeconds: null }
}

function refused(code: DenialCode, detail: string): AssertionRefusal {
  const isOver = code === 'EXPIRED' || code === 'NOT_YET_VALID'
  const check = isOver ? 'time' : code === 'WRONG_AUDIENCE' ? 'audience' : 'secret'
  return { ok: false, code, detail: `client assertion: ${detail}`, check }
}

/**
 * What the replay guard is asked for an assertion that was checked. It cannot have been used before its `iat` or `nbf`,
 * nor before its end was near enough.
 */
export function redeemableAssertion(token: string, thumbprint: string): Redeemable {
  const claims = readStrictJsonObject(unverifiedPayload(token))
  if (claims === null) throw new Error('A client assertion was not checked before it was redeemed')
  const expiresAtMs = Number(claims.exp) * 1000
  const starts = [claims.iat, claims.nbf].filter((moment) => typeof moment === 'number')
  return {
    scope: `assertion:${thumbprint}`,
    id: String(claims.jti),
    issuedAtMs: Math.max(expiresAtMs - MAX_ASSERTION_LIFE_MS, ...starts.map((one) => one * 1000)) - SKEW_MS,
    keepUntilMs: expiresAtMs + SKEW_MS + CLOCK_SKEW_MS,
  }
}
