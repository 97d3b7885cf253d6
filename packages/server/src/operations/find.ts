import type { Records } from '@credence/core'
import type { Context } from '../context.ts'
import { looksLikeId } from '../ids.ts'
import type { NamedTable } from '../store/port.ts'

/**
 * A row of a workspace by its id or name. One of another workspace is as absent as one that never was: nothing
 * tells them apart.
 */
export async function findRecord<T extends Exclude<NamedTable, 'workspace'>>(
  { store }: Pick<Context, 'store'>,
  workspaceId: string,
  table: T,
  reference: string,
): Promise<Records[T] | undefined> {
  // Names are kept in one normal form, so that what looks the same is the same.
  if (!looksLikeId(reference)) return store.readByName(table, workspaceId, reference.normalize('NFC'))
  const record: Records[T] | undefined = await store.read(table, reference)
  return record?.workspaceId === workspaceId ? record : undefined
}
