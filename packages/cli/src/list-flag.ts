import { usageFailure } from './failure.ts'

/** For an option that may be repeated: adds to what was given before. */
export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value]
}

/** `--scopes a,b --scopes 'c d'` → a, b, c, d: repeated, or divided by commas or spaces. Undefined: not given. */
export function splitList(values: readonly string[] | undefined): string[] | undefined {
  if (values === undefined) return undefined
  return [...new Set(values.flatMap((value) => value.split(/[\s,]+/)).filter((part) => part !== ''))]
}

/** `--metadata team=billing`. Everything after the first `=` is the value; a name given twice is refused. */
export function parseMetadata(values: readonly string[] | undefined): Record<string, string> | undefined {
  if (values === undefined) return undefined
  const entries = new Map<string, string>()
  for (const value of values) {
    const at = value.indexOf('=')
    if (at < 1) throw usageFailure(`metadata is name=value, not ${JSON.stringify(value)}`)
    const name = value.slice(0, at)
    if (entries.has(name)) throw usageFailure(`metadata ${name} is given twice`)
    entries.set(name, value.slice(at + 1))
  }
  return Object.fromEntries(entries)
}

/** A whole number from `least` on, for --limit, --version and the like. */
export function parseWhole(flag: string, text: string, least = 1): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
    throw usageFailure(`${flag} takes a whole number from ${least} on, not ${JSON.stringify(text)}`)
  }
  return value
}

/** The members that have a value: what was not given on the command line must not reach the body. */
export function given<T extends Record<string, unknown>>(
  members: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(members).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> }
}
