import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import fc from 'fast-check'
import type { CreditLedger, SpentCredits } from './credit-ledger.ts'
import { LEASE_MS, maxBatch } from './held-limit.ts'
import { LeasedLimiter, type LeasedLimiterOptions } from './leased-limiter.ts'
import type { AppliedLimit, Limiter, LimitResult } from './limit.ts'
import { type Counter, takeFromCounter } from './limit-arithmetic.ts'
import { MemoryLimiter } from './memory-limiter.ts'
import type { Credits, Quota, RateLimit } from './records.ts'
import { appliedTo, NO_LEDGER, settled, TakenAwayAuthority } from './testing/leasing-nodes.ts'
import { checkAsyncProperty, refutesAsync } from './testing/rounds.ts'

const NOW = Date.UTC(2026, 5, 16, 12)
const DAILY: Quota = { type: 'quota', name: 'day', limit: 1000, period: 'day' }
const RATE: RateLimit = { type: 'rate', name: 'minute', limit: 600, windowSeconds: 60 }
const SMALL: Quota = { type: 'quota', name: 'few', limit: 99, period: 'day' }
const PREPAID: Credits = { type: 'credits', name: 'prepaid', limit: 5, refill: null }
const prepaid: AppliedLimit = {
  key: 'principal:1:credits:prepaid',
  owner: 'principal',
  limit: PREPAID,
  exact: false,
}

let nowMs = NOW
let authority: TakenAwayAuthority
beforeEach(() => {
  nowMs = NOW
  authority = new TakenAwayAuthority(() => nowMs)
})

function node(options: Partial<LeasedLimiterOptions> = {}): LeasedLimiter {
  return new LeasedLimiter({
    authority,
    ledger: NO_LEDGER,
    maxLimits: 1000,
    nodes: () => 3,
    onLost: () => {},
    onBack: () => {},
    ...options,
  })
}

/** So many requests one after another, each when the one before was decided. */
async function takeTimes(
  one: Limiter,
  applied: AppliedLimit,
  times: number,
  cost = 1,
): Promise<LimitResult[]> {
  const results: LimitResult[] = []
  for (let time = 0; time < times; time++) results.push(await one.take([applied], cost, nowMs))
  await settled()
  return results
}

function passed(results: readonly LimitResult[]): number {
  return results.filter(({ allowed }) => allowed).length
}

/** What the authority has left of a limit. */
function left({ key, limit }: AppliedLimit): number {
  assert.notEqual(limit.type, 'credits')
  const wanted = { key, limit: limit as Quota, cost: 0, batch: 0 }
  return authority.memory.leaseNow([wanted], nowMs).leased[0]!.remaining
}

describe('a limiter that leases', () => {
  test('spends what it leased without waiting, and asks for more before that runs out', async () => {
    const one = node()
    const applied = appliedTo({ ...DAILY, limit: 1_000_000 })
    await takeTimes(one, applied, 200)
    const before = authority.calls
    let waited = 0
    for (let time = 0; time < 10_000; time++) {
      if (time % 10 === 0) nowMs += 1
      const taking = one.take([applied], 1, nowMs)
      if (taking instanceof Promise) waited += 1
      assert.ok((await taking).allowed)
    }
    assert.deepEqual([waited, authority.calls - before < 50], [0, true], `${authority.calls - before} calls`)
  })

  test('asks at each request for an exact limit, and for one under 100', async () => {
    const one = node()
    for (const applied of [appliedTo(DAILY, true), appliedTo(SMALL)]) {
      const before = authority.calls
      await takeTimes(one, applied, 50)
      assert.equal(authority.calls - before, 50)
      assert.equal(left(applied), applied.limit.limit - 50)
    }
  })

  test('of exact and of small limits exactly as many pass over three nodes at once as there are', async () => {
    const nodes = [node(), node(), node()]
    const exact = appliedTo({ ...DAILY, limit: 100 }, true)
    for (const applied of [exact, appliedTo(SMALL)]) {
      const takes = nodes.flatMap((one) =>
        Array.from({ length: 200 }, async () => one.take([applied], 1, nowMs)),
      )
      assert.equal(passed(await Promise.all(takes)), applied.limit.limit)
    }
  })

  test('a quota that three nodes lease is used up to the last unit, when what they hold has come back', async () => {
    const nodes = [node(), node(), node()]
    const applied = appliedTo(DAILY)
    let sum = 0
    for (const one of nodes) sum += passed(await takeTimes(one, applied, 300))
    for (const one of nodes) sum += passed(await takeTimes(one, applied, 300))
    assert.ok(sum <= DAILY.limit && sum > DAILY.limit - 3 * maxBatch(DAILY), `${sum}`)
    nowMs += LEASE_MS
    for (const one of nodes) await one.tend(nowMs)
    for (const one of nodes) sum += passed(await takeTimes(one, applied, 100))
    assert.equal(sum, DAILY.limit)
  })

  test('leases no more than it used within the last second or two, and of a limit seldom used nothing', async () => {
    const one = node()
    const applied = appliedTo(DAILY)
    await takeTimes(one, applied, 1)
    assert.equal(left(applied), 999)
    nowMs += 5000
    await takeTimes(one, applied, 1)
    assert.equal(left(applied), 998)
    await takeTimes(one, applied, 2)
    assert.ok(left(applied) >= 998 - 2 - 3)
  })

  test('gives back what it has held for too long, and at the end all of it', async () => {
    const one = node()
    const applied = appliedTo(DAILY)
    await takeTimes(one, applied, 100)
    assert.ok(left(applied) < 900)
    nowMs += LEASE_MS - 1
    await one.tend(nowMs)
    assert.ok(left(applied) < 900, 'it may be spent yet')
    nowMs += 1
    await one.tend(nowMs)
    assert.equal(left(applied), 900)
    await takeTimes(one, applied, 100)
    assert.ok(left(applied) < 800)
    await one.close()
    assert.equal(left(applied), 800)
  })

  test('gives back at the end also what was still under way to it', async () => {
    const one = node()
    const applied = appliedTo(DAILY)
    for (let time = 1; time <= 200; time++) {
      const { calls } = authority
      const taking = one.take([applied], 1, nowMs)
      const leasesInBackground = !(taking instanceof Promise) && authority.calls > calls
      if (leasesInBackground) {
        await one.close()
        assert.equal(left(applied), 1000 - time)
        return
      }
      await taking
      await settled()
    }
    assert.fail('nothing was leased in the background')
  })

  test('a refused request spends nothing: not what is held, not what is counted elsewhere', async () => {
    const one = node()
    const [leased, small] = [appliedTo(DAILY), appliedTo(SMALL)]
    await takeTimes(one, leased, 100)
    await takeTimes(one, small, 99)
    const calls = authority.calls
    const before = left(leased)
    nowMs += 1500
    const result = await one.take([leased, small], 1, nowMs)
    assert.deepEqual(result.allowed || [result.failed.name, result.states[1]!.remaining], ['few', 900])
    assert.ok(!(await one.take([small, leased], 1, nowMs)).allowed)
    assert.ok(authority.calls > calls)
    await one.close()
    assert.equal(left(leased), 900)
    assert.ok(before < 900)
  })

  test('repeats a refusal without asking, for no longer than was said and at most a second', async () => {
    const one = node()
    const applied = appliedTo(RATE)
    await takeTimes(one, applied, 600)
    await one.close()
    const refused = (await takeTimes(one, applied, 20)).findLast(({ allowed }) => !allowed)
    assert.ok(refused !== undefined && !refused.allowed)
    assert.equal(refused.retryAfterSeconds, 1)
    const before = authority.calls
    nowMs += 99
    assert.equal(passed(await takeTimes(one, applied, 100)), 0)
    assert.equal(authority.calls, before)
    nowMs += 1
    assert.equal(passed(await takeTimes(one, applied, 1)), 1)
    const few = appliedTo(SMALL)
    await takeTimes(one, few, 99)
    await takeTimes(one, few, 1)
    const calls = authority.calls
    nowMs += 999
    assert.equal(passed(await takeTimes(one, few, 100)), 0)
    assert.equal(authority.calls, calls)
    // Somebody has given back.
    authority.memory.giveBackNow([{ ...few, limit: SMALL, units: 1, periodMs: Date.UTC(2026, 5, 16) }], nowMs)
    nowMs += 1
    assert.equal(passed(await takeTimes(one, few, 1)), 1)
  })

  test('a refusal of much does not refuse less, and of an exact limit none is repeated', async () => {
    const one = node()
    await takeTimes(one, appliedTo(SMALL), 1, 95)
    assert.equal(passed(await takeTimes(one, appliedTo(SMALL), 1, 5)), 0)
    assert.equal(passed(await takeTimes(one, appliedTo(SMALL), 1, 4)), 1)
    const exact = appliedTo({ ...RATE, limit: 1 }, true)
    await takeTimes(one, exact, 1)
    const before = authority.calls
    assert.equal(passed(await takeTimes(one, exact, 10)), 0)
    assert.equal(authority.calls - before, 10)
  })

  test('a limit that was lowered holds at once, and what was held of the old one goes back', async () => {
    const one = node()
    await takeTimes(one, appliedTo(DAILY), 120)
    const lower = appliedTo({ ...DAILY, limit: 121 })
    const results = await takeTimes(one, lower, 5)
    await one.tend(nowMs)
    assert.equal(passed(results) + passed(await takeTimes(one, { ...lower, exact: true }, 5)), 1)
  })

  test('what is held of a period that ends while the authority is asked pays nothing in the next one', async () => {
    const one = node()
    const hourly = appliedTo({ ...DAILY, period: 'hour' })
    nowMs = NOW + 3_600_000 - 500
    await takeTimes(one, hourly, 100)
    const [held, used] = [900 - left(hourly), 990]
    assert.ok(held > 0)
    const startedMs = nowMs
    nowMs = NOW + 3_600_000
    await authority.memory.lease([{ ...hourly, limit: { ...DAILY, period: 'hour' }, cost: used, batch: 0 }])
    // Asked for at the end of the old hour, counted in the new one, which has 10 units left.
    assert.equal((await one.take([hourly], 10 + held, startedMs)).allowed, false)
    assert.equal((await one.take([hourly], 10, nowMs)).allowed, true)
  })

  test('a clock that goes back makes nothing that is held worth more', async () => {
    const one = node()
    const applied = appliedTo(DAILY)
    await takeTimes(one, applied, 100)
    const taking = one.take([applied], 1, nowMs - 600_000)
    assert.ok(taking instanceof Promise, 'it asks')
    assert.ok((await taking).allowed)
  })

  test('knows of no more limits than it may, and gives back what it held of those it forgot', async () => {
    const one = node({ maxLimits: 10 })
    const applied = (index: number) => ({ ...appliedTo(DAILY), key: `api:${index}` })
    for (let index = 0; index < 100; index++) {
      await takeTimes(one, applied(index), 50)
      await one.tend(nowMs)
    }
    assert.equal(one.size, 10)
    await one.close()
    for (let index = 0; index < 100; index++) assert.equal(left(applied(index)), 950)
  })

  test('alone at its authority, a node decides and reports as one that counts in memory', async () => {
    const limits = [
      appliedTo(DAILY),
      appliedTo(RATE),
      appliedTo(SMALL),
      appliedTo({ ...RATE, name: 'x' }, true),
    ]
    const takes = fc.array(
      fc.record({
        cost: fc.constantFrom(0, 1, 1, 1, 2, 30, 700),
        times: fc.integer({ min: 1, max: 60 }),
        which: fc.integer({ min: 1, max: 15 }),
      }),
      { minLength: 1, maxLength: 12 },
    )
    const holds = (change: (result: LimitResult) => LimitResult) =>
      fc.asyncProperty(takes, async (takes) => {
        const one = new LeasedLimiter({ ...optionsOf(new TakenAwayAuthority(() => NOW)) })
        const inMemory = new MemoryLimiter({ maxCounters: 100 })
        for (const { cost, times, which } of takes) {
          const applied = limits.filter((_, index) => (which >> index) & 1)
          for (let time = 0; time < times; time++) {
            const expected = await inMemory.take(applied, cost, NOW)
            assert.deepEqual(briefly(change(await one.take(applied, cost, NOW))), briefly(expected))
            await settled()
          }
        }
      })
    await checkAsyncProperty(
      'LeasedLimiter alone',
      100,
      holds((result) => result),
    )
    const withoutHeld = (result: LimitResult) => ({
      ...result,
      states: result.states.map((state) => ({ ...state, remaining: Math.max(0, state.remaining - 1) })),
    })
    assert.ok(await refutesAsync(20, holds(withoutHeld)))
  })
})

function optionsOf(authority: TakenAwayAuthority): LeasedLimiterOptions {
  return { authority, ledger: NO_LEDGER, maxLimits: 100, nodes: () => 1, onLost: () => {}, onBack: () => {} }
}

/** What both must agree about: how long a refill takes is known to within what is held, and ties have no order. */
function briefly({ allowed, states }: LimitResult) {
  return { allowed, states: states.map(({ name, remaining }) => [name, remaining]).toSorted() }
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

describe('credits beside limits that nodes share', () => {
  test('are spent last, and reported with the others', async () => {
    const result = await node({ ledger: new TestLedger() }).take([prepaid, appliedTo(SMALL)], 1, nowMs)
    assert.ok(result.allowed)
    assert.deepEqual(
      result.states.map(({ name, remaining }) => [name, remaining]),
      [
        ['prepaid', 4],
        ['few', 98],
      ],
    )
  })

  test('that refuse give back what is held, and what was counted', async () => {
    const one = node({ ledger: new TestLedger() })
    const [leased, exact] = [appliedTo(DAILY), appliedTo({ ...RATE, name: 'exact' }, true)]
    await takeTimes(one, leased, 100)
    for (let time = 0; time < 10; time++) await one.take([leased, exact, prepaid], 1, nowMs)
    const result = await one.take([leased, exact, prepaid], 1, nowMs)
    assert.deepEqual(
      result.states.map(({ name, remaining }) => [name, remaining]),
      [
        ['prepaid', 0],
        ['day', 895],
        ['exact', 595],
      ],
    )
    assert.equal(left(exact), 595)
    await one.close()
    assert.equal(left(leased), 895)
  })

  test('that refuse later give back also what others had left of what is held', async () => {
    const { promise, resolve } = Promise.withResolvers<SpentCredits>()
    const one = node({ ledger: { spend: () => promise } })
    const leased = appliedTo(DAILY)
    await takeTimes(one, leased, 100)
    const held = 900 - left(leased)
    assert.ok(held > 0)
    const taking = one.take([leased, prepaid], held, nowMs)
    await one.tend(nowMs)
    resolve({ allowed: false, remaining: 0, retryAfterMs: null })
    assert.equal((await taking).allowed, false)
    await one.close()
    assert.equal(left(leased), 900)
  })

  test('that cannot be reached are a fault, and nothing is spent', async () => {
    const ledger = new TestLedger()
    const one = node({ ledger })
    const [leased, exact] = [appliedTo(DAILY), appliedTo({ ...RATE, name: 'exact' }, true)]
    await takeTimes(one, leased, 100)
    ledger.isBroken = true
    await assert.rejects(async () => one.take([leased, exact, prepaid], 1, nowMs), /ledger is away/)
    await one.close()
    assert.deepEqual([left(leased), left(exact)], [900, 600])
  })
})

describe('a limiter whose authority is lost', () => {
  test('spends what it leased, then its share of the limit, and says so', async () => {
    const told: string[] = []
    const one = node({ onLost: () => told.push('lost'), onBack: () => told.push('back') })
    const applied = appliedTo({ ...DAILY, limit: 300_000 })
    await takeTimes(one, applied, 3000)
    const held = 300_000 - 3000 - left(applied)
    assert.ok(held > 0)
    authority.isAway = true
    const results = await takeTimes(one, { ...applied, limit: { ...applied.limit } }, held)
    assert.deepEqual([passed(results), one.decidedAlone], [held, 0])
    // A third of the limit, of which what was used before is used of the share too: 1 %, rounded up, of 100,000.
    const alone = await takeTimes(one, applied, 100_000)
    const used = Math.ceil((300_000 - left(applied)) / 3)
    assert.equal(passed(alone), 100_000 - used)
    assert.deepEqual([told, one.isDegraded], [['lost'], true])
    assert.ok(one.decidedAlone >= 100_000)
  })

  test('asks no more until tend() finds it back, and then goes on by itself', async () => {
    const told: string[] = []
    const one = node({ onLost: () => told.push('lost'), onBack: () => told.push('back') })
    authority.isAway = true
    await takeTimes(one, appliedTo(SMALL), 5)
    const { calls } = authority
    await takeTimes(one, appliedTo(DAILY, true), 5)
    assert.equal(authority.calls, calls)
    await one.tend(nowMs)
    assert.deepEqual([authority.calls, one.isDegraded], [calls + 1, true])
    authority.isAway = false
    await one.tend(nowMs)
    assert.deepEqual([told, one.isDegraded], [['lost', 'back'], false])
    await takeTimes(one, appliedTo(DAILY, true), 5)
    assert.equal(left(appliedTo(DAILY)), 995)
  })

  test('that has used up a limit before gives out nothing more of it', async () => {
    const one = node()
    const [small, exact] = [appliedTo(SMALL), appliedTo(RATE, true)]
    await takeTimes(one, small, 99)
    await takeTimes(one, exact, 600)
    authority.isAway = true
    assert.equal(passed(await takeTimes(one, exact, 50)), 0)
    nowMs += 1000
    assert.equal(passed(await takeTimes(one, small, 50)), 0)
    // A share refills as the limit does: 10 a second for all, so 3 here.
    assert.equal(passed(await takeTimes(one, exact, 50)), 3)
  })

  test('cannot get more than a share by losing it again and again', async () => {
    const one = node()
    const applied = appliedTo(SMALL)
    let sum = 0
    for (let loss = 0; loss < 5; loss++) {
      authority.isAway = true
      sum += passed(await takeTimes(one, applied, 50))
      authority.isAway = false
      await one.tend(nowMs)
      assert.equal(one.isDegraded, false)
    }
    assert.equal(sum, 33)
  })

  test('allows at least one of a limit where there are more nodes than units', async () => {
    const one = node({ nodes: () => 7 })
    authority.isAway = true
    assert.equal(passed(await takeTimes(one, appliedTo({ ...SMALL, limit: 5 }), 5)), 1)
  })

  test('over all of its nodes gives out no more than the limit', async () => {
    authority.isAway = true
    let sum = 0
    for (const one of [node(), node(), node()]) sum += passed(await takeTimes(one, appliedTo(DAILY), 1000))
    assert.equal(sum, 999)
  })

  test('takes from all of the limits or from none', async () => {
    const one = node({ ledger: new TestLedger() })
    authority.isAway = true
    const [much, few] = [appliedTo(DAILY), appliedTo({ ...SMALL, limit: 6 })]
    for (let time = 0; time < 9; time++) await one.take([much, few], 1, nowMs)
    assert.equal(passed(await takeTimes(one, much, 1000)), 331)
    const other = appliedTo({ ...RATE, name: 'other' })
    for (let time = 0; time < 9; time++) await one.take([other, prepaid], 1, nowMs)
    assert.equal(passed(await takeTimes(one, other, 1000)), 195)
  })

  test('does not take what is a fault for a loss', async () => {
    const fault = new TypeError('a fault')
    const one = node({ authority: { lease: () => Promise.reject(fault), giveBack: async () => {} } })
    await assert.rejects(async () => one.take([appliedTo(SMALL)], 1, nowMs), fault)
    assert.equal(one.isDegraded, false)
  })

  test('is told of when the loss shows in the background', async () => {
    const told: unknown[] = []
    const one = node({ onLost: (error) => told.push(error) })
    const applied = appliedTo({ ...DAILY, limit: 1_000_000 })
    await takeTimes(one, applied, 200)
    authority.isAway = true
    for (let time = 0; time < 1000; time++) await one.take([applied], 1, nowMs)
    await settled()
    assert.equal(told.length, 1)
    assert.equal(one.isDegraded, true)
  })
})
