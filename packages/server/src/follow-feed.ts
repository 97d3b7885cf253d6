import { hostname } from 'node:os'
import { performance } from 'node:perf_hooks'
import { CachedLookup, Follower, type Lease, type RandomBytes, type SealingKeys } from '@credence/core'
import type { Logger } from 'pino'
import { ApiDirectory } from './api-directory.ts'
import type { Config } from './config.ts'
import { IssuerDirectory } from './issuers/issuer-directory.ts'
import { Members } from './members.ts'
import type { OpenPasswords } from './open-passwords.ts'
import { PublishedKeys } from './signing/published-keys.ts'
import type { Store } from './store/port.ts'
import { VERSION } from './version.ts'

/** Which process of the installation this is; see SignOfLife in store/port.ts. */
export interface ProcessIdentity {
  readonly nodeId: string
  readonly node: string
  /** 0: the node is this one process. */
  readonly worker: number
}

/** A node that starts, as others will know it. */
export function newNode(config: Config, randomBytes: RandomBytes): Omit<ProcessIdentity, 'worker'> {
  const nodeId = Buffer.from(randomBytes(9)).toString('base64url')
  return { nodeId, node: config.nodeName ?? hostname() }
}

export interface FeedParts {
  readonly config: Config
  readonly store: Store
  readonly defaultWorkspaceId: string
  readonly sealingKeys: SealingKeys
  readonly log: Logger
  readonly clock: () => number
  readonly process: ProcessIdentity
  /** What has to hear of changes, besides the records themselves. */
  readonly passwords: Pick<OpenPasswords, 'check' | 'usernames'>
  /** Whether this process's node does the work of the leader. */
  readonly isLeader: () => boolean
  /** What the cache asks instead of the follower. Only the negative control of a test gives one. */
  readonly lease?: Lease
}

/** What keeps a process in step with the others. */
export interface FollowedFeed {
  readonly directory: ApiDirectory
  readonly issuers: IssuerDirectory
  readonly publishedKeys: PublishedKeys
  readonly follower: Follower
  readonly lookup: CachedLookup
  readonly members: Members
}

/** Joins the others, and has a cache, still empty, follow the feed from where the store is now. */
export async function followFeed(parts: FeedParts): Promise<FollowedFeed> {
  const { config, store, log, clock, passwords } = parts
  const { nodeId, node, worker } = parts.process
  const startedAtMs = clock()
  const directory = new ApiDirectory(store)
  const issuers = new IssuerDirectory(store, parts.defaultWorkspaceId)
  const publishedKeys = new PublishedKeys(store, parts.sealingKeys)
  let follower: Follower | null = null
  const members = new Members({
    store,
    sign: () => {
      const lagMs = follower?.lagMs() ?? Number.POSITIVE_INFINITY
      return {
        ...{ memberId: `${nodeId}/${worker}`, node, worker, version: VERSION, startedAtMs },
        leaseMs: config.leaseMs,
        position: follower?.position ?? 0,
        feedLagMs: Number.isFinite(lagMs) ? Math.round(lagMs) : null,
        isLeader: parts.isLeader(),
      }
    },
    monotonic: () => performance.now(),
    onCommit: () => void follower?.poll(),
    onFault: (error) => log.warn({ err: error }, 'the other processes could not be told or heard of'),
  })
  // Before the position is read: whoever changes something later finds this process among those to wait for.
  await members.join()
  let feedWorks = true
  const { head, headHash } = await store.changesSince(0, 0)
  const following: Follower = new Follower(
    { position: head, hash: headHash },
    {
      feed: store,
      lookup: () => lookup,
      onTouched: async (table, id) => {
        if (table === 'api') await directory.refresh(id)
        if (table === 'issuer') await issuers.refresh(id)
        if (table === 'credential') await passwords.usernames.refresh(id)
        if (table === 'signing_key') await publishedKeys.load()
      },
      onMissed: async () => {
        members.forgetPositions()
        passwords.usernames.clear()
        passwords.check.clear()
        await directory.load()
        await issuers.load()
        await publishedKeys.load()
      },
      onMoved: (position) => members.moved(position),
      isKnownUntil: (monotonicMs) => members.isKnownUntil(monotonicMs),
      onFault: (error) => {
        if (error !== null && feedWorks) log.error({ err: error }, 'the feed cannot be read')
        if (error === null && !feedWorks) log.info('the feed can be read again')
        feedWorks = error === null
      },
      leaseMs: config.leaseMs,
      monotonic: () => performance.now(),
      wall: clock,
    },
  )
  follower = following
  const bounds = { maxEntries: config.cacheEntries, maxBytes: config.cacheBytes }
  const lookup = new CachedLookup(store, parts.lease ?? following, bounds)
  await directory.load()
  await issuers.load()
  await publishedKeys.load()
  await following.poll()
  return { directory, issuers, publishedKeys, follower: following, lookup, members }
}
