import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Restarts } from './restarts.ts'

test('a worker that ended after a good while is started again almost at once, however often', () => {
  const restarts = new Restarts()
  for (let i = 0; i < 50; i++) assert.equal(restarts.delayMs(1, 10_000, false), 100)
})

test('a worker that ends soon is waited for ever longer, up to half a minute, while others answer', () => {
  const restarts = new Restarts()
  const delays = Array.from({ length: 12 }, () => restarts.delayMs(1, 50, true))
  assert.deepEqual(delays.slice(0, 5), [100, 200, 400, 800, 1600])
  assert.equal(delays.at(-1), 30_000)
})

test('when no other answers, the fifth end in a row is the last', () => {
  const restarts = new Restarts()
  const delays = [null, 20, 9_999, null, 0].map((readyForMs) => restarts.delayMs(1, readyForMs, false))
  assert.deepEqual(delays, [100, 200, 400, 800, null])
})

test('each worker has a count of its own, and a good while begins it anew', () => {
  const restarts = new Restarts()
  for (let i = 0; i < 4; i++) restarts.delayMs(1, null, false)
  assert.equal(restarts.delayMs(2, null, false), 100)
  assert.equal(restarts.delayMs(1, 60_000, false), 100)
  assert.equal(restarts.delayMs(1, null, false), 100)
  assert.equal(restarts.delayMs(1, null, false), 200)
})
