import type { RandomBytes } from '../base62.ts'
import { GUESS_RULES, GuessThrottle } from '../guess-throttle.ts'
import { PasswordCheck, type PasswordOutcome } from '../password-check.ts'
import type { Argon2id } from '../password-digest.ts'
import type { Passwords, Usernames } from '../passwords.ts'
import type { CredentialRecord } from '../records.ts'
import { WorkPool } from '../work-pool.ts'

/** Fast, and different for each password, nonce and cost: for tests of who hashes when. */
export const quickArgon2id: Argon2id = async (message, nonce, cost, tagBytes) => {
  const bytes = Buffer.concat([Buffer.from(JSON.stringify(cost)), message, nonce])
  return Buffer.from(bytes.toString('base64url').padStart(tagBytes, '.').slice(-tagBytes))
}

export interface InstalledPasswordsOptions {
  readonly clock: () => number
  readonly randomBytes: RandomBytes
  /** The id of the credential of a username, as the store says now. */
  readonly find: (workspaceId: string, username: string) => Promise<string | undefined>
}

/** What HTTP Basic takes, for tests: it counts hashes, and notes what was to be renewed. */
export class InstalledPasswords implements Passwords {
  /** How many were computed so far. */
  hashes = 0
  readonly renewed: { readonly credential: CredentialRecord; readonly password: string }[] = []
  readonly argon2id: Argon2id = (...given) => {
    this.hashes += 1
    return quickArgon2id(...given)
  }
  readonly throttle = new GuessThrottle({ rules: GUESS_RULES, maxEntries: 1000 })
  readonly check: PasswordCheck
  readonly usernames: Usernames
  readonly #known = new Map<string, string>()

  constructor({ clock, randomBytes, find }: InstalledPasswordsOptions) {
    this.check = new PasswordCheck({
      ...{ clock, randomBytes, throttle: this.throttle, argon2id: this.argon2id },
      pool: new WorkPool<PasswordOutcome>({ atOnce: 1, waiting: 10 }),
      ...{ maxProofs: 100, proofLifeMs: 60_000 },
    })
    this.usernames = {
      idOf: async (workspaceId, username) => {
        const id = await find(workspaceId, username)
        if (id !== undefined) this.#known.set(`${workspaceId}:${username}`, id)
        return id ?? null
      },
      knownIdOf: (workspaceId, username) => this.#known.get(`${workspaceId}:${username}`) ?? null,
    }
  }

  readonly renew = (credential: CredentialRecord, _version: number, password: string) => {
    this.renewed.push({ credential, password })
  }
}
