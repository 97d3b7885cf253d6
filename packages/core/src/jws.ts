import { decodeBase64url } from './base64url.ts'
import type { Jwk } from './jwk.ts'
import { isJwsAlgorithm } from './jws-algorithm.ts'
import { JwsKeys } from './jws-keys.ts'
import { signatureVerifies } from './jws-signature.ts'
import { parseStrictJson } from './strict-json.ts'
import type { DenialCode } from './verdict.ts'

/** Longest token, in characters. */
export const MAX_JWS_LENGTH = 16_384

/** JWS in compact serialization (RFC 7515 section 3.1), as far as a look tells; only the payload may be empty. */
export const JWS_FORM = /^[\w-]+\.[\w-]*\.[\w-]+$/

/** Every reason for which a token is refused, and the verdict of a credential that is refused for it. */
export const JWS_REASONS = {
  too_long: 'MALFORMED',
  /** Not a string of three parts, of which only the payload may be empty. */
  not_compact: 'MALFORMED',
  not_base64url: 'MALFORMED',
  bad_header: 'MALFORMED',
  /** The token demands that an extension be understood, and none is. */
  critical_header: 'MALFORMED',
  algorithm_not_allowed: 'BAD_SIGNATURE',
  key_unknown: 'BAD_SIGNATURE',
  /** The key is too weak, is for something else, or does not go with the algorithm. */
  key_unsuitable: 'BAD_SIGNATURE',
  key_ambiguous: 'BAD_SIGNATURE',
  bad_signature: 'BAD_SIGNATURE',
} as const satisfies Record<string, DenialCode>

export type JwsReason = keyof typeof JWS_REASONS

export interface JwsHeader {
  readonly alg: string
  readonly kid?: string
  readonly typ?: string
  readonly cty?: string
  readonly [name: string]: unknown
}

/** `detail` is for the operator; it quotes neither payload nor key. */
export type JwsRefusal = { readonly ok: false; readonly reason: JwsReason; readonly detail: string }

export type JwsResult =
  | { readonly ok: true; readonly header: JwsHeader; readonly payload: Uint8Array }
  | JwsRefusal

/** A token taken apart: nobody has looked at the signature, so whoever sent it may have written anything. */
export interface UnverifiedJws {
  readonly ok: true
  readonly header: JwsHeader
  readonly payload: Uint8Array
  /** What the signature is of: the first two parts as they came. */
  readonly signingInput: Uint8Array
  readonly signature: Uint8Array
}

export interface JwsOptions {
  /** Whose signature counts. JWKs are read anew on each call; JwsKeys were read once. */
  readonly keys: readonly Jwk[] | JwsKeys
  /** The algorithms that count; the token and its keys only choose among them (RFC 8725 section 3.1). */
  readonly algorithms: readonly string[]
}

/**
 * Verifies a JWS in compact serialization (RFC 7515 section 5.2) and says nothing about its claims. Keys come from
 * the options alone: `jwk`, `jku`, `x5c` and `x5u` of the header are never looked at. Takes any input; never throws.
 */
export function verifyCompactJws(token: unknown, options: JwsOptions): JwsResult {
  const jws = parseUnverifiedJws(token)
  return jws.ok ? verifyParsedJws(jws, options) : jws
}

/** The second half of verifyCompactJws, for callers who must read the token to know whose keys to take. */
export function verifyParsedJws(jws: UnverifiedJws, { keys, algorithms }: JwsOptions): JwsResult {
  const { header, payload, signingInput, signature } = jws
  const { alg } = header
  if (!isJwsAlgorithm(alg) || !Array.isArray(algorithms) || !algorithms.includes(alg)) {
    return refused('algorithm_not_allowed', `the algorithm ${quoted(alg)} is not allowed here`)
  }
  const known = keys instanceof JwsKeys ? keys : new JwsKeys(keys)
  const selection = known.select(header.kid ?? null, alg)
  if (!selection.ok) return selection
  for (const key of selection.keys) {
    if (signatureVerifies(alg, key, signingInput, signature)) return { ok: true, header, payload }
  }
  return refused('bad_signature', 'the signature is not one of the keys that count')
}

/** Takes a token apart and checks its form. */
export function parseUnverifiedJws(token: unknown): UnverifiedJws | JwsRefusal {
  if (typeof token !== 'string') return refused('not_compact', 'not a string')
  if (token.length > MAX_JWS_LENGTH) return refused('too_long', `longer than ${MAX_JWS_LENGTH} characters`)
  const headerEnd = token.indexOf('.')
  const payloadEnd = token.indexOf('.', headerEnd + 1)
  if (headerEnd < 1 || payloadEnd === -1 || payloadEnd === token.length - 1) {
    return refused('not_compact', 'not three parts with a header and a signature')
  }
  if (token.includes('.', payloadEnd + 1)) return refused('not_compact', 'more than three parts')
  const headerBytes = decodeBase64url(token.slice(0, headerEnd))
  const payload = decodeBase64url(token.slice(headerEnd + 1, payloadEnd))
  const signature = decodeBase64url(token.slice(payloadEnd + 1))
  if (headerBytes === null || payload === null || signature === null) {
    return refused('not_base64url', 'a part is not base64url as RFC 7515 section 2 has it')
  }
  const header = readHeader(headerBytes)
  if (!header.ok) return header
  const signingInput = Buffer.from(token.slice(0, payloadEnd), 'latin1')
  // A copy: a Buffer may be a window on memory that holds other values.
  return { ok: true, header: header.value, payload: new Uint8Array(payload), signingInput, signature }
}

function readHeader(bytes: Uint8Array): { readonly ok: true; readonly value: JwsHeader } | JwsRefusal {
  const json = parseStrictJson(bytes)
  if (!json.ok) return refused('bad_header', `the header: ${json.problem}`)
  const { value } = json
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refused('bad_header', 'the header is not a JSON object')
  }
  const problem = headerProblem(value)
  if (problem !== null) return refused('bad_header', problem)
  const header = value as JwsHeader
  // RFC 7515 section 4.1.11: whoever does not understand an extension must refuse. None is understood here, and b64
  // (RFC 7797) changes what is signed, so it is refused without crit too.
  if (Object.hasOwn(header, 'crit') || (Object.hasOwn(header, 'b64') && header.b64 !== true)) {
    return refused('critical_header', 'crit or b64 asks for an extension')
  }
  return { ok: true, value: header }
}

function headerProblem(header: object): string | null {
  if (!Object.hasOwn(header, 'alg')) return 'the header has no alg'
  for (const name of ['alg', 'kid', 'typ', 'cty'] as const) {
    if (Object.hasOwn(header, name) && typeof (header as Jwk)[name] !== 'string') {
      return `${name} of the header is not a string`
    }
  }
  return null
}

function refused(reason: JwsReason, detail: string): JwsRefusal {
  return { ok: false, reason, detail }
}

/** What a caller wrote, cut and escaped, for a line that an operator reads. */
function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 64))
}
