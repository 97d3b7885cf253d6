import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { handleTogether, type Steps } from './together.ts'

/** Steps that tell what they did; a number is what they are given for each call. */
function telling(change: Partial<Steps<number, number, string>> = {}) {
  const told: string[] = []
  const steps: Steps<number, number, string> = {
    read: (call) => {
      told.push(`read ${call}`)
      return 10 * call
    },
    decideAll: (asked) => {
      told.push(`decide [${asked.join(' ')}]`)
      return asked.map((one) => `about ${one}`)
    },
    answer: (call, decided) => told.push(`answer ${call} ${decided}`),
    fail: (call, error) => told.push(`fail ${call} ${(error as Error).message}`),
    ...change,
  }
  return { told, steps }
}

test('all are read, then decided about together, then answered, at once', () => {
  const { told, steps } = telling()
  handleTogether([1, 2], steps)
  assert.deepEqual(told, ['read 1', 'read 2', 'decide [10 20]', 'answer 1 about 10', 'answer 2 about 20'])
})

test('what was answered while it was read, or has to be waited for, holds up nobody', async () => {
  const later = Promise.withResolvers<number | null>()
  const gone = Promise.withResolvers<number | null>()
  const { told, steps } = telling({
    read: (call) => [null, later.promise, gone.promise, 40][call - 1]!,
  })
  handleTogether([1, 2, 3, 4], steps)
  assert.deepEqual(told.splice(0), ['decide [40]', 'answer 4 about 40'])
  later.resolve(20)
  gone.resolve(null)
  await nextTurn()
  assert.deepEqual(told, ['decide [20]', 'answer 2 about 20'])
})

test('a decision that has to be waited for goes to its own call', async () => {
  const { told, steps } = telling({ decideAll: () => [Promise.resolve('late'), 'now'] })
  handleTogether([1, 2], steps)
  assert.deepEqual(told.splice(0), ['read 1', 'read 2', 'answer 2 now'])
  await nextTurn()
  assert.deepEqual(told, ['answer 1 late'])
})

test('a fault anywhere is one call’s alone, and told of once', async () => {
  const boom = () => {
    throw new Error('boom')
  }
  const cases: Partial<Steps<number, number, string>>[] = [
    { read: (call) => (call === 1 ? boom() : 20) },
    { read: (call) => (call === 1 ? Promise.reject(new Error('boom')) : 20) },
    {
      read: (call) => 10 * call,
      decideAll: (asked) => asked.map((one) => (one === 10 ? Promise.reject(new Error('boom')) : 'about 20')),
    },
  ]
  for (const change of cases) {
    const { told, steps } = telling(change)
    handleTogether([1, 2], steps)
    await nextTurn()
    const outcomes = told.filter((line) => /^(?:answer|fail)/.test(line)).toSorted()
    assert.deepEqual(outcomes, ['answer 2 about 20', 'fail 1 boom'])
  }
  for (const waits of [false, true]) {
    const failed: number[] = []
    const { steps } = telling({
      decideAll: (asked) => asked.map(() => (waits ? Promise.resolve('x') : 'x')),
      answer: boom,
      fail: (call) => failed.push(call),
    })
    handleTogether([1, 2], steps)
    await nextTurn()
    assert.deepEqual(failed, [1, 2])
  }
})
