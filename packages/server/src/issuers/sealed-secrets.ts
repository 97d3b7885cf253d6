import {
  type IssuerRecord,
  type Jwk,
  openDigest,
  type RandomBytes,
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
  return sealDigest(Buffer.from(JSON.stringify(keys)), contextOf(owner), sealingKeys, randomBytes)
}

/** Null: they were not sealed for this issuer by this installation. */
export function openSecrets(owner: Owner, sealed: string, sealingKeys: SealingKeys): readonly Jwk[] | null {
  const opened = openDigest(sealed, contextOf(owner), sealingKeys)
  // Only what was sealed here opens, and that was a list.
  return opened === null ? null : (JSON.parse(opened.toString()) as readonly Jwk[])
}

function contextOf({ id, workspaceId }: Owner) {
  return { workspaceId, kind: 'jwt', credentialId: id, version: 1 } as const
}
