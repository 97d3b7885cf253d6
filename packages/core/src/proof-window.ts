import { CLOCK_SKEW_MS } from './limit-arithmetic.ts'

/** How far from now a proof may have been made, by the clock of whoever made it. */
export interface ProofWindow {
  readonly maxAgeMs: number
  /** How far that clock may be ahead of ours. */
  readonly maxAheadMs: number
}

/** RFC 9449 section 11.1 wants it short; clocks that are set at all differ by less than ten seconds. */
export const PROOF_WINDOW: ProofWindow = { maxAgeMs: 60_000, maxAheadMs: 10_000 }

/** The arguments of ReplayGuard.redeem, for one proof. */
export interface Redeemable {
  readonly scope: string
  readonly id: string
  readonly issuedAtMs: number
  readonly keepUntilMs: number
}

/**
 * What the replay guard is asked for a proof. The key that signed is in the scope, so nobody can use up the ids of
 * somebody else.
 * @param issuedAtSeconds by the clock of whoever signed
 */
export function redeemable(
  scope: string,
  id: string,
  issuedAtSeconds: number,
  { maxAgeMs, maxAheadMs }: ProofWindow,
): Redeemable {
  const issuedAtMs = issuedAtSeconds * 1000
  return {
    scope,
    id,
    // That clock may be ahead, so it may have been used that much earlier.
    issuedAtMs: issuedAtMs - maxAheadMs,
    // The node whose clock is last takes it for that much longer.
    keepUntilMs: issuedAtMs + maxAgeMs + CLOCK_SKEW_MS,
  }
}

/** What is wrong with when it was made, in words that go behind "is"; null: nothing. */
export function proofTimeProblem(
  issuedAtSeconds: number,
  { maxAgeMs, maxAheadMs }: ProofWindow,
  nowMs: number,
): string | null {
  const ageMs = nowMs - issuedAtSeconds * 1000
  // NaN and infinities are within nothing.
  if (!(ageMs <= maxAgeMs)) return `more than ${maxAgeMs / 1000} seconds ago`
  return ageMs >= -maxAheadMs ? null : `more than ${maxAheadMs / 1000} seconds ahead`
}
