import { createHash } from 'node:crypto'
import type { Jwk } from './jwk.ts'

/** What is digested of each kind of key, in the order that RFC 7638 section 3.3 wants (OKP: RFC 8037 section 2). */
const MEMBERS: ReadonlyMap<unknown, readonly string[]> = new Map([
  ['EC', ['crv', 'kty', 'x', 'y']],
  ['OKP', ['crv', 'kty', 'x']],
  ['RSA', ['e', 'kty', 'n']],
])

/** Values are base64url or names of curves; nothing else must reach the text, where it could be read otherwise. */
const VALUE = /^[A-Za-z0-9_-]{1,2048}$/

/**
 * The SHA-256 thumbprint of a public key (RFC 7638), base64url: `jkt` of RFC 9449. Of a secret there is none here:
 * its digest would be something to guess it by. Whether the key is one that may verify is asked of readJwk; a key
 * that it takes has one spelling and so one thumbprint.
 * @returns null for what is no public key of kind EC, OKP or RSA
 */
export function jwkThumbprint(jwk: unknown): string | null {
  if (typeof jwk !== 'object' || jwk === null || !Object.hasOwn(jwk, 'kty')) return null
  const names = MEMBERS.get((jwk as Jwk).kty)
  if (names === undefined) return null
  const members: string[] = []
  for (const name of names) {
    const value = Object.hasOwn(jwk, name) ? (jwk as Jwk)[name] : undefined
    if (typeof value !== 'string' || !VALUE.test(value)) return null
    members.push(`"${name}":"${value}"`)
  }
  return createHash('sha256')
    .update(`{${members.join(',')}}`)
    .digest('base64url')
}
