import { CreditBlocks, type CreditLedger } from '@credence/core'
import type { Config } from '../config.ts'

export interface CreditsParts {
  readonly config: Pick<Config, 'creditBlock' | 'limitCounters'>
  /** The credits of all nodes. */
  readonly credits: CreditLedger
  readonly clock: () => number
}

/** The credits as this process spends them. */
export interface OpenedCredits {
  readonly ledger: CreditLedger
  /** Gives back what is held and idle. */
  readonly tend: () => Promise<void>
  /** Gives back all that is held. */
  readonly close: () => Promise<void>
}

/** Straight from the store, or in blocks where the setting asks for them. */
export function openCredits({ config, credits, clock }: CreditsParts): OpenedCredits {
  const { creditBlock, limitCounters } = config
  if (creditBlock === 1) return { ledger: credits, tend: async () => {}, close: async () => {} }
  const ledger = new CreditBlocks({ ledger: credits, block: creditBlock, maxLimits: limitCounters })
  return { ledger, tend: () => ledger.tend(clock()), close: () => ledger.close(clock()) }
}
