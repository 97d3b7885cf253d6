import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeatedUses } from './seated-uses.ts'

const ann = { workspaceId: 'ws_1', credentialId: 'AAAAAAAAAAAA', version: 1 }
const bob = { workspaceId: 'ws_2', credentialId: 'BBBBBBBBBBBB', version: 3 }

function use(atMs: number, change: { ip?: string; userAgent?: string } = {}) {
  return { atMs, ip: null, userAgent: null, ...change }
}

test('uses of one seat are summed up: first, last, and what is known of the last', () => {
  const uses = new SeatedUses(10)
  assert.equal(uses.count(3, use(10)), false, 'nobody sits there yet')
  assert.ok(uses.begin(3, ann, use(10, { ip: '192.0.2.1', userAgent: 'one' })))
  assert.ok(uses.count(3, use(30, { ip: '192.0.2.2', userAgent: 'two' })))
  assert.ok(uses.count(3, use(20, { ip: '192.0.2.3', userAgent: 'of a clock that was set back' })))
  assert.deepEqual(uses.take(), [
    { ...ann, count: 3, firstAtMs: 10, lastAtMs: 30, ip: '192.0.2.2', userAgent: 'two' },
  ])
  assert.deepEqual(uses.take(), [])
  assert.equal(uses.count(3, use(40)), false, 'what was taken is over')
})

test('a row is one seat’s until its uses are taken', () => {
  const uses = new SeatedUses(10)
  assert.ok(uses.begin(1, ann, use(1, { ip: '192.0.2.1' })))
  assert.equal(uses.count(11, use(2)), false)
  assert.equal(uses.begin(11, bob, use(2)), false)
  assert.deepEqual(
    uses.take().map(({ credentialId, count }) => [credentialId, count]),
    [[ann.credentialId, 1]],
  )
  assert.ok(uses.begin(11, bob, use(5)))
  assert.equal(uses.count(1, use(6)), false)
  assert.ok(uses.count(11, use(6)))
  assert.deepEqual(uses.take(), [{ ...bob, count: 2, firstAtMs: 5, lastAtMs: 6, ip: null, userAgent: null }])
})

test('seats come in any order and number', () => {
  const uses = new SeatedUses(100_000)
  for (const seat of [1000, 1, 63, 64, 65_536, 64, 299_999]) {
    if (!uses.count(seat, use(seat))) assert.ok(uses.begin(seat, ann, use(seat)))
  }
  assert.deepEqual(
    uses.take().map(({ firstAtMs, count }) => [firstAtMs, count]),
    [
      [1000, 1],
      [1, 1],
      [63, 1],
      [64, 2],
      [65_536, 1],
      [299_999, 1],
    ],
  )
})
