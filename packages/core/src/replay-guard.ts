import { createHash } from 'node:crypto'

/**
 * first: accept it. replayed: it was used before. too_old: the memory does not reach back to when it was issued,
 * so it may have been used before; whoever presented it is asked for a fresh one.
 */
export type Redemption = 'first' | 'replayed' | 'too_old'

/** Remembers what may be used once, for all processes that share it: the `jti` of proofs and assertions, nonces. */
export interface ReplayGuard {
  /**
   * Redeems something for whoever presents it now.
   * Must: of all that redeem the same at once exactly one is the first, and nobody is until `keepUntilMs`; what was
   * redeemed before the memory was lost, or had to be cut for its size, is never the first again.
   * @param scope whose ids these are; ids of different scopes have nothing to do with each other
   * @param issuedAtMs not after it could be used for the first time, by this node's clock. Where a client's clock
   *   says so, as in `iat`, take off how far that may be ahead; where another node's does, how far nodes may differ
   * @param keepUntilMs from when on it is refused for its age alone, by the clock of whichever node is last
   * @throws ReplayUnavailable when the memory cannot be asked: then nothing may be accepted
   */
  redeem(scope: string, id: string, issuedAtMs: number, keepUntilMs: number): Promise<Redemption>
}

/** It cannot be known whether this was used before. */
export class ReplayUnavailable extends Error {
  override name = 'ReplayUnavailable'
}

/** What is remembered of an id: ids come from outside, may be long, and are nobody's to read. */
export function redemptionDigest(scope: string, id: string): string {
  // The scope's length keeps ("a", "bc") apart from ("ab", "c").
  return createHash('sha256').update(`${scope.length}:${scope}${id}`).digest('base64url')
}
