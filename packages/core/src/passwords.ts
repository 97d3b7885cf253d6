import type { PasswordCheck } from './password-check.ts'
import type { CredentialRecord } from './records.ts'

/** Who has which username. */
export interface Usernames {
  /** The credential that has it, as the store says now; null: nobody has it. Throws when the store cannot be asked. */
  idOf(workspaceId: string, username: string): Promise<string | null>
  /**
   * The one that had it when that was last asked, at once; null: not known. No more than where to look: whoever asks
   * believes the record alone.
   */
  knownIdOf(workspaceId: string, username: string): string | null
}

/** What HTTP Basic takes besides records. */
export interface Passwords {
  readonly check: PasswordCheck
  readonly usernames: Usernames
  /**
   * Has the digest of a version made anew, at today's cost, now that its password is known. Must: return at once, and
   * throw nothing.
   */
  readonly renew: (credential: CredentialRecord, version: number, password: string) => void
}
