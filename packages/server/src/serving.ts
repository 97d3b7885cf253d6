import type { Context, OwnListener } from './context.ts'
import { openListeners } from './listeners.ts'
import { BEAT_EVERY_MS } from './members.ts'
import { every } from './timers.ts'

/** Where a node answers requests. */
export interface Listening {
  readonly listeners: readonly OwnListener[]
  /** How many APIs there are, the built-in one left out. */
  readonly apis: number
}

/** What every process does that answers requests: it follows the feed, listens, and ends in this order. */
export interface Serving {
  readonly listening: Listening
  /** Fails readiness, drains and flushes. The stores are still open then. */
  readonly stop: () => Promise<void>
}

/** Has a context answer requests. */
export async function startServing(context: Context): Promise<Serving> {
  const { config, follower, members, readiness, usage } = context
  const timers = [
    every(config.feedPollMs, () => void follower.poll()),
    every(BEAT_EVERY_MS, () => void members.beat()),
  ]
  const endFollowing = async () => {
    for (const stopTimer of timers) stopTimer()
    await members.leave()
    await usage.close()
  }
  let closeListeners: () => Promise<void>
  try {
    closeListeners = await openListeners(context)
  } catch (error) {
    await endFollowing()
    throw error
  }
  const stop = async () => {
    readiness.ready = false
    // Load balancers look at readiness now and then; until they have, requests still come and are answered.
    if (config.readinessDelaySeconds > 0) {
      await new Promise((resolve) => setTimeout(resolve, config.readinessDelaySeconds * 1000))
    }
    await closeListeners()
    await endFollowing()
  }
  const apis = [...context.directory.all()].filter((api) => !api.builtIn).length
  return { listening: { listeners: context.listeners, apis }, stop }
}
