import { decodeBase64url } from './base64url.ts'
import { parseStrictJson } from './strict-json.ts'
import type { DenialCode } from './verdict.ts'

/** Longest encrypted token, in characters. */
export const MAX_JWE_LENGTH = 16_384

/**
 * Every reason for which an encrypted token is refused before anything in it is looked at, and the verdict. What has to do
 * with keys has one verdict, and what has to do with decrypting one reason: which step failed would be the first answer of
 * an oracle (RFC 7516 section 11.5).
 */
export const JWE_REASONS = {
  too_long: 'MALFORMED',
  not_compact: 'MALFORMED',
  not_base64url: 'MALFORMED',
  bad_header: 'MALFORMED',
  /** The token demands that an extension be understood, and none is. */
  critical_header: 'MALFORMED',
  /** A few bytes may stand for gigabytes, and lengths tell what was compressed (RFC 8725 section 3.6). */
  compressed: 'MALFORMED',
  algorithm_not_allowed: 'BAD_SIGNATURE',
  key_unknown: 'BAD_SIGNATURE',
  key_ambiguous: 'BAD_SIGNATURE',
  undecryptable: 'BAD_SIGNATURE',
  /** Whoever has the public key can encrypt, so it shows nothing about who did. */
  not_signed: 'BAD_SIGNATURE',
} as const satisfies Record<string, DenialCode>

export type JweReason = keyof typeof JWE_REASONS

/** `detail` is for the operator; it quotes neither content nor key. */
export type JweRefusal = { readonly ok: false; readonly reason: JweReason; readonly detail: string }

export interface JweHeader {
  readonly alg: string
  readonly enc: string
  readonly kid?: string
  readonly [name: string]: unknown
}

/** An encrypted token taken apart: nobody has looked at the tag, so whoever sent it may have written anything. */
export interface UnverifiedJwe {
  readonly ok: true
  readonly token: string
  readonly header: JweHeader
  readonly encryptedKeyBytes: number
  readonly ivBytes: number
  readonly tagBytes: number
}

/**
 * Takes a JWE in compact serialization (RFC 7516 section 3.1) apart and checks its form, strictly, so that whoever
 * decrypts it has nothing left to be lenient about. Takes any input; never throws.
 */
export function parseUnverifiedJwe(token: unknown): UnverifiedJwe | JweRefusal {
  if (typeof token !== 'string') return jweRefused('not_compact', 'not a string')
  if (token.length > MAX_JWE_LENGTH) return jweRefused('too_long', `longer than ${MAX_JWE_LENGTH} characters`)
  const parts = token.split('.', 6)
  if (parts.length !== 5) return jweRefused('not_compact', 'not five parts')
  const [headerBytes, encryptedKey, iv, ciphertext, tag] = parts.map(decodeBase64url)
  if (!headerBytes || !encryptedKey || !iv || !ciphertext || !tag) {
    return jweRefused('not_base64url', 'a part is not base64url as RFC 7515 section 2 has it')
  }
  if (ciphertext.length === 0) return jweRefused('not_compact', 'there is no content')
  const header = readHeader(headerBytes)
  if (!header.ok) return header
  return {
    ...{ ok: true, token, header: header.value },
    ...{ encryptedKeyBytes: encryptedKey.length, ivBytes: iv.length, tagBytes: tag.length },
  }
}

export function jweRefused(reason: JweReason, detail: string): JweRefusal {
  return { ok: false, reason, detail }
}

function readHeader(bytes: Uint8Array): { readonly ok: true; readonly value: JweHeader } | JweRefusal {
  const json = parseStrictJson(bytes)
  if (!json.ok) return jweRefused('bad_header', `the header: ${json.problem}`)
  const { value } = json
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return jweRefused('bad_header', 'the header is not a JSON object')
  }
  // What JSON.parse made has only members of its own, but for what is inherited.
  const header = value as JweHeader
  for (const name of ['alg', 'enc']) {
    if (!Object.hasOwn(header, name)) return jweRefused('bad_header', `the header has no ${name}`)
  }
  for (const name of ['alg', 'enc', 'kid', 'typ', 'cty']) {
    if (Object.hasOwn(header, name) && typeof header[name] !== 'string')
      return jweRefused('bad_header', `${name} of the header is not a string`)
  }
  if (Object.hasOwn(header, 'crit')) return jweRefused('critical_header', 'crit asks for an extension')
  if (Object.hasOwn(header, 'zip')) return jweRefused('compressed', 'compressed tokens are not read')
  if (Object.hasOwn(header, 'cty') && !/^(application\/)?jwt$/i.test(String(header.cty)))
    return jweRefused('bad_header', 'cty says that the content is something else than a JWT')
  return { ok: true, value: header }
}
