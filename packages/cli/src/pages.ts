import type { Client, Query } from './client.ts'

const PAGE_MAX = 100

interface PageResource<T> {
  readonly items: readonly T[]
  readonly next_cursor: string | null
}

/** The first `bound` items of a list, over as many pages as that takes. `more`: the list goes on after them. */
export async function readPages<T>(
  client: Client,
  path: string,
  query: Query,
  bound: number,
): Promise<{ items: T[]; more: boolean }> {
  const items: T[] = []
  let cursor: string | undefined
  for (;;) {
    const limit = String(Math.min(PAGE_MAX, bound - items.length))
    const page: PageResource<T> = await client.get(path, { ...query, limit, cursor })
    items.push(...page.items)
    const next = page.next_cursor
    // A server that repeats its cursor would keep us here for ever.
    if (next === null || next === undefined || next === cursor) return { items, more: false }
    if (items.length >= bound) return { items: items.slice(0, bound), more: true }
    cursor = next
  }
}
