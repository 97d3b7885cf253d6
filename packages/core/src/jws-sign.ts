import { sign } from 'node:crypto'
import { JWS_ALGORITHMS } from './jws-algorithm.ts'
import { privateKeyOf, type SigningKey } from './signing-key.ts'

/**
 * A JWT in JWS compact serialization (RFC 7515 section 3.1), signed with the algorithm that the key is for.
 * @param type `typ` of the header: what the token is, so that it never counts as another kind (RFC 8725 section 3.11)
 */
export function signJwt(key: SigningKey, type: string, claims: Readonly<Record<string, unknown>>): string {
  const { algorithm, kid } = key
  const input = `${encoded({ alg: algorithm, typ: type, kid })}.${encoded(claims)}`
  const { hash } = JWS_ALGORITHMS[algorithm]
  // RFC 7518 section 3.4: R and S side by side, not in DER.
  const options = { key: privateKeyOf(key), dsaEncoding: 'ieee-p1363' } as const
  return `${input}.${sign(hash, Buffer.from(input), options).toString('base64url')}`
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
