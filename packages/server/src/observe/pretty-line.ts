import { terminalText } from './terminal-text.ts'

/**
 * A line of the JSON log for a person: `12:03:04 WARN  message key=value`. Nothing in it can move the cursor or
 * start a line of its own; the stack of an error follows, indented.
 */
export function prettyLine(json: string): string {
  const entry = parseEntry(json)
  if (entry === null) return `${terminalText(json.trimEnd())}\n`
  const { time, level, msg, ...fields } = entry
  const words = [
    typeof time === 'string' ? time.slice(11, 19) : '--:--:--',
    String(level).toUpperCase().padEnd(5),
    typeof msg === 'string' ? msg : '',
  ]
  let stack = ''
  for (const [name, value] of Object.entries(fields)) {
    if (value === null) continue
    const error = asError(value)
    words.push(`${name}=${prettyValue(error === null ? value : error.message)}`)
    if (error !== null) stack += error.stack
  }
  const frames = stack.split('\n').filter((frame) => frame.trim() !== '')
  return [
    terminalText(words.join(' ')),
    ...frames.map((frame) => `    ${terminalText(frame.trim())}`),
    '',
  ].join('\n')
}

function parseEntry(json: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}

function asError(value: unknown): { message: string; stack: string } | null {
  if (typeof value !== 'object' || value === null || !('message' in value) || !('stack' in value)) return null
  const { message, stack } = value
  return typeof message === 'string' && typeof stack === 'string' ? { message, stack } : null
}

/** Quoted where it would run into its neighbours. */
function prettyValue(value: unknown): string {
  if (typeof value === 'string' && value !== '' && !/[\s"=]/.test(value)) return value
  return JSON.stringify(value)
}
