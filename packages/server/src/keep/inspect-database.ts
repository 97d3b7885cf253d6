import { KEYRING_SETTING } from '../host.ts'
import { HostProblem } from '../host-problem.ts'
import { verifyAuditChain } from '../store/audit-chain.ts'
import { StoreFault } from '../store/port.ts'
import { SqliteConnection } from '../store/sqlite-connection.ts'
import { planMigrations } from '../store/sqlite-migrate.ts'
import { readSetting, wholeAudit } from '../store/sqlite-read.ts'
import { headOf } from '../store/sqlite-revocations.ts'

/** What a database holds, once it has been found whole. */
export interface Inspection {
  readonly position: number
  /** Hash of the newest audit entry. */
  readonly trail: string
  /** When the newest entry was made. */
  readonly newestAtMs: number
  readonly keyringFingerprint: string
  readonly counts: Readonly<Record<CountedTable | 'revoked', number>>
}

type CountedTable = (typeof COUNTED)[number]
const COUNTED = ['workspace', 'api', 'role', 'principal', 'credential', 'issuer'] as const

/**
 * Reads all of a database: its pages, its references, its audit trail from the first entry to the newest.
 * @param what it is called in messages
 * @throws HostProblem when it is no database of Credence's, or a damaged one
 */
export function inspectDatabase(path: string, what: string): Inspection {
  try {
    if (planMigrations(path).state.version === 0) throw new Error('it is empty')
    const connection = new SqliteConnection({ path, synchronous: 'FULL', readOnly: true })
    try {
      checkPages(connection)
      return inspectionOf(connection)
    } finally {
      connection.close()
    }
  } catch (cause) {
    // Of another release: whole, but not for this one.
    if (cause instanceof StoreFault) throw cause
    const why = cause instanceof Error ? cause.message : 'it cannot be read'
    throw new HostProblem(`${what} is not a whole database of Credence: ${why}`, undefined, { cause })
  }
}

/** A database besides the state's, such as usage. @throws HostProblem when it is damaged */
export function inspectPages(path: string, what: string): void {
  const connection = new SqliteConnection({ path, synchronous: 'FULL', readOnly: true })
  try {
    checkPages(connection)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'it cannot be read'
    throw new HostProblem(`${what} is not a whole database: ${why}`, undefined, { cause })
  } finally {
    connection.close()
  }
}

function checkPages(connection: SqliteConnection): void {
  const [first] = connection.all('PRAGMA integrity_check(1)')
  if (first?.integrity_check !== 'ok') throw new Error(String(first?.integrity_check))
  const [dangling] = connection.all('PRAGMA foreign_key_check')
  if (dangling !== undefined)
    throw new Error(`a row of ${String(dangling.table)} refers to one that is not there`)
}

function inspectionOf(connection: SqliteConnection): Inspection {
  const head = headOf(connection)
  const chain = verifyAuditChain(wholeAudit(connection))
  if (!chain.ok) throw new Error(chain.problem)
  if (chain.newestHash !== head.trail) throw new Error('its audit trail does not end where the feed says')
  const newest = connection.get('SELECT position, at_ms FROM audit ORDER BY position DESC LIMIT 1')
  if (newest === undefined || Number(newest.position) !== head.position)
    throw new Error('nothing was ever written to it')
  const keyringFingerprint = readSetting(connection, KEYRING_SETTING)
  if (keyringFingerprint === undefined) throw new Error('it belongs to no keyring')
  return { ...head, newestAtMs: Number(newest.at_ms), keyringFingerprint, counts: countsOf(connection) }
}

function countsOf(connection: SqliteConnection): Inspection['counts'] {
  const count = (from: string) => Number(connection.get(`SELECT count(*) AS n FROM ${from}`)?.n)
  const tables = Object.fromEntries(COUNTED.map((table) => [table, count(table)])) as Record<
    CountedTable,
    number
  >
  return { ...tables, revoked: count("credential WHERE state = 'revoked'") }
}
