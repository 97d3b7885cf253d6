export interface Comparison {
  /** Welch's t: how sure it is that the means differ. */
  readonly t: number
  /** Of the means, in the unit of the samples. */
  readonly difference: number
}

/**
 * Compares two samples after the slowest twentieth of both together is cut off: what the scheduler and the
 * garbage collector add there is the same for both, and would only hide a difference (as dudect does it).
 */
export function compare(left: readonly number[], right: readonly number[]): Comparison {
  const pooled = [...left, ...right].sort((a, b) => a - b)
  const bound = pooled[Math.floor(pooled.length * 0.95)]!
  const a = momentsOf(left.filter((value) => value <= bound))
  const b = momentsOf(right.filter((value) => value <= bound))
  const difference = a.mean - b.mean
  return { difference, t: difference / Math.sqrt(a.variance / a.size + b.variance / b.size) }
}

function momentsOf(sample: readonly number[]): { size: number; mean: number; variance: number } {
  const size = sample.length
  const mean = sample.reduce((sum, value) => sum + value, 0) / size
  const variance = sample.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (size - 1)
  return { size, mean, variance }
}
