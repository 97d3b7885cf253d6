import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { checkConditions, conditionProblem, type RequestFacts } from './condition.ts'
import type { Conditions } from './records.ts'

const NONE: Conditions = { ipRanges: null, methods: null, paths: null, timeWindow: null }
/** A Tuesday. */
const NOON = Date.UTC(2026, 5, 16, 12)
const FACTS: RequestFacts = { ip: '192.0.2.7', method: 'GET', path: '/orders/1', nowMs: NOON }
const WINDOW = { days: [1, 2, 3, 4, 5], startMinute: 540, endMinute: 1020, timeZone: 'UTC' }

function unmet(conditions: Partial<Conditions>, facts: Partial<RequestFacts> = {}): string | null {
  return checkConditions({ ...NONE, ...conditions }, { ...FACTS, ...facts })?.condition ?? null
}

describe('conditions', () => {
  test('all that are set must hold; none set asks for nothing', () => {
    assert.equal(unmet({}), null)
    assert.equal(unmet({}, { ip: null, method: null, path: null }), null)
    const all: Conditions = {
      ipRanges: ['192.0.2.0/24'],
      methods: ['GET'],
      paths: ['/orders/*'],
      timeWindow: WINDOW,
    }
    assert.equal(unmet(all), null)
    assert.equal(unmet(all, { ip: '192.0.3.7' }), 'ip_ranges')
    assert.equal(unmet(all, { method: 'POST' }), 'methods')
    assert.equal(unmet(all, { path: '/orders' }), 'paths')
    assert.equal(unmet(all, { nowMs: NOON + 6 * 3_600_000 }), 'time_window')
  })

  test('a fact that is not known fails the condition about it', () => {
    assert.equal(unmet({ ipRanges: ['0.0.0.0/0', '::/0'] }, { ip: null }), 'ip_ranges')
    assert.equal(unmet({ ipRanges: ['0.0.0.0/0', '::/0'] }, { ip: 'unknown' }), 'ip_ranges')
    assert.equal(unmet({ methods: ['GET'] }, { method: null }), 'methods')
    assert.equal(unmet({ paths: ['/**'] }, { path: null }), 'paths')
  })

  test('an IPv4-mapped address is the IPv4 address', () => {
    assert.equal(unmet({ ipRanges: ['192.0.2.0/24'] }, { ip: '::ffff:192.0.2.9' }), null)
  })

  test('GET covers HEAD, and HEAD does not cover GET', () => {
    assert.equal(unmet({ methods: ['GET'] }, { method: 'HEAD' }), null)
    assert.equal(unmet({ methods: ['HEAD'] }, { method: 'GET' }), 'methods')
    assert.equal(unmet({ methods: ['GET'] }, { method: 'get' }), 'methods')
  })

  test('a stored member that cannot be read covers nothing', () => {
    assert.equal(unmet({ ipRanges: ['10.0.0.1/8'] }, { ip: '10.0.0.1' }), 'ip_ranges')
    assert.equal(unmet({ paths: ['orders'] }, { path: '/orders' }), 'paths')
    assert.equal(unmet({ timeWindow: { ...WINDOW, timeZone: 'Mars/Olympus' } }), 'time_window')
  })

  test('the detail names what was asked and what is allowed', () => {
    const conditions: Conditions = { ...NONE, ipRanges: ['10.0.0.0/8', '::1'] }
    assert.deepEqual(checkConditions(conditions, FACTS), {
      condition: 'ip_ranges',
      detail: '192.0.2.7 is in none of 10.0.0.0/8, ::1',
    })
    assert.match(
      checkConditions(conditions, { ...FACTS, ip: null })?.detail ?? '',
      /address, which is not known/,
    )
  })

  test('the answer of one minute is not given for another', () => {
    const conditions: Conditions = { ...NONE, timeWindow: WINDOW }
    const at = (hour: number, minute: number) =>
      checkConditions(conditions, { ...FACTS, nowMs: Date.UTC(2026, 5, 16, hour, minute) }) === null
    assert.deepEqual(
      [at(8, 59), at(9, 0), at(16, 59), at(17, 0), at(9, 0), at(8, 59)],
      [false, true, true, false, true, false],
    )
  })
})

describe('what is wrong with conditions', () => {
  test('is said by field', () => {
    assert.equal(conditionProblem(NONE), null)
    assert.equal(
      conditionProblem({ ipRanges: ['::1'], methods: ['GET'], paths: ['/**'], timeWindow: WINDOW }),
      null,
    )
    const rows: [conditions: Partial<Conditions>, field: string][] = [
      [{ ipRanges: [] }, 'ipRanges'],
      [{ ipRanges: ['::1', '10.0.0.1/8'] }, 'ipRanges[1]'],
      [{ ipRanges: Array.from({ length: 101 }, () => '::1') }, 'ipRanges'],
      [{ methods: ['get'] }, 'methods[0]'],
      [{ methods: ['*'] }, 'methods[0]'],
      [{ paths: ['/a', '/b?c'] }, 'paths[1]'],
      [{ timeWindow: { ...WINDOW, days: [] } }, 'timeWindow.days'],
      [{ timeWindow: { ...WINDOW, days: [0] } }, 'timeWindow.days'],
      [{ timeWindow: { ...WINDOW, days: [1, 1] } }, 'timeWindow.days'],
      [{ timeWindow: { ...WINDOW, startMinute: 1440 } }, 'timeWindow.startMinute'],
      [{ timeWindow: { ...WINDOW, endMinute: 0 } }, 'timeWindow.endMinute'],
      [{ timeWindow: { ...WINDOW, endMinute: 1.5 } }, 'timeWindow.endMinute'],
      [{ timeWindow: { ...WINDOW, timeZone: 'Mars/Olympus' } }, 'timeWindow.timeZone'],
      [{ timeWindow: { ...WINDOW, timeZone: '+02:00' } }, 'timeWindow.timeZone'],
    ]
    for (const [conditions, field] of rows) {
      assert.equal(conditionProblem({ ...NONE, ...conditions })?.field, field, JSON.stringify(conditions))
    }
  })
})
