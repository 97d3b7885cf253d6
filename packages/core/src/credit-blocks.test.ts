import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { CreditBlocks } from './credit-blocks.ts'
import type { CreditLedger, SpentCredits } from './credit-ledger.ts'
import { LimitUnavailable } from './limit.ts'
import type { Counter } from './limit-arithmetic.ts'
import type { Credits } from './records.ts'
import { spendFromModel } from './testing/credit-model.ts'
import { checkAsyncProperty, refutesAsync } from './testing/rounds.ts'

const NOW = Date.UTC(2026, 5, 16, 12)
const PLAIN: Credits = { type: 'credits', name: 'calls', limit: 100, refill: null }

/** The credits of all nodes, durable as far as this test goes. */
class SharedLedger implements CreditLedger {
  readonly counters = new Map<string, Counter>()
  calls = 0
  isAway = false

  async spend(key: string, limit: Credits, cost: number, nowMs: number): Promise<SpentCredits> {
    this.calls += 1
    await new Promise((resolve) => setImmediate(resolve))
    if (this.isAway) throw new LimitUnavailable('taken away by the test')
    const { result, next } = spendFromModel(limit, this.counters.get(key), cost, nowMs)
    this.counters.set(key, next)
    return result
  }

  spent(key: string): number {
    return this.counters.get(key)?.a ?? 0
  }
}

function node(ledger: CreditLedger, block = 10, maxLimits = 100): CreditBlocks {
  return new CreditBlocks({ ledger, block, maxLimits })
}

async function spendTimes(one: CreditLedger, times: number, cost = 1): Promise<SpentCredits[]> {
  const results: SpentCredits[] = []
  for (let time = 0; time < times; time++) results.push(await one.spend('k', PLAIN, cost, NOW))
  return results
}

describe('credits in blocks', () => {
  test('are spent from a block that was taken at once, and reported with what is held', async () => {
    const ledger = new SharedLedger()
    const results = await spendTimes(node(ledger), 20)
    assert.deepEqual(
      results.map(({ remaining }) => remaining),
      Array.from({ length: 20 }, (_, index) => 99 - index),
    )
    assert.deepEqual([ledger.calls, ledger.spent('k')], [2, 20])
  })

  test('a crash loses less than a block of a limit, and nothing is spent twice', async () => {
    const ledger = new SharedLedger()
    const passed = (await spendTimes(node(ledger), 21)).filter(({ allowed }) => allowed).length
    assert.deepEqual([passed, ledger.spent('k')], [21, 30])
    const after = await spendTimes(node(ledger), 200)
    const sum = passed + after.filter(({ allowed }) => allowed).length
    assert.equal(sum, 100 - 9)
  })

  test('what is held goes back at the end, so that nothing is lost', async () => {
    const ledger = new SharedLedger()
    const [one, other] = [node(ledger), node(ledger)]
    await spendTimes(one, 21)
    await spendTimes(other, 3)
    await Promise.all([one.close(NOW), other.close(NOW)])
    assert.equal(ledger.spent('k'), 24)
  })

  test('what is held goes back when nobody spends it, so that others can', async () => {
    const ledger = new SharedLedger()
    const one = node(ledger)
    await spendTimes(one, 1)
    await one.tend(NOW + 4999)
    assert.equal(ledger.spent('k'), 10)
    await one.tend(NOW + 5000)
    assert.equal(ledger.spent('k'), 1)
    assert.equal((await spendTimes(one, 1))[0]?.remaining, 98)
  })

  test('the last credits are found, though they make no block', async () => {
    const ledger = new SharedLedger()
    const [one, other] = [node(ledger), node(ledger)]
    const results = [...(await spendTimes(one, 95)), ...(await spendTimes(other, 10))]
    await one.close(NOW)
    results.push(...(await spendTimes(other, 10)))
    assert.equal(results.filter(({ allowed }) => allowed).length, 100)
    const refused = results.at(-1)
    assert.deepEqual(refused, { allowed: false, remaining: 0, retryAfterMs: null })
  })

  test('a cost of more than a block passes, and is refused where it must be', async () => {
    const one = node(new SharedLedger())
    const results = await spendTimes(one, 4, 33)
    assert.deepEqual(
      results.map(({ allowed, remaining }) => [allowed, remaining]),
      [
        [true, 67],
        [true, 34],
        [true, 1],
        [false, 1],
      ],
    )
  })

  test('what is given back after all is there again, and a question spends nothing', async () => {
    const ledger = new SharedLedger()
    const one = node(ledger)
    await spendTimes(one, 5)
    assert.equal((await one.spend('k', PLAIN, -3, NOW)).remaining, 98)
    assert.equal((await one.spend('k', PLAIN, 0, NOW)).remaining, 98)
    await one.close(NOW)
    assert.equal(ledger.spent('k'), 2)
  })

  test('what is held is spent while the ledger is away, then nothing; and what it may have taken back is lost', async () => {
    const ledger = new SharedLedger()
    const one = node(ledger)
    await spendTimes(one, 1)
    ledger.isAway = true
    assert.equal((await spendTimes(one, 9)).filter(({ allowed }) => allowed).length, 9)
    await assert.rejects(one.spend('k', PLAIN, 1, NOW), LimitUnavailable)
    ledger.isAway = false
    assert.equal((await spendTimes(one, 1))[0]?.remaining, 89)
    ledger.isAway = true
    await assert.rejects(one.close(NOW), LimitUnavailable)
    ledger.isAway = false
    await one.close(NOW)
    assert.equal(ledger.spent('k'), 20)
  })

  test('a limit that was changed gives back what was held of it first', async () => {
    const ledger = new SharedLedger()
    const one = node(ledger)
    await spendTimes(one, 5)
    const lower = { ...PLAIN, limit: 8 }
    assert.equal((await one.spend('k', lower, 4, NOW)).allowed, false)
    assert.equal((await one.spend('k', lower, 3, NOW)).allowed, true)
  })

  test('of no more limits than it may it holds anything', async () => {
    const ledger = new SharedLedger()
    const one = node(ledger, 10, 2)
    for (const key of ['a', 'b', 'c']) await one.spend(key, PLAIN, 1, NOW)
    assert.deepEqual(
      ['a', 'b', 'c'].map((key) => ledger.spent(key)),
      [10, 10, 1],
    )
    await one.tend(NOW + 5000)
    await one.spend('c', PLAIN, 1, NOW + 5000)
    assert.equal(ledger.spent('c'), 11)
  })

  test('three nodes at once never spend more than there is, and in the end exactly what passed', async () => {
    const spends = fc.array(
      fc.record({ node: fc.nat({ max: 2 }), cost: fc.integer({ min: 1, max: 15 }), closes: fc.boolean() }),
      { minLength: 1, maxLength: 40 },
    )
    const holds = (make: (ledger: CreditLedger) => CreditBlocks) =>
      fc.asyncProperty(spends, async (spends) => {
        const ledger = new SharedLedger()
        const nodes = [make(ledger), make(ledger), make(ledger)]
        const costs = await Promise.all(
          spends.map(async ({ node, cost, closes }) => {
            const { allowed } = await nodes[node]!.spend('k', PLAIN, cost, NOW)
            if (closes && cost === 1) await nodes[node]!.close(NOW)
            return allowed ? cost : 0
          }),
        )
        const sum = costs.reduce((total, cost) => total + cost, 0)
        assert.ok(sum <= ledger.spent('k') && ledger.spent('k') <= 100)
        for (const one of nodes) await one.close(NOW)
        assert.equal(ledger.spent('k'), sum)
      })
    await checkAsyncProperty('CreditBlocks', 100, holds(node))
    // What is given back is kept as well.
    class Keeping extends CreditBlocks {
      override async close() {}
    }
    const keeping = (ledger: CreditLedger) => new Keeping({ ledger, block: 10, maxLimits: 10 })
    assert.ok(await refutesAsync(100, holds(keeping)))
  })
})
