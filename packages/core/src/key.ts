import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { encodeBase62, isBase62, type RandomBytes, randomBase62 } from './base62.ts'

/**
 * The key format `{prefix}_{id}{secret}{checksum}`: id 12 base62, public, the look-up key; secret 32 base62
 * (190 bits); checksum CRC-32 of all that precedes it, 6 base62. The checksum is no security: it lets a typo or
 * a scanner's false hit be refused without a look-up.
 */
export const ID_LENGTH = 12
const SECRET_LENGTH = 32
const CHECKSUM_LENGTH = 6
const BODY_LENGTH = ID_LENGTH + SECRET_LENGTH + CHECKSUM_LENGTH
const PREFIX_MAX_LENGTH = 32

export interface ParsedKey {
  readonly prefix: string
  readonly id: string
  readonly secret: string
}

/** A prefix: `[a-z][a-z0-9]*(_[a-z0-9]+)*`, at most 32 characters. */
export function isKeyPrefix(text: string): boolean {
  return text.length <= PREFIX_MAX_LENGTH && /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/.test(text)
}

/** Whether a text has the form of a credential's id. */
export function isCredentialId(text: string): boolean {
  return text.length === ID_LENGTH && isBase62(text)
}

export function generateId(randomBytes: RandomBytes): string {
  return randomBase62(ID_LENGTH, randomBytes)
}

export function generateSecret(randomBytes: RandomBytes): string {
  return randomBase62(SECRET_LENGTH, randomBytes)
}

/** The key as it is handed out, once. */
export function formatKey(prefix: string, id: string, secret: string): string {
  const head = `${prefix}_${id}${secret}`
  return head + encodeBase62(crc32(head), CHECKSUM_LENGTH)
}

/** Whether a presented string has the form of a key, right or wrong: what parseKey does not call foreign. */
export function hasKeyForm(presented: string): boolean {
  return presented.length <= PREFIX_MAX_LENGTH + 1 + BODY_LENGTH && KEY_FORM.test(presented)
}

/** A prefix, then a body of which no character is an underscore: one way to match, so linear. */
const KEY_FORM = new RegExp(`^[a-z][a-z0-9]*(?:_[a-z0-9]+)*_[0-9A-Za-z]{${BODY_LENGTH}}$`)

/**
 * Takes a presented string apart. `foreign`: it does not have the form of a key at all, so another kind may own
 * it. `damaged`: it has the form, but the checksum is wrong (a typo, a cut, a false hit).
 */
export function parseKey(presented: string): ParsedKey | 'foreign' | 'damaged' {
  if (!hasKeyForm(presented)) return 'foreign'
  const prefix = presented.slice(0, -BODY_LENGTH - 1)
  const body = presented.slice(-BODY_LENGTH)
  const head = presented.slice(0, -CHECKSUM_LENGTH)
  if (encodeBase62(crc32(head), CHECKSUM_LENGTH) !== body.slice(-CHECKSUM_LENGTH)) return 'damaged'
  return { prefix, id: body.slice(0, ID_LENGTH), secret: body.slice(ID_LENGTH, ID_LENGTH + SECRET_LENGTH) }
}

/** SHA-256 of a generated secret. Its 190 random bits need no slow hash; passwords do. */
export function digestSecret(secret: string): Buffer {
  return createHash('sha256').update(secret, 'latin1').digest()
}
