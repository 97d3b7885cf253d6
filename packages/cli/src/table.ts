import { inert } from './inert.ts'
import { fitText, textWidth } from './text-width.ts'

export interface Column<T> {
  readonly title: string
  readonly value: (row: T) => string
  /** May be cut with `…` when the terminal is too narrow. Ids and names may not: they are there to be copied. */
  readonly flexible?: boolean
}

const GAP = '  '
const FLEXIBLE_MIN_COLUMNS = 8

/** Rows as aligned text, a heading first, each line ended by a newline. `heading` may colour the first line. */
export function renderTable<T>(
  columns: readonly Column<T>[],
  rows: readonly T[],
  terminalColumns: number,
  heading: (line: string) => string = (line) => line,
): string {
  const cells = [
    columns.map((column) => column.title),
    ...rows.map((row) => columns.map((c) => inert(c.value(row)))),
  ]
  const widths = fitWidths(columns, naturalWidths(columns.length, cells), terminalColumns)
  const lines = cells.map((line) =>
    line
      .map((cell, i) => padEnd(fitText(cell, widths[i] ?? 0), widths[i] ?? 0))
      .join(GAP)
      .trimEnd(),
  )
  return lines.map((line, i) => `${i === 0 ? heading(line) : line}\n`).join('')
}

/** Pairs of a name and a value, the values aligned; null values are left out. */
export function renderFacts(facts: readonly (readonly [string, string | null])[]): string {
  const given = facts.filter((fact): fact is readonly [string, string] => fact[1] !== null && fact[1] !== '')
  const width = Math.max(0, ...given.map(([name]) => name.length))
  return given.map(([name, value]) => `${name.padEnd(width)}  ${inert(value)}\n`).join('')
}

function naturalWidths(count: number, cells: readonly (readonly string[])[]): number[] {
  return Array.from({ length: count }, (_, i) =>
    cells.reduce((widest, line) => Math.max(widest, textWidth(line[i] ?? '')), 0),
  )
}

/** Takes from the widest flexible column, one column at a time, until the line fits or nothing more can give. */
function fitWidths<T>(
  columns: readonly Column<T>[],
  natural: readonly number[],
  terminalColumns: number,
): number[] {
  const widths = [...natural]
  let excess = widths.reduce((sum, width) => sum + width, GAP.length * (widths.length - 1)) - terminalColumns
  for (; excess > 0; excess--) {
    let widest = -1
    for (const [i, column] of columns.entries()) {
      if (column.flexible !== true || (widths[i] ?? 0) <= FLEXIBLE_MIN_COLUMNS) continue
      if (widest === -1 || (widths[i] ?? 0) > (widths[widest] ?? 0)) widest = i
    }
    if (widest === -1) break
    widths[widest] = (widths[widest] ?? 0) - 1
  }
  return widths
}

function padEnd(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - textWidth(text)))
}
