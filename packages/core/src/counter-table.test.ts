import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { CounterTable } from './counter-table.ts'
import { takeFromCounter } from './limit-arithmetic.ts'
import type { Quota, RateLimit } from './records.ts'
import { checkProperty, refutes } from './testing/rounds.ts'

const NOW = Date.UTC(2026, 5, 16, 12)
const rate: RateLimit = { type: 'rate', name: 'default', limit: 10, windowSeconds: 10 }
const quota: Quota = { type: 'quota', name: 'daily', limit: 10, period: 'day' }

function use(table: CounterTable, key: string, limit: RateLimit | Quota, cost: number, nowMs = NOW): void {
  table.set(key, limit, takeFromCounter(limit, table.get(key), cost, nowMs).next, nowMs)
}

describe('the table of counters', () => {
  test('forgets counters that are full again first', () => {
    const table = new CounterTable(3)
    use(table, 'busy', rate, 9)
    use(table, 'idle', rate, 1)
    use(table, 'busier', rate, 10)
    use(table, 'new', rate, 1, NOW + 5000)
    assert.equal(table.get('idle'), undefined)
    assert.ok(table.get('busy') && table.get('busier') && table.get('new'))
    assert.equal(table.evictedInUse, 0)
  })

  test('forgets the one of which least is in use where none is full, and says so', () => {
    const table = new CounterTable(3)
    use(table, 'busy', rate, 9)
    use(table, 'calm', rate, 2)
    use(table, 'busier', rate, 10)
    use(table, 'new', rate, 1)
    assert.equal(table.get('calm'), undefined)
    assert.equal(table.evictedInUse, 1)
  })

  test('knows a quota that was evicted until its mark was taken', () => {
    const table = new CounterTable(1)
    use(table, 'a', quota, 4)
    use(table, 'b', rate, 1)
    assert.equal(table.size, 1)
    assert.equal(table.get('a')?.a, 4)
    assert.deepEqual([...table.takeDirtyQuotas()], [['a', { a: 4, b: Date.UTC(2026, 5, 16) }]])
    assert.equal(table.get('a'), undefined)
  })

  test('gives a new counter nothing of the forgotten one whose place it takes', () => {
    const table = new CounterTable(2)
    for (let index = 0; index < 200; index += 1) {
      assert.equal(table.get(`${index}`), undefined)
      use(table, `${index}`, rate, 7, NOW + index)
      assert.equal(table.get(`${index}`)?.a, 70_000)
    }
    assert.equal(table.size, 2)
  })

  test('believes no remembered row: not of another table, nor after another counter took it', () => {
    const tables = [new CounterTable(1), new CounterTable(2)]
    const [kept, other] = [
      { key: 'kept', limit: rate },
      { key: 'other', limit: rate },
    ]
    use(tables[1]!, 'first', rate, 3)
    for (const [index, table] of tables.entries()) {
      table.keep(kept, { a: 1 + index, b: NOW }, NOW)
    }
    for (const [index, table] of tables.entries()) assert.equal(table.find(kept)?.a, 1 + index)
    tables[0]!.find(kept)
    tables[0]!.keep(other, { a: 9, b: NOW }, NOW)
    assert.equal(tables[0]!.find(kept), undefined)
    tables[0]!.keep(kept, { a: 5, b: NOW }, NOW)
    assert.equal(tables[0]!.find(kept)?.a, 5)
    assert.equal(tables[0]!.find(other), undefined)
    assert.equal(tables[0]!.size, 1)
  })

  test('counts one thing together, whoever asks for it in turns', () => {
    const table = new CounterTable(4)
    const [one, other] = [
      { key: 'same', limit: rate },
      { key: 'same', limit: rate },
    ]
    for (let a = 1; a <= 6; a += 1) {
      const counted = a % 2 === 0 ? one : other
      assert.equal(table.find(counted)?.a ?? 0, a - 1)
      table.keep(counted, { a, b: NOW }, NOW)
    }
    assert.equal(table.size, 1)
  })

  test('keeps every counter what it was while there come to be many', () => {
    const table = new CounterTable(1000)
    for (let index = 0; index < 1000; index += 1) use(table, `${index}`, rate, 1 + (index % 9))
    for (let index = 0; index < 1000; index += 1) {
      assert.deepEqual(table.get(`${index}`), { a: (1 + (index % 9)) * 10_000, b: NOW })
    }
  })

  test('marks each changed quota once, and no rate; what could not be written is marked again', () => {
    const table = new CounterTable(10)
    use(table, 'a', quota, 1)
    use(table, 'a', quota, 2)
    use(table, 'b', quota, 1)
    use(table, 'c', rate, 1)
    const dirty = [...table.takeDirtyQuotas()]
    assert.deepEqual(
      dirty.map(([key, counter]) => [key, counter.a]),
      [
        ['a', 3],
        ['b', 1],
      ],
    )
    assert.deepEqual([...table.takeDirtyQuotas()], [])
    use(table, 'a', quota, 1)
    table.markDirty(dirty)
    assert.deepEqual(
      [...table.takeDirtyQuotas()].map(([key, counter]) => [key, counter.a]),
      [
        ['a', 4],
        ['b', 1],
      ],
    )
  })

  test('restores what an earlier process wrote, unless it is further along here', () => {
    const day = Date.UTC(2026, 5, 16)
    const table = new CounterTable(10)
    use(table, 'ahead', quota, 5)
    use(table, 'behind', quota, 1)
    table.restore([
      ['ahead', { a: 3, b: day }],
      ['behind', { a: 3, b: day }],
      ['unknown', { a: 3, b: day }],
      ['ahead', { a: 9, b: day - 86_400_000 }],
    ])
    assert.deepEqual(
      ['ahead', 'behind', 'unknown'].map((key) => table.get(key)?.a),
      [5, 3, 3],
    )
  })

  test('never holds more than it may, and never forgets one in use while another it looks at is full', () => {
    const uses = fc.array(
      fc.tuple(
        fc.integer({ min: 0, max: 12 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 0, max: 6000 }),
      ),
      { maxLength: 60 },
    )
    const holds = (make: (maxCounters: number) => CounterTable) =>
      fc.property(fc.integer({ min: 1, max: 8 }), uses, (maxCounters, uses) => {
        const table = make(maxCounters)
        let nowMs = NOW
        for (const [number, cost, stepMs] of uses) {
          nowMs += stepMs
          const keys = Array.from({ length: 13 }, (_, index) => `${index}`).filter((key) => table.get(key))
          const inUse = keys.filter((key) => takeFromCounter(rate, table.get(key), 0, nowMs).resetMs !== 0)
          use(table, `${number}`, rate, cost, nowMs)
          assert.ok(table.size <= maxCounters)
          const isRoom = keys.length < maxCounters || inUse.length < keys.length
          if (isRoom) for (const key of inUse) assert.ok(table.get(key), `${key} was forgotten`)
        }
      })
    checkProperty(
      'CounterTable',
      1000,
      holds((maxCounters) => new CounterTable(maxCounters)),
    )
    class Unbounded extends CounterTable {
      constructor() {
        super(Number.POSITIVE_INFINITY)
      }
    }
    assert.ok(
      refutes(
        1000,
        holds(() => new Unbounded()),
      ),
      'one that forgets nothing is seen to be wrong',
    )
  })
})
