import type { Query } from './client.ts'
import type { CredenceCommand } from './credence-command.ts'
import type { Invocation } from './invocation.ts'
import { parseWhole } from './list-flag.ts'
import { readPages } from './pages.ts'
import type { Column } from './table.ts'

const DEFAULT_BOUND = 50

export interface ListOptions {
  readonly limit?: string
  readonly all?: boolean
}

/** Adds what every list command takes. */
export function withListOptions(command: CredenceCommand): CredenceCommand {
  return command
    .option('--limit <n>', `show at most so many (default ${DEFAULT_BOUND})`)
    .option('--all', 'show all of them, however many pages that takes')
}

export function boundOf(options: ListOptions): number {
  if (options.all === true) return Number.POSITIVE_INFINITY
  return options.limit === undefined ? DEFAULT_BOUND : parseWhole('--limit', options.limit)
}

/** Reads a list and shows it: a table, or a JSON array. */
export async function showList<T>(
  invocation: Invocation,
  path: string,
  query: Query,
  options: ListOptions,
  columns: readonly Column<T>[],
): Promise<void> {
  const { items, more } = await readPages<T>(await invocation.client(), path, query, boundOf(options))
  if (invocation.json) invocation.printJson(items)
  else if (items.length > 0) invocation.printTable(columns, items)
  else invocation.note('none')
  if (more) invocation.note('there are more: --limit N or --all')
}
