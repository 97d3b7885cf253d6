import {
  type Argon2id,
  DpopNonces,
  generateId,
  nodeArgon2id,
  OwnTokens,
  ProofCache,
  type RandomBytes,
  SourceBudget,
} from '@credence/core'
import { ClientKeyDirectory } from './client-key-directory.ts'
import type { Context, OwnListener } from './context.ts'
import { type FeedParts, followFeed } from './follow-feed.ts'
import { DecryptionKeys } from './issuers/decryption-keys.ts'
import { guardedJson } from './issuers/guarded-json.ts'
import { IssuerKeys } from './issuers/issuer-keys.ts'
import { issuerTrust } from './issuers/issuer-trust.ts'
import { openLimits, type Shared } from './limits/open-limits.ts'
import { restoreQuotas } from './limits/saved-quotas.ts'
import { StoreCredits } from './limits/store-credits.ts'
import { DecisionLog } from './observe/decisions.ts'
import { Metrics } from './observe/metrics.ts'
import { type NodeView, viewOfOne } from './observe/node-view.ts'
import { UsageRecorder } from './observe/usage.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { openPasswords } from './open-passwords.ts'
import { passwordRenewals } from './password-renewals.ts'
import { requestIds } from './request-id.ts'
import { IdentityTokens } from './signing/identity-tokens.ts'
import type { UsageStore } from './store/usage-port.ts'
import { resolveAll, upstreamRulesFor } from './upstream-guard.ts'

/** What a context is made from. */
export interface Parts extends Omit<FeedParts, 'passwords'> {
  readonly usageStore: UsageStore
  /** The primary of this worker; null: this process has none. */
  readonly primary: Shared | null
  /** See Keyring. */
  readonly dpopNonceKey: Uint8Array
  readonly randomBytes: RandomBytes
  /** Node's own when left out. Only tests give another. */
  readonly argon2id?: Argon2id
  /** Whether memory, event loop and garbage collection are among the metrics. */
  readonly processMetrics: boolean
  /** Makes what the node knows out of what this process knows; left out: it is the only one. */
  readonly viewOfNode?: (own: NodeView) => NodeView
  /** Calls back every so many milliseconds until the function it returns is called. */
  readonly every: (ms: number, callback: () => void) => () => void
}

/**
 * How often what is counted in memory is written, a row for each credential used meanwhile. A crash loses at most this
 * much of it. With thousands in use, writing every second was a tenth of all work. Milliseconds.
 */
const FLUSH_EVERY_MS = 5000
const MAX_USAGE_ENTRIES = 100_000
/** How often it is looked at which keys of issuers to fetch anew. Milliseconds. */
const ISSUER_KEYS_EVERY_MS = 10_000
/** A caller that is refused 20 times a second is told by the store each time; what comes above, by the cache. */
const REREADS = { perSecond: 20, burst: 100, maxSources: 10_000 }
/** How long one nonce of DPoP is handed out: a client asks anew about as often. Milliseconds. */
const DPOP_NONCE_MS = 120_000
/** Thumbprints, and clients, whose credentials are known by id. */
const MAX_CLIENT_KEYS = 50_000
/** Many times what two look-ups take; little to whoever mistyped a key. Milliseconds. */
const UNPROVEN_ANSWER_MS = 5

/** Puts the parts of a server together, and has it follow the feed from where the store is now. */
export async function assembleContext(parts: Parts): Promise<Context> {
  const { config, store, usageStore, sealingKeys, log, clock, randomBytes, every } = parts
  const argon2id = oneAtATime(parts.argon2id ?? nodeArgon2id)
  const passwords = openPasswords({
    ...{ store, clock, randomBytes, workers: config.workers },
    argon2id: parts.argon2id ?? nodeArgon2id,
    renew: passwordRenewals(() => ({ store, follower, clock, randomBytes, sealingKeys, argon2id }), log),
  })
  const { directory, issuers, publishedKeys, follower, lookup, members } = await followFeed({
    ...parts,
    passwords,
  })
  const limits = await openLimits({
    ...{ config, primary: parts.primary, log, clock, every },
    credits: new StoreCredits(store),
    installationId: parts.defaultWorkspaceId,
    nodes: () => Math.max(1, members.list.length),
    random: Math.random,
  })
  const { limiter } = limits
  if (limits.quotas !== null) await restoreQuotas(usageStore, limits.quotas)
  const usage = new UsageRecorder({
    store: usageStore,
    flushEveryMs: FLUSH_EVERY_MS,
    maxEntries: MAX_USAGE_ENTRIES,
    every,
    onFlushFailed: (error) => log.error({ err: error }, 'usage was not written; it is tried again'),
    newFlushId: () => generateId(randomBytes),
  })
  const metrics = new Metrics({ processMetrics: parts.processMetrics })
  metrics.watch({
    feed: () => ({ position: follower.position, lagMs: follower.lagMs() }),
    usage: () => usage.stats,
    limits: limits.state,
  })
  const listeners: OwnListener[] = []
  const { defaultWorkspaceId } = parts
  const issuerKeys = new IssuerKeys({
    ...{ sealingKeys, clock },
    fetchFor: (workspaceId) =>
      guardedJson({
        rules: upstreamRulesFor({ config, listeners, defaultWorkspaceId }, workspaceId),
        resolve: resolveAll,
      }),
    onFault: ({ id, name }, error) => {
      if (error === null) log.info({ issuer: id, name }, 'the keys of an issuer can be fetched again')
      else log.warn({ err: error, issuer: id, name }, 'the keys of an issuer cannot be fetched')
    },
  })
  const decryptionKeys = new DecryptionKeys(sealingKeys)
  every(ISSUER_KEYS_EVERY_MS, () => {
    for (const keys of [issuerKeys, decryptionKeys]) keys.retain((id) => issuers.has(id))
    void issuerKeys.tick()
  })
  const ownTokens = new OwnTokens(config.publicUrl, defaultWorkspaceId)
  const proofs = new ProofCache(config.cacheEntries, randomBytes)
  const decisions = new DecisionLog()
  const own = viewOfOne(decisions, metrics)
  return {
    config,
    store,
    usageStore,
    lookup,
    follower,
    members,
    directory,
    publishedKeys,
    identityTokens: new IdentityTokens({ publishedKeys, ownTokens, clock, randomBytes }),
    verifier: {
      ...{ lookup, proofs, sealingKeys, passwords, limiter, clock },
      clientKeys: new ClientKeyDirectory({ store, maxEntries: MAX_CLIENT_KEYS }),
      issuers: issuerTrust(store, issuers, issuerKeys, decryptionKeys),
      ownTokens,
      replayGuard: limits.replayGuard,
      dpopNonces: config.dpopNonces
        ? new DpopNonces({ key: parts.dpopNonceKey, windowMs: DPOP_NONCE_MS })
        : null,
      rereads: new SourceBudget(REREADS),
      pace: () => new Promise((resolve) => setTimeout(resolve, UNPROVEN_ANSWER_MS)),
    },
    limiter,
    limits,
    sealingKeys,
    argon2id,
    usage,
    decisions,
    metrics,
    node: parts.viewOfNode?.(own) ?? own,
    worker: parts.process.worker,
    log,
    clock,
    randomBytes,
    newRequestId: requestIds(randomBytes),
    defaultWorkspaceId,
    listeners,
    readiness: { ready: true },
    startedAtMs: clock(),
  }
}
