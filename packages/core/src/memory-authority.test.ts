import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemoryAuthority } from './memory-authority.ts'
import type { Quota, RateLimit } from './records.ts'
import { limitAuthorityContract } from './testing/limit-authority-contract.ts'

const NOW = Date.UTC(2026, 5, 16, 12)
const DAILY: Quota = { type: 'quota', name: 'day', limit: 10, period: 'day' }
const BURST: RateLimit = { type: 'rate', name: 'burst', limit: 2, windowSeconds: 1 }

limitAuthorityContract('memory', async () => {
  let nowMs = NOW
  return {
    authority: new MemoryAuthority({ maxCounters: 100_000, clock: () => nowMs }),
    setClock: async (ms) => {
      nowMs = ms
    },
    close: async () => {},
  }
})

describe('the counters of a machine in its primary process', () => {
  test('quotas survive a restart by what was written of them, leased units as spent ones', async () => {
    const one = new MemoryAuthority({ maxCounters: 10, clock: () => NOW })
    await one.lease([{ key: 'd', limit: DAILY, cost: 1, batch: 6 }])
    await one.lease([{ key: 'r', limit: BURST, cost: 1, batch: 0 }])
    const written = [...one.dirtyQuotas()]
    assert.deepEqual(
      written.map(([key, { a }]) => [key, a]),
      [['d', 7]],
    )
    assert.deepEqual([...one.dirtyQuotas()], [])
    const next = new MemoryAuthority({ maxCounters: 10, clock: () => NOW })
    next.restore(written)
    assert.equal((await next.lease([{ key: 'd', limit: DAILY, cost: 4, batch: 0 }])).allowed, false)
    assert.equal((await next.lease([{ key: 'd', limit: DAILY, cost: 3, batch: 0 }])).allowed, true)
    next.markDirty(written)
    assert.deepEqual(
      [...next.dirtyQuotas()].map(([, { a }]) => a),
      [10],
    )
  })

  test('the number of counters is bounded', async () => {
    const one = new MemoryAuthority({ maxCounters: 8, clock: () => NOW })
    for (let index = 0; index < 100; index++) {
      await one.lease([{ key: `${index}`, limit: BURST, cost: 1, batch: 0 }])
    }
    assert.deepEqual([one.size, one.evictedInUse], [8, 92])
  })
})
