import type { Records } from '@credence/core'
import type { Context } from '../context.ts'
import type { NamedTable, Put, RowAt } from '../store/port.ts'
import type { IdempotentRequest } from './idempotency.ts'
import { once } from './idempotency.ts'
import { type Actor, done, failed, notFound, type Outcome } from './operation.ts'
import { write } from './write.ts'

/** The revisions that If-Match names; null: no such header, so any. */
export type Expected = readonly number[] | null

/** Whether the row is still as the caller saw it; else what to answer (RFC 9110 section 13.1.1). */
export function staleness(revision: number, expected: Expected): ReturnType<typeof failed> | null {
  if (expected === null || expected.includes(revision)) return null
  return failed({ code: 'PRECONDITION_FAILED', detail: `the current ETag is "${revision}"; read it again` })
}

/** What an update shares with every other. */
export interface Update<T extends NamedTable> {
  readonly table: T
  readonly before: Records[T]
  readonly expected: Expected
  /** Rows that the change rests on: they must still be as they were read. */
  readonly expects?: readonly RowAt[]
  /** For the trail. */
  readonly detail?: Readonly<Record<string, unknown>>
}

/** Writes the successor of a row, if it is still the one that was read. */
export async function replaceRow<T extends NamedTable>(
  context: Pick<Context, 'store' | 'follower' | 'clock'>,
  actor: Actor,
  { table, before, expected, expects = [], detail = {} }: Update<T>,
  after: Records[T],
): Promise<Outcome<Records[T]>> {
  const record = { ...after, revision: before.revision + 1, updatedAtMs: context.clock() }
  const written = await write(context, actor, {
    puts: [{ table, record } as Put],
    expects,
    action: `${table}.update`,
    target: { table, id: before.id },
    detail,
  })
  if (written.ok) return done(record, written.position)
  if (expected !== null) {
    const now = await context.store.read(table, before.id)
    const stale = now && staleness(now.revision, expected)
    if (stale) return stale
  }
  return written
}

/** Runs what makes a row, once per Idempotency-Key; a repetition answers with the row as it is now. */
export function makeOnce<T extends NamedTable>(
  context: Pick<Context, 'store' | 'clock'>,
  actor: Actor,
  table: T,
  request: IdempotentRequest | null,
  make: () => Promise<Outcome<Records[T]>>,
): Promise<Outcome<Records[T]>> {
  return once(context, request, make, async ({ id }) => {
    const record = await context.store.read(table, id)
    return record === undefined || record.workspaceId !== actor.workspaceId
      ? notFound(table, id)
      : done(record)
  })
}

/** The names of the members that a change gives, for the trail: values may be personal, and stay out of it. */
export function changedMembers(changes: object): { readonly changed: readonly string[] } {
  return { changed: Object.keys(changes) }
}
