import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { CreditLedger } from './credit-ledger.ts'
import type { AppliedLimit, Limiter, LimitOwner, LimitResult } from './limit.ts'
import { type Counter, takeFromCounter } from './limit-arithmetic.ts'
import { MemoryLimiter } from './memory-limiter.ts'
import type { Credits, Limit } from './records.ts'
import { checkAsyncProperty, checkProperty, refutes, refutesAsync } from './testing/rounds.ts'

const NOW = Date.UTC(2026, 5, 16, 12)

function applied(owner: LimitOwner, limit: Limit): AppliedLimit {
  return { key: `${owner}:1:${limit.type}:${limit.name}`, owner, limit, exact: false }
}

const perMinute = applied('credential', { type: 'rate', name: 'minute', limit: 10, windowSeconds: 60 })
const perDay = applied('principal', { type: 'quota', name: 'day', limit: 3, period: 'day' })
const burst = applied('api', { type: 'rate', name: 'burst', limit: 2, windowSeconds: 1 })
const prepaid = applied('principal', { type: 'credits', name: 'prepaid', limit: 5, refill: null })
const trial = applied('credential', { type: 'credits', name: 'trial', limit: 2, refill: null })

function limiter(ledger?: CreditLedger): MemoryLimiter {
  return new MemoryLimiter(ledger === undefined ? { maxCounters: 100 } : { maxCounters: 100, ledger })
}

function takeNow(one: Limiter, limits: readonly AppliedLimit[], cost: number, nowMs = NOW): LimitResult {
  const result = one.take(limits, cost, nowMs)
  assert.ok(!(result instanceof Promise), 'memory answers at once')
  return result
}

function remaining(result: LimitResult): Record<string, number> {
  return Object.fromEntries(result.states.map((state) => [state.name, state.remaining]))
}

/** A ledger in memory that answers later, as a store does. */
class TestLedger implements CreditLedger {
  readonly counters = new Map<string, Counter>()
  isBroken = false

  async spend(key: string, limit: Credits, cost: number, nowMs: number) {
    await Promise.resolve()
    if (this.isBroken) throw new Error('ledger is away')
    const take = takeFromCounter(limit, this.counters.get(key), cost, nowMs)
    this.counters.set(key, take.next)
    return { allowed: take.allowed, remaining: take.remaining, retryAfterMs: take.retryAfterMs }
  }
}

describe('limits in memory', () => {
  test('all that apply must pass, and are reported tightest first', () => {
    const result = takeNow(limiter(), [perMinute, perDay, burst], 1)
    assert.ok(result.allowed)
    assert.deepEqual(
      result.states.map((state) => [state.owner, state.name, state.type, state.limit, state.remaining]),
      [
        ['api', 'burst', 'rate', 2, 1],
        ['principal', 'day', 'quota', 3, 2],
        ['credential', 'minute', 'rate', 10, 9],
      ],
    )
    assert.deepEqual(
      result.states.map((state) => [state.resetSeconds, state.windowSeconds]),
      [
        [1, 1],
        [12 * 3600, 86_400],
        [6, 60],
      ],
    )
  })

  test('no limits allow everything', () => {
    assert.deepEqual(takeNow(limiter(), [], 1), { allowed: true, states: [] })
  })

  test('a refused request spends nothing, from no limit', () => {
    const one = limiter()
    takeNow(one, [perMinute, perDay, burst], 2)
    Array.from(one.dirtyQuotas())
    const result = takeNow(one, [perMinute, perDay, burst], 1)
    assert.deepEqual(result.allowed || [result.failed.name, result.failed.remaining], ['burst', 0])
    assert.deepEqual(remaining(result), { burst: 0, day: 1, minute: 8 })
    assert.deepEqual([...one.dirtyQuotas()], [])
    assert.deepEqual(remaining(takeNow(one, [perMinute, perDay], 1)), { day: 0, minute: 7 })
  })

  test('of several that refuse, the one with the longest wait says when to come again', () => {
    const one = limiter()
    takeNow(one, [perDay, burst], 2)
    const result = takeNow(one, [burst, perDay], 2)
    assert.ok(!result.allowed)
    assert.deepEqual([result.failed.name, result.retryAfterSeconds], ['day', 12 * 3600])
    const never = takeNow(one, [burst, perDay], 4)
    assert.equal(never.allowed || never.retryAfterSeconds, null)
  })

  test('one owner is not charged for another', () => {
    const one = limiter()
    const other = { ...burst, key: 'api:2:rate:burst' }
    takeNow(one, [burst], 2)
    assert.ok(takeNow(one, [other], 2).allowed)
    assert.ok(!takeNow(one, [burst], 1).allowed)
  })

  test('to wait counts after a clock went back, though every request in between is refused', () => {
    const one = limiter()
    takeNow(one, [burst], 2)
    const back = NOW - 300_000
    assert.ok(!takeNow(one, [burst], 1, back).allowed)
    assert.ok(!takeNow(one, [burst], 1, back + 499).allowed)
    assert.ok(takeNow(one, [burst], 1, back + 500).allowed)
  })

  test('quotas survive a restart by what was written of them', () => {
    const one = limiter()
    takeNow(one, [perDay, perMinute], 2)
    const dirty = [...one.dirtyQuotas()]
    assert.equal(dirty.length, 1)
    const next = limiter()
    next.restore(dirty)
    assert.ok(!takeNow(next, [perDay], 2).allowed)
    assert.ok(takeNow(next, [perDay], 1).allowed)
    next.markDirty(dirty)
    assert.deepEqual(
      [...next.dirtyQuotas()].map(([, counter]) => counter.a),
      [3],
    )
  })

  test('the number of counters is bounded', () => {
    const one = new MemoryLimiter({ maxCounters: 8 })
    for (let index = 0; index < 100; index += 1) takeNow(one, [{ ...burst, key: `${index}` }], 1)
    assert.equal(one.size, 8)
    assert.equal(one.evictedInUse, 92)
  })

  test('credits without a ledger are counted in memory', () => {
    const one = limiter()
    assert.ok(takeNow(one, [trial], 2).allowed)
    const result = takeNow(one, [trial], 1)
    assert.deepEqual([result.allowed, result.allowed || result.retryAfterSeconds], [false, null])
  })
})

describe('credits of a ledger', () => {
  test('are spent last, and reported with the others', async () => {
    const ledger = new TestLedger()
    const result = await limiter(ledger).take([prepaid, perDay], 1, NOW)
    assert.ok(result.allowed)
    assert.deepEqual(remaining(result), { day: 2, prepaid: 4 })
    assert.deepEqual(
      result.states.map((state) => [state.name, state.windowSeconds]),
      [
        ['day', 86_400],
        ['prepaid', null],
      ],
    )
  })

  test('are not asked for when memory refuses', () => {
    const ledger = new TestLedger()
    const result = takeNow(limiter(ledger), [prepaid, perDay], 4)
    assert.ok(!result.allowed)
    assert.equal(ledger.counters.size, 0)
  })

  test('that refuse give everything back, here and there', async () => {
    const ledger = new TestLedger()
    const one = limiter(ledger)
    await one.take([trial], 1, NOW)
    const result = await one.take([perMinute, prepaid, trial], 2, NOW)
    assert.ok(!result.allowed)
    assert.deepEqual([result.failed.name, result.retryAfterSeconds], ['trial', null])
    assert.deepEqual(remaining(result), { trial: 1, prepaid: 5, minute: 10 })
    const after = await one.take([perMinute, prepaid], 1, NOW)
    assert.deepEqual(remaining(after), { prepaid: 4, minute: 9 })
  })

  test('that cannot be reached are a fault, and nothing is spent', async () => {
    const ledger = new TestLedger()
    const one = limiter(ledger)
    ledger.isBroken = true
    await assert.rejects(async () => one.take([perDay, prepaid], 3, NOW), /ledger is away/)
    ledger.isBroken = false
    const result = await one.take([perDay, prepaid], 3, NOW)
    assert.ok(result.allowed)
    assert.deepEqual(remaining(result), { day: 0, prepaid: 2 })
  })
})

const limit: fc.Arbitrary<AppliedLimit> = fc
  .tuple(
    fc.constantFrom<LimitOwner>('credential', 'principal', 'api'),
    fc.oneof(
      fc.record({
        type: fc.constant('rate' as const),
        name: fc.constant('r'),
        limit: fc.constantFrom(3, 7),
        windowSeconds: fc.constantFrom(1, 60),
      }),
      fc.record({
        type: fc.constant('quota' as const),
        name: fc.constant('q'),
        limit: fc.constantFrom(4, 9),
        period: fc.constantFrom('hour' as const, 'day' as const),
      }),
      fc.record({
        type: fc.constant('credits' as const),
        name: fc.constant('c'),
        limit: fc.constantFrom(5, 8),
        refill: fc.constant(null),
      }),
    ),
  )
  .map(([owner, limit]) => applied(owner, limit))
const limits = fc.uniqueArray(limit, { maxLength: 6, minLength: 1, selector: (one) => one.key })
const asked = fc.array(
  fc.record({
    cost: fc.integer({ min: 0, max: 5 }),
    stepMs: fc.constantFrom(0, 0, 100, 5000, 3_600_000),
    // Which of the limits apply to this request.
    which: fc.integer({ min: 0, max: 63 }),
  }),
  { maxLength: 25 },
)

describe('properties of limits in memory', () => {
  test('a request passes when all of its limits have enough, and then takes from each, else from none', () => {
    const holds = (make: () => Limiter) =>
      fc.property(limits, asked, (limits, asked) => {
        const one = make()
        const model = new Map<string, Counter>()
        let nowMs = NOW
        for (const { cost, stepMs, which } of asked) {
          nowMs += stepMs
          const applying = limits.filter((_, index) => (which >> index) & 1)
          const takes = applying.map(({ key, limit }) => takeFromCounter(limit, model.get(key), cost, nowMs))
          const isAllowed = takes.every((take) => take.allowed)
          const result = takeNow(one, applying, cost, nowMs)
          assert.equal(result.allowed, isAllowed)
          for (const [index, { key, limit }] of applying.entries()) {
            if (isAllowed) model.set(key, takes[index]!.next)
            const left = takeFromCounter(limit, model.get(key), 0, nowMs).remaining
            const { owner } = applying[index]!
            assert.ok(
              result.states.some(
                (state) => state.owner === owner && state.type === limit.type && state.remaining === left,
              ),
            )
          }
          const shares = result.states.map((state) => state.remaining / state.limit)
          assert.deepEqual(
            shares,
            shares.toSorted((a, b) => a - b),
          )
        }
      })
    checkProperty('MemoryLimiter', 2000, holds(limiter))
    // One after another until one refuses: what came before stays spent.
    const oneByOne = (): Limiter => {
      const inner = limiter()
      const take: Limiter['take'] = (limits, cost, nowMs) => {
        for (const one of limits) if (!takeNow(inner, [one], cost, nowMs).allowed) break
        return inner.take(limits, 0, nowMs)
      }
      return { take, takeOne: (one, cost, nowMs) => take([one], cost, nowMs) }
    }
    assert.ok(refutes(2000, holds(oneByOne)))
  })

  test('one limit alone is counted as in a list of one', async () => {
    const steps = fc.array(
      fc.record({
        which: fc.nat({ max: 2 }),
        cost: fc.integer({ min: 0, max: 4 }),
        afterMs: fc.integer({ min: -3000, max: 20_000 }),
      }),
      { minLength: 1, maxLength: 30 },
    )
    const holds = (takeOne: (inner: Limiter) => Limiter['takeOne']) =>
      fc.asyncProperty(steps, fc.boolean(), async (steps, hasLedger) => {
        const [alone, listed] = [1, 2].map(() => limiter(hasLedger ? new TestLedger() : undefined))
        let nowMs = NOW
        for (const { which, cost, afterMs } of steps) {
          nowMs += afterMs
          const one = [perMinute, prepaid, trial][which]!
          assert.deepEqual(await takeOne(alone!)(one, cost, nowMs), await listed!.take([one], cost, nowMs))
        }
      })
    await checkAsyncProperty(
      'takeOne',
      300,
      holds((inner) => (one, cost, nowMs) => inner.takeOne(one, cost, nowMs)),
    )
    assert.ok(
      await refutesAsync(
        300,
        holds((inner) => (one, cost, nowMs) => inner.takeOne(one, Math.min(cost, 3), nowMs)),
      ),
      'one that takes less is seen',
    )
  })

  test('racing requests never get more than there is, and what is refused is given back', async () => {
    const costs = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 12 })
    const holds = (make: () => CreditLedger) =>
      fc.asyncProperty(costs, async (costs) => {
        const one = limiter(make())
        const results = await Promise.all(
          costs.map(async (cost) => one.take([perMinute, prepaid, trial], cost, NOW)),
        )
        const spent = costs.reduce((sum, cost, index) => sum + (results[index]!.allowed ? cost : 0), 0)
        const after = await one.take([perMinute, prepaid, trial], 0, NOW)
        assert.deepEqual(remaining(after), { minute: 10 - spent, prepaid: 5 - spent, trial: 2 - spent })
      })
    await checkAsyncProperty(
      'MemoryLimiter with a ledger',
      300,
      holds(() => new TestLedger()),
    )
    class KeepingLedger extends TestLedger {
      override async spend(key: string, limit: Credits, cost: number, nowMs: number) {
        return super.spend(key, limit, Math.max(0, cost), nowMs)
      }
    }
    assert.ok(
      await refutesAsync(
        300,
        holds(() => new KeepingLedger()),
      ),
      'one that gives nothing back is seen',
    )
  })
})
