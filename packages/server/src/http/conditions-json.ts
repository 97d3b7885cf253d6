import { type Conditions, conditionProblem } from '@credence/core'
import { type Reading, read, unreadable } from '../operations/reading.ts'
import type { ConditionsJson } from './schemas.ts'

/** Conditions that ask for nothing are none. @param field where they stand in the request, for errors */
export function conditionsFromJson(
  json: ConditionsJson | null | undefined,
  field = 'conditions',
): Reading<Conditions | null> {
  if (json === null || json === undefined) return read(null)
  const window = json.time_window ?? null
  const conditions: Conditions = {
    ipRanges: json.ip_ranges ?? null,
    methods: json.methods ?? null,
    paths: json.paths ?? null,
    timeWindow: window && {
      days: [...new Set(window.days)].sort(),
      startMinute: minuteOf(window.start),
      endMinute: minuteOf(window.end),
      timeZone: window.time_zone,
    },
  }
  if (Object.values(conditions).every((member) => member === null)) return read(null)
  const problem = conditionProblem(conditions)
  if (problem === null) return read(conditions)
  return unreadable(`${field}.${jsonField(problem.field)}`, problem.problem)
}

export function conditionsToJson(conditions: Conditions | null) {
  if (conditions === null) return null
  const { ipRanges, methods, paths, timeWindow } = conditions
  return {
    ip_ranges: ipRanges === null ? null : [...ipRanges],
    methods: methods === null ? null : [...methods],
    paths: paths === null ? null : [...paths],
    time_window: timeWindow && {
      days: [...timeWindow.days],
      start: timeOfDay(timeWindow.startMinute),
      end: timeOfDay(timeWindow.endMinute),
      time_zone: timeWindow.timeZone,
    },
  }
}

/** @param text `HH:MM`, checked by its schema */
function minuteOf(text: string): number {
  return Number(text.slice(0, 2)) * 60 + Number(text.slice(3))
}

function timeOfDay(minute: number): string {
  const two = (value: number) => String(value).padStart(2, '0')
  return `${two(Math.floor(minute / 60))}:${two(minute % 60)}`
}

/** `timeWindow.startMinute` → `time_window.start`. */
function jsonField(field: string): string {
  return field.replace('Minute', '').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
