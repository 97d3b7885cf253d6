import type { Rate } from './turns.ts'

/** One row of RESULTS.md. */
export interface Result {
  /** What was measured, in a few words. */
  readonly what: string
  /** What each rate counts: `requests/s`, `ms`. */
  readonly unit: string
  readonly rates: readonly Rate[]
  readonly ratios: readonly Ratio[]
  /** What a reader must know besides; sentences. */
  readonly notes: readonly string[]
}

export interface Ratio {
  readonly what: string
  readonly value: number
  /** Null: shown for information. */
  readonly target: Target | null
}

export interface Target {
  readonly at: 'least' | 'most'
  readonly bound: number
}

export function atLeast(bound: number): Target {
  return { at: 'least', bound }
}

export function atMost(bound: number): Target {
  return { at: 'most', bound }
}

/** Of the medians of two contestants. @throws Error where a name is unknown */
export function ratioOf(rates: readonly Rate[], name: string, peer: string, target: Target | null): Ratio {
  const [ours, theirs] = [name, peer].map((wanted) => {
    const rate = rates.find((one) => one.name === wanted)
    if (rate === undefined) throw new Error(`no contestant is called ${wanted}`)
    return rate.median
  })
  return { what: `${name} : ${peer}`, value: ours! / theirs!, target }
}

export function isMet({ value, target }: Ratio): boolean {
  if (target === null) return true
  return target.at === 'least' ? value >= target.bound : value <= target.bound
}

/** Prints a result, and hands it to whoever runs all benchmarks. */
export function report(result: Result): void {
  console.log(asText(result))
  process.send?.(result)
}

function asText({ what, unit, rates, ratios, notes }: Result): string {
  const width = Math.max(...[...rates.map(({ name }) => name), ...ratios.map((one) => one.what)].map(length))
  const lines = [what]
  for (const { name, median, min, max } of rates) {
    lines.push(`  ${name.padEnd(width)}  ${shown(median)} ${unit} (${shown(min)} to ${shown(max)})`)
  }
  for (const ratio of ratios) lines.push(`  ${ratio.what.padEnd(width)}  ${ratioText(ratio)}`)
  for (const note of notes) lines.push(`  ${note}`)
  return `${lines.join('\n')}\n`
}

export function ratioText(ratio: Ratio): string {
  const { value, target } = ratio
  if (target === null) return shown(value)
  const verdict = isMet(ratio) ? 'met' : 'MISSED'
  return `${shown(value)}, target at ${target.at} ${shown(target.bound)}: ${verdict}`
}

/** Three significant digits, or whole from a hundred on. */
export function shown(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)))
}

function length(text: string): number {
  return text.length
}
