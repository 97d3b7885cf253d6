import type { PageRequest } from '../operations/page-request.ts'
import { type Reading, read, unreadable } from '../operations/reading.ts'
import type { Cursor, Page } from '../store/port.ts'

const DEFAULT_LIMIT = 50

/** Opaque to callers: where the page ended, in base64url. */
export function cursorToText(cursor: Cursor | null): string | null {
  if (cursor === null) return null
  return Buffer.from(`${cursor.createdAtMs}.${cursor.id}`).toString('base64url')
}

/** Only what cursorToText could have written; a changed cursor is an error, not a strange page. */
export function cursorFromText(text: string | undefined): Reading<Cursor | null> {
  if (text === undefined) return read(null)
  const parts = /^(0|[1-9]\d{0,15})\.([A-Za-z0-9_]{1,64})$/.exec(
    Buffer.from(text, 'base64url').toString('latin1'),
  )
  const cursor = parts && { createdAtMs: Number(parts[1]), id: parts[2]! }
  if (cursor && Number.isSafeInteger(cursor.createdAtMs) && cursorToText(cursor) === text) return read(cursor)
  return unreadable('cursor', 'is not the next_cursor of an earlier page')
}

/** Of a query that its schema has checked. */
export function pageFromQuery(query: {
  limit?: string | undefined
  cursor?: string | undefined
}): Reading<PageRequest> {
  const cursor = cursorFromText(query.cursor)
  if (!cursor.ok) return cursor
  return read({
    limit: query.limit === undefined ? DEFAULT_LIMIT : Number(query.limit),
    cursor: cursor.value,
  })
}

export async function pageToJson<R, J>(
  page: Page<R>,
  toJson: (record: R) => J | Promise<J>,
): Promise<{ items: J[]; next_cursor: string | null }> {
  return { items: await Promise.all(page.records.map(toJson)), next_cursor: cursorToText(page.next) }
}
