import { type CredentialRecord, digestSecret, formatKey, generateSecret, sealDigest } from '@credence/core'
import type { Context } from '../context.ts'

/** A new secret in the form it is handed out, and its digest as it is kept. */
export function makeKey(
  { randomBytes, sealingKeys }: Pick<Context, 'randomBytes' | 'sealingKeys'>,
  credential: Pick<CredentialRecord, 'id' | 'workspaceId' | 'kind' | 'keyPrefix'>,
  version: number,
): { readonly key: string; readonly sealedDigest: string } {
  const { id, workspaceId, kind, keyPrefix } = credential
  const secret = generateSecret(randomBytes)
  const context = { workspaceId, kind, credentialId: id, version }
  const sealedDigest = sealDigest(digestSecret(secret), context, sealingKeys, randomBytes)
  return { key: formatKey(keyPrefix, id, secret), sealedDigest }
}
