const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }
/** A hundred years: more is a slip of the finger, and stays inside the range of a Date. */
const MAX_SECONDS = 100 * 366 * 86_400

/** Seconds of `90d`, `1h`, `1h30m`, `45s`, `2w`; null where the text is no duration. There is no unit for months. */
export function parseDuration(text: string): number | null {
  if (text.length > 32 || !/^(?:\d+[smhdw])+$/.test(text)) return null
  let seconds = 0
  for (const [, digits, unit] of text.matchAll(/(\d+)([smhdw])/g)) {
    seconds += Number(digits) * (UNIT_SECONDS[unit ?? ''] ?? Number.NaN)
  }
  return seconds <= MAX_SECONDS ? seconds : null
}

/** `1h`, `90 s` and the like as a length in the largest unit that divides it: `1h`, `90s`. */
export function formatDuration(seconds: number): string {
  for (const unit of ['w', 'd', 'h', 'm']) {
    const unitSeconds = UNIT_SECONDS[unit] ?? 1
    if (seconds >= unitSeconds && seconds % unitSeconds === 0) return `${seconds / unitSeconds}${unit}`
  }
  return `${seconds}s`
}

/** A time span as people say it: `3 ms`, `1 s`, `1.5 s`. */
export function formatMilliseconds(ms: number): string {
  if (ms >= 1000) return `${trimNumber(ms / 1000)} s`
  return `${trimNumber(ms)} ms`
}

function trimNumber(value: number): string {
  return String(Math.round(value * 10) / 10)
}
