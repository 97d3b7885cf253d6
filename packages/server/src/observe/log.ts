import { type DestinationStream, destination, type Logger, pino, stdSerializers } from 'pino'
import { prettyLine } from './pretty-line.ts'
import { REDACTED, redactSecrets } from './redact.ts'

export type LogFormat = 'json' | 'pretty' | 'off'
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace'

export interface LogOptions {
  /** null: pretty on a terminal, else json. */
  readonly format: LogFormat | null
  readonly level: LogLevel
  /** Whether the log goes to a terminal. */
  readonly isTerminal: boolean
  /** Where lines go; standard error when left out. */
  readonly stream?: DestinationStream
}

/** Names of fields and headers whose values are never logged, at whatever depth up to four. */
const SECRET_FIELDS = [
  'authorization',
  'Authorization',
  'proxy-authorization',
  'x-api-key',
  'cookie',
  'set-cookie',
  'dpop',
  'secret',
  'password',
  'presented',
  'material',
  'sealedDigest',
  'adminKey',
  'admin_key',
]

/**
 * The server's log. Fields that hold secrets are replaced by name; then whatever in the finished line looks like
 * a secret is replaced, wherever it came from: a message, an error's stack, a header nobody thought of.
 */
export function createLog(options: LogOptions): Logger {
  const format = options.format ?? (options.isTerminal ? 'pretty' : 'json')
  const stream = options.stream ?? destination({ dest: 2, sync: true })
  return pino(
    {
      level: format === 'off' ? 'silent' : options.level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: loggedError, error: loggedError },
      redact: { paths: secretPaths(), censor: REDACTED },
      hooks: { streamWrite: redactSecrets },
    },
    format === 'pretty' ? { write: (line) => stream.write(prettyLine(line)) } : stream,
  )
}

function secretPaths(): string[] {
  return SECRET_FIELDS.flatMap((field) =>
    ['', '*', '*.*', '*.*.*'].map((parents) => `${parents}["${field}"]`),
  )
}

/** Errors carry along whatever their thrower hung on them, such as a whole request; only these are logged. */
function loggedError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { type, message, stack } = stdSerializers.err(error)
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return { type, code, message, stack }
}
