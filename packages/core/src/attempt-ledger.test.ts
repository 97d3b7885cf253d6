import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AttemptLedger, type BackoffRule, mostAttempts } from './attempt-ledger.ts'
import { BoundedMap } from './bounded-map.ts'

const rule: BackoffRule = { free: 3, firstWaitMs: 1000, longestWaitMs: 10_000, forgetAfterMs: 60_000 }
const NOW = 1_000_000

function counted(ledger: AttemptLedger, key: string, times: number, nowMs = NOW): AttemptLedger {
  for (let index = 0; index < times; index += 1) ledger.count(key, nowMs)
  return ledger
}

describe('the ledger of attempts', () => {
  test('lets so many pass, then doubles the wait up to its cap', () => {
    const ledger = new AttemptLedger(rule, 10)
    const waits = Array.from({ length: 9 }, () => {
      const wait = ledger.waitMs('a', NOW)
      ledger.count('a', NOW)
      return wait
    })
    assert.deepEqual(waits, [0, 0, 0, 1000, 2000, 4000, 8000, 10_000, 10_000])
    assert.equal(ledger.waitMs('b', NOW), 0)
    assert.equal(counted(new AttemptLedger(rule, 10), 'a', 5000).waitMs('a', NOW), 10_000, 'however many')
  })

  test('counts a wait from the last attempt that was counted', () => {
    const ledger = counted(new AttemptLedger(rule, 10), 'a', 4)
    assert.deepEqual(
      [500, 1999, 2000].map((ms) => ledger.waitMs('a', NOW + ms)),
      [1500, 1, 0],
    )
  })

  test('forgets after a while without an attempt, and not before', () => {
    const ledger = counted(new AttemptLedger(rule, 10), 'a', 30)
    counted(ledger, 'a', 1, NOW + 59_999)
    assert.equal(ledger.waitMs('a', NOW + 60_000), 9999)
    assert.equal(ledger.waitMs('a', NOW + 119_999), 0)
    assert.equal(ledger.size, 0)
  })

  test('takes back one attempt, and leaves the others', () => {
    const ledger = counted(new AttemptLedger(rule, 10), 'a', 5)
    ledger.takeBack('a')
    assert.equal(ledger.waitMs('a', NOW), 2000)
    for (let index = 0; index < 9; index += 1) ledger.takeBack('a')
    assert.equal(ledger.size, 0)
    assert.equal(counted(ledger, 'a', 3).waitMs('a', NOW), 1000, 'and nothing is left to the good')
  })

  test('makes nobody wait longer because the clock went back', () => {
    const ledger = counted(new AttemptLedger(rule, 10), 'a', 30)
    assert.equal(ledger.waitMs('a', NOW - 500_000), 10_000)
    assert.equal(ledger.waitMs('a', NOW - 490_000), 0)
  })

  test('never holds more than it may, and a flood of names pushes out its own and not the one under attack', () => {
    const ledger = counted(new AttemptLedger(rule, 50), 'victim', 8)
    for (let index = 0; index < 5000; index += 1) {
      ledger.count(`flood ${index}`, NOW + 1)
      assert.ok(ledger.size <= 50)
    }
    assert.ok(ledger.waitMs('victim', NOW + 1) > 9000)
    const careless = new BoundedMap<string, number>(50)
    careless.set('victim', 8)
    for (let index = 0; index < 5000; index += 1) careless.set(`flood ${index}`, 1)
    assert.equal(careless.get('victim'), undefined, 'the control: what forgets the oldest forgets the victim')
  })

  test('forgets first what is forgotten anyway', () => {
    const ledger = counted(new AttemptLedger(rule, 2), 'old', 30)
    counted(ledger, 'new', 1, NOW + 60_000)
    counted(ledger, 'newer', 1, NOW + 60_000)
    counted(ledger, 'new', 2, NOW + 60_000)
    assert.equal(ledger.waitMs('new', NOW + 60_000), 1000)
    assert.equal(ledger.size, 2)
  })

  test('allows in a span what is computed of it, to the second', () => {
    for (const spanMs of [0, 999, 1000, 14_999, 15_000, 60_000]) {
      const ledger = new AttemptLedger(rule, 10)
      let made = 0
      for (let atMs = NOW; atMs <= NOW + spanMs; ) {
        const wait = ledger.waitMs('a', atMs)
        if (wait === 0) {
          ledger.count('a', atMs)
          made += 1
        } else atMs += wait
      }
      assert.equal(made, mostAttempts(rule, spanMs), `${spanMs} ms`)
    }
  })
})
