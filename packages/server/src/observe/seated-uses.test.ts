import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aCredential } from '@credence/core/testing/records'
import { SeatedUses } from './seated-uses.ts'

const ann = aCredential({ id: 'AAAAAAAAAAAA' })
const bob = aCredential({ id: 'BBBBBBBBBBBB' })

function use(credential = ann, atMs = 1, change: { version?: number; ip?: string; userAgent?: string } = {}) {
  return { credential, version: 1, atMs, ip: null, userAgent: null, ...change }
}

test('uses of one seat are summed up: first, last, and what is known of the last', () => {
  const uses = new SeatedUses()
  assert.ok(uses.count(3, use(ann, 10, { ip: '192.0.2.1', userAgent: 'one' })))
  assert.ok(uses.count(3, use(ann, 30, { ip: '192.0.2.2', userAgent: 'two' })))
  assert.ok(uses.count(3, use(ann, 20, { ip: '192.0.2.3', userAgent: 'of a clock that was set back' })))
  assert.deepEqual(uses.take(), [
    {
      ...{ credential: ann, version: 1, count: 3, firstAtMs: 10, lastAtMs: 30 },
      ...{ ip: '192.0.2.2', userAgent: 'two' },
    },
  ])
  assert.deepEqual(uses.take(), [])
})

test('a seat is one version of one credential until its uses are taken', () => {
  const uses = new SeatedUses()
  assert.ok(uses.count(0, use(ann)))
  assert.equal(uses.count(0, use(bob)), false)
  assert.equal(uses.count(0, use(ann, 2, { version: 2 })), false)
  assert.equal(uses.count(0, use(aCredential({ id: ann.id }))), false, 'the record was read anew')
  assert.deepEqual(
    uses.take().map(({ credential, count }) => [credential.id, count]),
    [[ann.id, 1]],
  )
  assert.ok(uses.count(0, use(bob, 5)))
  assert.ok(uses.count(0, use(bob, 6)))
  assert.deepEqual(
    uses.take().map(({ credential, count, firstAtMs, ip }) => [credential.id, count, firstAtMs, ip]),
    [[bob.id, 2, 5, null]],
  )
})

test('seats come in any order and number', () => {
  const uses = new SeatedUses()
  for (const seat of [1000, 0, 63, 64, 65_536, 64]) assert.ok(uses.count(seat, use(ann, seat)))
  assert.deepEqual(
    uses.take().map(({ firstAtMs, count }) => [firstAtMs, count]),
    [
      [1000, 1],
      [0, 1],
      [63, 1],
      [64, 2],
      [65_536, 1],
    ],
  )
})
