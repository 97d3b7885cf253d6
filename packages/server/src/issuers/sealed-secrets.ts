import {
  type IssuerRecord,
  type Jwk,
  openDigest,
  type RandomBytes,
  type SealContext,
  type SealingKeys,
  sealDigest,
} from '@credence/core'

type Owner = Pick<IssuerRecord, 'id' | 'workspaceId'>

/** Shared secrets, sealed for their issuer as digests are for their credential. */
export function sealSecrets(
  owner: Owner,
  keys: readonly Jwk[],
  sealingKeys: SealingKeys,
  randomBytes: RandomBytes,
): string {
  return sealDigest(Buffer.from(JSON.stringify(keys)), contextOf(owner, owner.id), sealingKeys, randomBytes)
}

/** Null: they were not sealed for this issuer by this installation. */
export function openSecrets(owner: Owner, sealed: string, sealingKeys: SealingKeys): readonly Jwk[] | null {
  return openAs(sealed, contextOf(owner, owner.id), sealingKeys)
}

/** Keys to decrypt with, sealed as something else: a database writer must not make one that signs out of them. */
export function sealDecryptionKeys(
  owner: Owner,
  keys: readonly Jwk[],
  sealingKeys: SealingKeys,
  randomBytes: RandomBytes,
): string {
  const context = contextOf(owner, decryptionOf(owner))
  return sealDigest(Buffer.from(JSON.stringify(keys)), context, sealingKeys, randomBytes)
}

/** Null: they were not sealed for this issuer, as keys to decrypt with, by this installation. */
export function openDecryptionKeys(
  owner: Owner,
  sealed: string,
  sealingKeys: SealingKeys,
): readonly Jwk[] | null {
  return openAs(sealed, contextOf(owner, decryptionOf(owner)), sealingKeys)
}

function openAs(sealed: string, context: SealContext, sealingKeys: SealingKeys): readonly Jwk[] | null {
  const opened = openDigest(sealed, context, sealingKeys)
  // Only what was sealed here opens, and that was a list.
  return opened === null ? null : (JSON.parse(opened.toString()) as readonly Jwk[])
}

/** No id holds a slash. */
function decryptionOf({ id }: Owner): string {
  return `${id}/decryption`
}

function contextOf({ workspaceId }: Owner, credentialId: string): SealContext {
  return { workspaceId, kind: 'jwt', credentialId, version: 1 }
}
