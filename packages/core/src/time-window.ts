import type { TimeWindow } from './records.ts'

const MINUTE_MS = 60_000
const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']

/** A day of the week, 1 Monday … 7 Sunday, and minutes after midnight. */
export interface LocalTime {
  readonly day: number
  readonly minute: number
}

/** True while the window is open. Over midnight it belongs to the day on which it began. */
export function isWithin(window: TimeWindow, { day, minute }: LocalTime): boolean {
  const { days, startMinute, endMinute } = window
  if (startMinute < endMinute) return days.includes(day) && minute >= startMinute && minute < endMinute
  const dayBefore = day === 1 ? 7 : day - 1
  return (days.includes(day) && minute >= startMinute) || (days.includes(dayBefore) && minute < endMinute)
}

/** The clock of an IANA time zone, or null: there is none of this name. */
export function clockOf(timeZone: string): ((ms: number) => LocalTime) | null {
  // Intl takes offsets too, but one that ignores summer time is seldom what was meant.
  if (!/^[A-Za-z]/.test(timeZone)) return null
  const format = formatOf(timeZone)
  if (format === null) return null
  return (ms) => {
    const parts = new Map(format.formatToParts(ms).map((part) => [part.type, part.value]))
    const minute = Number(parts.get('hour')) * 60 + Number(parts.get('minute'))
    return { day: WEEKDAYS.indexOf(parts.get('weekday') ?? '') + 1, minute }
  }
}

function formatOf(timeZone: string): Intl.DateTimeFormat | null {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    })
  } catch {
    return null
  }
}

/**
 * Compiles a window to a question that costs a comparison: time zones are dear to ask, and the answer is the same
 * for a whole minute. A time zone that this installation does not know never opens.
 */
export function compileTimeWindow(window: TimeWindow): (nowMs: number) => boolean {
  const clock = clockOf(window.timeZone)
  if (clock === null) return () => false
  let minute = Number.NaN
  let isOpen = false
  return (nowMs) => {
    const current = Math.floor(nowMs / MINUTE_MS)
    if (current !== minute) {
      isOpen = isWithin(window, clock(nowMs))
      minute = current
    }
    return isOpen
  }
}

/** What is wrong with a window, by the record's field; null: nothing. */
export function timeWindowProblem(window: TimeWindow): { field: string; problem: string } | null {
  const { days, startMinute, endMinute, timeZone } = window
  const areDays = days.every((day) => Number.isInteger(day) && day >= 1 && day <= 7)
  if (days.length === 0 || !areDays || new Set(days).size < days.length) {
    return { field: 'days', problem: 'one or more days from 1 (Monday) to 7 (Sunday), each once' }
  }
  if (!isMinute(startMinute, 0, 1439)) return { field: 'startMinute', problem: 'a time from 00:00 to 23:59' }
  if (!isMinute(endMinute, 1, 1440)) return { field: 'endMinute', problem: 'a time from 00:01 to 24:00' }
  if (clockOf(timeZone) === null) {
    return {
      field: 'timeZone',
      problem: 'a name of the IANA time zone database, such as Europe/Berlin or UTC',
    }
  }
  return null
}

function isMinute(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max
}
