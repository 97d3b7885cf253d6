import { CommanderError } from 'commander'
import { EXIT } from './exit-code.ts'
import { Failure } from './failure.ts'
import { inert, withoutSecrets } from './inert.ts'
import { paintFor } from './paint.ts'
import { makeProgram } from './program.ts'
import type { Terminal } from './terminal.ts'
import { VERSION } from './version.ts'

/** Runs one command line (without the program's name) and resolves to the exit code. Never rejects. */
export async function runCredence(args: readonly string[], terminal: Terminal): Promise<number> {
  // Not an option of the program: those are taken anywhere, and `credentials revoke` has a --version of its own.
  if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
    terminal.stdout.write(`${VERSION}\n`)
    return EXIT.ok
  }
  let exitCode: number = EXIT.ok
  const program = makeProgram(terminal, (code) => {
    exitCode = code
  })
  try {
    await program.parseAsync([...args], { from: 'user' })
    return exitCode
  } catch (error) {
    return reportFailure(error, terminal)
  }
}

function reportFailure(error: unknown, terminal: Terminal): number {
  // commander has printed its own complaint by then; --help and --version arrive here with exit code 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  const failure =
    error instanceof Failure
      ? error
      : new Failure(EXIT.fault, `a fault of the command itself: ${faultText(error)}`)
  const mark = paintFor(terminal.stderr, terminal.env).bad('✗')
  for (const [i, line] of failure.lines.entries()) {
    terminal.stderr.write(`${i === 0 ? mark : ' '} ${inert(withoutSecrets(line))}\n`)
  }
  return failure.exitCode
}

function faultText(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : 'unknown'
}
