import type { Logger } from 'pino'
import { IDEMPOTENCY_LIFETIME_MS } from './operations/idempotency.ts'
import type { Store } from './store/port.ts'
import { every } from './timers.ts'

const EVERY_MS = 60 * 60 * 1000

/** Has what is past its time forgotten, now and then. @returns what ends it */
export function keepHouse(store: Store, log: Logger, clock: () => number): () => void {
  const sweep = async () => {
    try {
      await store.forgetIdempotencyBefore(clock() - IDEMPOTENCY_LIFETIME_MS)
    } catch (error) {
      log.error({ err: error }, 'old idempotency keys were not forgotten')
    }
  }
  return every(EVERY_MS, () => void sweep())
}
