/**
 * The store: records, the change feed and the audit trail behind one port.
 * A write is a value, not a callback, so that one writer thread (SQLite) or one short transaction (PostgreSQL)
 * carries it out whole. contract.ts holds every "must" below as a test; each store runs it.
 */
import type { CredentialKind, CredentialRecord, Limit, Records, TableName } from '@credence/core'

export interface Store {
  readonly name: 'memory' | 'sqlite' | 'postgres'

  /** The committed row, or undefined. Must see every write whose commit was acknowledged before the call. */
  read<T extends TableName>(table: T, id: string): Promise<Records[T] | undefined>

  /** Names are unique within a workspace (workspace names: within the installation; pass null). */
  readByName<T extends NamedTable>(
    table: T,
    workspaceId: string | null,
    name: string,
  ): Promise<Records[T] | undefined>

  /** The credential of that kind and handle that is not revoked: there is one at most. */
  readByHandle(
    workspaceId: string,
    kind: CredentialKind,
    handle: string,
  ): Promise<CredentialRecord | undefined>

  /** Newest first; a page is stable under concurrent inserts (keyset, no offsets). */
  list<T extends TableName>(table: T, query: ListQuery): Promise<Page<Records[T]>>

  /**
   * Carries out a write as a whole or not at all, and resolves only after it is durable.
   * A conflict is a value; anything else that goes wrong is a StoreFault. After a fault the write is wholly there
   * or wholly absent; which, an idempotency key tells.
   * New rows come first, then changed ones, then deletes: a write may make a row and refer to it, or drop the last
   * reference to a row and delete it. A name that it frees is free only after it.
   * What a row refers to (a credential's principal, the APIs of its grants, a role's or issuer's API, anything's workspace)
   * must exist in the same workspace, else that row is told as a conflict of type `revision`.
   */
  commit(write: Write): Promise<CommitResult>

  /**
   * Changes with a position greater than `position`, in order, at most `limit`, the newest position, and the hash of
   * the audit entry at each of these and at `position`, all as they were at one moment. Positions have no gaps and
   * become visible in their order, so none is ever skipped; whoever does not get the one that follows its own was away
   * for longer than changes are kept. Whoever finds another hash at its own position followed what is no more: the
   * database lost its newest commits, in a failover or a restore, and their positions were used anew.
   */
  changesSince(position: number, limit: number): Promise<FeedPage>
  /** The position of the newest committed change; 0 in a new store. */
  position(): Promise<number>
  /** Forgets changes made before a moment. Positions, and the audit trail, stay. Leader-only housekeeping. */
  forgetChangesBefore(ms: number): Promise<void>

  /**
   * Tells, soon after, of commits and of how far others have followed, by whatever process of the installation.
   * It may miss some: whoever listens polls too. @returns what ends it
   */
  listen(listener: FeedListener): Promise<() => Promise<void>>
  /** Tells the listeners everywhere that a process acts on every change up to `position`. Best effort. */
  announce(memberId: string, position: number): Promise<void>
  /**
   * Notes a sign of life, and gives the newest one of every process that lives, this one's included: that gave one
   * within its own lease and `silenceMs` more, by the store's own clock.
   */
  beat(sign: SignOfLife, silenceMs: number): Promise<readonly SignOfLife[]>
  /** Takes a process off the list that `beat` gives: it ends. */
  leave(memberId: string): Promise<void>
  /**
   * Whether this process does the work that only one may do: at most one of all that share the store is told so. It
   * stays the leader until it closes the store or loses it; asked again from time to time, another takes over then.
   */
  lead(): Promise<boolean>
  /** Runs `work` while no other process of the installation runs any: the first start. */
  alone<T>(work: () => Promise<T>): Promise<T>

  /** Audit entries of a workspace, newest first. */
  listAudit(
    workspaceId: string,
    query: { limit: number; before: number | null },
  ): Promise<readonly AuditRow[]>

  /** What an earlier request with this idempotency key led to. */
  readIdempotency(scope: string, key: string): Promise<IdempotencyEntry | undefined>
  /** Forgets idempotency entries made before a moment; leader-only housekeeping. */
  forgetIdempotencyBefore(ms: number): Promise<void>

  /** One value of the installation: keyring fingerprint, id. */
  readSetting(name: string): Promise<string | undefined>

  /**
   * Takes `cost` credits of a limit, durably and exactly; a refusal takes nothing.
   * A key seen for the first time starts full. `cost` may be negative: gives back, up to the limit.
   */
  spendCredits(
    key: string,
    limit: Extract<Limit, { type: 'credits' }>,
    cost: number,
    nowMs: number,
  ): Promise<CreditResult>

  /**
   * Deletes access tokens that ended before a moment: nobody may do more or less without them, so neither the feed nor
   * the trail, which has their issue, tells of it. Leader-only housekeeping.
   */
  forgetAccessTokensBefore(ms: number): Promise<void>

  /** What has been recorded of schema and releases; see migrate.ts. */
  schema(): Promise<SchemaState>

  close(): Promise<void>
}

export type NamedTable = Exclude<TableName, 'credential' | 'signing_key'>

export interface ListQuery {
  /** null lists across workspaces: for `workspace` rows and housekeeping only. */
  readonly workspaceId: string | null
  /** 1 … 1000. */
  readonly limit: number
  readonly cursor: Cursor | null
  readonly filters: ListFilters
}

/** Where the last page ended: the next begins after this row. */
export interface Cursor {
  readonly createdAtMs: number
  readonly id: string
}

/** All that are given must match. A filter that a table has no column for is a programming error. */
export interface ListFilters {
  readonly principalId?: string
  /** credential: has a grant for this API; role, issuer: is of this API. */
  readonly apiId?: string
  readonly kind?: string
  /** credential: every kind but access tokens, which come and go. */
  readonly lasting?: true
  /** credential: came from this one. */
  readonly parentId?: string
  readonly state?: string
  readonly tag?: string
  readonly name?: string
  readonly externalId?: string
  /** principal: its type. */
  readonly type?: string
  /** credential: ends before this moment (and has an end). */
  readonly expiresBeforeMs?: number
  /** credential: ends after this moment, or never. */
  readonly expiresAfterMs?: number
  /** credential: not_before is after this moment. */
  readonly notBeforeAfterMs?: number
  /** credential: not_before is at or before this moment, or absent. */
  readonly notBeforeUntilMs?: number
}

export interface Page<R> {
  readonly records: readonly R[]
  /** null: this was the last page. */
  readonly next: Cursor | null
}

export interface Write {
  readonly workspaceId: string
  /**
   * revision 1 inserts (the id must be new); revision n replaces the row at revision n − 1, in the workspace it is in.
   * Fields that are columns of text hold well-formed Unicode without NUL, or the write is a StoreFault.
   */
  readonly puts: readonly Put[]
  readonly deletes: readonly RowAt[]
  /** Rows that must exist at exactly this revision, though they are not written. */
  readonly expects: readonly RowAt[]
  /** Settings to make; one that exists already is a conflict. */
  readonly settings: readonly { readonly name: string; readonly value: string }[]
  readonly idempotency: IdempotencyEntry | null
  readonly audit: AuditEntry
}

export type Put = { [T in TableName]: { readonly table: T; readonly record: Records[T] } }[TableName]

export interface RowAt {
  readonly table: TableName
  readonly id: string
  readonly revision: number
}

export interface IdempotencyEntry {
  /** Whose key it is: workspace and calling credential. */
  readonly scope: string
  readonly key: string
  /** Digest of method, path and body: the same key with another request is an error. */
  readonly requestDigest: string
  /** The row that the request led to. */
  readonly table: TableName
  readonly id: string
  readonly status: number
  readonly createdAtMs: number
}

export type CommitResult =
  | { readonly ok: true; readonly position: number }
  | { readonly ok: false; readonly conflict: Conflict }

export type Conflict =
  /** A row was written, made or deleted by somebody else in between, or one that is referred to is not there. */
  | { readonly type: 'revision'; readonly table: TableName; readonly id: string }
  /** The field whose value another row has: `name`, an API's `audience`, or `basePath`: its place at the gateway; an issuer's `audience`, a credential's `handle`. */
  | { readonly type: 'taken'; readonly table: TableName; readonly field: string }
  /** The row is still referred to by others. */
  | { readonly type: 'in_use'; readonly table: TableName; readonly id: string }
  | { readonly type: 'idempotency' }
  | { readonly type: 'setting'; readonly name: string }

export interface FeedPage {
  /** Position of the newest committed change; 0 in a new store. */
  readonly head: number
  /** Hash of the audit entry at `head`; in a new store the one that the first entry is chained to. */
  readonly headHash: string
  /** Hash of the audit entry at the position that was asked about, 0 being as in a new store; null: it is not there. */
  readonly hash: string | null
  readonly changes: readonly Change[]
}

/** Neither call may throw, and both return at once. */
export interface FeedListener {
  /** A write was committed; its position, where it is known. */
  committed(position: number | null): void
  /** A process acts on every change up to `position`. */
  reached(memberId: string, position: number): void
}

/** What a process of the installation says of itself. */
export interface SignOfLife {
  /** `{node id}/{worker}`; the node id is drawn anew at every start of a node, and shared by its workers. */
  readonly memberId: string
  /** The machine or container, as its operator knows it. */
  readonly node: string
  /** Its number among the workers of its node, from 1; 0: the node is this one process. */
  readonly worker: number
  /** The release it runs. */
  readonly version: string
  readonly startedAtMs: number
  /** How long it answers by what it has cached after the feed was last confirmed to it. Milliseconds. */
  readonly leaseMs: number
  /** The newest change that it acts on. */
  readonly position: number
  /** Milliseconds since the feed was last confirmed to it; null: never yet. */
  readonly feedLagMs: number | null
  readonly isLeader: boolean
}

/** An entry of the feed: what changed, at which position. */
export interface Change {
  readonly position: number
  /** Of the audit entry at this position. */
  readonly hash: string
  readonly workspaceId: string
  readonly atMs: number
  readonly touched: readonly { readonly table: TableName; readonly id: string }[]
}

/** Who did what to what. `detail` holds no secret. */
export interface AuditEntry {
  readonly atMs: number
  /** `credential.rotate`: the table, a dot, what was done. */
  readonly action: string
  readonly targetTable: TableName
  readonly targetId: string
  /** The credential that was presented; null: the host itself (first start, recovery). */
  readonly actorCredentialId: string | null
  readonly actorPrincipalId: string | null
  readonly requestId: string | null
  readonly ip: string | null
  readonly detail: Readonly<Record<string, unknown>>
}

/** An entry as kept: at its position (one counter with the feed), chained to the one before. */
export interface AuditRow extends AuditEntry {
  readonly position: number
  readonly workspaceId: string
  /** Hex SHA-256 over the previous hash and this entry; see audit-chain.ts. */
  readonly hash: string
}

export interface CreditResult {
  readonly allowed: boolean
  readonly remaining: number
  /** null: never, without somebody adding credits. */
  readonly retryAfterMs: number | null
}

export interface SchemaState {
  /** Number of the newest migration applied. */
  readonly version: number
  /** A release whose newest migration is below this must not run on this database. */
  readonly oldestCompatible: number
}

/** The store cannot do its work now: unreachable, disk full, corrupt. Verify answers UNAVAILABLE. */
export class StoreFault extends Error {
  override name = 'StoreFault'
}
