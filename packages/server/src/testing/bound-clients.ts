import { createHash, createPrivateKey, type KeyObject, sign } from 'node:crypto'
import type { Binding } from '@credence/core'
import { httpbis } from 'http-message-signatures'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'

/** Clients that hold a key, made of other people's code: not only our reading of the RFCs is tested. */
export interface DpopClient {
  readonly binding: Binding
  readonly jwk: JWK
  /** A proof of RFC 9449 for one request. */
  readonly proof: (
    method: string,
    url: string,
    key: string,
    nowMs: number,
    claims?: Record<string, unknown>,
  ) => Promise<string>
}

let proofs = 0

export async function dpopClient(): Promise<DpopClient> {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const jwk = await exportJWK(publicKey)
  return {
    binding: { type: 'dpop', thumbprint: await calculateJwkThumbprint(jwk) },
    jwk,
    proof(method, url, key, nowMs, claims = {}) {
      proofs += 1
      const ath = createHash('sha256').update(key).digest('base64url')
      const said = { jti: `p${proofs}`, htm: method, htu: url, ath, iat: Math.floor(nowMs / 1000) }
      return new SignJWT({ ...said, ...claims })
        .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk })
        .sign(privateKey)
    },
  }
}

export interface SigningClient {
  readonly binding: Binding
  readonly jwk: JWK
  /** The headers of a request that is signed over all that must be covered (RFC 9421). */
  readonly headers: (request: {
    readonly method: string
    readonly url: string
    readonly key: string
    readonly nowMs: number
    readonly content?: string
  }) => Promise<Record<string, string>>
}

export async function signingClient(): Promise<SigningClient> {
  const { publicKey, privateKey } = await generateKeyPair('Ed25519', { extractable: true })
  const jwk = await exportJWK(publicKey)
  const thumbprint = await calculateJwkThumbprint(jwk)
  const signer: KeyObject = createPrivateKey({ key: await exportJWK(privateKey), format: 'jwk' })
  return {
    binding: { type: 'signature', thumbprint, key: { ...jwk } },
    jwk,
    async headers({ method, url, key, nowMs, content }) {
      const digest = createHash('sha256')
        .update(content ?? '')
        .digest('base64')
      const headers: Record<string, string> = { 'x-api-key': key }
      if (content !== undefined) headers['content-digest'] = `sha-256=:${digest}:`
      const fields = ['@method', '@target-uri', ...Object.keys(headers)]
      const signed = await httpbis.signMessage(
        {
          key: { sign: async (data) => sign(null, data, signer) },
          fields,
          params: ['created'],
          paramValues: { created: new Date(nowMs) },
        },
        { method, url, headers },
      )
      return signed.headers as Record<string, string>
    },
  }
}
