import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atEndOfTurn } from './turn.ts'

test('calls of one turn are made at its end, in order, each once', async () => {
  const made: string[] = []
  const later = atEndOfTurn((text: string, count: number) => made.push(`${text}${count}`))
  later('a', 1)
  later('b', 2)
  assert.deepEqual(made, [])
  await new Promise(setImmediate)
  assert.deepEqual(made, ['a1', 'b2'])
  await new Promise(setImmediate)
  assert.deepEqual(made, ['a1', 'b2'])
})

test('a call out of a call is made in the next turn', async () => {
  const made: number[] = []
  const later = atEndOfTurn((count: number) => {
    made.push(count)
    if (count < 2) later(count + 1)
  })
  later(1)
  await new Promise(setImmediate)
  assert.deepEqual(made, [1])
  await new Promise(setImmediate)
  assert.deepEqual(made, [1, 2])
})
