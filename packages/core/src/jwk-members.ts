import { createPublicKey, type KeyObject } from 'node:crypto'
import { decodeBase64url } from './base64url.ts'

/** Own members only: what a prototype holds was not in the JSON. */
export function membersOf<const Name extends string>(
  jwk: object,
  names: readonly Name[],
): Partial<Record<Name, unknown>> {
  const members: Partial<Record<Name, unknown>> = {}
  for (const name of names) {
    if (Object.hasOwn(jwk, name)) members[name] = (jwk as Record<Name, unknown>)[name]
  }
  return members
}

/** Bytes of a coordinate: RFC 7518 section 6.2.1.2 wants exactly so many, leading zeros included. */
export const COORDINATE_BYTES = new Map<unknown, number>([
  ['P-256', 32],
  ['P-384', 48],
  ['P-521', 66],
])

export function bytesOf(jwk: object, name: string): Buffer | null {
  const text = membersOf(jwk, [name])[name]
  return typeof text === 'string' ? decodeBase64url(text) : null
}

/** Null where OpenSSL refuses the numbers; it says why only in words of its own, which differ between releases. */
export function importPublic(jwk: Record<string, unknown>): KeyObject | null {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' })
  } catch {
    return null
  }
}
