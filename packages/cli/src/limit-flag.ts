import type { Quota } from '@credence/core'
import { formatDuration, parseDuration } from './duration.ts'
import { usageFailure } from './failure.ts'
import type { LimitResource } from './resources.ts'

type Period = Quota['period']

/** Spelt out, since core's own list would load all of core at each start of the command. */
const QUOTA_PERIODS = Object.keys({ hour: 0, day: 0, week: 0, month: 0 } satisfies Record<Period, 0>)

/** `--rate [NAME=]100/1m`: requests per window. `100/m` is one minute. */
export function parseRate(text: string): LimitResource {
  const { name, value } = splitName(text)
  const [, count, window] = /^(\d+)\/(\w+)$/.exec(value) ?? []
  const windowSeconds = parseDuration(/^[smhdw]$/.test(window ?? '') ? `1${window}` : (window ?? ''))
  if (count === undefined || windowSeconds === null || windowSeconds === 0) {
    throw usageFailure(`a rate is requests/window such as 100/1m or burst=10/1s, not ${JSON.stringify(text)}`)
  }
  return { type: 'rate', name: name ?? 'default', limit: parseCount(count), window_seconds: windowSeconds }
}

/** `--quota [NAME=]10000/month`: requests per calendar period, in UTC. */
export function parseQuota(text: string): LimitResource {
  const { name, value } = splitName(text)
  const [, count, period] = /^(\d+)\/([a-z]+)$/.exec(value) ?? []
  if (count === undefined || !isPeriod(period)) {
    throw usageFailure(
      `a quota is requests/period such as 10000/month (${QUOTA_PERIODS.join(', ')}), not ${JSON.stringify(text)}`,
    )
  }
  return { type: 'quota', name: name ?? period, limit: parseCount(count), period }
}

/** `--credits [NAME=]500[+50/1h]`: remaining uses; with a refill, so many come back in each span. */
export function parseCredits(text: string): LimitResource {
  const { name, value } = splitName(text)
  const [, count, amount, span] = /^(\d+)(?:\+(\d+)\/(\w+))?$/.exec(value) ?? []
  const everySeconds = span === undefined ? null : parseDuration(/^[smhdw]$/.test(span) ? `1${span}` : span)
  if (count === undefined || (span !== undefined && (everySeconds === null || everySeconds === 0))) {
    throw usageFailure(
      `credits are a number, with a refill if wanted: 500 or 500+50/1h, not ${JSON.stringify(text)}`,
    )
  }
  const credits = { type: 'credits' as const, name: name ?? 'credits', limit: parseCount(count) }
  if (amount === undefined || everySeconds === null) return credits
  return { ...credits, refill: { amount: parseCount(amount), every_seconds: everySeconds } }
}

/** `--limit`: whichever of the three the text has the form of. `/1h` is a window, `/hour` a calendar period. */
export function parseLimit(text: string): LimitResource {
  const { value } = splitName(text)
  if (!value.includes('/') || value.includes('+')) return parseCredits(text)
  return isPeriod(value.slice(value.indexOf('/') + 1)) ? parseQuota(text) : parseRate(text)
}

export interface LimitFlags {
  readonly limit?: readonly string[]
  readonly rate?: readonly string[]
  readonly quota?: readonly string[]
  readonly credits?: readonly string[]
}

/** The limits that the flags name, or undefined where there is none. Two of a name and type would share one counter. */
export function limitsOf(flags: LimitFlags): LimitResource[] | undefined {
  const limits = [
    ...(flags.limit ?? []).map(parseLimit),
    ...(flags.rate ?? []).map(parseRate),
    ...(flags.quota ?? []).map(parseQuota),
    ...(flags.credits ?? []).map(parseCredits),
  ]
  const seen = new Set<string>()
  for (const { type, name } of limits) {
    if (seen.has(`${type} ${name}`)) {
      throw usageFailure(`two limits of type ${type} are named ${name}; name them apart, as in burst=10/1s`)
    }
    seen.add(`${type} ${name}`)
  }
  return limits.length === 0 ? undefined : limits
}

/** A limit in words: `100 per minute`, `10000 per month (quota)`, `500 credits, 50 more every hour`. */
export function describeLimit(limit: LimitResource): string {
  if (limit.window_seconds !== undefined) return `${limit.limit} per ${spanInWords(limit.window_seconds)}`
  if (limit.period !== undefined) return `${limit.limit} per calendar ${limit.period}`
  if (limit.refill === undefined || limit.refill === null) return `${limit.limit} credits`
  return `${limit.limit} credits, ${limit.refill.amount} more every ${spanInWords(limit.refill.every_seconds)}`
}

function spanInWords(seconds: number): string {
  const words: Readonly<Record<number, string>> = { 1: 'second', 60: 'minute', 3600: 'hour', 86400: 'day' }
  return words[seconds] ?? formatDuration(seconds)
}

function splitName(text: string): { name: string | null; value: string } {
  const at = text.indexOf('=')
  if (at === -1) return { name: null, value: text }
  const name = text.slice(0, at)
  if (name === '') throw usageFailure(`a limit's name is empty in ${JSON.stringify(text)}`)
  return { name, value: text.slice(at + 1) }
}

/** A count that JSON carries exactly. */
function parseCount(digits: string): number {
  const count = Number(digits)
  if (!Number.isSafeInteger(count) || count < 1)
    throw usageFailure(`${digits} is not a count from 1 to 2^53 - 1`)
  return count
}

function isPeriod(text: string | undefined): text is Period {
  return (QUOTA_PERIODS as readonly (string | undefined)[]).includes(text)
}
