import assert from 'node:assert/strict'
import { test } from 'node:test'
import { afterTheOthers, atEndOfTurn } from './turn.ts'

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

test('what calls of one turn leave for after the others runs in the same turn, behind the last of them', async () => {
  const made: string[] = []
  const answer = afterTheOthers((name: string) => made.push(`answer ${name}`))
  const decide = atEndOfTurn((name: string) => {
    made.push(`decide ${name}`)
    answer(name)
  })
  decide('a')
  decide('b')
  await new Promise(setImmediate)
  assert.deepEqual(made, ['decide a', 'decide b', 'answer a', 'answer b'])
})
