import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'

/** What the tokens of a benchmark say of whose and whom they are. */
export const ISSUER = 'https://id.example'
export const AUDIENCE = 'https://orders.example'

/** An issuer of ES256 tokens (RFC 9068), for one hour from now. */
export interface TokenMaker {
  readonly publicKey: KeyObject
  /** The public key as it is published. */
  readonly jwk: Readonly<Record<string, unknown>>
  readonly tokenOf: (subject: string) => string
}

export function tokenMaker(): TokenMaker {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const seconds = Math.floor(Date.now() / 1000)
  const tokenOf = (subject: string) => {
    const claims = {
      ...{ iss: ISSUER, aud: AUDIENCE, sub: subject, iat: seconds, exp: seconds + 3600 },
      ...{ jti: randomBytes(12).toString('base64url'), scope: 'orders:read' },
    }
    const input = `${encoded({ alg: 'ES256', kid: 'k1', typ: 'at+jwt' })}.${encoded(claims)}`
    const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' })
    return `${input}.${signature.toString('base64url')}`
  }
  return {
    publicKey,
    jwk: { ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256' },
    tokenOf,
  }
}
