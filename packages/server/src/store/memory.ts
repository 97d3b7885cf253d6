import type { CredentialKind, CredentialRecord, Records, TableName } from '@credence/core'
import { auditHash, canonicalJson, FIRST_AUDIT_HASH } from './audit-chain.ts'
import { type CreditState, takeCredits } from './credits.ts'
import { givenFilters } from './list-query.ts'
import { LocalMembers } from './local-members.ts'
import { matches } from './memory-filters.ts'
import {
  type AuditRow,
  type Change,
  type CommitResult,
  type CreditResult,
  type FeedListener,
  type FeedPage,
  type IdempotencyEntry,
  type ListQuery,
  type NamedTable,
  type Page,
  type Put,
  type RowAt,
  type SchemaState,
  type SignOfLife,
  type Store,
  StoreFault,
  type Write,
} from './port.ts'
import { checkFits, TABLES } from './tables.ts'
import { inOrder, referencesOf, touchedBy, WriteConflict } from './write-order.ts'

type AnyRecord = Records[TableName]
type Rows = { readonly [T in TableName]: Map<string, Records[T]> }

/** A store for tests, with the semantics of the others and no durability. */
export function openMemoryStore(clock: () => number = Date.now): Store {
  return new MemoryStore(clock)
}

class MemoryStore implements Store {
  readonly name = 'memory'
  readonly #rows: Rows = {
    workspace: new Map(),
    api: new Map(),
    role: new Map(),
    principal: new Map(),
    credential: new Map(),
    issuer: new Map(),
    signing_key: new Map(),
  }
  #changes: Change[] = []
  #position = 0
  readonly #members: LocalMembers
  readonly #audit: AuditRow[] = []
  readonly #idempotency = new Map<string, IdempotencyEntry>()
  readonly #settings = new Map<string, string>()
  readonly #credits = new Map<string, CreditState>()
  #closed = false

  constructor(clock: () => number) {
    this.#members = new LocalMembers(clock)
  }

  async read<T extends TableName>(table: T, id: string): Promise<Records[T] | undefined> {
    this.#open()
    return this.#rows[table].get(id)
  }

  async readByName<T extends NamedTable>(
    table: T,
    workspaceId: string | null,
    name: string,
  ): Promise<Records[T] | undefined> {
    this.#open()
    const rows: readonly Records[T][] = [...this.#rows[table].values()]
    const inside = table === 'workspace' ? rows : rows.filter((row) => row.workspaceId === workspaceId)
    return inside.find((row) => row.name === name)
  }

  async readByHandle(
    workspaceId: string,
    kind: CredentialKind,
    handle: string,
  ): Promise<CredentialRecord | undefined> {
    this.#open()
    const wanted = handlePlace({ workspaceId, kind, handle })
    return [...this.#rows.credential.values()].find(
      (row) => row.state !== 'revoked' && handlePlace(row) === wanted,
    )
  }

  async list<T extends TableName>(table: T, query: ListQuery): Promise<Page<Records[T]>> {
    this.#open()
    const given = givenFilters(table, query.filters)
    const rows: readonly Records[T][] = [...this.#rows[table].values()]
    const wanted = rows
      .filter((row) => query.workspaceId === null || row.workspaceId === query.workspaceId)
      .filter((row) => query.cursor === null || newestFirst(query.cursor, row) < 0)
      .filter((row) => given.every(([name, value]) => matches(row, name, value)))
      .sort(newestFirst)
    const records = wanted.slice(0, query.limit)
    if (wanted.length <= query.limit) return { records, next: null }
    const { createdAtMs, id } = records.at(-1)!
    return { records, next: { createdAtMs, id } }
  }

  async commit(write: Write): Promise<CommitResult> {
    this.#open()
    const undo: (() => void)[] = []
    try {
      const position = this.#apply(structuredClone(write), undo)
      this.#members.committed(position)
      return { ok: true, position }
    } catch (error) {
      for (const step of undo.reverse()) step()
      if (error instanceof WriteConflict) return { ok: false, conflict: error.conflict }
      throw error
    }
  }

  async changesSince(position: number, limit: number): Promise<FeedPage> {
    this.#open()
    const changes = this.#changes.filter((change) => change.position > position).slice(0, limit)
    const hashAt = (at: number) => (at === 0 ? FIRST_AUDIT_HASH : (this.#audit[at - 1]?.hash ?? null))
    return { head: this.#position, headHash: hashAt(this.#position)!, hash: hashAt(position), changes }
  }

  async position(): Promise<number> {
    this.#open()
    return this.#position
  }

  async forgetChangesBefore(ms: number): Promise<void> {
    this.#open()
    this.#changes = this.#changes.filter(({ atMs }) => atMs >= ms)
  }

  async listen(listener: FeedListener): Promise<() => Promise<void>> {
    this.#open()
    return this.#members.listen(listener)
  }

  async announce(memberId: string, position: number): Promise<void> {
    this.#open()
    return this.#members.announce(memberId, position)
  }

  async beat(sign: SignOfLife, silenceMs: number): Promise<readonly SignOfLife[]> {
    this.#open()
    return this.#members.beat(sign, silenceMs)
  }

  async leave(memberId: string): Promise<void> {
    this.#open()
    return this.#members.leave(memberId)
  }

  /** Nobody else can share it. */
  async lead(): Promise<boolean> {
    this.#open()
    return true
  }

  async alone<T>(work: () => Promise<T>): Promise<T> {
    this.#open()
    return this.#members.inTurn(work)
  }

  async listAudit(
    workspaceId: string,
    query: { limit: number; before: number | null },
  ): Promise<readonly AuditRow[]> {
    this.#open()
    const { before, limit } = query
    const rows = this.#audit.filter((row) => row.workspaceId === workspaceId)
    return rows
      .filter(({ position }) => before === null || position < before)
      .toReversed()
      .slice(0, limit)
  }

  async readIdempotency(scope: string, key: string): Promise<IdempotencyEntry | undefined> {
    this.#open()
    return this.#idempotency.get(JSON.stringify([scope, key]))
  }

  async forgetIdempotencyBefore(ms: number): Promise<void> {
    this.#open()
    for (const [key, entry] of this.#idempotency) if (entry.createdAtMs < ms) this.#idempotency.delete(key)
  }

  async forgetAccessTokensBefore(ms: number): Promise<void> {
    this.#open()
    for (const { id, kind, expiresAtMs } of this.#rows.credential.values())
      if (kind === 'access_token' && expiresAtMs !== null && expiresAtMs < ms)
        this.#rows.credential.delete(id)
  }

  async readSetting(name: string): Promise<string | undefined> {
    this.#open()
    return this.#settings.get(name)
  }

  async spendCredits(...args: Parameters<Store['spendCredits']>): Promise<CreditResult> {
    this.#open()
    const [key, limit, cost, nowMs] = args
    const { result, next } = takeCredits(limit, this.#credits.get(key), cost, nowMs)
    if (result.allowed) this.#credits.set(key, next)
    return result
  }

  /** There is no schema to be behind with. */
  async schema(): Promise<SchemaState> {
    this.#open()
    return { version: 0, oldestCompatible: 0 }
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #open(): void {
    if (this.#closed) throw new StoreFault('The store is closed')
  }

  /** Every step first notes how it is undone. */
  #apply(write: Write, undo: (() => void)[]): number {
    const entry = write.idempotency
    if (entry !== null) {
      const key = JSON.stringify([entry.scope, entry.key])
      if (this.#idempotency.has(key)) throw new WriteConflict({ type: 'idempotency' })
      set(this.#idempotency, key, entry, undo)
    }
    for (const row of write.expects) this.#at(row)
    for (const { name, value } of write.settings) {
      if (this.#settings.has(name)) throw new WriteConflict({ type: 'setting', name })
      set(this.#settings, name, value, undo)
    }
    const { inserts, updates, deletes } = inOrder(write)
    for (const put of [...inserts, ...updates]) this.#put(put, undo)
    for (const row of deletes) this.#remove(row, undo)
    return this.#append(write)
  }

  #put(put: Put, undo: (() => void)[]): void {
    const { table, record } = put
    checkFits(table, record)
    const before: AnyRecord | undefined = this.#rows[table].get(record.id)
    if (before?.revision !== (record.revision === 1 ? undefined : record.revision - 1)) {
      throw new WriteConflict({ type: 'revision', table, id: record.id })
    }
    if (before !== undefined && before.workspaceId !== record.workspaceId) {
      throw new WriteConflict({ type: 'revision', table, id: record.id })
    }
    const others = [...(this.#rows[table] as Map<string, AnyRecord>).values()].filter(
      ({ id }) => id !== record.id,
    )
    const taken = others.map((other) => clash(put, other)).find((field) => field !== null)
    if (taken) throw new WriteConflict({ type: 'taken', table, field: taken })
    for (const { table: other, id } of referencesOf(put)) {
      if (this.#rows[other].get(id)?.workspaceId === record.workspaceId) continue
      throw new WriteConflict({ type: 'revision', table: other, id })
    }
    const kept = deepFreeze({ ...record, createdAtMs: before?.createdAtMs ?? record.createdAtMs })
    set(this.#rows[table] as Map<string, AnyRecord>, record.id, kept, undo)
  }

  #remove(row: RowAt, undo: (() => void)[]): void {
    const record = this.#at(row)
    for (const table of Object.keys(TABLES) as TableName[]) {
      for (const other of this.#rows[table].values()) {
        const references = referencesOf({ table, record: other } as Put)
        if (!references.some(({ table, id }) => table === row.table && id === row.id)) continue
        throw new WriteConflict({ type: 'in_use', table: row.table, id: row.id })
      }
    }
    const rows = this.#rows[row.table] as Map<string, AnyRecord>
    undo.push(() => rows.set(row.id, record))
    rows.delete(row.id)
  }

  #at({ table, id, revision }: RowAt): AnyRecord {
    const record = this.#rows[table].get(id)
    if (record?.revision !== revision) throw new WriteConflict({ type: 'revision', table, id })
    return record
  }

  #append(write: Write): number {
    const { workspaceId, audit } = write
    const position = this.#position + 1
    const detail = JSON.parse(canonicalJson(audit.detail)) as AuditRow['detail']
    const entry = { ...audit, detail, position, workspaceId }
    const hash = auditHash(this.#audit.at(-1)?.hash ?? FIRST_AUDIT_HASH, entry)
    this.#audit.push(deepFreeze({ ...entry, hash }))
    this.#changes.push(
      deepFreeze({ position, hash, workspaceId, atMs: audit.atMs, touched: touchedBy(write) }),
    )
    this.#position = position
    return position
  }
}

function set<K, V>(map: Map<K, V>, key: K, value: V, undo: (() => void)[]): void {
  const before = map.get(key)
  undo.push(() => {
    if (before === undefined) map.delete(key)
    else map.set(key, before)
  })
  map.set(key, value)
}

/** The unique field in which a put and another row of its table meet. */
function clash(put: Put, other: AnyRecord): string | null {
  const { table, record } = put
  if (table === 'credential') {
    const meet = handlePlace(record) === handlePlace(other as CredentialRecord)
    const isFree = [record, other as CredentialRecord].some(({ state }) => state === 'revoked')
    return record.handle !== null && meet && !isFree ? 'handle' : null
  }
  if (table === 'signing_key') return null
  const same = other as typeof record
  if (table === 'workspace') return same.name === record.name ? 'name' : null
  if (same.workspaceId === record.workspaceId && same.name === record.name) return 'name'
  if (table === 'issuer') {
    const issuer = other as typeof record
    const isSame = issuer.apiId === record.apiId && issuer.issuer === record.issuer
    return isSame && issuer.audience === record.audience ? 'audience' : null
  }
  if (table !== 'api') return null
  const api = other as typeof record
  if (api.workspaceId === record.workspaceId && api.audience === record.audience) return 'audience'
  if (api.upstream === null || record.upstream === null) return null
  return (api.host ?? '') === (record.host ?? '') && api.basePath === record.basePath ? 'basePath' : null
}

function handlePlace({
  workspaceId,
  kind,
  handle,
}: Pick<CredentialRecord, 'workspaceId' | 'kind' | 'handle'>): string {
  return JSON.stringify([workspaceId, kind, handle])
}

interface Placed {
  readonly createdAtMs: number
  readonly id: string
}

function newestFirst(a: Placed, b: Placed): number {
  if (a.createdAtMs !== b.createdAtMs) return b.createdAtMs - a.createdAtMs
  return a.id === b.id ? 0 : a.id < b.id ? 1 : -1
}

/** What callers get is the row itself; frozen, it cannot be changed behind the store's back. */
function deepFreeze<V>(value: V): V {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const member of Object.values(value)) deepFreeze(member)
  return Object.freeze(value)
}
