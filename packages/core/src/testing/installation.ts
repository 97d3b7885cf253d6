import { createHash } from 'node:crypto'
import type { RandomBytes } from '../base62.ts'
import { CachedLookup, type RecordReader } from '../cached-lookup.ts'
import type { ClientKeys } from '../client-keys.ts'
import { digestSecret, formatKey } from '../key.ts'
import type { AppliedLimit, Limiter } from '../limit.ts'
import { MemoryLimiter } from '../memory-limiter.ts'
import { MemoryReplayGuard } from '../memory-replay-guard.ts'
import { NO_OWN_TOKENS } from '../own-tokens.ts'
import { digestPassword } from '../password-digest.ts'
import { ProofCache } from '../proof-cache.ts'
import type { ApiRecord, CredentialRecord, Records, SecretVersion, TableName } from '../records.ts'
import { type SealContext, type SealingKeys, sealDigest } from '../seal.ts'
import { SourceBudget } from '../source-budget.ts'
import { NO_ISSUERS } from '../trusted-issuers.ts'
import type { Verifier, VerifyRequest } from '../verify-request.ts'
import { InstalledPasswords } from './installed-passwords.ts'
import { aCredential, anApi, aPrincipal } from './records.ts'

/**
 * A verifier over records in memory, for tests: it notes every read of the store and everything taken from
 * limits. The records `anApi()` and `aPrincipal()` are there from the start.
 */
export class Installation implements RecordReader {
  nowMs = Date.UTC(2026, 5, 16, 12)
  /** False: every read of the store throws. */
  isReachable = true
  /** Milliseconds since the lease ended; 0: it holds. */
  overdueMs = 0
  readonly lease = { holds: () => this.overdueMs === 0, overdueMs: () => this.overdueMs }
  /** Every read of the store so far, as `table/id`. */
  readonly reads: string[] = []
  /** What was taken from limits so far: one entry per request that got as far. */
  readonly taken: { readonly applied: readonly AppliedLimit[]; readonly cost: number }[] = []
  readonly sealingKeys: SealingKeys
  readonly passwords: InstalledPasswords
  readonly clientKeys: ClientKeys
  /** Ids of client keys by thumbprint and by principal, as they were last asked for. */
  readonly knownKeys = new Map<string, readonly string[]>()
  readonly verifier: Verifier
  readonly #rows = new Map<string, Records[TableName]>()
  readonly #randomBytes = predictableBytes()

  constructor() {
    const keys = new Map([['k1', this.#randomBytes(32)]])
    this.sealingKeys = { currentId: 'k1', key: (id) => keys.get(id) }
    const memory = new MemoryLimiter({ maxCounters: 1000 })
    const limiter: Limiter = {
      take: (applied, cost, nowMs) => {
        this.taken.push({ applied, cost })
        return memory.take(applied, cost, nowMs)
      },
      takeOne: (applied, cost, nowMs) => {
        this.taken.push({ applied: [applied], cost })
        return memory.takeOne(applied, cost, nowMs)
      },
    }
    const rows = () => [...this.#rows.values()].filter((row) => 'handle' in row)
    this.clientKeys = {
      idOf: async (workspaceId, thumbprint) => {
        this.#asked(`handle/${thumbprint}`)
        const isIts = (row: CredentialRecord) =>
          row.kind === 'client_key' && row.workspaceId === workspaceId && row.handle === thumbprint
        const id = rows().find((row) => isIts(row) && row.state !== 'revoked')?.id ?? null
        if (id !== null) this.knownKeys.set(thumbprint, [id])
        return id
      },
      knownIdOf: (_workspaceId, thumbprint) => this.knownKeys.get(thumbprint)?.[0] ?? null,
      idsOf: async (workspaceId, principalId) => {
        this.#asked(`keys/${principalId}`)
        const own = rows().filter(
          (row) =>
            row.kind === 'client_key' && row.workspaceId === workspaceId && row.principalId === principalId,
        )
        this.knownKeys.set(
          principalId,
          own.map(({ id }) => id),
        )
        return this.knownKeys.get(principalId)!
      },
      knownIdsOf: (_workspaceId, principalId) => this.knownKeys.get(principalId) ?? [],
    }
    this.passwords = new InstalledPasswords({
      clock: () => this.nowMs,
      randomBytes: this.#randomBytes,
      find: async (workspaceId, username) => {
        this.#asked(`handle/${username}`)
        return rows().find(
          (row) =>
            row.kind === 'basic' &&
            row.workspaceId === workspaceId &&
            row.handle === username &&
            row.state !== 'revoked',
        )?.id
      },
    })
    this.verifier = {
      lookup: new CachedLookup(this, this.lease, { maxEntries: 1000, maxBytes: 1e9 }),
      proofs: new ProofCache(1000, this.#randomBytes),
      sealingKeys: this.sealingKeys,
      issuers: NO_ISSUERS,
      ownTokens: NO_OWN_TOKENS,
      passwords: this.passwords,
      clientKeys: this.clientKeys,
      limiter,
      replayGuard: new MemoryReplayGuard({ maxRedemptions: 1000, clock: () => this.nowMs }),
      dpopNonces: null,
      clock: () => this.nowMs,
      rereads: new SourceBudget({ perSecond: 1000, burst: 1000, maxSources: 100 }),
      pace: async () => {},
    }
    this.put('api', anApi())
    this.put('principal', aPrincipal())
  }

  async read<T extends TableName>(table: T, id: string): Promise<Records[T] | undefined> {
    this.#asked(`${table}/${id}`)
    return this.#rows.get(`${table}/${id}`) as Records[T] | undefined
  }

  #asked(what: string): void {
    this.reads.push(what)
    if (!this.isReachable) throw new Error('connection lost')
  }

  /** Writes to the store behind the back of the cache, as another node does before the feed tells. */
  put<T extends TableName>(table: T, record: Records[T]): Records[T] {
    this.#rows.set(`${table}/${record.id}`, record)
    return record
  }

  /** Writes, and tells the cache, as the feed does. */
  change<T extends TableName>(table: T, record: Records[T]): void {
    this.put(table, record)
    this.verifier.lookup.invalidate(table, record.id)
  }

  remove(table: TableName, id: string): void {
    this.#rows.delete(`${table}/${id}`)
  }

  /** A credential in the store with one version, and the key that was handed out for it. */
  issue(change: Partial<CredentialRecord> = {}): { credential: CredentialRecord; key: string } {
    const bare = aCredential(change)
    const versions = [this.version(bare, 1)]
    const credential = this.put('credential', { ...bare, versions, ...change })
    return { credential, key: keyOf(credential, 1) }
  }

  /** A secret version of a credential, sealed for it; its secret is that of `keyOf`. */
  version(owner: CredentialRecord, version: number, change: Partial<SecretVersion> = {}): SecretVersion {
    const context = { workspaceId: owner.workspaceId, kind: owner.kind, credentialId: owner.id, version }
    const sealedDigest = this.seal(secretOf(owner.id, version), context)
    return { version, sealedDigest, createdAtMs: this.nowMs, endsAtMs: null, revokedAtMs: null, ...change }
  }

  /** A credential in the store that is presented as this username with this password. */
  async issuePassword(
    username: string,
    password: string,
    change: Partial<CredentialRecord> = {},
  ): Promise<CredentialRecord> {
    const bare = aCredential({ kind: 'basic', keyPrefix: '', handle: username, ...change })
    const context = { workspaceId: bare.workspaceId, kind: bare.kind, credentialId: bare.id, version: 1 }
    const digest = await digestPassword(password, null, this.#randomBytes, this.passwords.argon2id)
    const sealedDigest = sealDigest(digest, context, this.sealingKeys, this.#randomBytes)
    const version = { version: 1, sealedDigest, createdAtMs: this.nowMs, endsAtMs: null, revokedAtMs: null }
    return this.put('credential', { ...bare, versions: [version], ...change })
  }

  seal(secret: string, context: SealContext): string {
    return sealDigest(digestSecret(secret), context, this.sealingKeys, this.#randomBytes)
  }
}

/** The key of a version: a function of id and version, so that tests need not carry it about. */
export function keyOf(
  { id, keyPrefix }: Pick<CredentialRecord, 'id' | 'keyPrefix'>,
  version: number,
): string {
  return formatKey(keyPrefix, id, secretOf(id, version))
}

function secretOf(id: string, version: number): string {
  return createHash('sha256').update(`${id}/${version}`).digest('hex').slice(0, 32)
}

/** A request for `GET /orders/7` of an API without routes, as `POST /v1/verify` asks. */
export function aRequest(key: string | null, change: Partial<VerifyRequest> = {}): VerifyRequest {
  const api: ApiRecord = anApi()
  return {
    api,
    homeApiId: null,
    credential: null,
    headers: key === null ? [] : ['Authorization', `Bearer ${key}`],
    query: '',
    method: 'GET',
    path: '/orders/7',
    ip: '192.0.2.1',
    secure: true,
    useRoutes: false,
    scopes: null,
    cost: null,
    fresh: false,
    presenter: null,
    ...change,
  }
}

/** The same as a door makes it: with the API `anApi()` as the lookup has it now. */
export async function requestAtDoor(
  key: string,
  { lookup }: Verifier,
  change: Partial<VerifyRequest> = {},
): Promise<VerifyRequest> {
  const api = await lookup.get('api', anApi().id)
  return aRequest(key, { api: api!, ...change })
}

/** Bytes that differ at every call and are the same in every run. */
function predictableBytes(): RandomBytes {
  let count = 0
  return (size) => {
    count += 1
    return createHash('shake256', { outputLength: size }).update(String(count)).digest()
  }
}
