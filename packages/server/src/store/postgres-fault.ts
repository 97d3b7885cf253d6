import { DatabaseError } from 'pg'
import { StoreFault } from './port.ts'

/** What PostgreSQL says by its SQLSTATE (appendix A of its manual) that an operator can do something about. */
const MEANINGS: Readonly<Record<string, string>> = {
  '23502': 'a value that must be there is missing',
  '25006': 'the database is read-only',
  '28000': 'PostgreSQL lets this user not in from here, or not without TLS',
  '28P01': 'PostgreSQL refuses the user or its password',
  '3D000': 'there is no such database',
  '3F000': 'there is no such schema',
  '42501': 'the user lacks a right; see docs/operating.md for those it needs',
  '42P01': 'a table is missing: the database is not migrated (credence migrate)',
  '53100': "PostgreSQL's disk is full",
  '53300': 'PostgreSQL has no connection left; compare its max_connections with CREDENCE_DATABASE_POOL',
  '55P03': 'it waited too long for a lock that another transaction holds',
  '57014': 'it took too long and was cancelled',
  '57P01': 'PostgreSQL ended the connection',
  '57P02': 'PostgreSQL ended the connection after a crash',
  '57P03': 'PostgreSQL is starting or shutting down',
}

/**
 * A fault in words of our own: an error of PostgreSQL or of the driver can quote a row's values or the connection's
 * parameters, so neither its text nor the error itself goes along.
 */
export function faultOf(error: unknown): StoreFault {
  if (error instanceof StoreFault) return error
  if (error instanceof DatabaseError) {
    const meaning = MEANINGS[error.code ?? ''] ?? 'PostgreSQL refused a statement'
    return new StoreFault(`${upperFirst(meaning)} (${error.code ?? 'no SQLSTATE'})`)
  }
  if (!(error instanceof Error)) return new StoreFault('PostgreSQL failed without saying why')
  // Node's own codes: ECONNREFUSED, CERT_HAS_EXPIRED, ERR_TLS_CERT_ALTNAME_INVALID.
  if ('code' in error && typeof error.code === 'string' && /^[A-Z][A-Z0-9_]{2,60}$/.test(error.code))
    return new StoreFault(`PostgreSQL cannot be reached (${error.code})`)
  if (/does not support SSL/.test(error.message)) return new StoreFault('PostgreSQL does not speak TLS there')
  if (/password must be a/i.test(error.message))
    return new StoreFault('PostgreSQL asks for a password, and the URL holds none')
  if (/timeout/.test(error.message)) return new StoreFault('PostgreSQL does not answer')
  return new StoreFault('The connection to PostgreSQL was lost')
}

/** The SQLSTATE of an error that PostgreSQL raised, else null. */
export function sqlStateOf(error: unknown): string | null {
  return error instanceof DatabaseError ? (error.code ?? null) : null
}

export const UNIQUE_VIOLATION = '23505'
export const FOREIGN_KEY_VIOLATION = '23503'
/** What a guard raises; see guarded() in postgres-write.ts. */
export const DIVISION_BY_ZERO = '22012'
const LOCK_TIMEOUT = '55P03'

/** The transaction was undone because of what others did at the same time; repeated, it can go through. */
export function isTransient({ code = '' }: DatabaseError): boolean {
  return code === '40001' || code === '40P01' || code.startsWith('57P')
}

/** PostgreSQL ended the session with it. (By SQLSTATE, as the word FATAL may come in another language.) */
export function endsSession(error: unknown): boolean {
  return /^(?:57P|08)/.test(sqlStateOf(error) ?? '')
}

/** At a COMMIT nothing else leaves no doubt: a session that is ended there may have committed. */
export function undoesCommit({ code = '' }: DatabaseError): boolean {
  return code.startsWith('23') || code.startsWith('40')
}

export function isLockTimeout(error: unknown): boolean {
  return sqlStateOf(error) === LOCK_TIMEOUT
}

function upperFirst(text: string): string {
  return text[0]!.toUpperCase() + text.slice(1)
}
