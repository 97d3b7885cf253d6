import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RecordTable } from './record-table.ts'

const row = (id: string, text = '') => ({ id, text })

function aTable(maxEntries = 10, maxBytes = 1e9) {
  let turns = 0
  const table = new RecordTable<{ id: string; text: string }>(maxEntries, maxBytes, () => {
    turns += 1
  })
  return { table, turns: () => turns }
}

describe('a table of cached records', () => {
  it('has a slot for the very record it keeps, and for none that only looks like it', () => {
    const { table } = aTable()
    const kept = row('a')
    table.keep('a', kept)
    assert.equal(table.get('a'), kept)
    assert.equal(table.slotOf(kept)?.record, kept)
    assert.equal(table.slotOf(row('a')), null)
    assert.equal(table.slotOf(row('b')), null)
  })

  it('empties a slot when its record is dropped or replaced, and never fills it again', () => {
    const { table } = aTable()
    const [first, second] = [row('a'), row('a')]
    table.keep('a', first)
    const slot = table.slotOf(first)!
    table.drop('a')
    assert.equal(slot.record, undefined)
    table.keep('a', first)
    assert.equal(slot.record, undefined)
    const again = table.slotOf(first)!
    table.keep('a', second)
    assert.equal(again.record, undefined)
    assert.equal(table.get('a'), second)
  })

  it('empties every slot on clear, and those of what it forgets because others came', () => {
    const { table } = aTable(10)
    const rows = Array.from({ length: 50 }, (_, index) => row(`${index}`))
    const slots = rows.map((record) => {
      table.keep(record.id, record)
      return table.slotOf(record)!
    })
    const filled = slots.filter((slot) => slot.record !== undefined)
    assert.equal(filled.length, table.size)
    assert.ok(table.size <= 10)
    assert.equal(slots.at(-1)?.record, rows.at(-1))
    table.clear()
    assert.ok(slots.every((slot) => slot.record === undefined))
  })

  it('empties the slot of a record that is replaced by one too large to keep', () => {
    const { table } = aTable(10, 1000)
    const small = row('a')
    table.keep('a', small)
    const slot = table.slotOf(small)!
    table.keep('a', row('a', 'x'.repeat(2000)))
    assert.equal(slot.record, undefined)
    assert.equal(table.get('a'), undefined)
  })

  it('tells of every turn before anything that was used since the turn before is forgotten', () => {
    const { table, turns } = aTable(10)
    const kept = row('kept')
    table.keep('kept', kept)
    const slot = table.slotOf(kept)!
    for (let index = 0; index < 200; index += 1) {
      const before = turns()
      table.keep(`${index}`, row(`${index}`))
      if (turns() > before) table.get('kept')
      assert.equal(slot.record, kept)
    }
    assert.ok(turns() > 10)
  })
})
