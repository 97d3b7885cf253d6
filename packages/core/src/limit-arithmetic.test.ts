import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  type Counter,
  limitProblem,
  periodEnd,
  periodStart,
  REORDER_MS,
  takeFromCounter,
  windowSecondsOf,
} from './limit-arithmetic.ts'
import { type Credits, type Limit, QUOTA_PERIODS, type Quota, type RateLimit } from './records.ts'
import { checkProperty } from './testing/rounds.ts'

const NOW = Date.UTC(2026, 5, 16, 12, 30)
const rate: RateLimit = { type: 'rate', name: 'default', limit: 5, windowSeconds: 10 }
const quota: Quota = { type: 'quota', name: 'daily', limit: 3, period: 'day' }
const credits: Credits = {
  type: 'credits',
  name: 'prepaid',
  limit: 4,
  refill: { amount: 2, everySeconds: 60 },
}

/** Takes one after another, each `[cost, atMs]`, and answers what each came to. */
function takeAll(limit: Limit, takes: readonly (readonly [cost: number, atMs: number])[]) {
  let counter: Counter | undefined
  return takes.map(([cost, atMs]) => {
    const take = takeFromCounter(limit, counter, cost, atMs)
    counter = take.next
    return take
  })
}

describe('a rate limit', () => {
  test('allows a burst of its limit and refills evenly over its window', () => {
    const takes = takeAll(rate, [
      ...[1, 1, 1, 1, 1].map((cost) => [cost, NOW] as const),
      [1, NOW],
      [1, NOW + 1999],
      [1, NOW + 2000],
    ])
    assert.deepEqual(
      takes.map((take) => [take.allowed, take.remaining, take.retryAfterMs, take.resetMs]),
      [
        [true, 4, null, 2000],
        [true, 3, null, 4000],
        [true, 2, null, 6000],
        [true, 1, null, 8000],
        [true, 0, null, 10_000],
        [false, 0, 2000, 10_000],
        [false, 0, 1, 8001],
        [true, 0, null, 10_000],
      ],
    )
  })

  test('a cost above the limit never passes, and waiting does not help', () => {
    const take = takeFromCounter(rate, undefined, 6, NOW)
    assert.deepEqual([take.allowed, take.remaining, take.retryAfterMs], [false, 5, null])
  })

  test('the largest there may be are still counted one by one', () => {
    const large: RateLimit = { ...rate, limit: 1_000_000_000, windowSeconds: 9000 }
    assert.equal(limitProblem(large), null)
    const [first, second] = takeAll(large, [
      [999_999_999, NOW],
      [1, NOW],
    ])
    assert.deepEqual([first?.remaining, second?.remaining], [1, 0])
    assert.equal(takeFromCounter(large, second?.next, 1, NOW).allowed, false)
  })

  test('after a clock went back, one window is the longest wait', () => {
    const full = takeFromCounter(rate, undefined, 5, NOW).next
    const back = NOW - 300_000
    const refused = takeFromCounter(rate, full, 1, back)
    assert.deepEqual([refused.allowed, refused.retryAfterMs], [false, 2000])
    assert.ok(takeFromCounter(rate, refused.next, 1, back + 2000).allowed)
    assert.ok(takeFromCounter(rate, refused.next, 5, back + 10_000).allowed)
  })

  test('a request counted out of order pays nothing off twice', () => {
    const full = takeFromCounter(rate, undefined, 5, NOW).next
    const late = takeFromCounter(rate, full, 1, NOW - REORDER_MS)
    assert.deepEqual([late.allowed, late.next, late.retryAfterMs], [false, full, REORDER_MS + 2000])
  })
})

describe('a quota', () => {
  test('counts per UTC calendar period', () => {
    const midnight = Date.UTC(2026, 5, 17)
    const takes = takeAll(quota, [
      [2, NOW],
      [2, NOW],
      [1, NOW],
      [1, midnight - 1],
      [1, midnight],
    ])
    assert.deepEqual(
      takes.map((take) => [take.allowed, take.remaining, take.retryAfterMs]),
      [
        [true, 1, null],
        [false, 1, midnight - NOW],
        [true, 0, null],
        [false, 0, 1],
        [true, 2, null],
      ],
    )
  })

  test('periods begin where the calendar says', () => {
    const at = Date.UTC(2028, 1, 29, 23, 59, 59, 999)
    assert.equal(periodStart('hour', at), Date.UTC(2028, 1, 29, 23))
    assert.equal(periodStart('day', at), Date.UTC(2028, 1, 29))
    assert.equal(periodStart('week', at), Date.UTC(2028, 1, 28), 'a Monday')
    assert.equal(periodStart('month', at), Date.UTC(2028, 1, 1))
    assert.equal(periodEnd('month', at), Date.UTC(2028, 2, 1))
    assert.equal(periodEnd('month', Date.UTC(2027, 11, 31)), Date.UTC(2028, 0, 1))
    assert.equal(windowSecondsOf({ ...quota, period: 'month' }, at), 29 * 86_400)
    checkProperty(
      'periods',
      2000,
      fc.property(fc.constantFrom(...QUOTA_PERIODS), fc.integer({ min: 0, max: 4e12 }), (period, ms) => {
        const start = periodStart(period, ms)
        const end = periodEnd(period, ms)
        assert.ok(start <= ms && ms < end)
        assert.deepEqual([periodStart(period, start), periodStart(period, end - 1)], [start, start])
        assert.equal(periodStart(period, end), end)
        if (period === 'week') assert.equal(new Date(start).getUTCDay(), 1)
      }),
    )
  })

  test('a clock that goes back over midnight opens no second period', () => {
    const midnight = Date.UTC(2026, 5, 17)
    const used = takeFromCounter(quota, undefined, 3, midnight + 1000).next
    assert.equal(takeFromCounter(quota, used, 1, midnight - 1000).allowed, false)
    assert.equal(takeFromCounter(quota, used, 1, midnight + 2000).allowed, false)
  })

  test('a clock that was far ahead blocks no longer than the period that it comes back to', () => {
    const wrong = takeFromCounter(quota, undefined, 3, NOW + 1000 * 86_400_000).next
    const refused = takeFromCounter(quota, wrong, 1, NOW)
    assert.deepEqual([refused.allowed, refused.retryAfterMs], [false, Date.UTC(2026, 5, 17) - NOW])
    assert.ok(takeFromCounter(quota, refused.next, 1, Date.UTC(2026, 5, 17)).allowed)
  })
})

describe('credits', () => {
  test('come back by the refill, from when something was first missing, never above the limit', () => {
    const takes = takeAll(credits, [
      [3, NOW],
      [2, NOW + 59_999],
      [3, NOW + 60_000],
      [1, NOW + 60_000],
      [4, NOW + 600_000],
      [1, NOW + 600_000],
    ])
    assert.deepEqual(
      takes.map((take) => [take.allowed, take.remaining, take.retryAfterMs, take.resetMs]),
      [
        [true, 1, null, 120_000],
        [false, 1, 1, 60_001],
        [true, 0, null, 120_000],
        [false, 0, 60_000, 120_000],
        [true, 0, null, 120_000],
        [false, 0, 60_000, 120_000],
      ],
    )
  })

  test('without a refill never come back', () => {
    const once: Credits = { ...credits, refill: null }
    const [first, second] = takeAll(once, [
      [4, NOW],
      [1, NOW + 1e12],
    ])
    assert.deepEqual([first?.resetMs, second?.allowed, second?.retryAfterMs], [null, false, null])
  })

  test('a clock that went back costs at most one wait for a refill', () => {
    const spent = takeFromCounter(credits, undefined, 4, NOW).next
    const refused = takeFromCounter(credits, spent, 1, NOW - 300_000)
    assert.equal(refused.retryAfterMs, 60_000)
    assert.ok(takeFromCounter(credits, refused.next, 1, NOW - 240_000).allowed)
  })
})

describe('what is wrong with a limit', () => {
  test('is said by field', () => {
    for (const limit of [rate, quota, credits, { ...credits, refill: null }])
      assert.equal(limitProblem(limit), null)
    const rows: [limit: Limit, field: string][] = [
      [{ ...rate, name: '' }, 'name'],
      [{ ...rate, name: 'a"b' }, 'name'],
      [{ ...rate, limit: 0 }, 'limit'],
      [{ ...rate, limit: -1 }, 'limit'],
      [{ ...rate, limit: 1.5 }, 'limit'],
      [{ ...rate, limit: Number.NaN }, 'limit'],
      [{ ...rate, limit: Number.POSITIVE_INFINITY }, 'limit'],
      [{ ...quota, limit: 2 ** 53 }, 'limit'],
      [{ ...rate, limit: 1e12, windowSeconds: 2_678_400 }, 'limit'],
      [{ ...rate, windowSeconds: 0 }, 'window_seconds'],
      [{ ...rate, windowSeconds: 2_678_401 }, 'window_seconds'],
      [{ ...quota, period: 'year' as 'month' }, 'period'],
      [{ ...credits, refill: { amount: 5, everySeconds: 60 } }, 'refill.amount'],
      [{ ...credits, refill: { amount: 1, everySeconds: 0 } }, 'refill.every_seconds'],
    ]
    for (const [limit, field] of rows) assert.equal(limitProblem(limit)?.field, field, JSON.stringify(limit))
  })
})
