import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atEndOfTurn } from './turn.ts'

test('calls of one turn are handled at its end, together, in order, each once', async () => {
  const handled: string[][] = []
  const later = atEndOfTurn((calls: readonly string[]) => handled.push([...calls]))
  later('a')
  later('b')
  assert.deepEqual(handled, [])
  await new Promise(setImmediate)
  assert.deepEqual(handled, [['a', 'b']])
  await new Promise(setImmediate)
  assert.deepEqual(handled, [['a', 'b']])
})

test('a call out of a call is handled in the next turn', async () => {
  const handled: number[][] = []
  const later = atEndOfTurn((counts: readonly number[]) => {
    handled.push([...counts])
    if (counts[0]! < 2) later(counts[0]! + 1)
  })
  later(1)
  await new Promise(setImmediate)
  assert.deepEqual(handled, [[1]])
  await new Promise(setImmediate)
  assert.deepEqual(handled, [[1], [2]])
})
