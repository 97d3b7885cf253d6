import { parseDuration } from './duration.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

const RFC3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/
const FULL_DATE = /^\d{4}-\d{2}-\d{2}$/

/**
 * The moment meant by a flag, as RFC 3339 in UTC: a duration from now (`90d`), a date-time, or a full date
 * (its midnight, UTC). Null where it is none of them.
 */
export function parseMoment(text: string, nowMs: number): string | null {
  const seconds = parseDuration(text)
  if (seconds !== null) return new Date(nowMs + seconds * 1000).toISOString()
  if (!RFC3339.test(text) && !FULL_DATE.test(text)) return null
  const ms = Date.parse(FULL_DATE.test(text) ? `${text}T00:00:00Z` : text.toUpperCase())
  if (Number.isNaN(ms)) return null
  // Date.parse turns 30 February into 2 March; a date that does not exist is refused instead.
  const [year, month, day] = text.slice(0, 10).split('-').map(Number)
  const calendar = new Date(Date.UTC(year ?? 0, (month ?? 0) - 1, day ?? 0))
  if (calendar.getUTCMonth() !== (month ?? 0) - 1) return null
  return new Date(ms).toISOString()
}

/** `4 s ago`, `12 min ago`, `3 h ago`, `5 d ago`. */
export function ago(at: string, nowMs: number): string {
  const ms = Math.max(0, nowMs - Date.parse(at))
  if (Number.isNaN(ms)) return at
  if (ms < 1000) return 'just now'
  if (ms < MINUTE_MS) return `${Math.floor(ms / 1000)} s ago`
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min ago`
  if (ms < 2 * DAY_MS) return `${Math.floor(ms / HOUR_MS)} h ago`
  return `${Math.floor(ms / DAY_MS)} d ago`
}

/** `ends in 59m` while it lies ahead, `ended 5 min ago` afterwards. */
export function ending(at: string, nowMs: number): string {
  const ms = Date.parse(at) - nowMs
  if (Number.isNaN(ms)) return at
  if (ms <= 0) return `ended ${ago(at, nowMs)}`
  if (ms < MINUTE_MS) return `ends in ${Math.ceil(ms / 1000)}s`
  if (ms < HOUR_MS) return `ends in ${Math.floor(ms / MINUTE_MS)}m`
  if (ms < 2 * DAY_MS) return `ends in ${Math.floor(ms / HOUR_MS)}h`
  return `ends in ${Math.floor(ms / DAY_MS)}d`
}

/** A moment of today as `14:32`, of another day as `2027-02-22 14:32`, in the terminal's time zone. */
export function localTime(at: string, nowMs: number): string {
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return at
  const time = `${twoDigits(date.getHours())}:${twoDigits(date.getMinutes())}`
  return localDate(date) === localDate(new Date(nowMs)) ? time : `${localDate(date)} ${time}`
}

/** The day of a moment, in the terminal's time zone: `2027-02-22`. */
export function localDay(at: string): string {
  const date = new Date(at)
  return Number.isNaN(date.getTime()) ? at : localDate(date)
}

function localDate(date: Date): string {
  return `${date.getFullYear()}-${twoDigits(date.getMonth() + 1)}-${twoDigits(date.getDate())}`
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0')
}
