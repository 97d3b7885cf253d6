/** The reader thread: what may take long (lists, the trail) runs here, so that it never holds up a verify. */
import { workerData } from 'node:worker_threads'
import type { TableName } from '@credence/core'
import type { ListQuery } from './port.ts'
import { SqliteConnection } from './sqlite-connection.ts'
import { listAudit, listRecords } from './sqlite-read.ts'
import { outcomeOf, serveThread } from './thread-service.ts'

export type ReaderRequest =
  | { readonly type: 'list'; readonly table: TableName; readonly query: ListQuery }
  | {
      readonly type: 'listAudit'
      readonly workspaceId: string
      readonly query: { readonly limit: number; readonly before: number | null }
    }

const connection = new SqliteConnection({ path: String(workerData), synchronous: 'FULL', readOnly: true })
serveThread(
  (requests) => (requests as readonly ReaderRequest[]).map((request) => outcomeOf(() => read(request))),
  () => connection.close(),
)

function read(request: ReaderRequest): unknown {
  return request.type === 'list'
    ? listRecords(connection, request.table, request.query)
    : listAudit(connection, request.workspaceId, request.query)
}
