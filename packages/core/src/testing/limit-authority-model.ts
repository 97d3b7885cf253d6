import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type Counter, currentCounter, giveBack, periodEnd, takeFromCounter } from '../limit-arithmetic.ts'
import type { Leased, LeaseResult, SharedLimit, Wanted } from '../limit-authority.ts'
import { QUOTA_PERIODS } from '../records.ts'
import type { AuthorityCheck, OpenedAuthority } from './limit-authority-check.ts'
import { checkAsyncProperty } from './rounds.ts'

/** What the counters of limit-arithmetic.ts make of a call, in the most obvious way. */
class Model {
  readonly #counters = new Map<string, Counter>()

  lease(wanted: readonly Wanted[], nowMs: number): LeaseResult {
    const takes = wanted.map(({ key, limit, cost }) =>
      takeFromCounter(limit, this.#counters.get(key), cost, nowMs),
    )
    const allowed = takes.every((take) => take.allowed)
    const leased = wanted.map(({ key, limit, cost, batch }, index): Leased => {
      const counter = this.#counters.get(key)
      const units = allowed ? Math.min(batch, takes[index]!.remaining) : 0
      const take =
        allowed || takes[index]!.allowed
          ? takeFromCounter(limit, counter, allowed ? cost + units : 0, nowMs)
          : takes[index]!
      const current = currentCounter(limit, counter, nowMs)
      // A clock that went back is kept, whoever is refused.
      if (allowed && cost + units > 0) this.#counters.set(key, take.next)
      else if (counter !== undefined && current.b < counter.b) this.#counters.set(key, current)
      return {
        allowed: takes[index]!.allowed,
        units,
        remaining: take.remaining,
        retryAfterMs: takes[index]!.retryAfterMs,
        resetMs: take.resetMs!,
        periodMs: take.next.b,
        endsInMs: limit.type === 'quota' ? periodEnd(limit.period, take.next.b) - nowMs : null,
      }
    })
    return { allowed, leased }
  }

  giveBack(key: string, limit: SharedLimit, units: number, periodMs: number): void {
    const counter = this.#counters.get(key)
    if (counter !== undefined) this.#counters.set(key, giveBack(limit, counter, { a: 0, b: periodMs }, units))
  }
}

const NOW = Date.UTC(2026, 11, 31, 23, 30)
const anyLimit: fc.Arbitrary<SharedLimit> = fc.oneof(
  fc.record({
    type: fc.constant('rate' as const),
    name: fc.constant('r'),
    limit: fc.constantFrom(1, 7, 50, 100_000, 1_000_000_000),
    windowSeconds: fc.constantFrom(1, 7, 60, 3600),
  }),
  fc.record({
    type: fc.constant('quota' as const),
    name: fc.constant('q'),
    limit: fc.constantFrom(1, 9, 50, 1e12),
    period: fc.constantFrom(...QUOTA_PERIODS),
  }),
)
const units = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 0, max: 12 }) },
  fc.integer({ min: 0, max: 1e9 }),
)
const anyStep = fc.oneof(
  { weight: 4, arbitrary: fc.constant(0) },
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 3000 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 40 * 86_400_000 }) },
  // Clocks go back: by as little as a request that is counted late, and by more than any skew.
  { weight: 1, arbitrary: fc.integer({ min: -4000, max: 0 }) },
  { weight: 1, arbitrary: fc.integer({ min: -900_000, max: 0 }) },
)

interface Call {
  readonly stepMs: number
  /** Bits: which of the three limits are asked. */
  readonly which: number
  readonly costs: readonly number[]
  readonly batches: readonly number[]
  /** Not null: instead of taking, so many units are given back to the first limit. */
  readonly back: number | null
}
const three = fc.array(units, { minLength: 3, maxLength: 3 })
const anyCall: fc.Arbitrary<Call> = fc.record({
  stepMs: anyStep,
  which: fc.integer({ min: 1, max: 7 }),
  costs: three,
  batches: three,
  back: fc.option(units, { freq: 6 }),
})

let runs = 0

/** Plays the calls to an authority and to the model, and compares every answer. */
async function comparePlay(
  { authority, setClock }: OpenedAuthority,
  limits: readonly SharedLimit[],
  calls: readonly Call[],
): Promise<void> {
  const model = new Model()
  const run = runs++
  const keys = limits.map((_, index) => `run${run}:${index}`)
  const [key, limit] = [keys[0]!, limits[0]!]
  let periodMs = 0
  let nowMs = NOW
  for (const { stepMs, which, costs, batches, back } of calls) {
    nowMs += stepMs
    await setClock(nowMs)
    if (back !== null) {
      await authority.giveBack([{ key, limit, units: back, periodMs }])
      model.giveBack(key, limit, back, periodMs)
      continue
    }
    const wanted = limits.flatMap((limit, index): Wanted[] =>
      (which >> index) & 1 ? [{ key: keys[index]!, limit, cost: costs[index]!, batch: batches[index]! }] : [],
    )
    const result = await authority.lease(wanted)
    if (which & 1) periodMs = result.leased[0]!.periodMs
    assert.deepEqual(result, model.lease(wanted, nowMs))
  }
}

export const MODEL_CHECKS: readonly AuthorityCheck[] = [
  {
    name: 'every answer is that of the arithmetic of limits, over random limits, costs, batches and times',
    async run(opened) {
      const limits = fc.array(anyLimit, { minLength: 3, maxLength: 3 })
      const calls = fc.array(anyCall, { minLength: 1, maxLength: 25 })
      const property = fc.asyncProperty(limits, calls, (limits, calls) => comparePlay(opened, limits, calls))
      await checkAsyncProperty('limit authority', 150, property)
    },
  },
]
