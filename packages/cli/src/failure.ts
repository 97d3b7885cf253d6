import { EXIT, type ExitCode } from './exit-code.ts'

/** Ends a command with an exit code and the lines that say why. The lines must hold no secret. */
export class Failure extends Error {
  readonly exitCode: ExitCode
  readonly lines: readonly string[]

  constructor(exitCode: ExitCode, ...lines: string[]) {
    super(lines[0] ?? '')
    this.exitCode = exitCode
    this.lines = lines
  }
}

/** The command line is not right; the lines say what would be. */
export function usageFailure(...lines: string[]): Failure {
  return new Failure(EXIT.usage, ...lines)
}
