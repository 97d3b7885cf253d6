/**
 * The closed list of answers, and the one table that says what each looks like from outside.
 * Docs, the OpenAPI document and this union are checked against the table, both ways.
 */

/** How a refusal challenges the caller (RFC 9110 section 11.6.1, RFC 6750 section 3). */
export type Challenge =
  /** A 401 without an error code: no credential was presented (RFC 6750 section 3.1). */
  'bare' | 'invalid_token' | 'invalid_request' | 'insufficient_scope' | null

interface VerdictRow {
  readonly status: number
  readonly challenge: Challenge
  /** The problem's title (RFC 9457): what the caller of the protected API may know. */
  readonly title: string
  /** What it means, for the operator: shown in docs and by `credence why`. */
  readonly meaning: string
}

/**
 * Verdict → HTTP. 401 is "who are you", 403 "you may not", 429 "not so fast", 503 "cannot know".
 * MALFORMED is about the credential, BAD_REQUEST about the request.
 */
export const VERDICTS = {
  VALID: { status: 200, challenge: null, title: 'Valid', meaning: 'Everything holds: the request may pass.' },
  MISSING: {
    status: 401,
    challenge: 'bare',
    title: 'No credential',
    meaning: 'The request carries no credential where this API looks for one.',
  },
  MALFORMED: {
    status: 401,
    challenge: 'invalid_token',
    title: 'Malformed credential',
    meaning: 'What was presented cannot be a credential: wrong form, wrong checksum, or too long.',
  },
  BAD_REQUEST: {
    status: 400,
    challenge: 'invalid_request',
    title: 'Bad request',
    meaning: 'The request itself is ambiguous or not well formed, so no decision about it would be safe.',
  },
  KIND_NOT_ACCEPTED: {
    status: 401,
    challenge: 'invalid_token',
    title: 'Kind of credential not accepted',
    meaning: 'This API or route does not accept this kind of credential.',
  },
  ROUTE_UNKNOWN: {
    status: 403,
    challenge: null,
    title: 'Unknown route',
    meaning: 'No route of this API covers the request; what no route names is denied.',
  },
  TLS_REQUIRED: {
    status: 403,
    challenge: null,
    title: 'TLS required',
    meaning: 'This API, or this kind of credential at any API, is accepted over TLS only.',
  },
  PROXY_UNTRUSTED: {
    status: 403,
    challenge: null,
    title: 'Proxy not trusted',
    meaning: 'Forward-auth was asked by a peer that is not in CREDENCE_TRUSTED_PROXIES.',
  },
  AMBIGUOUS: {
    status: 400,
    challenge: 'invalid_request',
    title: 'More than one credential',
    meaning: 'Two different credentials were presented; which of them counts would be a guess.',
  },
  NOT_FOUND: {
    status: 401,
    challenge: 'invalid_token',
    title: 'Credential not known',
    meaning: 'No credential of this workspace has this id.',
  },
  BAD_SECRET: {
    status: 401,
    challenge: 'invalid_token',
    title: 'Credential not known',
    meaning: 'The credential exists, but the secret is wrong. To the caller this looks like NOT_FOUND.',
  },
  DISABLED: {
    status: 401,
    challenge: 'invalid_token',
    title: 'Credential disabled',
    meaning: 'The credential, or the principal it belongs to, is switched off.',
  },
  EXPIRED: {
    status: 401,
    challenge: 'invalid_token',
    title: 'Credential expired',
    meaning: 'The credential, or this version of its secret, has ended.',
  },
  NOT_YET_VALID: {
    status: 401,
    challenge: 'invalid_token',
    title: 'Credential not yet valid',
    meaning: 'The moment from which the credential holds has not come.',
  },
  REVOKED: {
    status: 401,
    challenge: 'invalid_token',
    title: 'Credential revoked',
    meaning: 'The credential, or this version of its secret, was taken back.',
  },
  QUARANTINED: {
    status: 401,
    challenge: 'invalid_token',
    title: 'Credential quarantined',
    meaning: 'The credential is held back while somebody looks into it.',
  },
  WRONG_AUDIENCE: {
    status: 401,
    challenge: 'invalid_token',
    title: 'Credential not for this API',
    meaning: 'The credential is genuine, but has no grant for this API.',
  },
  UNTRUSTED_ISSUER: {
    status: 401,
    challenge: 'invalid_token',
    title: 'Issuer not trusted',
    meaning: 'The token names an issuer that this workspace does not trust.',
  },
  BAD_SIGNATURE: {
    status: 401,
    challenge: 'invalid_token',
    title: 'Signature not valid',
    meaning: 'The signature does not verify under any key of the issuer.',
  },
  BINDING_REQUIRED: {
    status: 401,
    challenge: 'invalid_token',
    title: 'Proof required',
    meaning:
      'The credential is bound to a key and was presented without a proof; or the API takes bound ones alone.',
  },
  BINDING_MISMATCH: {
    status: 401,
    challenge: 'invalid_token',
    title: 'Proof does not match',
    meaning: 'The proof beside the credential is of another key or another request.',
  },
  REPLAYED: {
    status: 401,
    challenge: 'invalid_token',
    title: 'Already used',
    meaning: 'A proof or token that may be used once was used before.',
  },
  CONDITION_FAILED: {
    status: 403,
    challenge: null,
    title: 'Not under these conditions',
    meaning: 'A condition of the credential does not hold: address, method, path or time of day.',
  },
  INSUFFICIENT_SCOPE: {
    status: 403,
    challenge: 'insufficient_scope',
    title: 'Scope missing',
    meaning: 'The credential does not have the scopes that this request needs.',
  },
  RATE_LIMITED: {
    status: 429,
    challenge: null,
    title: 'Too many requests',
    meaning: 'A rate limit of the credential, its principal or the API is used up for the moment.',
  },
  QUOTA_EXCEEDED: {
    status: 429,
    challenge: null,
    title: 'Quota used up',
    meaning: 'A quota of the period or the credits are used up.',
  },
  LOCKED_OUT: {
    status: 429,
    challenge: null,
    title: 'Too many failed attempts',
    meaning:
      'Too many passwords failed, for this username or from this address. Whoever came in from elsewhere before is not affected.',
  },
  UNAVAILABLE: {
    status: 503,
    challenge: null,
    title: 'Cannot decide now',
    meaning:
      'The store cannot be reached, or more passwords are being compared than there is room for: the request cannot be known to be allowed, so it is refused.',
  },
} as const satisfies Record<string, VerdictRow>

export type VerdictCode = keyof typeof VERDICTS
export type DenialCode = Exclude<VerdictCode, 'VALID'>
export const VERDICT_CODES = Object.keys(VERDICTS) as VerdictCode[]

/**
 * What the caller of a protected API is told. Until the secret is proven, a refusal must not reveal
 * whether the id exists; everything else may be named, since the caller has shown that it holds the secret
 * or could have computed the answer itself.
 */
export function publicCode(code: VerdictCode): VerdictCode {
  return code === 'BAD_SECRET' ? 'NOT_FOUND' : code
}

/** The `type` member of problem+json: a URI reference that the server's own docs resolve. */
export function problemType(code: string): string {
  return `/problems/${code.toLowerCase().replaceAll('_', '-')}`
}

/** What a challenge says of the API. */
export interface ChallengeFacts {
  /** The scopes needed, space-separated, for INSUFFICIENT_SCOPE. */
  readonly scope?: string | null
  /** Whether HTTP Basic would have been taken. */
  readonly takesBasic?: boolean
}

/**
 * The `WWW-Authenticate` value of a refusal, or null where the verdict has none
 * (RFC 9110 section 11.6.1; error and scope by RFC 6750 section 3; Basic by RFC 7617 section 2).
 * @param realm the API's name
 */
export function challengeFor(
  code: VerdictCode,
  realm: string,
  { scope = null, takesBasic = false }: ChallengeFacts = {},
): string | null {
  const row: VerdictRow = VERDICTS[publicCode(code)]
  if (row.challenge === null) return null
  let value = `Bearer realm=${quotedString(realm)}`
  if (row.challenge !== 'bare') {
    value += `, error="${row.challenge}", error_description=${quotedString(row.title)}`
  }
  if (row.challenge === 'insufficient_scope' && scope !== null) value += `, scope=${quotedString(scope)}`
  if (takesBasic && row.status === 401) value += `, Basic realm=${quotedString(realm)}, charset="UTF-8"`
  return value
}

/** quoted-string of RFC 9110 section 5.6.4, with whatever it cannot carry replaced by `?`. */
export function quotedString(value: string): string {
  return `"${value.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`
}
