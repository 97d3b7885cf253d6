import { createHash } from 'node:crypto'
import { jwkThumbprint } from '../jwk-thumbprint.ts'
import type { Presenter } from '../presenter.ts'
import type { Binding } from '../records.ts'
import { type SampleKey, signJws } from './jws-samples.ts'

export const THERE = {
  known: true,
  scheme: 'https',
  authority: 'api.example',
  target: '/orders/7',
  saidBy: 'the test',
} as const

/** Somebody who calls https://api.example/orders/7 without content and shows no certificate. */
export function aPresenter(change: Partial<Presenter> = {}): Presenter {
  return {
    uri: () => THERE,
    certificate: () => ({ type: 'none', detail: 'the client showed none' }),
    hasContent: () => false,
    content: async () => new Uint8Array(),
    ...change,
  }
}

export function boundTo(type: 'dpop' | 'signature', { jwk }: SampleKey): Binding {
  const thumbprint = jwkThumbprint(jwk)!
  return type === 'dpop' ? { type, thumbprint } : { type, thumbprint, key: { ...jwk } }
}

/** A DPoP proof by ES256 for `GET https://api.example/orders/7`. */
export function aDpopProof(
  { jwk, signer }: SampleKey,
  credential: string,
  nowMs: number,
  claims: Record<string, unknown> = {},
): string {
  const ath = createHash('sha256').update(credential).digest('base64url')
  const rest = { htm: 'GET', htu: 'https://api.example/orders/7', iat: Math.floor(nowMs / 1000), ath }
  return signJws('ES256', signer, { jti: 'j1', ...rest, ...claims }, { typ: 'dpop+jwt', alg: 'ES256', jwk })
}
