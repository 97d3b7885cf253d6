import { type Reading, read, unreadable } from '../operations/reading.ts'

const MAX_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999)
const PARTS = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:Z|[+-](\d{2}):(\d{2}))$/

/**
 * An RFC 3339 time as milliseconds since the epoch, within the years 1970 to 9999. The engine's parser takes
 * 30 February for 2 March; here it is refused. Null stays null: no such moment.
 */
export function timestampFromJson(json: string | null | undefined, field: string): Reading<number | null> {
  if (json === null || json === undefined) return read(null)
  const parts = PARTS.exec(json)
  if (parts === null) return unreadable(field, 'must be an RFC 3339 time such as 2027-02-22T00:00:00Z')
  const [year, month, day, hour, minute, second, , offsetHour = 0, offsetMinute = 0] = parts
    .slice(1)
    .map((part) => Number(part ?? 0)) as number[]
  const inRange =
    month! >= 1 &&
    month! <= 12 &&
    day! >= 1 &&
    day! <= daysIn(year!, month!) &&
    hour! <= 23 &&
    minute! <= 59 &&
    second! <= 59 &&
    offsetHour <= 23 &&
    offsetMinute <= 59
  if (!inRange) return unreadable(field, 'is no moment of the calendar')
  const ms = Date.parse(json)
  if (!(ms >= 0 && ms <= MAX_MS)) return unreadable(field, 'must lie within the years 1970 to 9999')
  return read(ms)
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate()
}

export function timestampToJson(ms: number): string {
  return new Date(ms).toISOString()
}

export function optionalTimestampToJson(ms: number | null): string | null {
  return ms === null ? null : timestampToJson(ms)
}
