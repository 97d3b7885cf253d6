import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatDuration, formatMilliseconds, parseDuration } from './duration.ts'
import { ago, ending, localDay, localTime, parseMoment } from './moment.ts'

const NOW = Date.UTC(2026, 10, 24, 12, 0, 0)
const after = (ms: number) => new Date(NOW + ms).toISOString()

test('a duration is numbers with units, added up', () => {
  assert.equal(parseDuration('45s'), 45)
  assert.equal(parseDuration('1h30m'), 5400)
  assert.equal(parseDuration('90d'), 90 * 86_400)
  assert.equal(parseDuration('2w'), 14 * 86_400)
  assert.equal(parseDuration('0s'), 0)
  for (const text of ['', '90', 'd', '-1d', '1.5h', '1 h', '1M', '1y', '99999999999d'])
    assert.equal(parseDuration(text), null, text)
})

test('lengths are told in the largest unit that divides them', () => {
  assert.equal(formatDuration(3600), '1h')
  assert.equal(formatDuration(90), '90s')
  assert.equal(formatMilliseconds(0.21), '0.2 ms')
  assert.equal(formatMilliseconds(3), '3 ms')
  assert.equal(formatMilliseconds(1000), '1 s')
  assert.equal(formatMilliseconds(1540), '1.5 s')
})

test('a moment is a duration from now, a date or an RFC 3339 time, and is sent in UTC', () => {
  assert.equal(parseMoment('90d', NOW), '2027-02-22T12:00:00.000Z')
  assert.equal(parseMoment('2027-02-22', NOW), '2027-02-22T00:00:00.000Z')
  assert.equal(parseMoment('2027-02-22T14:00:00+02:00', NOW), '2027-02-22T12:00:00.000Z')
  assert.equal(parseMoment('2027-02-22t14:00:00z', NOW), '2027-02-22T14:00:00.000Z')
})

test('a date that does not exist, a time without zone and other text are no moments', () => {
  for (const text of [
    '2027-02-30',
    '2027-13-01',
    '2027-02-22T14:00:00',
    '22.2.2027',
    'tomorrow',
    '',
    '1771765200',
    '2027-02-22T25:00:00Z',
  ]) {
    assert.equal(parseMoment(text, NOW), null, text)
  }
})

test('times read as people say them', () => {
  assert.equal(ago(after(-400), NOW), 'just now')
  assert.equal(ago(after(-4000), NOW), '4 s ago')
  assert.equal(ago(after(-12 * 60_000), NOW), '12 min ago')
  assert.equal(ago(after(-5 * 3_600_000), NOW), '5 h ago')
  assert.equal(ago(after(-72 * 3_600_000), NOW), '3 d ago')
  assert.equal(ago(after(5000), NOW), 'just now')
  assert.equal(ending(after(59 * 60_000 + 59_000), NOW), 'ends in 59m')
  assert.equal(ending(after(30_000), NOW), 'ends in 30s')
  assert.equal(ending(after(90 * 86_400_000), NOW), 'ends in 90d')
  assert.equal(ending(after(-4000), NOW), 'ended 4 s ago')
})

test('a moment of today is a time, of another day a date and a time', () => {
  const noon = new Date(2026, 10, 24, 12, 0, 0).getTime()
  assert.equal(localTime(new Date(2026, 10, 24, 14, 32).toISOString(), noon), '14:32')
  assert.equal(localTime(new Date(2027, 1, 22, 4, 5).toISOString(), noon), '2027-02-22 04:05')
  assert.equal(localDay(new Date(2027, 1, 22, 4, 5).toISOString()), '2027-02-22')
})

test('what the server sends in place of a time is shown and does not throw', () => {
  assert.equal(ago('soon', NOW), 'soon')
  assert.equal(ending('soon', NOW), 'soon')
  assert.equal(localTime('soon', NOW), 'soon')
})
