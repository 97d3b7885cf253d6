import type { Grant, Records } from '@credence/core'
import type { Context } from '../context.ts'
import type { Cursor, ListFilters, Page, RowAt } from '../store/port.ts'

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

/** Why something stays that nothing but access tokens names. */
export const TOKENS_LEFT = 'thousands of access tokens are left of it: try again when they are over'
/** Most that go with what they are of; where there are more, it waits until they are over. */
const MOST_TOKENS = 1000

/**
 * Access tokens of an API or a principal, to be deleted with it: what they came from is gone, so they are worth nothing.
 * Null: too many for one write.
 */
export async function leftoverTokens(
  { store }: Pick<Context, 'store'>,
  workspaceId: string,
  of: Pick<ListFilters, 'apiId' | 'principalId'>,
): Promise<readonly RowAt[] | null> {
  const filters = { ...of, kind: 'access_token' }
  const { records, next } = await store.list('credential', {
    ...{ workspaceId, limit: MOST_TOKENS, cursor: null, filters },
  })
  return next === null ? records.map(({ id, revision }) => ({ table: 'credential', id, revision })) : null
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
  for await (const credential of rowsOf(context, 'credential', workspaceId, { apiId, lasting: true })) {
    if (credential.grants.some(names)) return `credential ${credential.id}`
  }
  for await (const principal of rowsOf(context, 'principal', workspaceId, {})) {
    if (principal.ceiling?.some(names)) return `the ceiling of principal ${principal.id}`
  }
  return null
}
