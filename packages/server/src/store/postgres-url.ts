import { isIP } from 'node:net'

/**
 * How the connection is encrypted. `require`, `verify-ca` and `verify-full` are one thing here, as they are to `pg`:
 * certificate and host name are checked. Only `no-verify` takes any certificate.
 */
export const SSL_MODES = ['disable', 'require', 'verify-ca', 'verify-full', 'no-verify'] as const
export type SslMode = (typeof SSL_MODES)[number]

/** Where a PostgreSQL is, and how to come in. */
export interface PostgresAddress {
  /** A name, an IP address without brackets, or the folder of a Unix socket, which begins with a slash. */
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  /** null: whatever the server asks for must need none. */
  readonly password: string | null
  /** null: the URL does not say. */
  readonly sslMode: SslMode | null
  /** PEM file of the authorities to trust; null: those that Node trusts. */
  readonly rootCertPath: string | null
  /** PEM files of the certificate and key to show; null: none. */
  readonly certPath: string | null
  readonly keyPath: string | null
  /** Options for the session, such as `-c search_path=credence`. */
  readonly options: string | null
}

const NO_HOST = 'socket.invalid'
const PARAMETERS = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'host', 'options']

/** The parts of a postgres:// URL, or what is wrong with it, in words that repeat nothing of it. */
export function parsePostgresUrl(text: string): PostgresAddress | string {
  if (!/^postgres(?:ql)?:\/\//i.test(text)) return 'is not a postgres:// URL'
  const url = urlOf(text)
  if (url === null) return 'is not a URL; encode what is special in user and password (%40 for @)'
  const parameters = new Map(url.searchParams)
  if (url.hash !== '') return 'has a fragment; encode # as %23'
  if (parameters.size !== [...url.searchParams].length) return 'gives a parameter twice'
  if ([...parameters.keys()].some((name) => !PARAMETERS.includes(name)))
    return `has a parameter other than ${PARAMETERS.join(', ')}`
  const parts = decoded(url)
  if (parts === null) return 'holds a % that encodes nothing'
  const { user, password, host, database } = parts
  const socket = parameters.get('host') ?? null
  if (socket !== null && (host !== '' || !socket.startsWith('/')))
    return 'has a parameter host that is not the folder of a socket, or stands beside another host'
  if (socket === null && !isHost(host)) return 'has no host, more than one, or one that is none'
  if (user === '') return 'names no user'
  if (database === '' || database.includes('/')) return 'names no database'
  const sslMode = parameters.get('sslmode') ?? null
  if (sslMode !== null && !isSslMode(sslMode)) return `has an sslmode other than ${SSL_MODES.join(', ')}`
  const certPath = parameters.get('sslcert') ?? null
  const keyPath = parameters.get('sslkey') ?? null
  if ((certPath === null) !== (keyPath === null)) return 'has an sslcert without sslkey, or the reverse'
  return {
    host: socket ?? host,
    port: url.port === '' ? 5432 : Number(url.port),
    database,
    user,
    password: password === '' ? null : password,
    sslMode,
    rootCertPath: parameters.get('sslrootcert') ?? null,
    certPath,
    keyPath,
    options: parameters.get('options') ?? null,
  }
}

/** What may be printed: no user, no password. */
export function describePostgres({ host, port, database }: PostgresAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}/${database}`
}

/** A user without a host, as goes with a socket, is no URL to the standard; it gets a host that nobody has. */
function urlOf(text: string): URL | null {
  if (URL.canParse(text)) return new URL(text)
  const withHost = text.replace('@/', `@${NO_HOST}/`)
  return URL.canParse(withHost) ? new URL(withHost) : null
}

function decoded(url: URL): { user: string; password: string; host: string; database: string } | null {
  try {
    return {
      user: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
      host: url.hostname === NO_HOST ? '' : decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1'),
      database: decodeURIComponent(url.pathname.slice(1)),
    }
  } catch {
    return null
  }
}

function isHost(host: string): boolean {
  return isIP(host) !== 0 || /^(?!-)[A-Za-z0-9._-]{1,253}$/.test(host)
}

function isSslMode(text: string): text is SslMode {
  return SSL_MODES.some((mode) => mode === text)
}
