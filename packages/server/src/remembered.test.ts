import assert from 'node:assert/strict'
import { test } from 'node:test'
import { remembered } from './remembered.ts'

test('what was worked out for a text is not worked out again, until too many others came', () => {
  const worked: string[] = []
  const lengthOf = remembered((text) => {
    worked.push(text)
    return text.length
  }, 3)
  for (const text of ['a', 'bb', 'a', 'bb', 'ccc', 'a', '']) assert.equal(lengthOf(text), text.length)
  assert.deepEqual(worked, ['a', 'bb', 'ccc', ''])
  // The fourth started it over.
  for (const text of ['', 'a']) assert.equal(lengthOf(text), text.length)
  assert.deepEqual(worked, ['a', 'bb', 'ccc', '', 'a'])
})

test('null is a result like any other', () => {
  let worked = 0
  const nothing = remembered(() => {
    worked += 1
    return null
  }, 3)
  assert.equal(nothing('a'), null)
  assert.equal(nothing('a'), null)
  assert.equal(worked, 1)
})
