import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AppliedLimit, MemoryLimiter } from '@credence/core'
import { StoreFault } from '../store/port.ts'
import { limiterOver, serveLimiter } from './limiter-service.ts'
import { line } from './testing/line.ts'

const RATE: AppliedLimit = {
  key: 'credential:crd1:rate:default',
  owner: 'credential',
  exact: false,
  limit: { type: 'rate', name: 'default', limit: 100, windowSeconds: 3600 },
}

test('workers that take at once get exactly the limit together', async (t) => {
  const limiter = new MemoryLimiter({ maxCounters: 100 })
  const workers = [line(), line(), line()].map(({ primary, worker, cut }) => {
    serveLimiter(primary, limiter, () => 1_000)
    t.after(cut)
    return limiterOver(worker)
  })
  const taken = await Promise.all(
    Array.from({ length: 250 }, (_, i) => workers[i % 3]!.take([RATE], 1, 1_000)),
  )
  assert.equal(taken.filter(({ allowed }) => allowed).length, 100)
})

test('the clock that counts is the one of the process that counts', async (t) => {
  let nowMs = 1_000
  const { primary, worker, cut } = line()
  t.after(cut)
  serveLimiter(primary, new MemoryLimiter({ maxCounters: 100 }), () => nowMs)
  const limiter = limiterOver(worker)
  const all = await limiter.take([RATE], 100, 5_000_000)
  assert.equal(all.allowed, true)
  assert.equal((await limiter.take([RATE], 1, 9_000_000)).allowed, false)
  nowMs += 3_600_000
  assert.equal((await limiter.take([RATE], 1, 0)).allowed, true)
})

test('where no limit applies nobody is asked', (t) => {
  const { worker, cut } = line()
  t.after(cut)
  assert.deepEqual(limiterOver(worker).take([], 1, 1_000), { allowed: true, states: [] })
})

test('when the process that counts is gone, nothing is allowed', async () => {
  const { worker, cut } = line()
  cut()
  await worker.ended
  await assert.rejects(async () => limiterOver(worker).take([RATE], 1, 1_000), StoreFault)
})
