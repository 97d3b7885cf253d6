import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SourceBudget } from './source-budget.ts'

const budget = () => new SourceBudget({ perSecond: 10, burst: 5, maxSources: 100 })

/** How often a source gets something of `times` tries at one moment. */
function taken(from: SourceBudget, source: string, nowMs: number, times = 50): number {
  return Array.from({ length: times }, () => from.take(source, nowMs)).filter(Boolean).length
}

describe('the budget of a source', () => {
  it('is its burst at once, and so much a second afterwards', () => {
    const own = budget()
    assert.equal(taken(own, 'a', 1_000), 5)
    assert.equal(taken(own, 'a', 1_050), 0)
    assert.equal(taken(own, 'a', 1_100), 1)
    assert.equal(taken(own, 'a', 1_400), 3)
    assert.equal(taken(own, 'a', 9_000), 5, 'and never more than the burst')
  })

  it('is not touched by what other sources take', () => {
    const own = budget()
    taken(own, 'a', 0)
    assert.equal(taken(own, 'b', 0), 5)
  })

  it('gains nothing by a clock that jumps back and forth', () => {
    const own = budget()
    taken(own, 'a', 1_000_000)
    assert.equal(taken(own, 'a', 700_000), 0)
    assert.equal(taken(own, 'a', 700_100), 1)
  })
})
