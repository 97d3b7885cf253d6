/** What a command of the host ends with, in the numbers that the command line promises (exit-code.ts there). */
export const HOST_EXIT = { refused: 1, notFound: 4, conflict: 5 } as const
export type HostExit = (typeof HOST_EXIT)[keyof typeof HOST_EXIT]

/** What the operator can mend: told in plain sentences, without a stack. */
export class HostProblem extends Error {
  override name = 'HostProblem'
  readonly exitCode: HostExit

  constructor(message: string, exitCode: HostExit = HOST_EXIT.refused, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}
