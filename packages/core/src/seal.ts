import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { RandomBytes } from './base62.ts'
import type { CredentialKind } from './records.ts'

/** The part of the keyring that seals: AES-256 keys by id. */
export interface SealingKeys {
  /** Id of the key that seals from now on. */
  readonly currentId: string
  /** 32 bytes, or undefined for a key that this installation does not have. */
  key(id: string): Uint8Array | undefined
}

/** What a sealed digest belongs to. It is authenticated, so a database writer cannot move it elsewhere. */
export interface SealContext {
  readonly workspaceId: string
  readonly kind: CredentialKind | 'signing_key'
  readonly credentialId: string
  readonly version: number
}

const IV_BYTES = 12
const TAG_BYTES = 16

/**
 * Seals a digest for the database: `{key id}.{base64url of iv, ciphertext, tag}`, AES-256-GCM
 * (NIST SP 800-38D; a random 96-bit iv, one message each).
 */
export function sealDigest(
  digest: Uint8Array,
  context: SealContext,
  keys: SealingKeys,
  randomBytes: RandomBytes,
): string {
  const key = keys.key(keys.currentId)
  if (key === undefined) throw new Error(`The keyring has no key ${keys.currentId}`)
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, iv)
  cipher.setAAD(associatedData(context, keys.currentId))
  const ciphertext = Buffer.concat([cipher.update(digest), cipher.final()])
  return `${keys.currentId}.${Buffer.concat([iv, ciphertext, cipher.getAuthTag()]).toString('base64url')}`
}

/**
 * Opens a sealed digest. Null when it was not sealed for this context by this installation: a row that was
 * tampered with proves nothing.
 */
export function openDigest(sealed: string, context: SealContext, keys: SealingKeys): Buffer | null {
  const dot = sealed.indexOf('.')
  const keyId = sealed.slice(0, dot)
  const key = dot < 1 ? undefined : keys.key(keyId)
  if (key === undefined) return null
  const box = Buffer.from(sealed.slice(dot + 1), 'base64url')
  if (box.length <= IV_BYTES + TAG_BYTES) return null
  const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, IV_BYTES))
  decipher.setAAD(associatedData(context, keyId))
  decipher.setAuthTag(box.subarray(-TAG_BYTES))
  try {
    return Buffer.concat([decipher.update(box.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()])
  } catch {
    return null
  }
}

/** Each field length-prefixed, so that no two contexts give the same bytes. */
function associatedData(context: SealContext, keyId: string): Buffer {
  const fields = [context.workspaceId, context.kind, context.credentialId, String(context.version), keyId]
  return Buffer.from(fields.map((field) => `${Buffer.byteLength(field)}:${field}`).join(''))
}
