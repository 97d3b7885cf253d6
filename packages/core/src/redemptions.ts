import type { Redeemable } from './proof-window.ts'
import type { Redemption, ReplayGuard } from './replay-guard.ts'
import type { DenialCode } from './verdict.ts'

/**
 * What one request has redeemed of the replay guard. Its checks may run again, on records read anew, and must not find
 * their own redemption there: a proof is redeemed once for a request, and what came of it stays so until it is decided.
 */
export class Redemptions {
  readonly #guard: ReplayGuard
  #redeemed: { readonly key: string; readonly outcome: Promise<Redemption> } | null = null

  constructor(guard: ReplayGuard) {
    this.#guard = guard
  }

  /** Null: nobody used it before. @throws ReplayUnavailable */
  async refusal(once: Redeemable): Promise<{ readonly code: DenialCode; readonly detail: string } | null> {
    switch (await this.#outcomeOf(once)) {
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

  #outcomeOf({ scope, id, issuedAtMs, keepUntilMs }: Redeemable): Promise<Redemption> {
    const key = `${scope}\n${id}`
    // Another proof than before: the record that was read anew is bound to another key.
    if (this.#redeemed?.key !== key) {
      this.#redeemed = { key, outcome: this.#guard.redeem(scope, id, issuedAtMs, keepUntilMs) }
    }
    return this.#redeemed!.outcome
  }
}
