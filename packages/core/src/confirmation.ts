import type { Jwk } from './jwk.ts'
import { jwkThumbprint } from './jwk-thumbprint.ts'
import type { Binding } from './records.ts'

/** SHA-256, base64url without padding. */
const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/

export function isThumbprint(value: unknown): value is string {
  return typeof value === 'string' && THUMBPRINT.test(value)
}

/**
 * What the claim `cnf` of a token (RFC 7800) binds it to: `jkt` (RFC 9449 section 6.1), `x5t#S256` (RFC 8705 section
 * 3.1), or `jwk`, of which requests are signed. A text says what is wrong: a token that is bound in a way nobody here can
 * check, or in two, must not count as one that is not bound.
 */
export function bindingOfConfirmation(cnf: unknown): Binding | null | string {
  if (cnf === undefined) return null
  if (typeof cnf !== 'object' || cnf === null || Array.isArray(cnf)) return 'cnf is not an object'
  const members = ['jkt', 'x5t#S256', 'jwk'].filter((name) => Object.hasOwn(cnf, name))
  if (members.length !== 1) return 'cnf does not name exactly one key by jkt, x5t#S256 or jwk'
  const value = (cnf as Readonly<Record<string, unknown>>)[members[0]!]
  if (members[0] === 'jwk') {
    const thumbprint = jwkThumbprint(value)
    return thumbprint === null
      ? 'jwk of cnf is no public key'
      : { type: 'signature', thumbprint, key: value as Jwk }
  }
  if (!isThumbprint(value)) return `${members[0]} of cnf is no SHA-256 thumbprint`
  return { type: members[0] === 'jkt' ? 'dpop' : 'mtls', thumbprint: value }
}

/** `cnf` of a token that is bound so. */
export function confirmationOf(binding: Binding): Readonly<Record<string, unknown>> {
  switch (binding.type) {
    case 'dpop':
      return { jkt: binding.thumbprint }
    case 'mtls':
      return { 'x5t#S256': binding.thumbprint }
    case 'signature':
      return { jwk: binding.key }
  }
}
