import type { RandomBytes } from './base62.ts'

/**
 * Crockford's 32: no i, l, o or u, so nothing is taken for something else when it is read out or copied by hand,
 * and no word comes about. One byte gives one character without favouring any, since 32 divides 256.
 */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const GROUPS = 4
const GROUP_LENGTH = 6

/** A password of 24 random characters (120 bits) in four groups: `x8k2mf-0qvt7r-…`. */
export function generatePassword(randomBytes: RandomBytes): string {
  const characters = Array.from(
    randomBytes(GROUPS * GROUP_LENGTH),
    (byte) => ALPHABET[byte % ALPHABET.length],
  )
  const groups = Array.from({ length: GROUPS }, (_, group) =>
    characters.slice(group * GROUP_LENGTH, (group + 1) * GROUP_LENGTH).join(''),
  )
  return groups.join('-')
}
