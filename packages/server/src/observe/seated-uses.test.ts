import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeatedUses } from './seated-uses.ts'

const ann = { workspaceId: 'ws_1', credentialId: 'AAAAAAAAAAAA', version: 1 }
const bob = { workspaceId: 'ws_2', credentialId: 'BBBBBBBBBBBB', version: 3 }

/** All that was counted. */
function takeAll(uses: SeatedUses) {
  uses.leave()
  return uses.take(Number.MAX_SAFE_INTEGER)
}

function use(atMs: number, change: { ip?: string; userAgent?: string } = {}) {
  return { atMs, ip: null, userAgent: null, ...change }
}

test('uses of one seat are summed up: first, last, and what is known of the last', () => {
  const uses = new SeatedUses(10)
  assert.equal(uses.count(3, use(10)), false, 'nobody sits there yet')
  assert.ok(uses.begin(3, ann, use(10, { ip: '192.0.2.1', userAgent: 'one' })))
  assert.ok(uses.count(3, use(30, { ip: '192.0.2.2', userAgent: 'two' })))
  assert.ok(uses.count(3, use(20, { ip: '192.0.2.3', userAgent: 'of a clock that was set back' })))
  assert.deepEqual(takeAll(uses), [
    { ...ann, count: 3, firstAtMs: 10, lastAtMs: 30, ip: '192.0.2.2', userAgent: 'two' },
  ])
  assert.deepEqual(takeAll(uses), [])
  assert.equal(uses.count(3, use(40)), false, 'what was taken is over')
})

test('a row is one seat’s until its uses are taken', () => {
  const uses = new SeatedUses(10)
  assert.ok(uses.begin(1, ann, use(1, { ip: '192.0.2.1' })))
  assert.equal(uses.count(11, use(2)), false)
  assert.equal(uses.begin(11, bob, use(2)), false)
  assert.deepEqual(
    takeAll(uses).map(({ credentialId, count }) => [credentialId, count]),
    [[ann.credentialId, 1]],
  )
  assert.ok(uses.begin(11, bob, use(5)))
  assert.equal(uses.count(1, use(6)), false)
  assert.ok(uses.count(11, use(6)))
  assert.deepEqual(takeAll(uses), [
    { ...bob, count: 2, firstAtMs: 5, lastAtMs: 6, ip: null, userAgent: null },
  ])
})

test('seats come in any order and number', () => {
  const uses = new SeatedUses(100_000)
  for (const seat of [1000, 1, 63, 64, 65_536, 64, 299_999]) {
    if (!uses.count(seat, use(seat))) assert.ok(uses.begin(seat, ann, use(seat)))
  }
  assert.deepEqual(
    takeAll(uses).map(({ firstAtMs, count }) => [firstAtMs, count]),
    [
      [1, 1],
      [63, 1],
      [64, 2],
      [1000, 1],
      [65_536, 1],
      [299_999, 1],
    ],
  )
})

test('what is taken was begun before, a few rows at a time; what is counted meanwhile stays', () => {
  const uses = new SeatedUses(10)
  for (const seat of [1, 2, 3]) assert.ok(uses.begin(seat, ann, use(seat)))
  assert.deepEqual(uses.take(10), [], 'nothing may leave yet')
  uses.leave()
  assert.ok(uses.begin(4, bob, use(4)))
  assert.deepEqual([uses.size, uses.leaving], [4, 3])
  assert.deepEqual(
    uses.take(2).map(({ firstAtMs }) => firstAtMs),
    [1, 2],
  )
  assert.ok(uses.begin(1, ann, use(5)))
  assert.ok(uses.count(3, use(6)))
  assert.deepEqual(
    uses.take(2).map(({ firstAtMs, count }) => [firstAtMs, count]),
    [[3, 2]],
  )
  assert.deepEqual([uses.take(2), uses.size, uses.leaving], [[], 2, 0])
  assert.deepEqual(
    takeAll(uses).map(({ firstAtMs }) => firstAtMs),
    [5, 4],
  )
})

test('those whose ids begin alike are taken together', () => {
  const uses = new SeatedUses(10)
  const ids = ['ab1', 'zz1', 'ab2', 'aa1', '', 'é', 'zz2', 'a']
  for (const [n, credentialId] of ids.entries()) {
    assert.ok(uses.begin(n + 1, { ...ann, credentialId }, use(n)))
  }
  const taken = takeAll(uses).map(({ credentialId }) => credentialId)
  assert.deepEqual(taken.toSorted(), ids.toSorted())
  assert.deepEqual(
    taken.filter((id) => id.length === 3),
    ['aa1', 'ab1', 'ab2', 'zz1', 'zz2'],
  )
})

test('of a credential all that was not taken is told, however often it is asked', () => {
  const uses = new SeatedUses(10)
  const told = (id: string) => uses.of(id).map(({ firstAtMs, count }) => [firstAtMs, count])
  assert.deepEqual(told(ann.credentialId), [])
  assert.ok(uses.begin(1, ann, use(1)))
  assert.deepEqual(told(ann.credentialId), [[1, 1]])
  assert.ok(uses.count(1, use(2)))
  assert.ok(uses.begin(2, ann, use(3)))
  assert.deepEqual(told(ann.credentialId), [
    [1, 2],
    [3, 1],
  ])
  assert.deepEqual(told(bob.credentialId), [])
  uses.leave()
  assert.equal(uses.take(1).length, 1)
  assert.deepEqual(told(ann.credentialId), [[3, 1]])
  // The row of the one that was taken is another's, then its own again.
  assert.ok(uses.begin(11, bob, use(4)))
  assert.deepEqual([told(ann.credentialId), told(bob.credentialId)], [[[3, 1]], [[4, 1]]])
  takeAll(uses)
  assert.deepEqual(told(bob.credentialId), [])
  assert.ok(uses.begin(1, ann, use(5)))
  uses.leave()
  assert.deepEqual(told(ann.credentialId), [[5, 1]])
  uses.take(1)
  assert.ok(uses.begin(1, ann, use(6)))
  assert.deepEqual(told(ann.credentialId), [[6, 1]])
})
