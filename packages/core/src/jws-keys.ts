import { type Jwk, readJwk, type VerificationKey } from './jwk.ts'
import type { JwsAlgorithmName } from './jws-algorithm.ts'

/** Most keys of a set; a longer one is refused whole, or reading it would be the attack. */
export const MAX_JWS_KEYS = 100
/** Most keys that are tried for a token that does not say which: each costs a signature check. */
export const MAX_KEYS_TRIED = 8

/** A JWK that verifies nothing, and why, for the operator. */
export interface RefusedJwk {
  /** Its place in the set. */
  readonly index: number
  readonly kid: string | null
  readonly problem: string
}

export type KeySelection =
  | { readonly ok: true; readonly keys: readonly VerificationKey[] }
  | {
      readonly ok: false
      readonly reason: 'key_unknown' | 'key_unsuitable' | 'key_ambiguous'
      readonly detail: string
    }

/** Keys of one issuer, read once, so that no verification imports a key. */
export class JwsKeys {
  readonly keys: readonly VerificationKey[]
  readonly refused: readonly RefusedJwk[]

  /** Takes anything; what is not a key that may verify is in `refused`. */
  constructor(jwks: unknown) {
    const keys: VerificationKey[] = []
    const refused: RefusedJwk[] = []
    const list: readonly unknown[] = Array.isArray(jwks) ? jwks : []
    if (list.length > MAX_JWS_KEYS) {
      refused.push({ index: 0, kid: null, problem: `more than ${MAX_JWS_KEYS} keys: none is used` })
    }
    // A set with public keys is there to be published, so a secret in it is none.
    const isPublic = list.some((jwk) => ktyOf(jwk) !== null && ktyOf(jwk) !== 'oct')
    for (const [index, jwk] of list.length > MAX_JWS_KEYS ? [] : list.entries()) {
      const reading = readJwk(jwk)
      if (!reading.ok) refused.push({ index, kid: kidOf(jwk), problem: reading.problem })
      else if (reading.key.kty === 'oct' && isPublic) {
        refused.push({
          index,
          kid: reading.key.kid,
          problem: 'a secret in a set that also holds public keys',
        })
      } else keys.push(reading.key)
    }
    this.keys = keys
    this.refused = refused
  }

  /**
   * The keys that a token may be checked with. With a `kid`: the one that has it, and where none has it those
   * without any, never one of another `kid`. Without: all that go with the algorithm, if they are few.
   */
  select(kid: string | null, algorithm: JwsAlgorithmName): KeySelection {
    const named = kid === null ? [] : this.keys.filter((key) => key.kid === kid)
    const namedRefused = kid === null ? undefined : this.refused.find((key) => key.kid === kid)
    if (named.length === 0 && namedRefused !== undefined) {
      return {
        ok: false,
        reason: 'key_unsuitable',
        detail: `the key with this kid is not used: ${namedRefused.problem}`,
      }
    }
    const isNamed = named.length > 0
    const candidates = isNamed
      ? named
      : kid === null
        ? this.keys
        : this.keys.filter((key) => key.kid === null)
    if (candidates.length === 0) {
      const detail = kid === null ? 'there is no key' : 'no key has this kid'
      return { ok: false, reason: 'key_unknown', detail }
    }
    const keys = withoutRepeats(candidates.filter((key) => key.algorithms.includes(algorithm)))
    if (keys.length === 0) {
      return { ok: false, reason: 'key_unsuitable', detail: `no key that may be used goes with ${algorithm}` }
    }
    // RFC 7517 section 4.5: keys of one kid are alternatives of different kinds. Two that fit are a mistake, or a trap.
    if (isNamed && keys.length > 1) {
      return { ok: false, reason: 'key_ambiguous', detail: 'several keys have this kid' }
    }
    if (keys.length > MAX_KEYS_TRIED) {
      return {
        ok: false,
        reason: 'key_ambiguous',
        detail: `more than ${MAX_KEYS_TRIED} keys fit, and no kid tells which`,
      }
    }
    return { ok: true, keys }
  }
}

/** Some issuers publish a key twice under one kid, which leaves nothing open. */
function withoutRepeats(keys: readonly VerificationKey[]): readonly VerificationKey[] {
  return keys.length < 2
    ? keys
    : keys.filter((key, index) => keys.findIndex((other) => other.key.equals(key.key)) === index)
}

function ktyOf(jwk: unknown): string | null {
  return ownText(jwk, 'kty')
}

function kidOf(jwk: unknown): string | null {
  return ownText(jwk, 'kid')
}

function ownText(jwk: unknown, name: string): string | null {
  if (typeof jwk !== 'object' || jwk === null || !Object.hasOwn(jwk, name)) return null
  const value = (jwk as Jwk)[name]
  return typeof value === 'string' ? value : null
}
