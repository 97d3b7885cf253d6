import {
  type CredentialRecord,
  digestPassword,
  generatePassword,
  MAX_VERSIONS,
  openDigest,
  passwordProblem,
  preparePassword,
  type SecretVersion,
  sealDigest,
} from '@credence/core'
import { commonPasswords } from '../common-passwords.ts'
import type { Context } from '../context.ts'
import type { FieldError } from './operation.ts'

export type Hashing = Pick<Context, 'randomBytes' | 'sealingKeys' | 'argon2id'>

/** A password as it is handed out, and its digest as it is kept. */
export interface NewPassword {
  /** Null: whoever asked has chosen it, and knows it. */
  readonly secret: string | null
  readonly sealedDigest: string
}

/** What is wrong with a password that somebody has chosen; it is not quoted. */
export async function passwordErrors(
  password: string | null,
  username: string,
  principalName: string,
): Promise<FieldError[]> {
  if (password === null) return []
  const context = { username, names: [principalName] }
  const detail = passwordProblem(preparePassword(password), context, await commonPasswords())
  return detail === null ? [] : [{ field: 'password', detail }]
}

/**
 * A password for one more version of a credential, chosen or else generated. 'known': a version of it has that password
 * already, so nothing would change by it.
 */
export async function makePassword(
  { randomBytes, sealingKeys, argon2id }: Hashing,
  credential: Pick<CredentialRecord, 'id' | 'workspaceId'>,
  versions: readonly SecretVersion[],
  version: number,
  chosen: string | null,
): Promise<NewPassword | 'known'> {
  const { id: credentialId, workspaceId } = credential
  const contextOf = (number: number) => ({
    ...{ workspaceId, kind: 'basic' as const, credentialId, version: number },
  })
  const digests = versions
    .slice(-MAX_VERSIONS)
    .map((one) => openDigest(one.sealedDigest, contextOf(one.version), sealingKeys))
    .filter((digest) => digest !== null)
  const password = chosen === null ? generatePassword(randomBytes) : preparePassword(chosen)
  const digest = await digestPassword(password, digests.at(-1) ?? null, randomBytes, argon2id)
  if (digests.some((before) => before.equals(digest))) return 'known'
  const sealedDigest = sealDigest(digest, contextOf(version), sealingKeys, randomBytes)
  return { secret: chosen === null ? password : null, sealedDigest }
}
