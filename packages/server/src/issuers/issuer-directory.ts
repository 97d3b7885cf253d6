import type { ApiRecord, IssuerCandidate, IssuerRecord } from '@credence/core'
import { builtInApiId } from '../ids.ts'
import type { Cursor, Page, Store } from '../store/port.ts'

/**
 * Which issuers there are, kept in memory: there are few of them, and a token names its own. It answers with ids; the
 * record itself comes from the lookup, which keeps the lease.
 */
export class IssuerDirectory {
  readonly #store: Pick<Store, 'list' | 'read'>
  readonly #defaultWorkspaceId: string
  #byId = new Map<string, IssuerRecord>()
  /** By what they are called in tokens. */
  #byIssuer = new Map<string, readonly IssuerRecord[]>()
  /** Those whose tokens may be encrypted. */
  #decrypting: readonly IssuerRecord[] = []

  constructor(store: Pick<Store, 'list' | 'read'>, defaultWorkspaceId: string) {
    this.#store = store
    this.#defaultWorkspaceId = defaultWorkspaceId
  }

  /** Reads all issuers: at the start, and after changes may have been missed. */
  async load(): Promise<void> {
    const byId = new Map<string, IssuerRecord>()
    let cursor: Cursor | null = null
    do {
      const page: Page<IssuerRecord> = await this.#store.list('issuer', {
        ...{ workspaceId: null, limit: 1000, cursor, filters: {} },
      })
      for (const issuer of page.records) byId.set(issuer.id, issuer)
      cursor = page.next
    } while (cursor !== null)
    this.#byId = byId
    this.#byIssuer = Map.groupBy(byId.values(), ({ issuer }) => issuer)
    this.#decrypting = [...byId.values()].filter(({ decryption }) => decryption !== null)
  }

  /** One issuer changed, was made or deleted. */
  async refresh(id: string): Promise<void> {
    const record = await this.#store.read('issuer', id)
    const before = this.#byId.get(id)
    if (before !== undefined) {
      const others = (this.#byIssuer.get(before.issuer) ?? []).filter((other) => other.id !== id)
      if (others.length === 0) this.#byIssuer.delete(before.issuer)
      else this.#byIssuer.set(before.issuer, others)
    }
    if (record === undefined) this.#byId.delete(id)
    else {
      this.#byId.set(id, record)
      this.#byIssuer.set(record.issuer, [...(this.#byIssuer.get(record.issuer) ?? []), record])
    }
    const others = this.#decrypting.filter((other) => other.id !== id)
    this.#decrypting = record?.decryption ? [...others, record] : others
  }

  has(id: string): boolean {
    return this.#byId.has(id)
  }

  /** Those of this `iss` that are trusted at an API, or at administration, whose workspace follows from the issuer. */
  candidates(issuer: string, api: ApiRecord | null): readonly IssuerCandidate[] {
    const called = this.#byIssuer.get(issuer) ?? []
    return called.filter((record) => this.#isTrustedAt(record, api))
  }

  /** Those with a key of this name to decrypt with; null: with any. At administration a token must name it. */
  decrypting(kid: string | null, api: ApiRecord | null): readonly Pick<IssuerCandidate, 'id'>[] {
    return this.#decrypting.filter((record) => {
      if (!this.#isTrustedAt(record, api)) return false
      if (kid === null) return api !== null
      if (
        api === null &&
        administrationKidProblem(kid, record.workspaceId, this.#defaultWorkspaceId) !== null
      )
        return false
      return record.decryption?.keys.some((key) => key.kid === kid) === true
    })
  }

  #isTrustedAt(record: IssuerRecord, api: ApiRecord | null): boolean {
    return api === null
      ? this.#administers(record)
      : record.apiId === api.id && record.workspaceId === api.workspaceId
  }

  #administers({ workspaceId, apiId, audience }: IssuerRecord): boolean {
    return (
      apiId === builtInApiId(workspaceId) &&
      administrationAudienceProblem(audience, workspaceId, this.#defaultWorkspaceId) === null
    )
  }
}

/**
 * Tokens come to administration without saying which workspace they are for, and many trust the same `iss`. So the
 * audience tells: it holds the id of the workspace, and nobody can claim the tokens that are meant for another one.
 */
export function administrationAudienceProblem(
  audience: string,
  workspaceId: string,
  defaultWorkspaceId: string,
): string | null {
  if (workspaceId === defaultWorkspaceId || audience.includes(workspaceId)) return null
  return `must hold the id of the workspace, ${workspaceId}, at the API credence: tokens are told apart by it`
}

/** The same for encrypted tokens, which tell nothing but the name of a key: two workspaces could give it to two keys. */
export function administrationKidProblem(
  kid: string,
  workspaceId: string,
  defaultWorkspaceId: string,
): string | null {
  if (workspaceId === defaultWorkspaceId || kid.includes(workspaceId)) return null
  return `has a kid that does not hold the id of the workspace, ${workspaceId}: at the API credence keys are told apart by it`
}
