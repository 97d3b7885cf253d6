import { BoundedMap } from './bounded-map.ts'

export interface SourceBudgetOptions {
  /** What each source gets back every second, up to `burst`. */
  readonly perSecond: number
  readonly burst: number
  /** Most sources kept; who is forgotten starts anew. */
  readonly maxSources: number
}

interface Purse {
  left: number
  atMs: number
}

/** So much for every source, whatever others do: a token bucket for each, in bounded memory. */
export class SourceBudget {
  readonly #options: SourceBudgetOptions
  readonly #purses: BoundedMap<string, Purse>

  constructor(options: SourceBudgetOptions) {
    this.#options = options
    this.#purses = new BoundedMap(options.maxSources)
  }

  /** Takes one; false: the source has none left. @param nowMs a clock that goes back gives nothing back */
  take(source: string, nowMs: number): boolean {
    const { perSecond, burst } = this.#options
    const purse = this.#purses.get(source)
    if (purse === undefined) {
      this.#purses.set(source, { left: burst - 1, atMs: nowMs })
      return true
    }
    const passedMs = Math.max(0, nowMs - purse.atMs)
    purse.left = Math.min(burst, purse.left + (passedMs * perSecond) / 1000)
    purse.atMs = nowMs
    if (purse.left < 1) return false
    purse.left -= 1
    return true
  }
}
