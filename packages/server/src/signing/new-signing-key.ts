import { generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import {
  type Jwk,
  publicJwkOf,
  type RandomBytes,
  type SealingKeys,
  type SigningKeyRecord,
  sealSigningKey,
} from '@credence/core'

/** The algorithms that tokens can be signed with here. */
export const SIGNING_ALGORITHMS = ['ES256', 'EdDSA', 'RS256'] as const
export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number]

const generate = promisify(generateKeyPair)

/** Off the thread: an RSA key takes a good part of a second. */
async function privateJwkFor(algorithm: SigningAlgorithm): Promise<Jwk> {
  const { privateKey } = await generated(algorithm)
  return { ...privateKey.export({ format: 'jwk' }) }
}

function generated(algorithm: SigningAlgorithm) {
  switch (algorithm) {
    case 'ES256':
      return generate('ec', { namedCurve: 'P-256' })
    case 'EdDSA':
      return generate('ed25519', {})
    case 'RS256':
      return generate('rsa', { modulusLength: 2048 })
  }
}

export interface MakingKeys {
  readonly sealingKeys: SealingKeys
  readonly randomBytes: RandomBytes
  /** Of the workspace `default`. */
  readonly defaultWorkspaceId: string
}

export async function newSigningKey(
  { sealingKeys, randomBytes, defaultWorkspaceId: workspaceId }: MakingKeys,
  algorithm: SigningAlgorithm,
  state: 'next' | 'current',
  nowMs: number,
): Promise<SigningKeyRecord> {
  const jwk = await privateJwkFor(algorithm)
  const id = publicJwkOf(jwk, algorithm)!.kid as string
  return {
    ...{ id, workspaceId, revision: 1, createdAtMs: nowMs, updatedAtMs: nowMs },
    ...{ algorithm, state, stateChangedAtMs: nowMs, trustedUntilMs: null },
    sealedKey: sealSigningKey({ id, workspaceId }, { jwk, algorithm }, sealingKeys, randomBytes),
  }
}
