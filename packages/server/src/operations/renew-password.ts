import { type CredentialRecord, digestPassword, redigested, sealDigest } from '@credence/core'
import type { Context } from '../context.ts'
import type { Hashing } from './new-password.ts'
import { type Actor, done, type Outcome } from './operation.ts'
import { write } from './write.ts'

export interface RenewArguments {
  /** As it was when the password was compared. */
  readonly credential: CredentialRecord
  readonly version: number
  /** As preparePassword makes it. */
  readonly password: string
}

/**
 * Makes the digest of a password anew, at today's cost; nobody asked for it, so the host does it. Null: there is nothing
 * to do any more, or not yet, since another version works as well, and all versions share a nonce.
 */
export async function renewPassword(
  context: Hashing & Pick<Context, 'store' | 'follower' | 'clock'>,
  { credential, version, password }: RenewArguments,
): Promise<Outcome<CredentialRecord | null>> {
  const { store, clock, randomBytes, sealingKeys, argon2id } = context
  const { id, workspaceId } = credential
  const record = await store.read('credential', id)
  const digestOf = (one: CredentialRecord) =>
    one.versions.find((candidate) => candidate.version === version)?.sealedDigest
  if (record === undefined || record.state === 'revoked' || digestOf(record) !== digestOf(credential)) {
    return done(null)
  }
  if (redigested(record, version, '', clock()) === null) return done(null)
  const digest = await digestPassword(password, null, randomBytes, argon2id)
  const sealContext = { workspaceId, kind: 'basic', credentialId: id, version } as const
  const sealedDigest = sealDigest(digest, sealContext, sealingKeys, randomBytes)
  const after = redigested(record, version, sealedDigest, clock())
  if (after === null) return done(null)
  const written = await write(context, hostOf(workspaceId), {
    puts: [{ table: 'credential', record: after }],
    action: 'credential.renew_digest',
    target: { table: 'credential', id },
    detail: { version },
  })
  return written.ok ? done(after, written.position) : written
}

function hostOf(workspaceId: string): Actor {
  return {
    ...{ workspaceId, credentialId: null, principalId: null, scopes: [], expiresAtMs: null },
    ...{ hasConditions: false, requestId: null, ip: null },
  }
}
