import type { Command } from 'commander'
import { type CommonOptions, type Invocation, makeInvocation } from './invocation.ts'
import type { Terminal } from './terminal.ts'

/** What the commands are hung up on. */
export interface Wiring {
  readonly terminal: Terminal
  /** Ends with a code other than 0 without a complaint: a verdict, say. */
  exitWith(code: number): void
  invocationOf(command: Command): Invocation
}

export function makeWiring(terminal: Terminal, exitWith: (code: number) => void): Wiring {
  return {
    terminal,
    exitWith,
    invocationOf: (command) => makeInvocation(command.optsWithGlobals<CommonOptions>(), terminal),
  }
}
