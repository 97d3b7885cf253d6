import { BoundedMap, type CredentialRecord, passwordName, type Usernames } from '@credence/core'
import { HandleDirectory } from './handle-directory.ts'
import type { Store } from './store/port.ts'

export interface UsernameDirectoryOptions {
  readonly store: Pick<Store, 'read' | 'readByHandle'>
  /** Most usernames kept. */
  readonly maxEntries: number
  /** Told that a username has another password, or that one of its passwords was taken back. */
  readonly onPasswordChanged: (name: string) => void
}

/** A username that was asked for. */
interface Owner {
  readonly name: string
  readonly passwords: string
}

/**
 * Which credential has which username, kept in memory for those who came by, and told of when their password changed.
 */
export class UsernameDirectory implements Usernames {
  readonly #options: UsernameDirectoryOptions
  readonly #usernames: HandleDirectory
  /** By id of the credential. */
  readonly #owners: BoundedMap<string, Owner>

  constructor(options: UsernameDirectoryOptions) {
    const { store, maxEntries } = options
    this.#options = options
    this.#usernames = new HandleDirectory({ store, kind: 'basic', maxEntries })
    this.#owners = new BoundedMap(maxEntries)
  }

  async idOf(workspaceId: string, username: string): Promise<string | null> {
    const record = await this.#usernames.find(workspaceId, username)
    if (record === undefined) return null
    this.#note(passwordName(workspaceId, username), record)
    return record.id
  }

  knownIdOf(workspaceId: string, username: string): string | null {
    return this.#usernames.knownIdOf(workspaceId, username)
  }

  /** A credential changed, was made or deleted. */
  async refresh(id: string): Promise<void> {
    const owner = this.#owners.get(id)
    if (owner === undefined) return
    const record = await this.#options.store.read('credential', id)
    if (record !== undefined && record.state !== 'revoked') {
      this.#note(owner.name, record)
      return
    }
    this.#owners.delete(id)
    this.#options.onPasswordChanged(owner.name)
  }

  /** Changes may have been missed. Who owned what stays: the next to ask finds out whether passwords changed. */
  clear(): void {
    this.#usernames.clear()
  }

  #note(name: string, record: CredentialRecord): void {
    const passwords = record.versions.map(({ version, revokedAtMs }) => `${version}/${revokedAtMs}`).join(' ')
    const before = this.#owners.get(record.id)
    this.#owners.set(record.id, { name, passwords })
    if (before !== undefined && before.passwords !== passwords) this.#options.onPasswordChanged(name)
  }
}
