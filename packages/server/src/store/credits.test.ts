import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Credits } from '@credence/core'
import { spendFromModel } from '@credence/core/testing/credit-model'
import { checkProperty, refutes } from '@credence/core/testing/rounds'
import fc from 'fast-check'
import { type CreditState, takeCredits } from './credits.ts'

const NOW = Date.UTC(2026, 5, 16, 12)

const anyLimit: fc.Arbitrary<Credits> = fc
  .record({
    limit: fc.integer({ min: 3, max: 30 }),
    refill: fc.option(
      fc.record({
        amount: fc.integer({ min: 1, max: 3 }),
        everySeconds: fc.constantFrom(1, 2, 60),
      }),
    ),
  })
  .map((one) => ({ type: 'credits', name: 'prepaid', ...one }))
const anyStep = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 4000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 300_000 }) },
  // A request that is counted late, a clock that went back, and what lies around the line between the two.
  { weight: 2, arbitrary: fc.integer({ min: -4000, max: 0 }) },
  { weight: 1, arbitrary: fc.integer({ min: -5001, max: -4999 }) },
  { weight: 1, arbitrary: fc.integer({ min: -600_000, max: 0 }) },
)
const spends = fc.array(
  fc.record({
    cost: fc.integer({ min: -5, max: 8 }),
    stepMs: anyStep,
    /** Not null: the limit is changed first. */
    changed: fc.option(fc.integer({ min: 3, max: 30 }), { freq: 8 }),
  }),
  { minLength: 1, maxLength: 30 },
)

function agrees(take: typeof takeCredits) {
  return fc.property(anyLimit, spends, (first, spends) => {
    let limit = first
    let state: CreditState | undefined
    let counter: ReturnType<typeof spendFromModel>['next'] | undefined
    let nowMs = NOW
    for (const { cost, stepMs, changed } of spends) {
      nowMs += stepMs
      if (changed !== null) limit = { ...limit, limit: changed }
      const taken = take(limit, state, cost, nowMs)
      const expected = spendFromModel(limit, counter, cost, nowMs)
      assert.deepEqual(taken.result, expected.result)
      assert.deepEqual(taken.next, { spent: expected.next.a, sinceMs: expected.next.b })
      state = taken.next
      counter = expected.next
    }
  })
}

test('what the store makes of credits is what the arithmetic of limits makes of them', () => {
  checkProperty('credits of the store', 2000, agrees(takeCredits))
})

test('a store that follows every small step of the clock back is seen to differ', () => {
  const following: typeof takeCredits = (limit, state, cost, nowMs) =>
    takeCredits(limit, state && { ...state, sinceMs: Math.min(state.sinceMs, nowMs) }, cost, nowMs)
  assert.ok(refutes(2000, agrees(following)))
})
