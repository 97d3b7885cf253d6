import fc from 'fast-check'

/**
 * How often a property is tried: `base` times CREDENCE_TEST_ROUNDS (1 when absent), so that a nightly run
 * goes deeper than one between two edits.
 */
export function rounds(base: number): number {
  const text = process.env.CREDENCE_TEST_ROUNDS ?? '1'
  const factor = Number(text)
  if (!Number.isFinite(factor) || factor <= 0) {
    throw new Error(`CREDENCE_TEST_ROUNDS must be a number greater than 0, not "${text}"`)
  }
  return Math.max(1, Math.round(base * factor))
}

/** The seed of this run: CREDENCE_TEST_SEED where a failure is to be seen again, else a new one. */
export function seed(): number {
  const text = process.env.CREDENCE_TEST_SEED
  if (text === undefined || text === '') return Math.floor(Math.random() * 0x7fff_ffff)
  const value = Number(text)
  if (!Number.isInteger(value)) throw new Error(`CREDENCE_TEST_SEED must be an integer, not "${text}"`)
  return value
}

/** Tries a property `rounds(base)` times and prints how many rounds with which seed. */
export function checkProperty<Ts>(name: string, base: number, property: fc.IProperty<Ts>): void {
  fc.assert(property, announced(name, base))
}

/** checkProperty for properties that wait for something. */
export async function checkAsyncProperty<Ts>(
  name: string,
  base: number,
  property: fc.IAsyncProperty<Ts>,
): Promise<void> {
  await fc.assert(property, announced(name, base))
}

/**
 * The negative control of a property: true when it is seen to fail. A property that also holds of a
 * deliberately broken variant shows nothing. Never fewer than `base` rounds: a quick run must not miss by chance.
 */
export function refutes<Ts>(base: number, property: fc.IProperty<Ts>): boolean {
  // fc.check answers a promise only for asynchronous properties, which the parameter's type excludes.
  const details = fc.check(property, {
    numRuns: Math.max(base, rounds(base)),
    seed: seed(),
  }) as fc.RunDetails<Ts>
  return details.failed && details.counterexample !== null
}

/** refutes for properties that wait for something. */
export async function refutesAsync<Ts>(base: number, property: fc.IAsyncProperty<Ts>): Promise<boolean> {
  const details = await fc.check(property, { numRuns: Math.max(base, rounds(base)), seed: seed() })
  return details.failed && details.counterexample !== null
}

function announced(name: string, base: number): { numRuns: number; seed: number } {
  const parameters = { numRuns: rounds(base), seed: seed() }
  console.log(`${name}: ${parameters.numRuns} rounds, seed ${parameters.seed}`)
  return parameters
}
