/** Digits, then upper case, then lower case: the order of the key format. */
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Fills a buffer of the given size with cryptographically secure random bytes. */
export type RandomBytes = (size: number) => Uint8Array

/**
 * Uniformly random base62 characters: bytes of 248 and above are thrown away, since 248 = 4 × 62 is the
 * largest multiple of 62 in a byte and a plain modulo would favour the first eight characters.
 */
export function randomBase62(length: number, randomBytes: RandomBytes): string {
  const codes: number[] = []
  while (codes.length < length) {
    for (const byte of randomBytes(length - codes.length + 4)) {
      if (byte < 248 && codes.length < length) codes.push(ALPHABET.charCodeAt(byte % 62))
    }
  }
  // At once: a string that grows character by character is a chain of as many.
  return String.fromCharCode(...codes)
}

/** A non-negative integer in base62, zero padded to `width`. */
export function encodeBase62(value: number, width: number): string {
  let text = ''
  for (let rest = value; rest > 0; rest = Math.floor(rest / 62)) text = ALPHABET[rest % 62] + text
  return text.padStart(width, '0')
}

export function isBase62(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (!((c >= 48 && c <= 57) || (c >= 65 && c <= 90) || (c >= 97 && c <= 122))) return false
  }
  return text.length > 0
}
