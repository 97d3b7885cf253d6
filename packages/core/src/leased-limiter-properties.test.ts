import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { maxBatch } from './held-limit.ts'
import type { AppliedLimit } from './limit.ts'
import { periodStart } from './limit-arithmetic.ts'
import type { LimitAuthority } from './limit-authority.ts'
import type { Quota, RateLimit } from './records.ts'
import { appliedTo, LeasingNodes, type Pass } from './testing/leasing-nodes.ts'
import { checkAsyncProperty } from './testing/rounds.ts'

/** Half a minute before a new month. */
const START = Date.UTC(2026, 5, 30, 23, 59, 30)
const NODES = 3

type Step =
  | {
      readonly type: 'take'
      readonly node: number
      readonly cost: number
      readonly times: number
      /** Whether the network is fast for so long: every answer is there before the next request. */
      readonly isPrompt: boolean
    }
  | { readonly type: 'deliver'; readonly pick: number; readonly times: number }
  | { readonly type: 'pass time'; readonly ms: number }
  | { readonly type: 'tend'; readonly node: number }
  | { readonly type: 'pause'; readonly node: number }
  | { readonly type: 'jump'; readonly node: number; readonly ms: number }

const node = fc.nat({ max: NODES - 1 })
const anyTake: fc.Arbitrary<Step> = fc.record({
  type: fc.constant('take' as const),
  node,
  cost: fc.constantFrom(1, 1, 1, 2, 5),
  times: fc.integer({ min: 1, max: 40 }),
  isPrompt: fc.boolean(),
})
const anyDelivery: fc.Arbitrary<Step> = fc.record({
  type: fc.constant('deliver' as const),
  pick: fc.nat({ max: 50 }),
  times: fc.integer({ min: 1, max: 12 }),
})
const anyWait: fc.Arbitrary<Step> = fc.record({
  type: fc.constant('pass time' as const),
  ms: fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 100 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 3000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 15_000 }) },
  ),
})
const steady: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: anyTake },
  { weight: 8, arbitrary: anyDelivery },
  { weight: 3, arbitrary: anyWait },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('tend' as const), node }) },
  // Who is paused neither asks nor hears an answer, until another is, or it again.
  { weight: 1, arbitrary: fc.record({ type: fc.constant('pause' as const), node }) },
)
const jumpy: fc.Arbitrary<Step> = fc.oneof(
  { weight: 20, arbitrary: steady },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('jump' as const),
      node,
      ms: fc.integer({ min: -600_000, max: 600_000 }),
    }),
  },
)
const skews = fc.array(fc.integer({ min: -300_000, max: 300_000 }), { minLength: NODES, maxLength: NODES })

const asIs = (real: LimitAuthority) => real

/** Plays the steps to three limiters, and answers what passed. */
async function play(
  applied: AppliedLimit,
  skewsMs: readonly number[],
  steps: readonly Step[],
  wrap: (real: LimitAuthority) => LimitAuthority,
): Promise<readonly Pass[]> {
  const nodes = new LeasingNodes(START, skewsMs, wrap)
  let paused: number | null = null
  for (const step of steps) {
    if ('node' in step && step.node === paused && step.type !== 'pause') continue
    switch (step.type) {
      case 'take':
        for (let time = 0; time < step.times; time++) {
          nodes.take(step.node, applied, step.cost)
          if (step.isPrompt) await nodes.deliverAllOf(step.node)
        }
        break
      case 'deliver':
        for (let time = 0; time < step.times; time++) await nodes.deliver(step.pick, (one) => one !== paused)
        break
      case 'pass time':
        nodes.nowMs += step.ms
        break
      case 'tend':
        nodes.tend(step.node)
        break
      case 'pause':
        paused = paused === step.node ? null : step.node
        break
      case 'jump':
        nodes.jump(step.node, step.ms)
        break
    }
  }
  await nodes.finish()
  return nodes.passes.toSorted((a, b) => a.atMs - b.atMs)
}

function total(passes: readonly Pass[]): number {
  return passes.reduce((sum, pass) => sum + pass.cost, 0)
}

/** Over any stretch of time: the limit, what refills in it, and one batch for each node. */
function assertRateBound(limit: RateLimit, passes: readonly Pass[], batches: number): void {
  const sums = [...Map.groupBy(passes, ({ atMs }) => atMs)].map(([atMs, all]) => [atMs, total(all)] as const)
  for (const [index, [firstMs]] of sums.entries()) {
    let sum = 0
    for (const [lastMs, cost] of sums.slice(index)) {
      sum += cost
      const elapsedMs = lastMs - firstMs
      const most = Math.ceil(limit.limit * (1 + elapsedMs / (limit.windowSeconds * 1000)))
      assert.ok(sum <= most + batches * maxBatch(limit), `${sum} passed of ${most} in ${elapsedMs} ms`)
    }
  }
}

const anyRate = fc
  .record({ limit: fc.constantFrom(100, 250, 500), windowSeconds: fc.constantFrom(1, 10, 60) })
  .map((one): RateLimit => ({ type: 'rate', name: 'default', ...one }))
const anyQuota = fc
  .record({ limit: fc.constantFrom(100, 250, 500), period: fc.constantFrom('hour', 'day', 'month') })
  .map((one): Quota => ({ type: 'quota', name: 'default', ...one }) as Quota)

/** Says that it leased twice what it did. */
const generous = (real: LimitAuthority): LimitAuthority => ({
  giveBack: (unused) => real.giveBack(unused),
  async lease(wanted) {
    const result = await real.lease(wanted)
    return { ...result, leased: result.leased.map((one) => ({ ...one, units: one.units * 2 })) }
  },
})

/** Knows of no end of a period, so that what was leased in one is spent in the next. */
const timeless = (real: LimitAuthority): LimitAuthority => ({
  giveBack: (unused) => real.giveBack(unused),
  async lease(wanted) {
    const result = await real.lease(wanted)
    return { ...result, leased: result.leased.map((one) => ({ ...one, endsInMs: null, periodMs: 0 })) }
  },
})

function take(node: number, times: number, isPrompt = true): Step {
  return { type: 'take', node, cost: 1, times, isPrompt }
}
function passTime(ms: number): Step {
  return { type: 'pass time', ms }
}
/** All three lease as much as they may, and then all the rest is used up, and what they hold last of all. */
function atWorst(betweenMs: number): Step[] {
  const leasing = [0, 1, 2].map((node) => take(node, 40))
  return [
    ...leasing,
    passTime(betweenMs),
    ...[0, 1, 2].map((node) => take(node, 600)),
    take(1, 20),
    take(2, 20),
  ]
}
const ON_TIME = [0, 0, 0]
const RATE: RateLimit = { type: 'rate', name: 'default', limit: 500, windowSeconds: 1 }
const HOURLY: Quota = { type: 'quota', name: 'default', limit: 500, period: 'hour' }

function assertQuotaBound(limit: Quota, passes: readonly Pass[]): void {
  const byPeriod = Map.groupBy(passes, ({ atMs }) => periodStart(limit.period, atMs))
  for (const inPeriod of byPeriod.values())
    assert.ok(total(inPeriod) <= limit.limit, `${total(inPeriod)} passed`)
}

describe('properties of three nodes that lease', () => {
  test('of a rate, over any stretch of time, at most the limit passes and one batch for each node', async () => {
    const steps = fc.array(jumpy, { minLength: 20, maxLength: 100 })
    const property = fc.asyncProperty(anyRate, skews, steps, async (limit, skewsMs, steps) => {
      assertRateBound(limit, await play(appliedTo(limit), skewsMs, steps, asIs), NODES)
    })
    await checkAsyncProperty('leased rate', 150, property)
  })

  test('of a rate, the bound is that close: a burst passes with what was held before it', async () => {
    const passes = await play(appliedTo(RATE), ON_TIME, atWorst(1000), asIs)
    const burst = passes.filter(({ atMs }) => atMs === START + 1000)
    assert.equal(total(burst), RATE.limit + NODES * maxBatch(RATE))
    assertRateBound(RATE, passes, NODES)
    assert.throws(() => assertRateBound(RATE, passes, NODES - 1), assert.AssertionError)
    const tooMany = await play(appliedTo(RATE), ON_TIME, atWorst(1000), generous)
    assert.throws(() => assertRateBound(RATE, tooMany, NODES), assert.AssertionError)
  })

  test('of an exact rate, and of a small one, no more than the limit passes over any stretch of time', async () => {
    const steps = fc.array(jumpy, { minLength: 20, maxLength: 60 })
    const small = anyRate.map((limit): RateLimit => ({ ...limit, limit: Math.floor(limit.limit / 10) }))
    const either = fc.oneof(
      anyRate.map((limit) => appliedTo(limit, true)),
      small.map((limit) => appliedTo(limit, false)),
    )
    const property = fc.asyncProperty(either, skews, steps, async (applied, skewsMs, steps) => {
      assertRateBound(applied.limit as RateLimit, await play(applied, skewsMs, steps, asIs), 0)
    })
    await checkAsyncProperty('exact rate', 100, property)
    const exact = await play(appliedTo(RATE, true), ON_TIME, atWorst(1000), asIs)
    assert.equal(total(exact.filter(({ atMs }) => atMs === START + 1000)), RATE.limit)
  })

  test('of a quota no more than the limit passes in a period, whatever the clocks of the nodes show', async () => {
    const steps = fc.array(steady, { minLength: 20, maxLength: 100 })
    const property = fc.asyncProperty(anyQuota, skews, steps, async (limit, skewsMs, steps) => {
      assertQuotaBound(limit, await play(appliedTo(limit), skewsMs, steps, asIs))
    })
    await checkAsyncProperty('leased quota', 150, property)
    // The hour ends within the life of what is leased.
    const overTheHour = [passTime(29_500), ...atWorst(1000)]
    const passes = await play(appliedTo(HOURLY), ON_TIME, overTheHour, asIs)
    assert.equal(total(passes.filter(({ atMs }) => atMs === START + 30_500)), HOURLY.limit)
    assertQuotaBound(HOURLY, passes)
    const outlived = await play(appliedTo(HOURLY), ON_TIME, overTheHour, timeless)
    assert.throws(() => assertQuotaBound(HOURLY, outlived), assert.AssertionError)
  })
})
