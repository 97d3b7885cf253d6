import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  LimitUnavailable,
  MemoryAuthority,
  MemoryReplayGuard,
  ReplayUnavailable,
  type SharedLimit,
} from '@credence/core'
import { serveShared, sharedOver } from './shared-limits.ts'
import { line } from './testing/line.ts'

const LIMIT: SharedLimit = { type: 'rate', name: 'default', limit: 100, windowSeconds: 3600 }

function counting(clock: () => number) {
  const authority = new MemoryAuthority({ maxCounters: 100, clock })
  return { authority, replayGuard: new MemoryReplayGuard({ maxRedemptions: 100, clock }) }
}

test('workers that lease at once get exactly the limit together, by the clock of their primary', async (t) => {
  let nowMs = 1_000
  const shared = counting(() => nowMs)
  const workers = [line(), line(), line()].map(({ primary, worker, cut }) => {
    serveShared(primary, shared)
    t.after(cut)
    return sharedOver(worker)
  })
  const ask = async (i: number) => {
    const wanted = { key: 'k', limit: LIMIT, cost: 1, batch: 0 }
    return (await workers[i % 3]!.authority.lease([wanted])).allowed
  }
  const taken = await Promise.all(Array.from({ length: 250 }, (_, i) => ask(i)))
  assert.equal(taken.filter(Boolean).length, 100)
  await workers[0]!.authority.giveBack([{ key: 'k', limit: LIMIT, units: 1, periodMs: 0 }])
  assert.deepEqual([await ask(0), await ask(1)], [true, false])
  nowMs += 3_600_000
  assert.equal(await ask(1), true)
})

test('of workers that redeem the same one is the first', async (t) => {
  let nowMs = 1_000
  const shared = counting(() => nowMs)
  nowMs = 2_000
  const redemptions = [line(), line(), line()].map(({ primary, worker, cut }) => {
    serveShared(primary, shared)
    t.after(cut)
    return sharedOver(worker).replayGuard.redeem('proofs', 'jti', 2_000, 61_000)
  })
  assert.deepEqual((await Promise.all(redemptions)).toSorted(), ['first', 'replayed', 'replayed'])
})

test('when the primary is gone, nothing is counted and nothing is redeemed', async () => {
  const { worker, cut } = line()
  const { authority, replayGuard } = sharedOver(worker)
  cut()
  await worker.ended
  await assert.rejects(authority.lease([]), LimitUnavailable)
  await assert.rejects(replayGuard.redeem('proofs', 'jti', 1_000, 61_000), ReplayUnavailable)
})
