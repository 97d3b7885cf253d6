/** Contestants measured in turns (A B A B …), so that a machine that slows down slows all of them. */

export interface Contestant {
  readonly name: string
  /** One measurement: a rate per second. */
  readonly measure: () => number | Promise<number>
}

export interface Rate {
  readonly name: string
  /** Median, lowest and highest of the rounds. */
  readonly median: number
  readonly min: number
  readonly max: number
}

/** So long a server takes to compile what it runs. */
const WARMING_ROUNDS = 3

/** Measures each a few times unrecorded, so that all is warm, then `rounds` times in turns. */
export async function inTurns(contestants: readonly Contestant[], rounds: number): Promise<Rate[]> {
  const measured = contestants.map((): number[] => [])
  for (let round = -WARMING_ROUNDS; round < rounds; round++) {
    for (const [i, { measure }] of contestants.entries()) {
      const rate = await measure()
      if (round >= 0) measured[i]!.push(rate)
    }
  }
  return contestants.map(({ name }, i) => rateOf(name, measured[i]!))
}

export function rateOf(name: string, values: readonly number[]): Rate {
  return { name, median: median(values), min: Math.min(...values), max: Math.max(...values) }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** @param rank from 0 to 1 */
export function percentile(values: readonly number[], rank: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(rank * sorted.length))]!
}
