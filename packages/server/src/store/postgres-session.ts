import { createHash } from 'node:crypto'
import { StoreFault } from './port.ts'
import type { SqlRow } from './tables.ts'

/** The oldest that the store is tested on. Lower ones lack nothing it needs for certain, and nobody has tried. */
const OLDEST_MAJOR = 14

/** How long the server itself waits before it gives a statement up. Milliseconds. */
export interface SessionTimeouts {
  /** 0: for ever. */
  readonly statementMs: number
  readonly lockMs: number
}

/** What a session found out about its server when it was opened. */
export interface Session {
  /** The schema that everything is in. */
  readonly schema: string
}

/** Longer than any of our transactions; what is idle for so long in one belongs to a process that is gone. */
const IDLE_IN_TRANSACTION_MS = 5000

/**
 * Looks at the server and sets the session up, in one statement. What it pins stays as it was found, though somebody
 * changes the server's configuration later: durability, and the one schema, so that no other shadows a table.
 * Keepalives are the server's own: it then notices within 16 s that a machine of ours is gone, and frees its locks.
 */
export function sessionStatement(timeouts: SessionTimeouts): string {
  const settings = {
    statement_timeout: timeouts.statementMs,
    lock_timeout: timeouts.lockMs,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    // The control connection is idle for its whole life.
    idle_session_timeout: 0,
    tcp_keepalives_idle: 10,
    tcp_keepalives_interval: 2,
    tcp_keepalives_count: 3,
    timezone: "'UTC'",
  }
  const set = Object.entries(settings).map(([name, value]) => `set_config('${name}', ${value}::text, false)`)
  return `SELECT current_setting('server_version') AS version,
    current_setting('server_version_num')::int AS version_number,
    current_setting('server_encoding') AS encoding,
    current_setting('transaction_read_only') AS read_only,
    pg_is_in_recovery() AS is_replica,
    current_schema() AS schema,
    set_config('search_path', quote_ident(current_schema()), false),
    set_config('synchronous_commit', current_setting('synchronous_commit'), false) AS synchronous_commit,
    ${set.join(',\n    ')}`
}

/** @throws StoreFault that says in a sentence why the server must not be used, and what to change */
export function checkSession(row: SqlRow | undefined): Session {
  if (row === undefined) throw new StoreFault('The server does not answer as PostgreSQL does')
  const major = Math.floor(Number(row.version_number) / 10_000)
  if (!(major >= OLDEST_MAJOR)) {
    throw new StoreFault(
      `The server is PostgreSQL ${row.version}; the oldest that Credence works with is ${OLDEST_MAJOR}`,
    )
  }
  if (row.is_replica === true) {
    throw new StoreFault(
      'The server is a read replica: what it says may be old, and it takes no writes. Name the primary',
    )
  }
  if (row.read_only === 'on') {
    throw new StoreFault('The database is read-only to this user (default_transaction_read_only)')
  }
  if (row.synchronous_commit === 'off') {
    throw new StoreFault(
      'synchronous_commit is off for this user or database: a crash of PostgreSQL would undo revocations that were ' +
        'already acknowledged. Turn it on: ALTER ROLE … RESET synchronous_commit, the same for the database',
    )
  }
  if (row.encoding !== 'UTF8') {
    throw new StoreFault(
      `The database is encoded in ${row.encoding}, which cannot hold every name: make it with ENCODING 'UTF8'`,
    )
  }
  if (typeof row.schema !== 'string') {
    throw new StoreFault(
      "No schema of the user's search_path exists: make one, or name it in the URL's options",
    )
  }
  return { schema: row.schema }
}

/** The number of a lock that all processes of this installation agree on, as PostgreSQL's bigint. */
export function lockKey(purpose: 'migrations' | 'start' | 'leader' | 'copy', { schema }: Session): string {
  const hash = createHash('sha256').update(`credence ${purpose}\n${schema}`).digest()
  return hash.readBigInt64BE().toString()
}

/** Where this installation tells of its commits. Channels are the database's, so the schema is all it has to name. */
export function channelOf({ schema }: Session): string {
  return `credence_${createHash('sha256').update(schema).digest('hex').slice(0, 32)}`
}
