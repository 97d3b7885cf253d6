import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  type ApiRecord,
  CachedLookup,
  type CredentialRecord,
  digestSecret,
  formatKey,
  generateId,
  generateSecret,
  MemoryLimiter,
  MemoryReplayGuard,
  NO_CLIENT_KEYS,
  NO_ISSUERS,
  NO_OWN_TOKENS,
  ProofCache,
  SourceBudget,
  sealDigest,
  type Verifier,
} from '@credence/core'
import { parseConfig } from '../config.ts'
import { keyringFor, openStore } from '../host.ts'
import type { Put, Store } from '../store/port.ts'

/** A data folder, that a server has started on and stopped, opened beside no server. */
export interface OpenedFolder {
  readonly store: Store
  /** The API of that name in the workspace `default`. */
  readonly api: ApiRecord
  /** Issues so many credentials for it as fast as the store takes them. @returns the keys of the first `keep` */
  readonly issue: (count: number, keep: number) => Promise<string[]>
  /** Verifies off this store, with a cache of so many records of each kind. */
  readonly verifier: (cacheEntries: number) => Verifier
}

const AT_ONCE = 1000

export async function openDataFolder(dataPath: string, apiName: string): Promise<OpenedFolder> {
  const parsed = parseConfig({ CREDENCE_DATA: dataPath }, (path) => readFileSync(path, 'utf8'))
  if (!parsed.ok) throw new Error('the configuration is refused')
  const store = await openStore(parsed.config, () => {})
  const { sealingKeys } = await keyringFor(parsed.config, store)
  const workspace = await store.readByName('workspace', null, 'default')
  const api = await store.readByName('api', workspace!.id, apiName)
  const { records } = await store.list('credential', {
    workspaceId: workspace!.id,
    limit: 1,
    cursor: null,
    filters: { apiId: api!.id },
  })
  const model = records[0]!

  function another(): { record: CredentialRecord; key: string } {
    const id = generateId(randomBytes)
    const secret = generateSecret(randomBytes)
    const { workspaceId, kind, keyPrefix } = model
    const about = { workspaceId, kind, credentialId: id, version: 1 }
    const sealedDigest = sealDigest(digestSecret(secret), about, sealingKeys, randomBytes)
    const versions = [{ ...model.versions[0]!, version: 1, sealedDigest }]
    return { record: { ...model, id, revision: 1, versions }, key: formatKey(keyPrefix, id, secret) }
  }

  const issue = async (count: number, keep: number) => {
    const keys: string[] = []
    for (let made = 0; made < count; made += AT_ONCE) {
      const some = Array.from({ length: Math.min(AT_ONCE, count - made) }, another)
      for (const { key } of some) if (keys.length < keep) keys.push(key)
      const puts = some.map(({ record }): Put => ({ table: 'credential', record }))
      const audit = {
        ...{ atMs: Date.now(), action: 'credential.create', targetTable: 'credential' as const },
        ...{ targetId: some[0]!.record.id, actorCredentialId: null, actorPrincipalId: null },
        ...{ requestId: null, ip: null, detail: { count: some.length } },
      }
      const { workspaceId } = model
      await store.commit({
        workspaceId,
        puts,
        deletes: [],
        expects: [],
        settings: [],
        idempotency: null,
        audit,
      })
    }
    return keys
  }

  const verifier = (cacheEntries: number): Verifier => ({
    lookup: new CachedLookup(
      store,
      { holds: () => true, overdueMs: () => 0 },
      { maxEntries: cacheEntries, maxBytes: 134_217_728 },
    ),
    issuers: NO_ISSUERS,
    passwords: null,
    clientKeys: NO_CLIENT_KEYS,
    ownTokens: NO_OWN_TOKENS,
    proofs: new ProofCache(cacheEntries, randomBytes),
    sealingKeys,
    limiter: new MemoryLimiter({ maxCounters: 100_000 }),
    replayGuard: new MemoryReplayGuard({ maxRedemptions: 1000, clock: Date.now }),
    dpopNonces: null,
    clock: Date.now,
    rereads: new SourceBudget({ perSecond: 20, burst: 100, maxSources: 10_000 }),
    pace: async () => {},
  })
  return { store, api: api!, issue, verifier }
}
