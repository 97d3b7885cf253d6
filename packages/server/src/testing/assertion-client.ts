import type { Binding } from '@credence/core'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'

/** A client that signs its assertions with other people's code: not only our reading of RFC 7523 is tested. */
export interface AssertionClient {
  readonly binding: Binding
  readonly jwk: JWK
  readonly assertion: (claims: AssertionClaims, header?: Readonly<Record<string, unknown>>) => Promise<string>
}

export interface AssertionClaims {
  readonly clientId: string
  readonly audience: string | readonly string[]
  readonly nowMs: number
  readonly jti?: string
  readonly subject?: string
}

let made = 0

export async function assertionClient(alg: 'ES256' | 'PS256' | 'EdDSA' = 'ES256'): Promise<AssertionClient> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), alg }
  const thumbprint = await calculateJwkThumbprint(jwk)
  return {
    binding: { type: 'signature', thumbprint, key: { ...jwk } },
    jwk,
    async assertion({ clientId, audience, nowMs, jti, subject = clientId }, header = {}) {
      made += 1
      const seconds = Math.floor(nowMs / 1000)
      return new SignJWT({ jti: jti ?? `a${made}` })
        .setProtectedHeader({ alg, kid: thumbprint, ...header })
        .setIssuer(clientId)
        .setSubject(subject)
        .setAudience(typeof audience === 'string' ? audience : [...audience])
        .setIssuedAt(seconds)
        .setExpirationTime(seconds + 60)
        .sign(privateKey)
    },
  }
}
