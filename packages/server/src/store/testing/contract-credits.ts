import assert from 'node:assert/strict'
import type { Credits } from '@credence/core'
import type { Check } from './contract-check.ts'

const PLAIN: Credits = { type: 'credits', name: 'calls', limit: 100, refill: null }
const REFILLED: Credits = { ...PLAIN, limit: 10, refill: { amount: 3, everySeconds: 60 } }

/** What must hold of credits. */
export const CREDIT_CHECKS: readonly Check[] = [
  {
    name: 'credits are exact: of 200 spenders at once exactly as many pass as there are credits',
    async run(store) {
      const results = await Promise.all(
        Array.from({ length: 200 }, () => store.spendCredits('k', PLAIN, 1, 1_000)),
      )
      const allowed = results.filter((result) => result.allowed)
      assert.equal(allowed.length, 100)
      // Every credit was handed out once: the remainders are 99 … 0, each to one spender.
      const remainders = allowed.map(({ remaining }) => remaining).toSorted((a, b) => a - b)
      assert.deepEqual(
        remainders,
        Array.from({ length: 100 }, (_, i) => i),
      )
      const refused = { allowed: false, remaining: 0, retryAfterMs: null }
      assert.deepEqual(await store.spendCredits('k', PLAIN, 1, 1_000), refused)
      assert.equal((await store.spendCredits('other', PLAIN, 1, 1_000)).remaining, 99)
    },
  },
  {
    name: 'a refused spend takes nothing',
    async run(store) {
      assert.equal((await store.spendCredits('k', PLAIN, 60, 1_000)).remaining, 40)
      assert.deepEqual(await store.spendCredits('k', PLAIN, 41, 1_000), {
        allowed: false,
        remaining: 40,
        retryAfterMs: null,
      })
      assert.deepEqual(await store.spendCredits('k', PLAIN, 40, 1_000), {
        allowed: true,
        remaining: 0,
        retryAfterMs: null,
      })
    },
  },
  {
    name: 'refills come in whole steps up to the limit, and waiting as long as was said is enough',
    async run(store) {
      assert.equal((await store.spendCredits('k', REFILLED, 10, 1_000)).remaining, 0)
      const refused = await store.spendCredits('k', REFILLED, 4, 31_000)
      assert.deepEqual(refused, { allowed: false, remaining: 0, retryAfterMs: 90_000 })
      assert.equal((await store.spendCredits('k', REFILLED, 4, 120_999)).allowed, false)
      assert.deepEqual(await store.spendCredits('k', REFILLED, 4, 121_000), {
        allowed: true,
        remaining: 2,
        retryAfterMs: null,
      })
      assert.equal((await store.spendCredits('k', REFILLED, 0, 10_000_000)).remaining, 10)
      assert.equal((await store.spendCredits('k', REFILLED, 11, 10_000_000)).retryAfterMs, null)
    },
  },
  {
    name: 'a negative cost gives back, never beyond the limit',
    async run(store) {
      await store.spendCredits('k', PLAIN, 30, 1_000)
      assert.equal((await store.spendCredits('k', PLAIN, -10, 1_000)).remaining, 80)
      assert.equal((await store.spendCredits('k', PLAIN, -500, 1_000)).remaining, 100)
      assert.equal((await store.spendCredits('k', PLAIN, 101, 1_000)).allowed, false)
    },
  },
  {
    name: 'a clock that goes back gives no credits and holds none up for longer than one step',
    async run(store) {
      await store.spendCredits('k', REFILLED, 10, 1_000_000)
      assert.equal((await store.spendCredits('k', REFILLED, 1, 700_000)).allowed, false)
      assert.equal((await store.spendCredits('k', REFILLED, -1, 700_000)).remaining, 1)
      assert.equal((await store.spendCredits('k', REFILLED, 0, 760_000)).remaining, 4)
    },
  },
  {
    name: 'a request that is counted late does not bring the next refill forward',
    async run(store) {
      await store.spendCredits('k', REFILLED, 10, 1_000_000)
      assert.equal((await store.spendCredits('k', REFILLED, 0, 997_000)).remaining, 0)
      assert.equal((await store.spendCredits('k', REFILLED, 0, 1_059_999)).remaining, 0)
      assert.equal((await store.spendCredits('k', REFILLED, 0, 1_060_000)).remaining, 3)
    },
  },
]
