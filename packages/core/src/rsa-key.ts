/** NIST SP 800-131A and RFC 7518 section 3.3 want no less; larger ones only cost time, and an attacker may choose. */
const MIN_MODULUS_BITS = 2048
const MAX_MODULUS_BITS = 8192
/** RFC 8017 leaves it open; NIST SP 800-56B wants more than 2^16, and OpenSSL takes no more than 64 bits for all sizes. */
const MIN_EXPONENT = 65_537n
const MAX_EXPONENT_BYTES = 8

/**
 * What is wrong with a public RSA key, or null. Both numbers are big-endian; RFC 7518 section 2 (Base64urlUInt) wants
 * them without leading zeros.
 */
export function rsaKeyProblem(modulus: Uint8Array, exponent: Uint8Array): string | null {
  if (modulus[0] === 0 || exponent[0] === 0) return 'n or e begins with a zero byte'
  const bits = modulus.length === 0 ? 0 : modulus.length * 8 - Math.clz32(modulus[0]!) + 24
  if (bits < MIN_MODULUS_BITS) return `n has ${bits} bits, fewer than ${MIN_MODULUS_BITS}`
  if (bits > MAX_MODULUS_BITS) return `n has ${bits} bits, more than ${MAX_MODULUS_BITS}`
  if (modulus.at(-1)! % 2 === 0) return 'n is even'
  if (exponent.length === 0 || exponent.length > MAX_EXPONENT_BYTES) return 'e is not of 1 to 8 bytes'
  const e = toBigInt(exponent)
  // With e = 1 a message is its own signature; with 3, careless padding checks elsewhere were forged.
  if (e < MIN_EXPONENT || e % 2n === 0n) return `e is even, or less than ${MIN_EXPONENT}`
  return isRocaModulus(toBigInt(modulus)) ? 'n is of a generator whose keys can be factored (ROCA)' : null
}

function toBigInt(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}

/** Small primes at which few remainders are powers of 65537: together they single out one modulus in 2^27. */
const ROCA_PRIMES = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157] as const
const POWERS_OF_65537 = ROCA_PRIMES.map((prime) => ({ prime: BigInt(prime), powers: powersOf65537(prime) }))

function powersOf65537(prime: number): ReadonlySet<number> {
  const powers = new Set<number>()
  for (let power = 1; !powers.has(power); power = (power * 65_537) % prime) powers.add(power)
  return powers
}

/** CVE-2017-15361: primes of that generator, and so their products, are powers of 65537 at every small prime. */
function isRocaModulus(modulus: bigint): boolean {
  return POWERS_OF_65537.every(({ prime, powers }) => powers.has(Number(modulus % prime)))
}
