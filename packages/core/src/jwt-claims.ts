import type { JwsHeader } from './jws.ts'
import { parseStrictJson } from './strict-json.ts'
import type { DenialCode } from './verdict.ts'

/** What a token must say to count. All of it is set by whoever trusts the issuer, none by the token. */
export interface JwtRules {
  /** `iss`, character for character (RFC 8725 section 3.8). */
  readonly issuer: string
  /** What `aud` is, or holds (RFC 8725 section 3.9). */
  readonly audience: string
  /**
   * Media types that `typ` may name, with or without `application/` (RFC 8725 section 3.11). Null: what access tokens
   * say, which is nothing, `JWT` or `at+jwt`; a token that calls itself something else was made for something else.
   */
  readonly types: readonly string[] | null
  /** How far the issuer's clock may be from ours, 0 to 300 seconds. */
  readonly clockSkewSeconds: number
  /** How long after `iat` a token counts, whatever its `exp`; `iat` is then demanded. Null: `exp` alone decides. */
  readonly maxAgeSeconds: number | null
}

/** The registered claims (RFC 7519 section 4.1), read; and all claims, as they stand in the token. */
export interface JwtClaims {
  readonly issuer: string
  readonly subject: string | null
  readonly audiences: readonly string[]
  readonly expiresAtMs: number
  readonly notBeforeMs: number | null
  readonly issuedAtMs: number | null
  /** `jti`: by it a single token is revoked. */
  readonly tokenId: string | null
  readonly all: Readonly<Record<string, unknown>>
}

export type ClaimsRefusal = { readonly ok: false; readonly code: DenialCode; readonly detail: string }
export type ClaimsResult = { readonly ok: true; readonly claims: JwtClaims } | ClaimsRefusal

export const MAX_CLOCK_SKEW_SECONDS = 300
/** Longest iss, sub, jti and audience: GitHub's subjects name repository, branch and environment. Characters. */
const MAX_CLAIM_LENGTH = 1024
const MAX_AUDIENCES = 64
/** What a Date can hold (ECMAScript section 21.4.1.1): beyond it nothing is a moment. */
const MAX_DATE_SECONDS = 8_640_000_000_000
const ACCESS_TOKEN_TYPES = ['jwt', 'at+jwt']

/** What is wrong with rules that somebody sets up, or null. */
export function jwtRulesProblem(rules: JwtRules): string | null {
  const { issuer, audience, types, clockSkewSeconds: skew, maxAgeSeconds: maxAge } = rules
  if (!isClaimText(issuer)) return 'the issuer is empty or too long'
  if (!isClaimText(audience)) return 'the audience is empty or too long'
  if (types !== null && types.length === 0) return 'the list of types is empty, so no token would count'
  if (!Number.isFinite(skew) || skew < 0 || skew > MAX_CLOCK_SKEW_SECONDS) {
    return `the clock skew is not from 0 to ${MAX_CLOCK_SKEW_SECONDS} seconds`
  }
  if (maxAge !== null && !(Number.isFinite(maxAge) && maxAge > 0))
    return 'the greatest age is not above 0 seconds'
  return null
}

/**
 * Checks what a token says (RFC 7519, RFC 8725; with types `['at+jwt']` also RFC 9068 section 4), in this order: form,
 * issuer, time, audience. Its signature must have been verified before: nothing here proves anything.
 * @param payload the bytes that were signed
 */
export function checkJwtClaims(
  header: JwsHeader,
  payload: Uint8Array,
  rules: JwtRules,
  nowMs: number,
): ClaimsResult {
  if (!isAcceptedType(header.typ, rules.types))
    return refused('MALFORMED', 'typ says that it is another kind of token')
  const claims = readClaims(payload)
  if (typeof claims === 'string') return refused('MALFORMED', claims)
  if (claims.issuer !== rules.issuer) return refused('UNTRUSTED_ISSUER', 'iss is another issuer')
  const untimely = timeProblem(claims, rules, nowMs)
  if (untimely !== null) return untimely
  if (!claims.audiences.includes(rules.audience)) return refused('WRONG_AUDIENCE', 'aud names somebody else')
  return { ok: true, claims }
}

function refused(code: DenialCode, detail: string): ClaimsRefusal {
  return { ok: false, code, detail }
}

function isAcceptedType(typ: string | undefined, types: JwtRules['types']): boolean {
  if (types === null) return typ === undefined || ACCESS_TOKEN_TYPES.includes(mediaType(typ))
  return typ !== undefined && types.some((type) => mediaType(type) === mediaType(typ))
}

/** Names of media types know no case, and `application/` may be left out (RFC 7515 section 4.1.9). */
function mediaType(text: string): string {
  return text.toLowerCase().replace(/^application\/(?=[^/]*$)/, '')
}

/** The claims, or what is wrong with their form. */
function readClaims(payload: Uint8Array): JwtClaims | string {
  const json = parseStrictJson(payload)
  if (!json.ok) return `the claims: ${json.problem}`
  const { value } = json
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return 'the claims are not a JSON object'
  const all = value as Readonly<Record<string, unknown>>
  for (const name of ['iss', 'sub', 'jti']) {
    if (Object.hasOwn(all, name) && !isClaimText(all[name]))
      return `${name} is not a text of 1 to ${MAX_CLAIM_LENGTH} characters`
  }
  for (const name of ['exp', 'nbf', 'iat']) {
    if (Object.hasOwn(all, name) && !isMoment(all[name])) return `${name} is not a number that is a moment`
  }
  if (!Object.hasOwn(all, 'iss')) return 'there is no iss'
  if (!Object.hasOwn(all, 'exp')) return 'there is no exp: a token that never ends is not accepted'
  const audiences = readAudiences(all)
  if (audiences === null) return `aud is not a text, or a list of at most ${MAX_AUDIENCES}`
  return {
    issuer: all.iss as string,
    subject: ownOr(all, 'sub', null) as string | null,
    audiences,
    expiresAtMs: (all.exp as number) * 1000,
    notBeforeMs: momentOf(all, 'nbf'),
    issuedAtMs: momentOf(all, 'iat'),
    tokenId: ownOr(all, 'jti', null) as string | null,
    all,
  }
}

/** Only what the token itself holds: a prototype's members are not claims. */
function ownOr(all: Readonly<Record<string, unknown>>, name: string, absent: unknown): unknown {
  return Object.hasOwn(all, name) ? all[name] : absent
}

function isClaimText(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= MAX_CLAIM_LENGTH
}

/** NumericDate (RFC 7519 section 2), fractions allowed. JSON's 1e309 is Infinity, and would never come to pass. */
function isMoment(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= MAX_DATE_SECONDS
}

function momentOf(all: Readonly<Record<string, unknown>>, name: string): number | null {
  const seconds = ownOr(all, name, null) as number | null
  return seconds === null ? null : seconds * 1000
}

/** Null where aud is something else than RFC 7519 section 4.1.3 has it; a token without aud is for nobody. */
function readAudiences(all: Readonly<Record<string, unknown>>): readonly string[] | null {
  const aud = ownOr(all, 'aud', [])
  const list = typeof aud === 'string' ? [aud] : aud
  return Array.isArray(list) && list.length <= MAX_AUDIENCES && list.every(isClaimText) ? list : null
}

/**
 * Each condition says what must hold, so that a number which is none (NaN) refuses. `exp` and the greatest age are
 * moments at which a token counts no more, `nbf` and `iat` ones at which it does (RFC 7519 section 4.1).
 */
function timeProblem(claims: JwtClaims, rules: JwtRules, nowMs: number): ClaimsRefusal | null {
  const skewMs = Math.min(rules.clockSkewSeconds, MAX_CLOCK_SKEW_SECONDS) * 1000
  const { expiresAtMs, notBeforeMs, issuedAtMs } = claims
  if (!(nowMs < expiresAtMs + skewMs)) return refused('EXPIRED', 'exp has passed')
  if (notBeforeMs !== null && !(nowMs >= notBeforeMs - skewMs))
    return refused('NOT_YET_VALID', 'nbf has not come')
  if (issuedAtMs !== null && !(nowMs >= issuedAtMs - skewMs)) {
    return refused('NOT_YET_VALID', 'iat has not come: it was issued in the future')
  }
  if (rules.maxAgeSeconds === null) return null
  if (issuedAtMs === null) return refused('MALFORMED', 'there is no iat, by which its age is known')
  if (!(nowMs < issuedAtMs + rules.maxAgeSeconds * 1000 + skewMs))
    return refused('EXPIRED', 'it is too old by its iat')
  return null
}
