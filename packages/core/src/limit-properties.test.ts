import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  CLOCK_SKEW_MS,
  type Counter,
  currentCounter,
  giveBack,
  periodStart,
  REORDER_MS,
  takeFromCounter,
  windowSecondsOf,
} from './limit-arithmetic.ts'
import { type Credits, type Limit, QUOTA_PERIODS, type Quota, type RateLimit } from './records.ts'
import { checkProperty, refutes } from './testing/rounds.ts'

const NOW = Date.UTC(2026, 5, 16, 12, 30)
const rate: RateLimit = { type: 'rate', name: 'default', limit: 5, windowSeconds: 10 }
const quota: Quota = { type: 'quota', name: 'daily', limit: 3, period: 'day' }
const credits: Credits = {
  type: 'credits',
  name: 'prepaid',
  limit: 4,
  refill: { amount: 2, everySeconds: 60 },
}

const anyRate = fc
  .record({ limit: fc.integer({ min: 1, max: 50 }), windowSeconds: fc.constantFrom(1, 3, 7, 60, 3600) })
  .map((one): RateLimit => ({ ...rate, ...one }))
const anyQuota = fc
  .record({ limit: fc.integer({ min: 1, max: 50 }), period: fc.constantFrom(...QUOTA_PERIODS) })
  .map((one): Quota => ({ ...quota, ...one }))
const anyCredits = fc
  .record({
    limit: fc.integer({ min: 3, max: 50 }),
    amount: fc.integer({ min: 1, max: 3 }),
    every: fc.integer({ min: 1, max: 99 }),
  })
  .map(
    ({ limit, amount, every }): Credits => ({ ...credits, limit, refill: { amount, everySeconds: every } }),
  )
const anyLimit: fc.Arbitrary<Limit> = fc.oneof(anyRate, anyQuota, anyCredits)
const step = fc.oneof(
  fc.constant(0),
  fc.integer({ max: 500, min: 0 }),
  fc.integer({ min: 0, max: 7_200_000 }),
)
const asked = fc.array(fc.tuple(fc.integer({ min: 0, max: 12 }), step), { minLength: 1, maxLength: 40 })
/** Steps made into moments. */
const takes = asked.map((steps) => {
  let atMs = NOW
  return steps.map(([cost, stepMs]) => {
    atMs += stepMs
    return [cost, atMs] as const
  })
})

type TakeFrom = typeof takeFromCounter

function admitted(take: TakeFrom, limit: Limit, list: readonly (readonly [number, number])[]) {
  let counter: Counter | undefined
  return list.flatMap(([cost, atMs]) => {
    const result = take(limit, counter, cost, atMs)
    counter = result.next
    return result.allowed ? [{ cost, atMs }] : []
  })
}

function total(takes: readonly { cost: number }[]): number {
  return takes.reduce((sum, take) => sum + take.cost, 0)
}

describe('properties of limits', () => {
  test('a rate never admits more than its limit and what refills, over any stretch of time', () => {
    const bounded = (take: TakeFrom) =>
      fc.property(anyRate, takes, (limit, list) => {
        const all = admitted(take, limit, list)
        for (const [index, first] of all.entries()) {
          for (let end = index + 1; end <= all.length; end += 1) {
            const elapsedMs = all[end - 1]!.atMs - first.atMs
            const most = Math.ceil(limit.limit * (1 + elapsedMs / (limit.windowSeconds * 1000)))
            assert.ok(total(all.slice(index, end)) <= most)
          }
        }
      })
    checkProperty('rate', 2000, bounded(takeFromCounter))
    // A fixed window lets twice the limit through around its edge.
    const fixedWindow: TakeFrom = (limit, counter, cost, nowMs) => {
      const windowMs = (limit.type === 'rate' ? limit.windowSeconds : 1) * 1000
      const start = Math.floor(nowMs / windowMs) * windowMs
      const used = counter?.b === start ? counter.a : 0
      const allowed = used + cost <= limit.limit
      const next = { a: allowed ? used + cost : used, b: start }
      return { allowed, next, remaining: 0, retryAfterMs: null, resetMs: null }
    }
    assert.ok(refutes(2000, bounded(fixedWindow)), 'a fixed window is seen to be wrong')
  })

  test('times that come out of order gain nothing', () => {
    // Many small requests close together, each in time or late: only then does going back and forth add up.
    const request = fc.record({
      cost: fc.integer({ min: 1, max: 3 }),
      stepMs: fc.integer({ min: 0, max: 200 }),
      lateMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: REORDER_MS / 2 })),
    })
    const requests = fc.array(request, { minLength: 10, maxLength: 60 })
    const busyRate = fc
      .record({ limit: fc.integer({ min: 3, max: 20 }), windowSeconds: fc.constantFrom(1, 3, 7) })
      .map((one): RateLimit => ({ ...rate, ...one }))
    const bounded = (take: TakeFrom) =>
      fc.property(busyRate, requests, (limit, requests) => {
        let atMs = NOW
        const list = requests.map(({ cost, stepMs, lateMs }) => {
          atMs += stepMs
          return [cost, atMs - lateMs] as const
        })
        // A refused request shows too that so much time has passed.
        const times = list.map(([, atMs]) => atMs)
        const elapsedMs = Math.max(...times) - Math.min(...times)
        const most = Math.ceil(limit.limit * (1 + elapsedMs / (limit.windowSeconds * 1000)))
        assert.ok(total(admitted(take, limit, list)) <= most)
      })
    checkProperty('rate out of order', 2000, bounded(takeFromCounter))
    const goesBack: TakeFrom = (limit, counter, cost, nowMs) =>
      takeFromCounter(limit, counter && { a: counter.a, b: Math.min(counter.b, nowMs) }, cost, nowMs)
    assert.ok(refutes(2000, bounded(goesBack)), 'following the clock back is seen to be wrong')
  })

  test('a quota never admits more than its limit in a period', () => {
    const bounded = (take: TakeFrom) =>
      fc.property(anyQuota, takes, (limit, list) => {
        const byPeriod = Map.groupBy(admitted(take, limit, list), (one) =>
          periodStart(limit.period, one.atMs),
        )
        for (const all of byPeriod.values()) assert.ok(total(all) <= limit.limit)
      })
    checkProperty('quota', 2000, bounded(takeFromCounter))
    const untilUsedUp: TakeFrom = (limit, counter, cost, nowMs) => {
      const { a, b } = currentCounter(limit, counter, nowMs)
      const allowed = a < limit.limit
      return {
        allowed,
        next: { a: allowed ? a + cost : a, b },
        remaining: 0,
        retryAfterMs: null,
        resetMs: null,
      }
    }
    assert.ok(refutes(2000, bounded(untilUsedUp)), 'looking before adding the cost is seen to be wrong')
  })

  test('credits never give out more than the limit and every refill that came', () => {
    const bounded = (take: TakeFrom) =>
      fc.property(anyCredits, takes, (limit, list) => {
        const all = admitted(take, limit, list)
        const elapsedMs = all.length === 0 ? 0 : all.at(-1)!.atMs - all[0]!.atMs
        const refills = Math.floor(elapsedMs / (limit.refill!.everySeconds * 1000))
        assert.ok(total(all) <= limit.limit + refills * limit.refill!.amount)
      })
    checkProperty('credits', 2000, bounded(takeFromCounter))
    const hoarding: TakeFrom = (limit, counter, cost, nowMs) =>
      takeFromCounter(
        limit,
        counter ?? { a: 1, b: nowMs - 3_600_000 },
        cost,
        nowMs - (counter ? 0 : 3_600_000),
      )
    assert.ok(refutes(2000, bounded(hoarding)), 'saving up refills while full is seen to be wrong')
  })

  test('a refused take spends nothing, and what is left stays between 0 and the limit', () => {
    const holds = (take: TakeFrom) =>
      fc.property(anyLimit, takes, (limit, list) => {
        let counter: Counter | undefined
        for (const [cost, atMs] of list) {
          const before = take(limit, counter, 0, atMs)
          const result = take(limit, counter, cost, atMs)
          assert.ok(result.remaining >= 0 && result.remaining <= limit.limit)
          assert.equal(result.remaining, before.remaining - (result.allowed ? cost : 0))
          if (!result.allowed) assert.deepEqual(result.next, currentCounter(limit, counter, atMs))
          counter = result.next
        }
      })
    checkProperty('refused take', 2000, holds(takeFromCounter))
    const penalising: TakeFrom = (limit, counter, cost, nowMs) => {
      const result = takeFromCounter(limit, counter, cost, nowMs)
      return result.allowed ? result : { ...result, next: { a: result.next.a + 1, b: result.next.b } }
    }
    assert.ok(refutes(2000, holds(penalising)), 'counting refusals is seen to be wrong')
  })

  test('to wait as long as was said is enough, and a millisecond less is not', () => {
    const holds = (take: TakeFrom) =>
      fc.property(anyLimit, takes, (limit, list) => {
        let counter: Counter | undefined
        for (const [cost, atMs] of list) {
          const result = take(limit, counter, cost, atMs)
          counter = result.next
          const { retryAfterMs } = result
          if (result.allowed || retryAfterMs === null) continue
          assert.ok(takeFromCounter(limit, counter, cost, atMs + retryAfterMs).allowed)
          assert.ok(!takeFromCounter(limit, counter, cost, atMs + retryAfterMs - 1).allowed)
        }
      })
    checkProperty('retryAfterMs', 2000, holds(takeFromCounter))
    const rounded: TakeFrom = (limit, counter, cost, nowMs) => {
      const result = takeFromCounter(limit, counter, cost, nowMs)
      return { ...result, retryAfterMs: result.retryAfterMs && Math.floor(result.retryAfterMs / 1000) * 1000 }
    }
    assert.ok(refutes(2000, holds(rounded)), 'rounding down is seen to be wrong')
  })

  test('a clock that goes back five minutes blocks no longer than one window, period or refill', () => {
    const holds = (take: TakeFrom) =>
      fc.property(anyLimit, takes, (limit, list) => {
        let counter: Counter | undefined
        for (const [cost, atMs] of list) counter = take(limit, counter, cost, atMs).next
        const back = list.at(-1)![1] - 300_000
        const { retryAfterMs, next } = take(limit, counter, 1, back)
        const longestMs =
          limit.type === 'credits'
            ? limit.refill!.everySeconds * 1000
            : // A period entered already goes on: until its end, seen from before its start.
              windowSecondsOf(limit, back + CLOCK_SKEW_MS)! * 1000 +
              (limit.type === 'quota' ? CLOCK_SKEW_MS : 0)
        assert.ok((retryAfterMs ?? 0) <= longestMs)
        assert.ok(take(limit, next, 1, back + longestMs).allowed)
      })
    checkProperty('clock back', 2000, holds(takeFromCounter))
    const stuck: TakeFrom = (limit, counter, cost, nowMs) =>
      takeFromCounter(limit, counter, cost, Math.max(nowMs, counter?.b ?? 0))
    assert.ok(refutes(2000, holds(stuck)), 'waiting for the clock to catch up is seen to be wrong')
  })

  test('what is given back is as if it had never been taken', () => {
    const holds = (back: typeof giveBack) =>
      fc.property(anyLimit, takes, fc.integer({ min: 1, max: 5 }), (limit, list, cost) => {
        let counter: Counter | undefined
        for (const [cost, atMs] of list.slice(0, -1))
          counter = takeFromCounter(limit, counter, cost, atMs).next
        const nowMs = list.at(-1)![1]
        const taken = takeFromCounter(limit, counter, cost, nowMs)
        fc.pre(taken.allowed)
        const restored = back(limit, taken.next, taken.next, cost)
        assert.equal(
          takeFromCounter(limit, restored, 0, nowMs).remaining,
          takeFromCounter(limit, counter, 0, nowMs).remaining,
        )
      })
    checkProperty('giveBack', 2000, holds(giveBack))
    const inUnits: typeof giveBack = (_, counter, __, cost) => ({
      a: Math.max(0, counter.a - cost),
      b: counter.b,
    })
    assert.ok(refutes(2000, holds(inUnits)), 'giving a rate back in units is seen to be wrong')
  })
})
