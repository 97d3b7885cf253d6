import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import { Client, DatabaseError, type QueryResult, types } from 'pg'
import { StoreFault } from './port.ts'
import { endsSession, faultOf, undoesCommit } from './postgres-fault.ts'
import { checkSession, type Session, type SessionTimeouts, sessionStatement } from './postgres-session.ts'
import type { PostgresAddress } from './postgres-url.ts'
import type { SqlRow, SqlValue } from './tables.ts'

export interface Statement {
  readonly sql: string
  readonly values: readonly SqlValue[]
  /** Whether the text is one of few, and so worth keeping prepared. */
  readonly isCommon: boolean
}

export interface ConnectionSettings extends SessionTimeouts {
  readonly address: PostgresAddress
  /** What it is for, as `pg_stat_activity` shows it: `credence <use>`. */
  readonly use: string
  readonly connectMs: number
}

export type TransactionOutcome =
  /** The rows of each statement. */
  | { readonly type: 'committed'; readonly rows: readonly (readonly SqlRow[])[] }
  /** It was undone. `index` is the statement that was refused, or their number where it was the COMMIT. */
  | { readonly type: 'refused'; readonly index: number; readonly error: DatabaseError }
  /** The connection was lost: whether it was committed is not known. */
  | { readonly type: 'unknown'; readonly fault: StoreFault }

const GOODBYE_MS = 1000
/** Both in words, as a role's defaults may be others. */
const BEGIN: Statement = bare('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE')
const COMMIT: Statement = bare('COMMIT')
const ROLLBACK: Statement = bare('ROLLBACK')

type Answers =
  | { readonly type: 'answered'; readonly results: readonly QueryResult<SqlRow>[] }
  | Exclude<TransactionOutcome, { type: 'committed' }>

/**
 * One connection, checked and set up. Statements are pipelined: each is sent at once and answered in turn, so that
 * many of them take one round trip. Whoever is not answered in time loses the connection and everything on it, as a
 * link that swallows packets tells nothing more.
 */
export class PostgresConnection {
  readonly session: Session
  readonly #client: Client
  readonly #underWay = new Set<Promise<unknown>>()
  #lost: StoreFault | null = null
  #isSilent = false
  readonly #onLost: ((fault: StoreFault) => void)[] = []

  private constructor(client: Client, session: Session) {
    this.#client = client
    this.session = session
    client.on('error', (error) => this.#lose(faultOf(error)))
    client.on('end', () => this.#lose(new StoreFault('The connection to PostgreSQL was lost')))
  }

  /** @throws StoreFault when the server cannot be reached, lets nobody in or must not be used */
  static async open(settings: ConnectionSettings): Promise<PostgresConnection> {
    const client = new Client(clientConfig(settings))
    // An idle client that loses its connection says so by an event, which unheard would end the process.
    client.on('error', () => {})
    client.setTypeParser(types.builtins.INT8, Number)
    try {
      await client.connect()
      const looking = client.query<SqlRow>(sessionStatement(settings))
      const { rows } = await withDeadline(looking, settings.connectMs, () => {})
      return new PostgresConnection(client, checkSession(rows[0]))
    } catch (error) {
      client.connection.stream.destroy()
      throw faultOf(error)
    }
  }

  get isOpen(): boolean {
    return this.#lost === null
  }

  /** It was lost because something was not answered in time. */
  get isSilent(): boolean {
    return this.#isSilent
  }

  /** Statements that are not answered yet. */
  get inFlight(): number {
    return this.#underWay.size
  }

  /** Called once, when the connection is lost or was ended. */
  onLost(listener: (fault: StoreFault) => void): void {
    this.#onLost.push(listener)
  }

  onNotification(listener: (payload: string) => void): void {
    this.#client.on('notification', ({ payload = '' }) => listener(payload))
  }

  /**
   * @throws StoreFault. Refused by PostgreSQL: the DatabaseError itself, for whoever tells conflicts from faults
   */
  async rows(statement: Statement, timeoutMs: number): Promise<readonly SqlRow[]> {
    const { rows } = await this.#answered(this.#send(statement), timeoutMs)
    return rows
  }

  /**
   * Statements that are one transaction, sent together: all of them, BEGIN and COMMIT included, in one round trip.
   * With `more`, which makes the last of them out of the rows of the first, it takes two.
   */
  async transaction(
    statements: readonly Statement[],
    timeoutMs: number,
    more?: (rows: readonly (readonly SqlRow[])[]) => readonly Statement[],
  ): Promise<TransactionOutcome> {
    const first = await this.#together(
      [BEGIN, ...statements, ...(more === undefined ? [COMMIT] : [])],
      timeoutMs,
    )
    if (first.type !== 'answered') return this.#undone(first, timeoutMs)
    if (more === undefined) return committed(first.results, 1)
    const rows = first.results.slice(1).map((result) => result.rows)
    const last = await this.#together([...more(rows), COMMIT], timeoutMs)
    return last.type === 'answered' ? committed(last.results, 0) : this.#undone(last, timeoutMs)
  }

  /** Waits for what is under way, each of which has its own end, and not for a server that does not say goodbye. */
  async end(): Promise<void> {
    await Promise.allSettled(this.#underWay)
    if (!this.isOpen) return
    await withDeadline(this.#client.end(), GOODBYE_MS, () => {}).catch(() => {})
    this.#lose(new StoreFault('The connection to PostgreSQL was closed'))
  }

  /** Ends it at once; whatever is under way fails. */
  destroy(fault: StoreFault): void {
    this.#lose(fault)
  }

  async #together(statements: readonly Statement[], timeoutMs: number): Promise<Answers> {
    const { stream } = this.#client.connection
    stream.cork()
    const sent = statements.map((statement) => this.#send(statement))
    stream.uncork()
    try {
      const settled = await this.#answered(Promise.allSettled(sent), timeoutMs)
      return answersOf(settled, statements.at(-1) === COMMIT)
    } catch (error) {
      return { type: 'unknown', fault: faultOf(error) }
    }
  }

  /** A COMMIT ends a transaction that failed, and without one a ROLLBACK must. */
  async #undone(
    outcome: Exclude<Answers, { type: 'answered' }>,
    timeoutMs: number,
  ): Promise<TransactionOutcome> {
    if (this.isOpen && this.#client.getTransactionStatus() !== 'I')
      await this.#together([ROLLBACK], timeoutMs)
    return outcome.type === 'refused' ? { ...outcome, index: outcome.index - 1 } : outcome
  }

  #send({ sql, values, isCommon }: Statement): Promise<QueryResult<SqlRow>> {
    if (this.#lost !== null) return Promise.reject(this.#lost)
    const query = values.length === 0 && !isCommon ? { text: sql } : { text: sql, values: [...values] }
    const answer = this.#client.query<SqlRow>(isCommon ? { ...query, name: nameOf(sql) } : query)
    this.#underWay.add(answer)
    answer.then(
      () => this.#underWay.delete(answer),
      (error: unknown) => {
        this.#underWay.delete(answer)
        if (endsSession(error)) this.#lose(faultOf(error))
      },
    )
    return answer
  }

  async #answered<R>(answer: Promise<R>, timeoutMs: number): Promise<R> {
    try {
      return await withDeadline(answer, timeoutMs, () => {
        this.#isSilent = this.isOpen
      })
    } catch (error) {
      if (error instanceof DatabaseError && !endsSession(error)) throw error
      // Whatever went wrong besides a refusal, nothing more can be learned from this connection.
      this.#lose(faultOf(error))
      throw this.#lost ?? faultOf(error)
    }
  }

  #lose(fault: StoreFault): void {
    if (this.#lost !== null) return
    this.#lost = fault
    this.#client.connection.stream.destroy()
    for (const listener of this.#onLost) listener(fault)
  }
}

function answersOf(settled: readonly PromiseSettledResult<QueryResult<SqlRow>>[], commits: boolean): Answers {
  const results: QueryResult<SqlRow>[] = []
  for (const [index, each] of settled.entries()) {
    if (each.status === 'fulfilled') {
      results.push(each.value)
      continue
    }
    const error: unknown = each.reason
    const isCommit = commits && index === settled.length - 1
    if (error instanceof DatabaseError && (!isCommit || undoesCommit(error)))
      return { type: 'refused', index, error }
    return { type: 'unknown', fault: faultOf(error) }
  }
  return { type: 'answered', results }
}

function committed(results: readonly QueryResult<SqlRow>[], skipped: number): TransactionOutcome {
  if (results.at(-1)?.command === 'COMMIT')
    return { type: 'committed', rows: results.slice(skipped, -1).map(({ rows }) => rows) }
  return { type: 'unknown', fault: new StoreFault('PostgreSQL did not commit and did not say why') }
}

function bare(sql: string): Statement {
  return { sql, values: [], isCommon: false }
}

function clientConfig({ address, use, connectMs }: ConnectionSettings) {
  const { host, port, database, user, password, options } = address
  return {
    ...{ host, port, database, user, ssl: tlsOptions(address), pipeline: true },
    // A function, so that the driver looks for no password in files and variables that are not ours.
    password: () => password as string,
    ...(options === null ? {} : { options }),
    application_name: `credence ${use}`,
    connectionTimeoutMillis: connectMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5000,
  }
}

function tlsOptions({
  sslMode,
  rootCertPath,
  certPath,
  keyPath,
}: PostgresAddress): ConnectionOptions | false {
  if (sslMode === null || sslMode === 'disable') return false
  return {
    rejectUnauthorized: sslMode !== 'no-verify',
    minVersion: 'TLSv1.2',
    ...(rootCertPath === null || rootCertPath === 'system' ? {} : { ca: pem(rootCertPath) }),
    ...(certPath === null ? {} : { cert: pem(certPath) }),
    ...(keyPath === null ? {} : { key: pem(keyPath) }),
  }
}

/** Read again for each connection, as certificates are renewed. @throws StoreFault */
function pem(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new StoreFault(`A file that the URL names for TLS cannot be read (${code ?? 'unreadable'})`)
  }
}

const names = new Map<string, string>()

/** A prepared statement's name is its text's, for every connection. */
function nameOf(sql: string): string {
  const known = names.get(sql)
  if (known !== undefined) return known
  const name = `credence_${names.size + 1}`
  names.set(sql, name)
  return name
}

async function withDeadline<R>(answer: Promise<R>, timeoutMs: number, onLate: () => void): Promise<R> {
  const late = Promise.withResolvers<never>()
  let isSettled = false
  const giveUp = () => {
    if (isSettled) return
    onLate()
    late.reject(new StoreFault(`PostgreSQL did not answer within ${timeoutMs} ms`))
  }
  // What has arrived is read first: a process that was stopped for a while finds its answers waiting.
  const timer = setTimeout(() => setImmediate(giveUp), timeoutMs)
  try {
    return await Promise.race([answer, late.promise])
  } finally {
    isSettled = true
    clearTimeout(timer)
  }
}
