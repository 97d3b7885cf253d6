import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { TimeWindow } from './records.ts'
import { checkProperty, refutes } from './testing/rounds.ts'
import { clockOf, compileTimeWindow, isWithin } from './time-window.ts'

/** A Monday. */
const MONDAY = Date.UTC(2026, 5, 15)
const MINUTE_MS = 60_000
const DAY_MS = 1440 * MINUTE_MS

describe('the clock of a time zone', () => {
  test('follows summer time', () => {
    const berlin = clockOf('Europe/Berlin')
    assert.deepEqual(berlin?.(Date.UTC(2026, 0, 5, 8, 30)), { day: 1, minute: 570 })
    assert.deepEqual(berlin?.(Date.UTC(2026, 6, 6, 8, 30)), { day: 1, minute: 630 })
    assert.deepEqual(clockOf('Asia/Kolkata')?.(Date.UTC(2026, 5, 21, 18, 29)), { day: 7, minute: 1439 })
    assert.deepEqual(clockOf('Asia/Kolkata')?.(Date.UTC(2026, 5, 21, 18, 30)), { day: 1, minute: 0 })
  })

  test('is known for names only', () => {
    for (const name of ['', 'Mars/Olympus', '+02:00', '-05', 'Europe/Berlin ', '../etc']) {
      assert.equal(clockOf(name), null, JSON.stringify(name))
    }
  })
})

describe('a time window', () => {
  const nightly: TimeWindow = { days: [5], startMinute: 22 * 60, endMinute: 6 * 60, timeZone: 'UTC' }

  test('over midnight belongs to the day on which it began', () => {
    const rows: [day: number, hour: number, open: boolean][] = [
      [5, 21, false],
      [5, 22, true],
      [6, 0, true],
      [6, 5, true],
      [6, 6, false],
      [6, 22, false],
      [5, 5, false],
    ]
    for (const [day, hour, open] of rows) {
      assert.equal(isWithin(nightly, { day, minute: hour * 60 }), open, `${day} ${hour}:00`)
    }
    const sunday = { ...nightly, days: [7] }
    assert.ok(isWithin(sunday, { day: 1, minute: 0 }))
    assert.ok(!isWithin(sunday, { day: 2, minute: 0 }))
  })

  test('that ends at midnight includes the last minute, and one that ends when it begins lasts a day', () => {
    assert.ok(isWithin({ ...nightly, endMinute: 1440 }, { day: 5, minute: 1439 }))
    assert.ok(!isWithin({ ...nightly, endMinute: 1440 }, { day: 6, minute: 0 }))
    const wholeDay = { ...nightly, endMinute: 22 * 60 }
    assert.ok(isWithin(wholeDay, { day: 6, minute: 22 * 60 - 1 }))
    assert.ok(!isWithin(wholeDay, { day: 6, minute: 22 * 60 }))
  })

  test('is open exactly from each start on one of its days for its length', () => {
    const window = fc.record({
      days: fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
      startMinute: fc.integer({ min: 0, max: 1439 }),
      endMinute: fc.integer({ min: 1, max: 1440 }),
      timeZone: fc.constant('UTC'),
    })
    const model = ({ days, startMinute, endMinute }: TimeWindow, ms: number) => {
      const length = endMinute > startMinute ? endMinute - startMinute : endMinute - startMinute + 1440
      // Every start of the week before and of this one, as moments.
      return [-7, 0].some((week) =>
        days.some((day) => {
          const start = MONDAY + (week + day - 1) * DAY_MS + startMinute * MINUTE_MS
          return ms >= start && ms < start + length * MINUTE_MS
        }),
      )
    }
    const agrees = (compile: typeof compileTimeWindow) =>
      fc.property(
        window,
        fc.array(fc.integer({ min: 0, max: 7 * DAY_MS - 1 }), { maxLength: 5 }),
        (window, offsets) => {
          const isOpen = compile(window)
          const edges = [window.startMinute, window.endMinute].flatMap((minute) =>
            window.days.map((day) => ((day - 1) * DAY_MS + minute * MINUTE_MS) % (7 * DAY_MS)),
          )
          for (const offset of [...offsets, ...edges]) {
            assert.equal(isOpen(MONDAY + offset), model(window, MONDAY + offset), `${offset}`)
          }
        },
      )
    checkProperty('time window = its starts and length', 1000, agrees(compileTimeWindow))
    const sameDay: typeof compileTimeWindow = (window) => (nowMs) => {
      const local = clockOf('UTC')!(nowMs)
      return (
        window.days.includes(local.day) &&
        local.minute >= window.startMinute &&
        local.minute < window.endMinute
      )
    }
    assert.ok(refutes(1000, agrees(sameDay)), 'looking at one day only is seen to be wrong')
  })
})
