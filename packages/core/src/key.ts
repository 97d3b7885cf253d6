import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { encodeBase62, isBase62, type RandomBytes, randomBase62 } from './base62.ts'

/**
 * The key format `{prefix}_{id}{secret}{checksum}`: id 12 base62, public, the look-up key; secret 32 base62
 * (190 bits); checksum CRC-32 of all that precedes it, 6 base62. The checksum is no security: it lets a typo or
 * a scanner's false hit be refused without a look-up.
 */
export const ID_LENGTH = 12
/** An id that nobody has: as every id is, but never generated, since ids are random. */
export const ABSENT_ID = '0'.repeat(ID_LENGTH)
const SECRET_LENGTH = 32
const CHECKSUM_LENGTH = 6
const BODY_LENGTH = ID_LENGTH + SECRET_LENGTH + CHECKSUM_LENGTH
const PREFIX_MAX_LENGTH = 32

/**
 * What the prefix of a secret in this format ends in, by its kind: its form alone says what it is, to verify as to a
 * scanner. No prefix that somebody chooses ends so.
 */
const KIND_SUFFIXES = { client_secret: '_cs', access_token: '_at' } as const
/** The kinds of credential whose secrets have the key format. */
export type KeyKind = 'api_key' | keyof typeof KIND_SUFFIXES
const SUFFIX_LENGTH = 3

export interface ParsedKey {
  readonly prefix: string
  readonly id: string
  readonly secret: string
}

/** A prefix that somebody may choose: `[a-z][a-z0-9]*(_[a-z0-9]+)*`, at most 32 characters, and not ending as a kind's. */
export function isKeyPrefix(text: string): boolean {
  const isFree = kindOfPrefix(text) === 'api_key'
  return isFree && text.length <= PREFIX_MAX_LENGTH && /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/.test(text)
}

/** The prefix of secrets of a kind, where keys have this one: `crd_live` gives `crd_live_cs`. */
export function prefixOfKind(kind: KeyKind, prefix: string): string {
  return kind === 'api_key' ? prefix : prefix + KIND_SUFFIXES[kind]
}

function kindOfPrefix(prefix: string): KeyKind {
  if (prefix.endsWith(KIND_SUFFIXES.client_secret)) return 'client_secret'
  return prefix.endsWith(KIND_SUFFIXES.access_token) ? 'access_token' : 'api_key'
}

/** The kind that a presented string is by its form; null: it does not have the form of a key. */
export function keyKindOf(presented: string): KeyKind | null {
  return hasKeyForm(presented) ? kindOfPrefix(presented.slice(0, -BODY_LENGTH - 1)) : null
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

const MAX_KEY_LENGTH = PREFIX_MAX_LENGTH + SUFFIX_LENGTH + 1 + BODY_LENGTH

/** Whether a presented string has the form of a key, right or wrong: what parseKey does not call foreign. */
function hasKeyForm(presented: string): boolean {
  return presented.length <= MAX_KEY_LENGTH && KEY_FORM.test(presented)
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
