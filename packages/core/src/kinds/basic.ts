import { presentsClient, readBasicCredentials } from '../basic-credentials.ts'
import { type CachedLookup, LookupUnavailable, type Reading } from '../cached-lookup.ts'
import { ABSENT_ID } from '../key.ts'
import type { PasswordAttempt, PasswordOutcome } from '../password-check.ts'
import type { Passwords } from '../passwords.ts'
import type { ApiRecord, CredentialRecord } from '../records.ts'
import { openDigest, type SealingKeys } from '../seal.ts'
import type { Kind, ProofContext, ProofResult } from './kind.ts'

/**
 * HTTP Basic (RFC 7617): username and password. Guesses are counted and wait, a password is hashed slowly, and what is
 * remembered of that is asked by PasswordCheck, after the throttle: never by verify's own cache of proofs, which
 * anybody may ask as fast as they can (docs/decisions/0017).
 */
export const basicKind: Kind = {
  kind: 'basic',
  remembersItself: true,
  recognizes: ({ scheme, value }) => scheme === 'basic' && !presentsClient(value),
  prove: async ({ value }, context) => {
    const { api, passwords } = context
    // A username is one of a workspace, and only an API says of which.
    if (api === null || passwords === null) return refusedKind('no password is taken here')
    const read = readBasicCredentials(value)
    if (!read.ok) return { type: 'refused', code: 'MALFORMED', detail: `HTTP Basic: ${read.problem}` }
    if (read.credentials.type !== 'basic') return refusedKind('a client id is not a username')
    return new PasswordProof(read.credentials, api, passwords, context).prove()
  },
}

function refusedKind(detail: string): ProofResult {
  return { type: 'refused', check: 'kind', code: 'KIND_NOT_ACCEPTED', detail }
}

/** A username with its password, being proven at an API. */
class PasswordProof {
  readonly #presented: { readonly username: string; readonly password: string }
  readonly #workspaceId: string
  readonly #passwords: Passwords
  readonly #lookup: CachedLookup
  readonly #reading: Reading
  readonly #sealingKeys: SealingKeys
  readonly #address: string | null

  constructor(
    presented: { readonly username: string; readonly password: string },
    { workspaceId }: ApiRecord,
    passwords: Passwords,
    { lookup, reading, sealingKeys, address }: ProofContext,
  ) {
    this.#presented = presented
    this.#workspaceId = workspaceId
    this.#passwords = passwords
    this.#lookup = lookup
    this.#reading = reading
    this.#sealingKeys = sealingKeys
    this.#address = address
  }

  /**
   * In an order in which nothing depends on whether the username exists: first the throttle, which asks nobody; then
   * memory, which holds only what was right; then the store, which is read as often for a username that nobody has; then
   * a slow hash.
   */
  async prove(): Promise<ProofResult> {
    const { check } = this.#passwords
    const known = this.#known()
    const remembered = check.recall(this.#attemptOn(known))
    if (remembered !== null) return this.#answer(known, remembered)
    const record = this.#reading.from === 'memory' ? known : await this.#read()
    return this.#answer(record, await check.check(this.#attemptOn(record)))
  }

  /** The record as it is cached, where it is and may be used. */
  #known(): CredentialRecord | undefined {
    const { username } = this.#presented
    const id = this.#passwords.usernames.knownIdOf(this.#workspaceId, username)
    if (id === null) return undefined
    return this.#ownerOnly(this.#lookup.known('credential', id, this.#reading))
  }

  /** The record as the store has it now. For a username that nobody has another one is read in its stead. */
  async #read(): Promise<CredentialRecord | undefined> {
    const { username } = this.#presented
    const lookup = this.#lookup
    const id = await this.#idNow()
    const standIns = [username, ` ${username}`].map((name) => lookup.decoyFor(name) ?? ABSENT_ID)
    const record = await lookup.read('credential', id ?? standIns[0]!)
    // The store has answered with two rows in either case now, and with none once.
    await lookup.read('credential', id === null ? standIns[1]! : ABSENT_ID)
    return id === null ? undefined : this.#ownerOnly(record)
  }

  async #idNow(): Promise<string | null> {
    try {
      return await this.#passwords.usernames.idOf(this.#workspaceId, this.#presented.username)
    } catch (cause) {
      throw new LookupUnavailable('The store could not be asked for a username', { cause })
    }
  }

  /** Whoever has revoked a credential has given its username back, perhaps to another. */
  #ownerOnly(record: CredentialRecord | undefined): CredentialRecord | undefined {
    const isOwner =
      record?.kind === 'basic' &&
      record.workspaceId === this.#workspaceId &&
      record.handle === this.#presented.username &&
      record.state !== 'revoked'
    return isOwner ? record : undefined
  }

  #attemptOn(record: CredentialRecord | undefined): PasswordAttempt {
    const { username, password } = this.#presented
    const workspaceId = this.#workspaceId
    return {
      username: passwordName(workspaceId, username),
      address: this.#address,
      password,
      versions: record?.versions ?? [],
      open: ({ version, sealedDigest }) =>
        openDigest(
          sealedDigest,
          { workspaceId, kind: 'basic', credentialId: record?.id ?? ABSENT_ID, version },
          this.#sealingKeys,
        ),
    }
  }

  #answer(record: CredentialRecord | undefined, outcome: PasswordOutcome): ProofResult {
    const named = record === undefined ? 'this username' : `credential ${record.id}`
    switch (outcome.type) {
      case 'matched': {
        if (record === undefined) throw new Error('A password matched no record')
        const { version, needsUpgrade } = outcome
        if (needsUpgrade) this.#passwords.renew(record, version, this.#presented.password)
        return { type: 'proven', credential: record, version }
      }
      case 'wrong':
        return record === undefined
          ? {
              type: 'refused',
              code: 'NOT_FOUND',
              detail: 'no credential of this workspace has this username',
            }
          : { type: 'refused', code: 'BAD_SECRET', detail: `wrong password for ${named}` }
      case 'locked_out': {
        const { retryAfterSeconds } = outcome
        const detail = `too many passwords failed for ${named} or from this address`
        return { type: 'refused', code: 'LOCKED_OUT', detail, retryAfterSeconds }
      }
      case 'busy': {
        const { retryAfterSeconds } = outcome
        const detail = 'more passwords are being compared than there is room for'
        return { type: 'refused', code: 'UNAVAILABLE', detail, retryAfterSeconds }
      }
    }
  }
}

/** A username as throttle and memory know it: no two workspaces share one. */
export function passwordName(workspaceId: string, username: string): string {
  return `${workspaceId}:${username}`
}
