import { type CreditLedger, type Credits, LimitUnavailable, type SpentCredits } from '@credence/core'
import { type Store, StoreFault } from '../store/port.ts'

/** The credits of the store. One that cannot be reached is no fault of ours: nothing can be counted now. */
export class StoreCredits implements CreditLedger {
  readonly #store: Pick<Store, 'spendCredits'>

  constructor(store: Pick<Store, 'spendCredits'>) {
    this.#store = store
  }

  async spend(key: string, limit: Credits, cost: number, nowMs: number): Promise<SpentCredits> {
    try {
      return await this.#store.spendCredits(key, limit, cost, nowMs)
    } catch (cause) {
      if (!(cause instanceof StoreFault)) throw cause
      throw new LimitUnavailable('The store does not count credits', { cause })
    }
  }
}
