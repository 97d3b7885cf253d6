/**
 * The arithmetic of limits: pure, in whole numbers, so that nothing drifts and waiting as long as was said is
 * always enough. A counter that does not exist yet is a limit nothing was taken from.
 */
import { type Credits, type Limit, QUOTA_PERIODS, type Quota, type RateLimit } from './records.ts'

/**
 * What has been taken, as two numbers that any store can hold.
 * rate: `a` is the debt in unit × milliseconds, `b` the moment (ms) at which it stood so.
 * quota: `a` is what was used in the period that begins at `b` (ms).
 * credits: `a` is what is spent, `b` the moment (ms) from which the next refill is counted.
 */
export interface Counter {
  readonly a: number
  readonly b: number
}

export interface Take {
  readonly allowed: boolean
  /** The counter to keep. When refused nothing is taken: it is currentCounter's. */
  readonly next: Counter
  /** Whole units left afterwards. */
  readonly remaining: number
  /** When refused: milliseconds until the same cost can pass; null: waiting does not help. */
  readonly retryAfterMs: number | null
  /** Milliseconds until the limit is full again; null: never by itself. */
  readonly resetMs: number | null
}

/** How far clocks may go back and forth around the end of a period without opening a second one. */
export const CLOCK_SKEW_MS = 5 * 60_000

/**
 * Requests are timed when they begin, so a later one can be counted first. Up to this far back that is all it
 * is; a counter further ahead than this was set by a clock that has gone back since.
 */
export const REORDER_MS = 5_000

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const WEEK_MS = 7 * DAY_MS
/** 1970-01-01 was a Thursday; weeks begin on Monday, three days before. */
const EPOCH_AFTER_MONDAY_MS = 3 * DAY_MS
const MAX_WINDOW_SECONDS = 31 * 86_400
const MAX_REFILL_SECONDS = 366 * 86_400
const MAX_LIMIT = 1e12

/**
 * Takes `cost` from a limit if it fits.
 * @param cost whole units, 0 or more; 0 asks how it stands
 * @param nowMs whole milliseconds since the epoch
 */
export function takeFromCounter(
  limit: Limit,
  counter: Counter | undefined,
  cost: number,
  nowMs: number,
): Take {
  const current = currentCounter(limit, counter, nowMs)
  switch (limit.type) {
    case 'rate':
      return takeRate(limit, current, cost, nowMs)
    case 'quota':
      return takeQuota(limit, current, cost, nowMs)
    case 'credits':
      return takeCredits(limit, current, cost, nowMs)
  }
}

/**
 * The counter brought up to now: debts paid off, a past period forgotten, refills added. Where its `b` is lower
 * than it was, the clock went back, and it must be kept even if the take is refused: only then does waiting count.
 */
export function currentCounter(limit: Limit, counter: Counter | undefined, nowMs: number): Counter {
  switch (limit.type) {
    case 'rate':
      return currentRate(limit, counter, nowMs)
    case 'quota':
      return currentQuota(limit, counter, nowMs)
    case 'credits':
      return currentCredits(limit, counter, nowMs)
  }
}

/**
 * Gives back what a take has taken, of which `taken` was the outcome, though others took in between.
 * A take whose period is over is left alone: the new period never held it.
 */
export function giveBack(limit: Limit, counter: Counter, taken: Counter, cost: number): Counter {
  if (limit.type === 'quota' && counter.b !== taken.b) return counter
  const units = limit.type === 'rate' ? cost * limit.windowSeconds * 1000 : cost
  return { a: Math.max(0, counter.a - units), b: counter.b }
}

/**
 * GCRA (ITU-T I.371), in its form as a bucket that leaks: what is taken is a debt which is paid off by
 * `limit` units per window. Debts are kept times the window's milliseconds, which makes every step whole.
 * A clock that went back pays nothing off and charges nothing, so it never blocks longer than one window; nor
 * does a limit that was lowered meanwhile.
 */
function currentRate(limit: RateLimit, counter: Counter | undefined, nowMs: number): Counter {
  if (counter === undefined) return { a: 0, b: nowMs }
  const debt = Math.min(counter.a, capacityOf(limit))
  // To go back by a little would pay off the same milliseconds again with the next request in order.
  if (counter.b >= nowMs) return { a: debt, b: counter.b > nowMs + REORDER_MS ? nowMs : counter.b }
  return { a: Math.max(0, debt - (nowMs - counter.b) * limit.limit), b: nowMs }
}

function takeRate(limit: RateLimit, current: Counter, cost: number, nowMs: number): Take {
  const windowMs = limit.windowSeconds * 1000
  const excess = current.a + cost * windowMs - capacityOf(limit)
  const allowed = excess <= 0
  const aheadMs = current.b - nowMs
  const next = allowed ? { a: current.a + cost * windowMs, b: current.b } : current
  return {
    allowed,
    next,
    remaining: Math.floor((capacityOf(limit) - next.a) / windowMs),
    retryAfterMs: allowed || cost > limit.limit ? null : aheadMs + Math.ceil(excess / limit.limit),
    resetMs: next.a === 0 ? 0 : aheadMs + Math.ceil(next.a / limit.limit),
  }
}

function capacityOf(limit: RateLimit): number {
  return limit.limit * limit.windowSeconds * 1000
}

/**
 * A period that begins within the skew from now has been opened already by a clock ahead of this one, and goes
 * on: otherwise it could be used twice. One further off is a clock that was wrong, and must not block until then.
 */
function currentQuota(limit: Quota, counter: Counter | undefined, nowMs: number): Counter {
  const start = periodStart(limit.period, nowMs)
  if (counter === undefined || counter.b < start) return { a: 0, b: start }
  const isAhead = counter.b > nowMs + CLOCK_SKEW_MS
  return { a: Math.min(counter.a, limit.limit), b: isAhead ? start : counter.b }
}

function takeQuota(limit: Quota, current: Counter, cost: number, nowMs: number): Take {
  const allowed = current.a + cost <= limit.limit
  const next = allowed ? { a: current.a + cost, b: current.b } : current
  const resetMs = periodEnd(limit.period, current.b) - nowMs
  return {
    allowed,
    next,
    remaining: limit.limit - next.a,
    retryAfterMs: allowed || cost > limit.limit ? null : resetMs,
    resetMs: next.a === 0 ? 0 : resetMs,
  }
}

/** Refills are counted from the moment something was first missing; what is full gains nothing. */
function currentCredits(limit: Credits, counter: Counter | undefined, nowMs: number): Counter {
  const spent = Math.min(counter?.a ?? 0, limit.limit)
  // A clock that went back starts the wait for the next refill again: at most one such wait is lost.
  if (counter === undefined || spent === 0) return { a: 0, b: nowMs }
  const sinceMs = counter.b > nowMs + REORDER_MS ? nowMs : counter.b
  if (limit.refill === null) return { a: spent, b: sinceMs }
  const everyMs = limit.refill.everySeconds * 1000
  const times = Math.max(0, Math.floor((nowMs - sinceMs) / everyMs))
  const left = Math.max(0, spent - times * limit.refill.amount)
  return { a: left, b: left === 0 ? nowMs : sinceMs + times * everyMs }
}

function takeCredits(limit: Credits, current: Counter, cost: number, nowMs: number): Take {
  const excess = current.a + cost - limit.limit
  const allowed = excess <= 0
  const next = allowed ? { a: current.a + cost, b: current.b } : current
  return {
    allowed,
    next,
    remaining: limit.limit - next.a,
    retryAfterMs: allowed || cost > limit.limit ? null : refillMs(limit, excess, nowMs - current.b),
    resetMs: refillMs(limit, next.a, nowMs - current.b),
  }
}

/** Milliseconds until `units` have come back; null: there is no refill. */
function refillMs(limit: Credits, units: number, waitedMs: number): number | null {
  if (units <= 0) return 0
  if (limit.refill === null) return null
  return Math.ceil(units / limit.refill.amount) * limit.refill.everySeconds * 1000 - waitedMs
}

/** Start of the UTC calendar period that holds a moment, in ms since the epoch. */
export function periodStart(period: Quota['period'], ms: number): number {
  switch (period) {
    case 'hour':
      return Math.floor(ms / HOUR_MS) * HOUR_MS
    case 'day':
      return Math.floor(ms / DAY_MS) * DAY_MS
    case 'week':
      return Math.floor((ms + EPOCH_AFTER_MONDAY_MS) / WEEK_MS) * WEEK_MS - EPOCH_AFTER_MONDAY_MS
    case 'month':
      return monthOf(ms).startMs
  }
}

/** First moment after the period that holds a moment. */
export function periodEnd(period: Quota['period'], ms: number): number {
  if (period === 'month') return monthOf(ms).endMs
  const lengthMs = period === 'hour' ? HOUR_MS : period === 'day' ? DAY_MS : WEEK_MS
  return periodStart(period, ms) + lengthMs
}

interface Month {
  readonly startMs: number
  readonly endMs: number
}

/** The month asked for last: it is nearly always the same, and dates are dear on a path this busy. */
let lastMonth: Month = { startMs: 0, endMs: 0 }

function monthOf(ms: number): Month {
  if (ms < lastMonth.startMs || ms >= lastMonth.endMs) {
    const date = new Date(ms)
    const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()]
    lastMonth = { startMs: Date.UTC(year, month, 1), endMs: Date.UTC(year, month + 1, 1) }
  }
  return lastMonth
}

/** Length of a limit's window or current period in seconds; null for credits. */
export function windowSecondsOf(limit: Limit, nowMs: number): number | null {
  if (limit.type === 'rate') return limit.windowSeconds
  if (limit.type === 'credits') return null
  return (periodEnd(limit.period, nowMs) - periodStart(limit.period, nowMs)) / 1000
}

/** What is wrong with a limit, by the field's name in the API; null: nothing. */
export function limitProblem(limit: Limit): { field: string; problem: string } | null {
  if (!/^[a-z][a-z0-9_-]{0,62}$/.test(limit.name)) {
    return { field: 'name', problem: 'a letter a-z, then at most 62 of a-z 0-9 _ -' }
  }
  const found = wholeProblem('limit', limit.limit, MAX_LIMIT)
  if (found !== null) return found
  switch (limit.type) {
    case 'rate':
      return rateProblem(limit)
    case 'quota':
      if (QUOTA_PERIODS.includes(limit.period)) return null
      return { field: 'period', problem: `one of ${QUOTA_PERIODS.join(', ')}` }
    case 'credits':
      if (limit.refill === null) return null
      return (
        wholeProblem('refill.amount', limit.refill.amount, limit.limit) ??
        wholeProblem('refill.every_seconds', limit.refill.everySeconds, MAX_REFILL_SECONDS)
      )
  }
}

function rateProblem(limit: RateLimit): { field: string; problem: string } | null {
  const found = wholeProblem('window_seconds', limit.windowSeconds, MAX_WINDOW_SECONDS)
  // Beyond this the debt would no longer be a whole number that a double can hold.
  if (found !== null || capacityOf(limit) <= Number.MAX_SAFE_INTEGER) return found
  return { field: 'limit', problem: 'too much for so long a window: limit it over a shorter one' }
}

function wholeProblem(field: string, value: number, max: number): { field: string; problem: string } | null {
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return null
  return { field, problem: `a whole number from 1 to ${max}` }
}
