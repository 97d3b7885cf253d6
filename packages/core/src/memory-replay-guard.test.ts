import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemoryReplayGuard } from './memory-replay-guard.ts'
import { replayGuardContract } from './testing/replay-guard-contract.ts'

const START = Date.UTC(2026, 5, 16, 12)

replayGuardContract('memory', async () => {
  let nowMs = START
  const open = () => new MemoryReplayGuard({ maxRedemptions: 100_000, clock: () => nowMs })
  let guard = open()
  const redeem: MemoryReplayGuard['redeem'] = (...args) => guard.redeem(...args)
  return {
    guards: [{ redeem }, { redeem }],
    clock: () => nowMs,
    pass: async (ms) => {
      nowMs += ms
    },
    // A process that starts anew.
    lose: async () => {
      guard = open()
    },
    close: async () => {},
  }
})

describe('the redemptions of one process', () => {
  let nowMs = START
  const open = (maxRedemptions: number) => {
    nowMs = START
    return new MemoryReplayGuard({ maxRedemptions, clock: () => nowMs })
  }

  test('are bounded: what is forgotten for room is too old from then on, never the first again', async () => {
    const guard = open(10)
    const issued: number[] = []
    for (let index = 0; index < 100; index++) {
      nowMs += 10
      issued.push(nowMs)
      assert.equal(await guard.redeem('s', `${index}`, nowMs, nowMs + 60_000), 'first')
      assert.ok(guard.size <= 10)
    }
    const again = await Promise.all(
      issued.map((issuedAtMs, index) => guard.redeem('s', `${index}`, issuedAtMs, nowMs + 60_000)),
    )
    assert.equal(again.includes('first'), false)
    assert.deepEqual([again[0], again[99]], ['too_old', 'replayed'])
  })

  test('that have ended, and could not come back with a clock that does, make room for others at no price', async () => {
    const guard = open(10)
    for (let index = 0; index < 10; index++) {
      nowMs += 1
      await guard.redeem('s', `${index}`, nowMs, nowMs + 1000)
    }
    const issuedAtMs = nowMs
    nowMs += 1000 + 5 * 60_000
    for (let index = 10; index < 19; index++) {
      assert.equal(await guard.redeem('s', `${index}`, issuedAtMs, nowMs + 1000), 'first')
    }
  })

  test('a date of issue in the future does not make others too old', async () => {
    const guard = open(4)
    for (let index = 0; index < 20; index++) {
      nowMs += 10
      assert.equal(await guard.redeem('s', `${index}`, nowMs + 50_000, nowMs + 60_000), 'first')
    }
  })

  test('a clock that goes back opens nothing, and one that was far ahead blocks nothing', async () => {
    const guard = open(100)
    nowMs += 1000
    assert.equal(await guard.redeem('s', 'a', nowMs, nowMs + 1000), 'first')
    nowMs -= 300_000
    assert.equal(await guard.redeem('s', 'a', nowMs, nowMs + 1000), 'replayed')
    assert.equal(await guard.redeem('s', 'b', nowMs, nowMs + 1000), 'too_old')
    nowMs -= 86_400_000
    assert.equal(await guard.redeem('s', 'c', nowMs, nowMs + 1000), 'too_old')
    nowMs += 1
    assert.equal(await guard.redeem('s', 'c', nowMs, nowMs + 1000), 'first')
  })
})
