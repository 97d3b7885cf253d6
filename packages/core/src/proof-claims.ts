import type { ProofClaim } from './proof-window.ts'
import type { Claim, ReplayGuard } from './replay-guard.ts'
import type { DenialCode } from './verdict.ts'

/**
 * What one request has claimed of the replay guard. Its checks may run again, on records read anew, and must not find
 * their own claim there: a proof is claimed once for a request, and what came of it stays so until it is decided.
 */
export class ProofClaims {
  readonly #guard: ReplayGuard
  #claimed: { readonly key: string; readonly outcome: Promise<Claim> } | null = null

  constructor(guard: ReplayGuard) {
    this.#guard = guard
  }

  /** Null: nobody used it before. @throws ReplayUnavailable */
  async refusal(claim: ProofClaim): Promise<{ readonly code: DenialCode; readonly detail: string } | null> {
    switch (await this.#outcomeOf(claim)) {
      case 'first':
        return null
      case 'replayed':
        return { code: 'REPLAYED', detail: 'it was used before' }
      case 'too_old':
        // Nobody can tell whether it was used, so a fresh one is asked for.
        return {
          code: 'BINDING_MISMATCH',
          detail: 'made before the memory of used ones begins; make a fresh one',
        }
    }
  }

  #outcomeOf({ scope, id, issuedAtMs, keepUntilMs }: ProofClaim): Promise<Claim> {
    const key = `${scope}\n${id}`
    // Another proof than before: the record that was read anew is bound to another key.
    if (this.#claimed?.key !== key) {
      this.#claimed = { key, outcome: this.#guard.claim(scope, id, issuedAtMs, keepUntilMs) }
    }
    return this.#claimed!.outcome
  }
}
