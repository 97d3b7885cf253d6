import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Conditions, Limit } from '@credence/core'
import fc from 'fast-check'
import { conditionsFromJson, conditionsToJson } from './conditions-json.ts'
import { cursorFromText, cursorToText } from './cursor.ts'
import { limitsFromJson, limitsToJson } from './limits-json.ts'
import type { ConditionsJson } from './schemas.ts'
import { timestampFromJson, timestampToJson } from './timestamp.ts'

describe('timestamps', () => {
  const MAX_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

  it('every moment from 1970 to 9999 comes back as it went out', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MAX_MS }), (ms) => {
        assert.deepEqual(timestampFromJson(timestampToJson(ms), 'at'), { ok: true, value: ms })
      }),
    )
  })

  for (const [text, ms] of [
    ['1970-01-01T00:00:00Z', 0],
    ['1970-01-01T01:00:00+01:00', 0],
    ['2024-02-29T12:00:00.5Z', Date.UTC(2024, 1, 29, 12, 0, 0, 500)],
    ['9999-12-31T23:59:59.999Z', MAX_MS],
  ] as const) {
    it(`${text} is ${ms}`, () => assert.deepEqual(timestampFromJson(text, 'at'), { ok: true, value: ms }))
  }

  for (const text of [
    '2026-02-30T00:00:00Z',
    '2025-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-01T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:60:00Z',
    '2016-12-31T23:59:60Z',
    '2026-01-01T00:00:00+24:00',
    '2026-01-01T00:00:00',
    '2026-01-01 00:00:00Z',
    '2026-01-01',
    '1969-12-31T23:59:59Z',
    '1970-01-01T00:00:00+01:00',
    '9999-12-31T23:59:59-01:00',
    '+010000-01-01T00:00:00Z',
    'tomorrow',
    '',
  ]) {
    it(`${JSON.stringify(text)} is refused by the name of its field`, () => {
      const reading = timestampFromJson(text, 'expires_at')
      assert.equal(reading.ok, false)
      assert.equal(!reading.ok && reading.errors[0]?.field, 'expires_at')
    })
  }
})

describe('cursors', () => {
  it('every cursor comes back as it went out', () => {
    const ids = fc.stringMatching(/^[a-z]{2,3}_[A-Za-z0-9]{12}$/)
    fc.assert(
      fc.property(fc.maxSafeNat(), ids, (createdAtMs, id) => {
        const cursor = { createdAtMs, id }
        assert.deepEqual(cursorFromText(cursorToText(cursor)!), { ok: true, value: cursor })
      }),
    )
  })

  it('no other text is taken', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const reading = cursorFromText(text)
        assert.ok(!reading.ok || cursorToText(reading.value) === text)
      }),
    )
    for (const text of ['1.a', '-1.api_x', '01.api_x', `${2 ** 53}.api_x`, "1.a' OR 1=1"]) {
      const encoded = Buffer.from(text).toString('base64url')
      assert.equal(cursorFromText(encoded).ok, text === '1.a', text)
    }
  })
})

describe('limits', () => {
  const LIMITS: Limit[] = [
    { type: 'rate', name: 'burst', limit: 100, windowSeconds: 60 },
    { type: 'quota', name: 'monthly', limit: 1_000_000, period: 'month' },
    { type: 'credits', name: 'trial', limit: 500, refill: { amount: 5, everySeconds: 3600 } },
    { type: 'credits', name: 'once', limit: 1, refill: null },
  ]

  it('every kind comes back as it went out', () => {
    assert.deepEqual(limitsFromJson(limitsToJson(LIMITS)), { ok: true, value: LIMITS })
  })

  it('the type follows from the member that is there', () => {
    const json = limitsToJson(LIMITS).map(({ type: _, ...rest }) => rest)
    assert.deepEqual(limitsFromJson(json), { ok: true, value: LIMITS })
  })

  for (const [json, field] of [
    [{ name: 'a', limit: 1, type: 'rate' }, 'limits[0].window_seconds'],
    [{ name: 'a', limit: 1, type: 'quota' }, 'limits[0].period'],
    [{ name: 'a', limit: 1, window_seconds: 1, period: 'day' }, 'limits[0].period'],
    [{ name: 'a', limit: 1, type: 'credits', window_seconds: 1 }, 'limits[0].window_seconds'],
    [{ name: 'a', limit: 5, refill: { amount: 6, every_seconds: 1 } }, 'limits[0].refill.amount'],
  ] as const) {
    it(`${JSON.stringify(json)} is refused at ${field}`, () => {
      const reading = limitsFromJson([json])
      assert.deepEqual(!reading.ok && reading.errors.map((error) => error.field), [field])
    })
  }

  it('two of a name and type are refused: they would count on one counter', () => {
    const one = { name: 'a', limit: 1, window_seconds: 1 }
    const reading = limitsFromJson([one, one], 'principal.limits')
    assert.deepEqual(!reading.ok && reading.errors.map(({ field }) => field), ['principal.limits[1].name'])
    assert.equal(limitsFromJson([one, { name: 'a', limit: 1, period: 'day' }]).ok, true)
  })
})

describe('conditions', () => {
  const CONDITIONS: Conditions = {
    ipRanges: ['203.0.113.0/24', '2001:db8::/32'],
    methods: ['GET'],
    paths: ['/orders/**'],
    timeWindow: { days: [1, 5], startMinute: 510, endMinute: 1440, timeZone: 'Europe/Berlin' },
  }

  it('come back as they went out', () => {
    assert.deepEqual(conditionsFromJson(conditionsToJson(CONDITIONS)), { ok: true, value: CONDITIONS })
    assert.deepEqual(conditionsToJson(CONDITIONS)?.time_window?.end, '24:00')
  })

  it('that ask for nothing are none', () => {
    for (const json of [null, undefined, {}, { methods: null, paths: null }]) {
      assert.deepEqual(conditionsFromJson(json), { ok: true, value: null })
    }
  })

  const REFUSED: [ConditionsJson, string][] = [
    [{ ip_ranges: ['10.0.0.1/8'] }, 'conditions.ip_ranges[0]'],
    [{ ip_ranges: ['10.0.0.0/8', 'x'] }, 'conditions.ip_ranges[1]'],
    [{ paths: ['/a/../b'] }, 'conditions.paths[0]'],
    [
      { time_window: { days: [1], start: '08:00', end: '17:00', time_zone: 'Mars/Base' } },
      'conditions.time_window.time_zone',
    ],
  ]
  for (const [json, field] of REFUSED) {
    it(`${JSON.stringify(json)} is refused at ${field}`, () => {
      const reading = conditionsFromJson(json)
      assert.deepEqual(!reading.ok && reading.errors.map((error) => error.field), [field])
    })
  }
})
