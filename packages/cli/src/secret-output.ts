import { EXIT } from './exit-code.ts'
import { Failure } from './failure.ts'
import { inert } from './inert.ts'
import type { Invocation } from './invocation.ts'

/** An answer that may hold a secret, and what to tell about it. */
export interface Issued {
  /** The answer as it came; printed whole with --json. */
  readonly answer: unknown
  readonly secret: string | null
  /** Whether it went to an earlier request. False, and no secret: the password was chosen, or it is a client key. */
  readonly wasShown: boolean
  readonly credentialId: string
}

/**
 * Puts the secret alone on standard output, so that `KEY=$(credence keys create …)` holds the key and nothing else.
 * A replay has no secret: then the command fails, since an empty variable would go unnoticed.
 */
export function printSecret(invocation: Invocation, issued: Issued): void {
  if (invocation.jsonAsked) {
    invocation.printJson(issued.answer)
    return
  }
  if (issued.secret === null && !issued.wasShown) return
  if (issued.secret === null) {
    throw new Failure(
      EXIT.conflict,
      `credential ${issued.credentialId} exists, but its secret was given out with an earlier answer to this request`,
      `for a new secret: credence credentials rotate ${issued.credentialId}`,
    )
  }
  invocation.print(`${inert(issued.secret)}\n`)
}
