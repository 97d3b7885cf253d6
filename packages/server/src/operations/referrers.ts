import type { Grant, Records } from '@credence/core'
import type { Context } from '../context.ts'
import type { Cursor, ListFilters, Page } from '../store/port.ts'

const PAGE = 1000

/** The rows of a workspace, page by page: never all in memory at once. */
export async function* rowsOf<T extends 'credential' | 'principal'>(
  { store }: Pick<Context, 'store'>,
  table: T,
  workspaceId: string,
  filters: ListFilters,
): AsyncGenerator<Records[T]> {
  let cursor: Cursor | null = null
  do {
    const page: Page<Records[T]> = await store.list(table, { workspaceId, limit: PAGE, cursor, filters })
    yield* page.records
    cursor = page.next
  } while (cursor !== null)
}

/**
 * The first row that names something in its grants or its ceiling, where the database keeps no references of its
 * own: `credential 5Hd8…`; null: none does.
 */
export async function referrerOf(
  context: Pick<Context, 'store'>,
  workspaceId: string,
  apiId: string,
  names: (grant: Grant) => boolean,
): Promise<string | null> {
  for await (const credential of rowsOf(context, 'credential', workspaceId, { apiId })) {
    if (credential.grants.some(names)) return `credential ${credential.id}`
  }
  for await (const principal of rowsOf(context, 'principal', workspaceId, {})) {
    if (principal.ceiling?.some(names)) return `the ceiling of principal ${principal.id}`
  }
  return null
}
