/** Secrets out of examples that are long enough to be taken for real ones. */
const FROM_EXAMPLES = new Set([
  'a-string-secret-at-least-256-bits-long',
  'a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long',
  'your-256-bit-secret-your-256-bit-secret',
  'this-is-a-very-long-secret-key-for-jwt-tokens',
  'mysupersecretkeythatisatleast32characterslong',
  'thisisasecretkeythatisatleast32byteslong',
])
/** Of 32 random bytes fewer than these differ once in more than 2^100 secrets. */
const FEWEST_DIFFERENT_BYTES = 12

/** Why somebody could guess the secret of HS algorithms, though it is long enough, or null. */
export function weakSecretProblem(secret: Uint8Array): string | null {
  if (FROM_EXAMPLES.has(Buffer.from(secret).toString('latin1').toLowerCase()))
    return 'is a secret out of an example'
  return new Set(secret).size < FEWEST_DIFFERENT_BYTES
    ? 'repeats a few bytes: a secret is random, such as `openssl rand -base64 32` gives'
    : null
}
