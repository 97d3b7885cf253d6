import { availableParallelism } from 'node:os'
import {
  type Argon2id,
  type CredentialRecord,
  GUESS_RULES,
  GuessThrottle,
  hashesAtOnce,
  PasswordCheck,
  type PasswordOutcome,
  type Passwords,
  type RandomBytes,
  WorkPool,
} from '@credence/core'
import type { Store } from './store/port.ts'
import { UsernameDirectory } from './username-directory.ts'

export interface PasswordParts {
  readonly store: Store
  readonly argon2id: Argon2id
  readonly clock: () => number
  readonly randomBytes: RandomBytes
  /** Processes that share the machine; auto: one for each core. */
  readonly workers: number | 'auto'
  readonly renew: (credential: CredentialRecord, version: number, password: string) => void
}

/** What HTTP Basic takes in a process, and what has to hear of changes. */
export interface OpenPasswords extends Passwords {
  readonly usernames: UsernameDirectory
  readonly throttle: GuessThrottle
}

/** How many hashes wait, of those who are known and of others: at 35 ms each, about two seconds of them. */
const WAITING = 64
/** Usernames, addresses and pairs whose failures are counted, successes that are remembered. */
const MAX_ENTRIES = 50_000
const PROOF_LIFE_MS = 60_000

/** Each process counts guesses, and remembers what was right, by itself (docs/decisions/0017). */
export function openPasswords(parts: PasswordParts): OpenPasswords {
  const { store, argon2id, clock, randomBytes, workers, renew } = parts
  const throttle = new GuessThrottle({ rules: GUESS_RULES, maxEntries: MAX_ENTRIES })
  const cores = workers === 'auto' ? 1 : Math.max(1, Math.floor(availableParallelism() / workers))
  const check = new PasswordCheck({
    ...{ throttle, argon2id, clock, randomBytes },
    pool: new WorkPool<PasswordOutcome>({ atOnce: hashesAtOnce(cores), waiting: WAITING }),
    ...{ maxProofs: MAX_ENTRIES, proofLifeMs: PROOF_LIFE_MS },
  })
  const usernames = new UsernameDirectory({
    ...{ store, maxEntries: MAX_ENTRIES },
    onPasswordChanged: (name) => throttle.forget(name),
  })
  return { check, usernames, throttle, renew }
}
