import { type Client, makeClient } from './client.ts'
import { inert, jsonText } from './inert.ts'
import { type ConnectionOptions, resolveConnection } from './key-source.ts'
import { type Paint, paintFor } from './paint.ts'
import { type Column, renderFacts, renderTable } from './table.ts'
import type { Terminal } from './terminal.ts'

/** The options that every command takes. */
export interface CommonOptions extends ConnectionOptions {
  /** true: --json, false: --no-json, undefined: as the stream suggests. */
  readonly json?: boolean
}

/**
 * One run of a command: the server it talks to and the two streams. What a script wants goes to standard output, what
 * a person wants to know beside it to standard error.
 */
export interface Invocation {
  readonly terminal: Terminal
  readonly paint: Paint
  readonly errPaint: Paint
  /** --json was given: the whole answer is wanted, also from commands that otherwise print only a secret. */
  readonly jsonAsked: boolean
  /** JSON for what is shown or listed: on demand, and where standard output is no terminal. */
  readonly json: boolean
  client(): Promise<Client>
  /** Raw text to standard output. */
  print(text: string): void
  printJson(value: unknown): void
  printTable<T>(columns: readonly Column<T>[], rows: readonly T[]): void
  printFacts(facts: readonly (readonly [string, string | null])[]): void
  /** A line to standard error. */
  note(line: string): void
  /** `✓ …` to standard error: it is done. */
  done(line: string): void
  /** `! …` to standard error: done, but look at this. */
  warn(line: string): void
}

export function makeInvocation(options: CommonOptions, terminal: Terminal): Invocation {
  const paint = paintFor(terminal.stdout, terminal.env)
  const errPaint = paintFor(terminal.stderr, terminal.env)
  const print = (text: string) => terminal.stdout.write(text)
  const note = (line: string) => terminal.stderr.write(`${line}\n`)
  const warn = (line: string) => note(`${errPaint.warn('!')} ${inert(line)}`)
  return {
    terminal,
    paint,
    errPaint,
    jsonAsked: options.json === true,
    json: options.json ?? !terminal.stdout.isTty,
    client: async () => {
      const connection = await resolveConnection(options, terminal)
      for (const warning of connection.warnings) warn(warning)
      return makeClient(connection, terminal)
    },
    print,
    printJson: (value) => print(`${jsonText(value)}\n`),
    printTable: (columns, rows) =>
      print(renderTable(columns, rows, terminal.stdout.isTty ? terminal.stdout.columns : 10_000, paint.dim)),
    printFacts: (facts) => print(renderFacts(facts)),
    note: (line) => note(inert(line)),
    done: (line) => note(`${errPaint.good('✓')} ${inert(line)}`),
    warn,
  }
}
