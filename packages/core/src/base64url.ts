/**
 * Base64url by the letter of RFC 7515 section 2: no padding, no white space, no other character, no bits set behind
 * the last byte. Decoders that overlook any of it give one signature many spellings, so what was revoked, counted
 * or cached under one spelling could be presented again under another.
 * @returns null for whatever is not the one encoding of its bytes
 */
export function decodeBase64url(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64url')
  // Node skips what it does not know and never writes anything but the one encoding, so the way back tells.
  return bytes.toString('base64url') === text ? bytes : null
}
