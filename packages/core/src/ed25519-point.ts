/** The field of curve25519: 2^255 - 19. */
const P = 2n ** 255n - 19n
const SIGN_BIT = 2n ** 255n
/**
 * The y of every point whose order divides 8 (1 and -1; 0; two of order 8). A key that is one of them has no secret:
 * one signature by nobody verifies for many messages.
 */
const LOW_ORDER_Y = new Set([
  0n,
  1n,
  P - 1n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
])

/** True of a low-order point, and of every spelling of a point but the one of RFC 8032 section 5.1.3 (y below p). */
export function isLowOrderEd25519(encoded: Uint8Array): boolean {
  const littleEndian = Buffer.from(encoded).reverse().toString('hex')
  const y = BigInt(`0x${littleEndian}`) % SIGN_BIT
  return y >= P || LOW_ORDER_Y.has(y)
}
