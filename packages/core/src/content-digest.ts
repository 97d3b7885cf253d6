import { createHash } from 'node:crypto'
import { headerValues, type RawHeaders } from './headers.ts'
import { bytesOf, readDictionary } from './structured-field.ts'
import type { DenialCode } from './verdict.ts'

/** RFC 9530 section 5: the algorithms that a digest is worth anything by; all others are ignored. */
const ALGORITHMS = new Map([
  ['sha-256', 'sha256'],
  ['sha-512', 'sha512'],
])

export type ContentDigestResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: DenialCode; readonly detail: string }

/**
 * Whether `Content-Digest` (RFC 9530) is of these bytes. A digest that counts must be there, and every one that
 * counts must agree, or two readers could believe two of them. Takes any headers; never throws.
 * @param content as it came, before any content coding is undone
 */
export function checkContentDigest(headers: RawHeaders, content: Uint8Array): ContentDigestResult {
  const lines = headerValues(headers, 'content-digest')
  if (lines.length === 0) return refused('there is no Content-Digest')
  const digests = readDictionary(lines.join(', '))
  if (digests === null) return refused('Content-Digest is not a dictionary')
  let compared = 0
  for (const [name, hash] of ALGORITHMS) {
    const member = digests.get(name)
    if (member === undefined) continue
    const digest = bytesOf(member)
    if (digest === null) return refused('a digest is not a byte sequence')
    if (!createHash(hash).update(content).digest().equals(digest))
      return refused('the content has another digest')
    compared += 1
  }
  return compared > 0 ? { ok: true } : refused('Content-Digest has neither sha-256 nor sha-512')
}

function refused(detail: string): ContentDigestResult {
  return { ok: false, code: 'BINDING_MISMATCH', detail }
}
