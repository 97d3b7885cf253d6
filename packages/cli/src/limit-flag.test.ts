import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Failure } from './failure.ts'
import { describeLimit, limitsOf, parseCredits, parseLimit, parseQuota, parseRate } from './limit-flag.ts'

const REFUSED = (error: unknown) => error instanceof Failure && error.exitCode === 2

test('a rate is requests per window, named or not', () => {
  assert.deepEqual(parseRate('100/1m'), { type: 'rate', name: 'default', limit: 100, window_seconds: 60 })
  assert.deepEqual(parseRate('100/m'), { type: 'rate', name: 'default', limit: 100, window_seconds: 60 })
  assert.deepEqual(parseRate('burst=10/1s'), { type: 'rate', name: 'burst', limit: 10, window_seconds: 1 })
  assert.deepEqual(parseRate('5/1h30m'), { type: 'rate', name: 'default', limit: 5, window_seconds: 5400 })
})

test('what is no rate is refused as a usage error', () => {
  for (const text of [
    '',
    '100',
    '100/',
    '/1m',
    '100/0s',
    '0/1m',
    '-1/1m',
    '1.5/1m',
    '100/1y',
    '=1/1m',
    '1e3/1m',
    '99999999999999999/1m',
  ]) {
    assert.throws(() => parseRate(text), REFUSED, text)
  }
})

test('a quota is requests per calendar period', () => {
  assert.deepEqual(parseQuota('10000/month'), {
    type: 'quota',
    name: 'month',
    limit: 10_000,
    period: 'month',
  })
  assert.deepEqual(parseQuota('free=5/day'), { type: 'quota', name: 'free', limit: 5, period: 'day' })
  for (const text of ['10/1m', '10/year', '10', 'month', '10/Month', '10/constructor']) {
    assert.throws(() => parseQuota(text), REFUSED, text)
  }
})

test('credits are a number, with a refill where one is given', () => {
  assert.deepEqual(parseCredits('500'), { type: 'credits', name: 'credits', limit: 500 })
  assert.deepEqual(parseCredits('trial=500+50/1h'), {
    type: 'credits',
    name: 'trial',
    limit: 500,
    refill: { amount: 50, every_seconds: 3600 },
  })
  for (const text of ['', '+50/1h', '500+50', '500+0/1h', '500+50/0s', '500/1h', 'x=']) {
    assert.throws(() => parseCredits(text), REFUSED, text)
  }
})

test('a limit of any form is told by its form: a window is a rate, a calendar word a quota', () => {
  assert.equal(parseLimit('100/1h').type, 'rate')
  assert.equal(parseLimit('100/hour').type, 'quota')
  assert.equal(parseLimit('500').type, 'credits')
  assert.equal(parseLimit('a=500+5/1d').type, 'credits')
})

test('two limits of one name and type are refused, of one name and two types are not', () => {
  assert.throws(() => limitsOf({ rate: ['1/1s', '2/1m'] }), REFUSED)
  assert.equal(limitsOf({ rate: ['x=1/1s'], quota: ['x=2/day'] })?.length, 2)
  assert.equal(limitsOf({}), undefined)
})

test('a limit is told in words', () => {
  assert.equal(describeLimit(parseRate('100/1m')), '100 per minute')
  assert.equal(describeLimit(parseRate('100/90s')), '100 per 90s')
  assert.equal(describeLimit(parseQuota('5/week')), '5 per calendar week')
  assert.equal(describeLimit({ name: 'credits', type: 'credits', limit: 500, refill: null }), '500 credits')
  assert.equal(describeLimit(parseCredits('500+50/1h')), '500 credits, 50 more every hour')
})
