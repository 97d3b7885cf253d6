import type { CredentialRecord, Records, TableName } from '@credence/core'
import { givenFilters } from './list-query.ts'
import {
  type AuditRow,
  type FeedPage,
  type IdempotencyEntry,
  type ListQuery,
  type NamedTable,
  type Page,
  type SchemaState,
  type Store,
  StoreFault,
} from './port.ts'
import { SqliteConnection } from './sqlite-connection.ts'
import { faulting } from './sqlite-file.ts'
import {
  readChanges,
  readCredentialByHandle,
  readIdempotency,
  readPosition,
  readRecord,
  readRecordByName,
  readSchema,
  readSetting,
} from './sqlite-read.ts'
import type { ReaderRequest } from './sqlite-reader-thread.ts'
import { SqliteThread } from './sqlite-thread.ts'

const MAX_PENDING_LISTS = 256
const READER_IDLE_MS = 60_000

/**
 * What a process reads of the file, whichever process writes it. Point reads go straight to the file, on this thread:
 * they take microseconds, and each sees the newest commit, of any process. Lists go to a reader thread.
 */
export class SqliteReads {
  readonly name = 'sqlite'
  readonly #connection: SqliteConnection
  readonly #reader: SqliteThread
  #isClosed = false

  /** @param path of a file that has been prepared */
  constructor(path: string) {
    this.#connection = faulting(() => new SqliteConnection({ path, synchronous: 'FULL', readOnly: true }))
    this.#reader = new SqliteThread({
      task: 'reads lists',
      entry: new URL('./sqlite-reader-thread.ts', import.meta.url),
      workerData: path,
      maxPending: MAX_PENDING_LISTS,
      idleMs: READER_IDLE_MS,
    })
  }

  async read<T extends TableName>(table: T, id: string): Promise<Records[T] | undefined> {
    return this.#now((connection) => readRecord(connection, table, id))
  }

  async readByName<T extends NamedTable>(
    table: T,
    workspaceId: string | null,
    name: string,
  ): Promise<Records[T] | undefined> {
    return this.#now((connection) => readRecordByName(connection, table, workspaceId, name))
  }

  async readByHandle(...of: Parameters<Store['readByHandle']>): Promise<CredentialRecord | undefined> {
    return this.#now((connection) => readCredentialByHandle(connection, ...of))
  }

  async list<T extends TableName>(table: T, query: ListQuery): Promise<Page<Records[T]>> {
    givenFilters(table, query.filters)
    const request: ReaderRequest = { type: 'list', table, query }
    return (await this.#reader.call(request)) as Page<Records[T]>
  }

  async listAudit(
    workspaceId: string,
    query: { limit: number; before: number | null },
  ): Promise<readonly AuditRow[]> {
    const request: ReaderRequest = { type: 'listAudit', workspaceId, query }
    return (await this.#reader.call(request)) as AuditRow[]
  }

  async changesSince(position: number, limit: number): Promise<FeedPage> {
    return this.#now((connection) => readChanges(connection, position, limit))
  }

  async position(): Promise<number> {
    return this.#now(readPosition)
  }

  async readIdempotency(scope: string, key: string): Promise<IdempotencyEntry | undefined> {
    return this.#now((connection) => readIdempotency(connection, scope, key))
  }

  async readSetting(name: string): Promise<string | undefined> {
    return this.#now((connection) => readSetting(connection, name))
  }

  async schema(): Promise<SchemaState> {
    return this.#now(readSchema)
  }

  /** From now on every read is a fault. Lists that are under way end first. */
  protected async closeReads(): Promise<void> {
    this.#isClosed = true
    await this.#reader.close()
    this.#connection.close()
  }

  #now<R>(read: (connection: SqliteConnection) => R): R {
    if (this.#isClosed) throw new StoreFault('The store is closed')
    return faulting(() => read(this.#connection))
  }
}
