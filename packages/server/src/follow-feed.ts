import { performance } from 'node:perf_hooks'
import { CachedLookup, Follower, type Lease } from '@credence/core'
import type { Logger } from 'pino'
import { ApiDirectory } from './api-directory.ts'
import type { Config } from './config.ts'
import type { LeaderWork } from './leader-work.ts'
import { leaderWorkOn } from './leading.ts'
import { Members } from './members.ts'
import type { ProcessIdentity } from './process-identity.ts'
import type { Store } from './store/port.ts'
import { VERSION } from './version.ts'

export interface FeedParts {
  readonly config: Config
  readonly store: Store
  readonly log: Logger
  readonly clock: () => number
  readonly process: ProcessIdentity
  /** What the cache asks instead of the follower. Only the negative control of a test gives one. */
  readonly lease?: Lease
}

/** What keeps a process in step with the others. */
export interface FollowedFeed {
  readonly directory: ApiDirectory
  readonly follower: Follower
  readonly lookup: CachedLookup
  readonly members: Members
  readonly leaderWork: LeaderWork
}

/** Joins the others, and has a cache, still empty, follow the feed from where the store is now. */
export async function followFeed(parts: FeedParts): Promise<FollowedFeed> {
  const { config, store, log, clock } = parts
  const { nodeId, node, worker } = parts.process
  const startedAtMs = clock()
  const directory = new ApiDirectory(store)
  const leaderWork = leaderWorkOn(store, config, log, clock)
  let follower: Follower | null = null
  const members = new Members({
    store,
    sign: () => {
      const lagMs = follower?.lagMs() ?? Number.POSITIVE_INFINITY
      return {
        ...{ memberId: `${nodeId}/${worker}`, node, worker, version: VERSION, startedAtMs },
        position: follower?.position ?? 0,
        feedLagMs: Number.isFinite(lagMs) ? Math.round(lagMs) : null,
        isLeader: leaderWork.isLeader,
      }
    },
    onCommit: () => void follower?.poll(),
    onFault: (error) => log.warn({ err: error }, 'the other processes could not be told or heard of'),
  })
  // Before the position is read: whoever changes something later finds this process among those to wait for.
  await members.join()
  let feedWorks = true
  const following: Follower = new Follower(await store.position(), {
    feed: store,
    lookup: () => lookup,
    onTouched: async (table, id) => {
      if (table === 'api') await directory.refresh(id)
    },
    onMissed: () => directory.load(),
    onMoved: (position) => members.moved(position),
    onFault: (error) => {
      if (error !== null && feedWorks) log.error({ err: error }, 'the feed cannot be read')
      if (error === null && !feedWorks) log.info('the feed can be read again')
      feedWorks = error === null
    },
    leaseMs: config.leaseMs,
    monotonic: () => performance.now(),
    wall: clock,
  })
  follower = following
  const bounds = { maxEntries: config.cacheEntries, maxBytes: config.cacheBytes }
  const lookup = new CachedLookup(store, parts.lease ?? following, bounds)
  await directory.load()
  await following.poll()
  return { directory, follower: following, lookup, members, leaderWork }
}
